"""The gate: who is let in, what they see, and what everybody else is told."""

import logging
import time
from pathlib import Path

import pytest
from msgspec import structs

from dragoman import Server
from dragoman.auth.gate import LONGEST_TOKEN, Gate, Views
from dragoman.auth.keys import ApiKeys, make_key
from dragoman.auth.policy import Role
from dragoman.errors import HttpFault
from dragoman.store.keys import SqliteKeys

ROLES = {"support": Role(tools=("shop_*",)), "admin": Role(tools=("*",))}


@pytest.fixture
def store(tmp_path: Path) -> SqliteKeys:
    return SqliteKeys(tmp_path / "keys.sqlite3")


def a_server() -> Server:
    server = Server("shop", "1")
    for name in ("shop_query", "other"):
        server.add_tool(lambda: "done", name=name, description="Does it.")
    return server


def bearer(token: str) -> dict[bytes, bytes]:
    return {b"authorization": f"Bearer {token}".encode()}


async def test_a_key_opens_the_view_of_its_roles(store: SqliteKeys) -> None:
    server = a_server()
    gate = Gate(Views(server, ROLES), [ApiKeys(store)])
    text, _ = make_key(store, "anna", roles=("support",))
    principal, view = await gate.admit(bearer(text))
    assert principal.subject == "anna"
    assert list(view.tools.named) == ["shop_query"]
    assert (await gate.admit(bearer(text)))[1] is view
    nobody, _ = make_key(store, "ben")
    assert list((await gate.admit(bearer(nobody)))[1].tools.named) == []
    await gate.close()


async def test_without_roles_everything_is_seen(store: SqliteKeys) -> None:
    server = a_server()
    gate = Gate(Views(server, None), [ApiKeys(store)])
    text, _ = make_key(store, "anna")
    assert (await gate.admit(bearer(text)))[1] is server
    await gate.close()


async def test_what_only_some_may_ask_is_kept_by_nobody_else(store: SqliteKeys) -> None:
    server = a_server()
    gate = Gate(Views(server, None, private=True), [ApiKeys(store)])
    text, _ = make_key(store, "anna")
    _, view = await gate.admit(bearer(text))
    assert list(view.tools.named) == list(server.tools.named)
    assert (server.tools.cache_scope, view.tools.cache_scope) == ("public", "private")
    await gate.close()


async def test_a_server_that_changes_changes_what_is_seen(store: SqliteKeys) -> None:
    server = a_server()
    views = Views(server, None)
    gate = Gate(views, [ApiKeys(store)])
    text, _ = make_key(store, "anna", roles=("staff",), scopes=("write",))
    plain, _ = make_key(store, "ben")
    assert (await gate.admit(bearer(text)))[1] is server
    server.add_tool(lambda: "x", name="kept", description="Kept.", roles=["staff"], scopes=["write"])
    assert list((await gate.admit(bearer(text)))[1].tools.named) == ["shop_query", "other", "kept"]
    _, view = await gate.admit(bearer(plain))
    assert list(view.tools.named) == ["shop_query", "other"]
    assert len(views) == 2
    server.remove_tool("kept")
    assert (await gate.admit(bearer(plain)))[1] is server
    assert len(views) == 0
    before = len(server.tools.listeners)
    server.add_tool(lambda: "x", name="kept", description="Kept.", roles=["staff"])
    server.remove_tool("kept")
    assert len(server.tools.listeners) == before
    await gate.close()
    assert len(server.tools.listeners) == before - 1


