import asyncio
from typing import Any

import msgspec
import pytest

from dragoman import Client, OAuth, UsageError
from dragoman.client.oauth.faults import SignInFault
from dragoman.client.oauth.options import AuthorizationCode, ClientCredentials
from dragoman.client.oauth.records import Account
from dragoman.client.oauth.sign_in import SignIn
from dragoman.client.oauth.storage import MemoryTokens
from tests.client.oauth.conftest import person, visit
from tests.client.oauth.issuer import Realm


async def use(place: Realm, options: OAuth) -> Any:
    async with Client(place.url, auth=options) as client:
        return (await client.call_tool("add", {"a": 1, "b": 2})).structured


async def refused(place: Realm, options: OAuth | None = None) -> str:
    with pytest.raises(SignInFault) as caught:
        await use(place, options or person())
    return str(caught.value)


async def test_a_person_signs_in_once_and_every_request_shows_the_token(place: Realm) -> None:
    assert await use(place, person()) == 3
    assert place.guard.seen[0] is None
    assert len(set(place.guard.seen[1:])) == 1
    (asked,) = place.issuer.visits
    assert asked["resource"] == place.url
    assert asked["code_challenge_method"] == "S256"
    assert place.issuer.requests[0]["resource"] == place.url
    (registration,) = place.issuer.registrations
    assert registration["application_type"] == "native"
    assert "refresh_token" in registration["grant_types"]


async def test_a_sign_in_of_before_is_used_without_asking(place: Realm) -> None:
    tokens = MemoryTokens()
    await use(place, person(tokens=tokens))
    await use(place, person(tokens=tokens))
    await use(place, person(tokens=tokens, grant=AuthorizationCode(ask=False)))
    assert len(place.issuer.visits) == 1
    assert place.guard.seen.count(None) == 1


async def test_without_a_sign_in_of_before_nobody_is_asked_who_may_not_be(place: Realm) -> None:
    assert "dragoman login" in await refused(place, person(grant=AuthorizationCode(ask=False)))
    assert place.issuer.visits == place.issuer.registrations == []


async def test_a_token_that_ended_is_renewed_and_the_refresh_token_used_once(place: Realm) -> None:
    tokens = MemoryTokens()
    await use(place, person(tokens=tokens))
    for _ in range(3):
        place.issuer.tokens.clear()
        await use(place, person(tokens=tokens))
    assert len(place.issuer.visits) == 1
    used = [form["refresh_token"] for form in place.issuer.requests[1:]]
    assert len(set(used)) == 3
    assert all(form["resource"] == place.url for form in place.issuer.requests)


async def test_a_token_about_to_end_is_renewed_before_it_is_shown(place: Realm) -> None:
    tokens = MemoryTokens()
    place.issuer.granted["expires_in"] = 20
    await use(place, person(tokens=tokens))
    first = place.guard.seen[1]
    del place.issuer.granted["expires_in"]
    await use(place, person(tokens=tokens))
    assert len(place.issuer.visits) == 1
    assert place.guard.seen.count(None) == 1
    assert place.guard.seen[-1] != first


async def test_a_refresh_token_that_is_refused_ends_the_sign_in(place: Realm) -> None:
    tokens = MemoryTokens()
    await use(place, person(tokens=tokens))
    place.issuer.tokens.clear()
    place.issuer.refreshes.clear()
    await use(place, person(tokens=tokens))
    assert len(place.issuer.visits) == 2
    assert len(place.issuer.registrations) == 1


async def test_a_refresh_token_that_is_not_renewed_is_kept(place: Realm) -> None:
    tokens = MemoryTokens()
    await use(place, person(tokens=tokens))
    account = msgspec.json.decode(await tokens.load(place.url) or b"", type=Account)
    assert account.token is not None
    before = account.token.refresh_token
    place.issuer.tokens.clear()
    place.issuer.granted["refresh_token"] = None
    await use(place, person(tokens=tokens))
    account = msgspec.json.decode(await tokens.load(place.url) or b"", type=Account)
    assert account.token is not None
    assert account.token.refresh_token == before


async def test_many_requests_that_are_refused_at_once_sign_in_once(place: Realm) -> None:
    async with Client(place.url, auth=person()) as client:
        place.issuer.tokens.clear()
        place.issuer.refreshes.clear()
        await asyncio.gather(*(client.call_tool("add", {"a": 1, "b": n}) for n in range(8)))
    assert len(place.issuer.visits) == 2


async def test_many_requests_share_one_refusal(place: Realm) -> None:
    async with Client(place.url, auth=person()) as client:
        place.issuer.tokens.clear()
        place.issuer.refreshes.clear()
        place.issuer.answer |= {"error": "access_denied", "code": None}
        calls = [client.call_tool("add", {"a": 1, "b": n}) for n in range(8)]
        ended = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(one, SignInFault) for one in ended)
    assert len(place.issuer.visits) == 2


async def test_more_scopes_are_asked_for_beside_those_of_before(place: Realm) -> None:
    place.guard.metadata["scopes_supported"] = ["read"]
    place.guard.needs["tools/call"] = {"write"}
    assert await use(place, person()) == 3
    assert [visit["scope"] for visit in place.issuer.visits] == ["read", "read write"]


async def test_scopes_that_were_asked_for_and_not_given_are_not_asked_again(place: Realm) -> None:
    place.guard.needs["tools/call"] = {"write"}
    place.issuer.granted["scope"] = "nothing"
    place.guard.always = (403, 'Bearer error="insufficient_scope", scope="write"')
    said = await refused(place)
    assert "they were asked for and not given" in said
    assert len(place.issuer.visits) == 2


