import asyncio
import webbrowser
from typing import Any
from urllib.parse import parse_qsl

import httpx2
import pytest

from dragoman import Client, OAuth
from dragoman.client.oauth.faults import SignInFault
from dragoman.client.oauth.options import AuthorizationCode, IdentityAssertion, JwtBearer
from tests.client.oauth.conftest import person
from tests.client.oauth.issuer import Realm, say, serving


class Screen(webbrowser.BaseBrowser):
    """A browser that goes where it is told, once it is told."""

    visited: list[str]

    def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:
        self.visited.append(url)
        return httpx2.get(url, follow_redirects=True, trust_env=False).is_success


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    made = Screen("screen")
    made.visited = []
    monkeypatch.setattr(webbrowser, "open", made.open)
    return made


async def use(place: Realm, options: OAuth) -> None:
    async with Client(place.url, auth=options) as client:
        await client.list_tools()


async def test_the_browser_opens_and_comes_back(place: Realm, screen: Screen) -> None:
    shown: list[str] = []
    await use(place, person(grant=AuthorizationCode(announce=shown.append)))
    assert shown == screen.visited
    (asked,) = place.issuer.visits
    assert asked["redirect_uri"].startswith("http://127.0.0.1:")
    assert place.issuer.registrations[0]["redirect_uris"] == [asked["redirect_uri"]]


async def test_the_port_of_before_is_used_again(place: Realm, screen: Screen) -> None:
    options = person(grant=AuthorizationCode())
    await use(place, options)
    place.issuer.tokens.clear()
    place.issuer.refreshes.clear()
    await use(place, options)
    assert len(place.issuer.visits) == 2
    assert len(place.issuer.registrations) == 1


async def test_nobody_signs_in(place: Realm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda url: True)
    with pytest.raises(SignInFault, match=r"within 0\.1 seconds"):
        await use(place, person(grant=AuthorizationCode(), timeout=0.1))


async def test_there_is_no_browser(place: Realm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda url: False)
    with pytest.raises(SignInFault, match="To sign in, visit http"):
        await use(place, person(grant=AuthorizationCode()))


async def test_whoever_stops_waiting_leaves_no_port_open(place: Realm, monkeypatch: pytest.MonkeyPatch) -> None:
    loop, opened = asyncio.get_running_loop(), asyncio.Event()

    def open_nothing(url: str) -> bool:
        loop.call_soon_threadsafe(opened.set)
        return True

    monkeypatch.setattr(webbrowser, "open", open_nothing)
    waiting = asyncio.create_task(use(place, person(grant=AuthorizationCode())))
    await opened.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    (uri,) = place.issuer.registrations[0]["redirect_uris"]
    with pytest.raises(httpx2.ConnectError):
        await asyncio.to_thread(httpx2.get, uri, trust_env=False)


async def test_an_assertion_of_the_platform(place: Realm) -> None:
    async def assertion(issuer: str) -> str:
        return f"assertion-for-{issuer}"

    place.guard.challenge = 'Bearer scope="a"'
    await use(place, OAuth(grant=JwtBearer(assertion), client_id="workload"))
    (form,) = place.issuer.requests
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assert form["assertion"] == f"assertion-for-{place.issuer.url}"
    assert (form["client_id"], form["scope"]) == ("workload", "a")


async def test_a_refused_assertion_is_not_sent_again(place: Realm) -> None:
    place.issuer.token_status = 400
    place.issuer.granted = {"error": "invalid_grant"}
    with pytest.raises(SignInFault, match="invalid_grant"):
        await use(place, OAuth(grant=JwtBearer("x"), client_id="workload"))
    assert len(place.issuer.requests) == 1


class Provider:
    """An identity provider that exchanges tokens."""

    def __init__(self, **answer: Any) -> None:
        self.forms: list[dict[str, str]] = []
        self.answer = {"access_token": "jag", "issued_token_type": "urn:ietf:params:oauth:token-type:id-jag", **answer}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.forms.append(dict(parse_qsl((await receive())["body"].decode())))
        await say(send, 200, self.answer)


async def test_the_organisation_s_identity_provider(place: Realm) -> None:
    provider = Provider()
    async with serving(provider, "/token") as url:
        grant = IdentityAssertion(id_token="id", token_endpoint=url, client_id="at-idp")
        await use(place, OAuth(grant=grant, client_id="at-as", client_secret="s"))
    (form,) = provider.forms
    assert (form["audience"], form["resource"]) == (place.issuer.url, place.url)
    assert (form["subject_token"], form["client_id"]) == ("id", "at-idp")
    assert place.issuer.requests[0]["assertion"] == "jag"


@pytest.mark.parametrize("answer", [{"access_token": None}, {"issued_token_type": "urn:x"}])
async def test_something_else_than_an_assertion(place: Realm, answer: dict[str, Any]) -> None:
    async with serving(Provider(**answer), "/token") as url:
        grant = IdentityAssertion(id_token="id", token_endpoint=url, client_id="at-idp")
        with pytest.raises(SignInFault, match="identity provider"):
            await use(place, OAuth(grant=grant, client_id="at-as", client_secret="s"))
    assert place.issuer.requests == []