async def test_views_are_bounded(store: SqliteKeys) -> None:
    roles = {f"r{number}": Role(tools=("*",)) for number in range(20)}
    server = a_server()
    views = Views(server, roles, most=5)
    gate = Gate(views, [ApiKeys(store)])
    listeners = len(server.tools.listeners)
    for name in roles:
        text, _ = make_key(store, name, roles=(name,))
        assert (await gate.admit(bearer(text)))[0].subject == name
    assert len(views) == 5
    assert len(server.tools.listeners) == listeners + 5
    await gate.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"Bearer",
        b"Bearer ",
        b"Basic YTpi",
        b"Bearer a b",
        b"Bearer drg_" + b"a" * 12 + b"_" + b"x" * 43,
        b"Bearer " + b"a" * (LONGEST_TOKEN + 1),
        b"Bearer t\xc3\xa4st",
        b"Bearer unknown.kind.of",
    ],
)
async def test_what_is_not_accepted_is_told_in_one_way(store: SqliteKeys, sent: bytes) -> None:
    gate = Gate(Views(a_server(), ROLES), [ApiKeys(store)], challenge='resource_metadata="https://a.example/m"')
    with pytest.raises(HttpFault) as told:
        await gate.admit({b"authorization": sent})
    assert told.value.status == 401
    assert told.value.headers == (
        (b"www-authenticate", b'Bearer error="invalid_token", resource_metadata="https://a.example/m"'),
    )
    assert len(gate) == 0
    await gate.close()


async def test_no_token(store: SqliteKeys) -> None:
    gate = Gate(Views(a_server(), ROLES), [ApiKeys(store)])
    with pytest.raises(HttpFault, match="Sign in") as told:
        await gate.admit({})
    assert told.value.headers == ((b"www-authenticate", b"Bearer"),)
    open_gate = Gate(Views(a_server(), ROLES), [ApiKeys(store)], anonymous=["support"])
    principal, view = await open_gate.admit({})
    assert principal.is_anonymous
    assert list(view.tools.named) == ["shop_query"]
    await gate.close()


@pytest.mark.parametrize("query", [b"access_token=x", b"a=1&api_key=y", b"q=drg_" + b"a" * 12 + b"_z", b"TOKEN=1"])
async def test_a_credential_in_the_url_is_refused_even_beside_a_good_one(store: SqliteKeys, query: bytes) -> None:
    gate = Gate(Views(a_server(), ROLES), [ApiKeys(store)])
    text, _ = make_key(store, "anna")
    with pytest.raises(HttpFault, match="no place for a credential") as told:
        await gate.admit(bearer(text), query)
    assert told.value.status == 400
    await gate.close()


async def test_a_revoked_key_stops_within_a_second(store: SqliteKeys, tmp_path: Path) -> None:
    gate = Gate(Views(a_server(), ROLES), [ApiKeys(store)])
    text, record = make_key(store, "anna")
    await gate.admit(bearer(text))
    elsewhere = SqliteKeys(tmp_path / "keys.sqlite3")
    elsewhere.save(structs.replace(record, revoked=time.time()))
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        try:
            await gate.admit(bearer(text))
        except HttpFault:
            break
        time.sleep(0.02)  # noqa: ASYNC251 (nothing else runs in this loop)
    else:
        pytest.fail("the key was still good after a second")
    elsewhere.close()
    await gate.close()


async def test_callers_that_are_remembered_are_bounded(store: SqliteKeys) -> None:
    gate = Gate(Views(a_server(), ROLES), [ApiKeys(store)], most=5)
    for number in range(20):
        text, _ = make_key(store, f"caller-{number}")
        await gate.admit(bearer(text))
    assert len(gate) == 5
    for number in range(100):
        with pytest.raises(HttpFault):
            await gate.admit(bearer(f"drg_{'a' * 12}_{number:043d}"))
    assert len(gate) == 5
    await gate.close()


async def test_the_log_says_why_but_no_part_of_the_token(store: SqliteKeys, caplog: pytest.LogCaptureFixture) -> None:
    gate = Gate(Views(a_server(), ROLES), [ApiKeys(store)])
    text, _ = make_key(store, "anna", seconds=-1)
    with caplog.at_level(logging.INFO, "dragoman.auth"), pytest.raises(HttpFault) as told:
        await gate.admit(bearer(text))
    assert "expired" in caplog.text
    assert text.rpartition("_")[2] not in caplog.text + told.value.message
    await gate.close()