async def test_a_server_that_always_wants_other_scopes_ends(place: Realm) -> None:
    rounds = iter(range(100))

    class Greedy(dict[str, set[str]]):
        def get(self, method: str, default: Any = None) -> Any:
            return {f"scope-{next(rounds)}"}

    place.guard.needs = Greedy()
    assert "does not lead anywhere" in await refused(place)
    assert len(place.issuer.visits) == 3


async def test_a_token_that_was_just_given_and_is_refused_ends_it(place: Realm) -> None:
    place.guard.always = (401, "Bearer")
    assert "refuses the token" in await refused(place)
    assert len(place.issuer.visits) == 1


async def test_another_issuer_gets_nothing_of_the_first(place: Realm) -> None:
    tokens = MemoryTokens()
    await use(place, person(tokens=tokens))
    kept = msgspec.json.decode(await tokens.load(place.url) or b"", type=Account)
    kept.issuer = "https://before.example"
    kept.registration.client_id = "client-of-before"
    await tokens.save(place.url, msgspec.json.encode(kept))
    place.issuer.tokens.clear()
    await use(place, person(tokens=tokens))
    assert len(place.issuer.registrations) == 2
    assert all(form.get("refresh_token") is None for form in place.issuer.requests)
    assert all(visit["client_id"] != "client-of-before" for visit in place.issuer.visits)


async def test_the_clock_of_a_call_stands_still_while_somebody_signs_in(place: Realm) -> None:
    async def slowly(url: str) -> str:
        await asyncio.sleep(0.6)
        return await visit(url)

    options = person(grant=AuthorizationCode(redirect=slowly))
    async with Client(place.url, auth=options, timeout=0.5) as client:
        assert await client.list_tools()


async def test_offline_access_is_asked_for_where_the_issuer_gives_it(place: Realm) -> None:
    place.issuer.metadata["scopes_supported"] = ["read", "offline_access"]
    place.guard.metadata["scopes_supported"] = ["read"]
    await use(place, person())
    assert place.issuer.visits[0]["scope"] == "read offline_access"
    assert place.issuer.visits[0]["prompt"] == "consent"


async def test_no_scopes_are_made_up(place: Realm) -> None:
    place.issuer.metadata["scopes_supported"] = ["read", "offline_access"]
    await use(place, person())
    assert "scope" not in place.issuer.visits[0]


async def test_the_scopes_of_the_refusal_go_before_those_of_the_metadata(place: Realm) -> None:
    place.guard.metadata["scopes_supported"] = ["everything"]
    place.guard.challenge = 'Bearer realm="x, y", scope="read write"'
    await use(place, person())
    assert place.issuer.visits[0]["scope"] == "read write"


async def test_scopes_of_the_user_go_before_all(place: Realm) -> None:
    place.guard.metadata["scopes_supported"] = ["everything"]
    await use(place, person(scopes=["least"]))
    assert place.issuer.visits[0]["scope"] == "least"


async def test_tokens_do_not_travel_in_the_open() -> None:
    with pytest.raises(UsageError, match="over https only"):
        Client("http://mcp.example/mcp", auth=person())


async def test_credentials_are_said_once(place: Realm) -> None:
    with pytest.raises(UsageError, match="keep one"):
        Client(place.url, auth=person(), headers={"authorization": "Bearer x"})


async def test_a_plain_token_is_shown_and_nothing_else_is_done(place: Realm) -> None:
    place.issuer.tokens["key"] = set()
    async with Client(place.url, auth="key") as client:
        assert await client.list_tools()
    assert set(place.guard.seen) == {"Bearer key"}


async def test_signing_out_forgets_and_tells(place: Realm) -> None:
    tokens = MemoryTokens()
    await use(place, person(tokens=tokens))
    sign_in = SignIn(place.url, person(tokens=tokens))
    assert await sign_in.sign_out()
    assert not await sign_in.sign_out()
    await sign_in.close()
    assert await tokens.load(place.url) is None
    assert [token[:3] for token in place.issuer.revoked] == ["rt-"]


async def test_what_cannot_be_read_is_not_used(place: Realm) -> None:
    tokens = MemoryTokens()
    await tokens.save(place.url, b'{"resource": 3}')
    assert await use(place, person(tokens=tokens)) == 3


async def test_what_is_kept_of_another_client_is_not_used(place: Realm) -> None:
    tokens = MemoryTokens()
    await use(place, person(tokens=tokens))
    await use(place, person(tokens=tokens, client_id="mine"))
    assert [visit["client_id"] for visit in place.issuer.visits] == ["client-1", "mine"]


async def test_nothing_secret_is_logged(place: Realm, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    tokens = MemoryTokens()
    await use(place, person(tokens=tokens))
    place.issuer.tokens.clear()
    place.issuer.refreshes.clear()
    await use(place, person(tokens=tokens))
    verifiers = [form["code_verifier"] for form in place.issuer.requests if "code_verifier" in form]
    secrets = [*place.issuer.tokens, *place.issuer.refreshes, *verifiers]
    ours = [record for record in caplog.records if record.name.startswith("dragoman")]
    assert ours
    assert not [secret for secret in secrets for record in ours if secret in record.getMessage()]


async def test_a_program_signs_in_as_itself_and_again_when_its_token_ends(place: Realm) -> None:
    options = OAuth(grant=ClientCredentials(), client_id="nightly", client_secret="s:cret")
    async with Client(place.url, auth=options) as client:
        await client.call_tool("add", {"a": 1, "b": 2})
        place.issuer.tokens.clear()
        place.issuer.refreshes.clear()
        await client.call_tool("add", {"a": 1, "b": 2})
    assert place.issuer.visits == []
