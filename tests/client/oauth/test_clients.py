import time
from typing import Any

import pytest

from dragoman import Client, OAuth
from dragoman.client.oauth.clients import identify
from dragoman.client.oauth.discovery import Issuer
from dragoman.client.oauth.faults import SignInFault
from dragoman.client.oauth.records import Registration
from dragoman.client.oauth.web import Web
from tests.client.oauth.conftest import person
from tests.client.oauth.issuer import Realm

HERE = "http://127.0.0.1:5/callback"
DOCUMENT = "https://app.example/client.json"


async def identity(place: Realm, options: OAuth, known: Registration | None = None, **issuer: Any) -> Registration:
    url = place.issuer.url
    described = {"issuer": url, "token_endpoint": f"{url}/token", "registration_endpoint": f"{url}/register", **issuer}
    web = Web(place.url)
    try:
        return await identify(web, options, Issuer(**described), HERE, ("a", "b"), known)
    finally:
        await web.close()


async def test_registered_by_hand_goes_first(place: Realm) -> None:
    options = person(client_id="mine", client_metadata_url=DOCUMENT)
    assert (await identity(place, options, takes_metadata_urls=True)).client_id == "mine"
    assert place.issuer.registrations == []


async def test_then_the_metadata_document_where_the_issuer_takes_it(place: Realm) -> None:
    options = person(client_metadata_url=DOCUMENT)
    assert (await identity(place, options, takes_metadata_urls=True)).client_id == DOCUMENT
    assert (await identity(place, options)).client_id == "client-1"


async def test_then_registration(place: Realm) -> None:
    await identity(place, person(client_name="Ours"), methods=("client_secret_post", "none"))
    (asked,) = place.issuer.registrations
    assert asked == {
        "client_name": "Ours",
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "none",
        "application_type": "native",
        "redirect_uris": [HERE],
        "response_types": ["code"],
        "scope": "a b",
    }


async def test_else_what_to_do_is_said(place: Realm) -> None:
    with pytest.raises(SignInFault, match="--client-id"):
        await identity(place, person(), registration_endpoint=None)


async def test_credentials_are_of_one_issuer(place: Realm) -> None:
    options = person(client_id="mine", client_secret="s", issuer="https://other.example")
    with pytest.raises(SignInFault, match="client_id belongs to"):
        await identity(place, options)


async def test_a_registration_is_used_as_long_as_it_lasts(place: Realm) -> None:
    known = Registration(client_id="before", redirect_uri=HERE, scopes=("b", "a", "c"))
    assert await identity(place, person(), known) is known
    known.redirect_uri = HERE.replace("5", "6")
    assert (await identity(place, person(), known)).client_id == "client-1"
    ended = Registration(client_id="before", redirect_uri=HERE, expires_at=time.time() - 1, scopes=("a", "b"))
    assert (await identity(place, person(), ended)).client_id == "client-2"


async def test_a_registration_for_less_is_not_enough(place: Realm) -> None:
    """Some servers give a client nothing beyond what it registered for."""
    known = Registration(client_id="before", redirect_uri=HERE, scopes=("a",))
    assert (await identity(place, person(), known)).scopes == ("a", "b")
    assert place.issuer.registrations[0]["scope"] == "a b"


async def test_a_refusal_is_told(place: Realm) -> None:
    place.issuer.registration_status = 400
    place.issuer.registered = {"error": "invalid_redirect_uri", "error_description": "https only"}
    with pytest.raises(SignInFault, match=r"invalid_redirect_uri.*https only.*by hand"):
        await identity(place, person())


async def test_a_registration_without_a_name_is_none(place: Realm) -> None:
    place.issuer.registered = {"client_id": ""}
    with pytest.raises(SignInFault, match="no client_id"):
        await identity(place, person())


@pytest.mark.parametrize(
    ("registered", "supported", "method"),
    [
        ({"client_secret": "s"}, ("none",), "none"),
        ({"client_secret": "s"}, None, "client_secret_basic"),
        ({"client_secret": "s"}, ("client_secret_post",), "client_secret_post"),
        ({"client_secret": "s", "token_endpoint_auth_method": "client_secret_post"}, None, "client_secret_post"),
        ({"client_secret": "s", "token_endpoint_auth_method": "tls_client_auth"}, None, "client_secret_basic"),
        ({}, ("client_secret_basic",), "none"),
    ],
)
async def test_how_it_shows_who_it_is(place: Realm, registered: Any, supported: Any, method: str) -> None:
    place.issuer.registered = registered
    assert (await identity(place, person(), methods=supported)).method == method


async def test_it_works_end_to_end_with_a_secret(place: Realm) -> None:
    place.issuer.registered = {"client_secret": "s", "client_secret_expires_at": 0}
    place.issuer.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    async with Client(place.url, auth=person()) as client:
        assert await client.list_tools()
    assert place.issuer.requests[0]["client_secret"] == "s"
