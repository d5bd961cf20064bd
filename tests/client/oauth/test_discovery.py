from typing import Any

import pytest

from dragoman.client.oauth.discovery import Place, canonical, covers, discover
from dragoman.client.oauth.faults import SignInFault
from dragoman.client.oauth.web import Web
from tests.client.oauth.issuer import Realm


async def found(place: Realm, url: str | None = None, **options: Any) -> Place:
    web = Web(place.url)
    try:
        return await discover(web, place.url, url, **options)
    finally:
        await web.close()


async def test_the_server_s_metadata_is_where_it_says(place: Realm) -> None:
    place.guard.path = "/somewhere.json"
    where = place.url.replace("/mcp", "/somewhere.json")
    assert (await found(place, where)).metadata_url == where
    with pytest.raises(SignInFault, match="HTTP 404"):
        await found(place, where + "x")


@pytest.mark.parametrize("path", ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"])
async def test_or_at_one_of_two_places(place: Realm, path: str) -> None:
    place.guard.path = path
    assert (await found(place)).metadata_url == place.url.removesuffix("/mcp") + path
    first, *others = place.guard.asked
    assert first == "/.well-known/oauth-protected-resource/mcp"
    assert len(others) <= 1


@pytest.mark.parametrize(
    "resource", [None, 3, "https://evil.example/mcp", "{server}/more", "{server}x", "{root}:1", "{server}?a=b", "::"]
)
async def test_metadata_of_another_server_is_not_used(place: Realm, resource: Any) -> None:
    root = place.url.removesuffix("/mcp")
    text = resource.format(server=place.url, root=root) if isinstance(resource, str) else resource
    place.guard.metadata["resource"] = text
    with pytest.raises(SignInFault, match="describes another server"):
        await found(place)
    assert place.issuer.asked == []


async def test_a_server_may_be_named_by_its_root(place: Realm) -> None:
    place.guard.metadata["resource"] = place.url.removesuffix("/mcp")
    assert (await found(place)).resource == place.url.removesuffix("/mcp")


async def test_a_server_names_its_issuer(place: Realm) -> None:
    place.guard.metadata["authorization_servers"] = []
    with pytest.raises(SignInFault, match="names no authorization server"):
        await found(place)


async def test_the_issuer_of_before_goes_first(place: Realm) -> None:
    place.guard.metadata["authorization_servers"] = ["https://other.example", place.issuer.url]
    assert (await found(place, preferred=place.issuer.url)).issuer.issuer == place.issuer.url


@pytest.mark.parametrize("name", ["oauth-authorization-server", "openid-configuration"])
async def test_the_issuer_s_metadata_without_a_path(place: Realm, name: str) -> None:
    place.issuer.paths = [f"/.well-known/{name}"]
    assert (await found(place)).issuer.token_endpoint == f"{place.issuer.url}/token"


@pytest.mark.parametrize(
    "path",
    [
        "/.well-known/oauth-authorization-server/tenant",
        "/.well-known/openid-configuration/tenant",
        "/tenant/.well-known/openid-configuration",
    ],
)
async def test_the_issuer_s_metadata_with_a_path(place: Realm, path: str) -> None:
    issuer = f"{place.issuer.url}/tenant"
    place.guard.metadata["authorization_servers"] = [issuer]
    place.issuer.paths = [path]
    place.issuer.metadata["issuer"] = issuer
    assert (await found(place)).issuer.issuer == issuer
    order = [
        "/.well-known/oauth-authorization-server/tenant",
        "/.well-known/openid-configuration/tenant",
        "/tenant/.well-known/openid-configuration",
    ]
    assert place.issuer.asked == order[: order.index(path) + 1]


@pytest.mark.parametrize("issuer", [None, "https://honest.example", "{url}/", "{url}/other"])
async def test_metadata_of_another_issuer_is_not_used(place: Realm, issuer: str | None) -> None:
    place.issuer.metadata["issuer"] = issuer and issuer.format(url=place.issuer.url)
    with pytest.raises(SignInFault, match="not used"):
        await found(place)


async def test_an_issuer_without_metadata_is_none(place: Realm) -> None:
    place.issuer.paths = []
    with pytest.raises(SignInFault, match="publishes no metadata"):
        await found(place, older=True)


async def test_a_server_that_describes_nothing(place: Realm) -> None:
    place.guard.path = None
    with pytest.raises(SignInFault, match="does not say where to get them"):
        await found(place)
    older = await found(place, older=True)
    assert older.issuer.is_guess
    assert older.issuer.token_endpoint == place.url.replace("/mcp", "/token")
    assert older.resource == place.url


async def test_what_is_said_in_other_types_is_not_believed(place: Realm) -> None:
    place.issuer.metadata |= {
        "authorization_response_iss_parameter_supported": "false",
        "client_id_metadata_document_supported": 1,
        "code_challenge_methods_supported": "S256",
        "registration_endpoint": ["x"],
    }
    issuer = (await found(place)).issuer
    assert not issuer.names_itself
    assert not issuer.takes_metadata_urls
    assert issuer.challenge_methods is None
    assert issuer.registration_endpoint is None


@pytest.mark.parametrize(
    ("url", "identifier"),
    [
        ("https://MCP.example/mcp/", "https://mcp.example/mcp"),
        ("https://mcp.example", "https://mcp.example"),
        ("https://mcp.example:443/a?b#c", "https://mcp.example/a"),
        ("https://me:x@mcp.example:8443/", "https://mcp.example:8443"),
    ],
)
def test_canonical(url: str, identifier: str) -> None:
    assert canonical(url) == identifier


def test_covers() -> None:
    assert covers("https://a.example", "https://a.example/mcp")
    assert covers("https://A.example:443/", "https://a.example/mcp")
    assert not covers("https://a.example/mc", "https://a.example/mcp")
    assert not covers("http://a.example/mcp", "https://a.example/mcp")
