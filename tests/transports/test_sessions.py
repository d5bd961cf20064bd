"""Records of sessions: whose they are, how many, how long, and the questions that wait in them."""

import asyncio
import json
from typing import Any

import pytest

from dragoman import Limits, Principal, Server, ToolError
from dragoman.errors import HttpFault, InvalidParams
from dragoman.protocol import jsonrpc
from dragoman.protocol.revisions import LATEST_LEGACY
from dragoman.server.exchange import Exchange
from dragoman.store.events import MemoryEvents
from dragoman.transports import oneway, sessions
from dragoman.transports.sessions import Session, Sessions, check_handshake
from tests.transports.peers import HELLO, request

ADA = Principal("ada", "issuer", "client", "tenant")


def registry(**limits: Any) -> Sessions:
    return Sessions(Server("s", limits=Limits(**limits)), MemoryEvents(1000, 10))


async def test_a_session_is_found_by_its_id_and_its_owner() -> None:
    all_of_them = registry()
    session = all_of_them.open(ADA, LATEST_LEGACY)
    assert all_of_them.find(session.id, Principal("ada", "issuer", "client", "tenant")) is session
    assert all_of_them.find("made up", ADA) is None
    for other in (
        Principal("eve", "issuer", "client", "tenant"),
        Principal("ada", "other", "client", "tenant"),
        Principal("ada", "issuer", "other", "tenant"),
        Principal("ada", "issuer", "client", "other"),
        Principal(),
    ):
        assert all_of_them.find(session.id, other) is None


async def test_an_ended_session_is_remembered_as_ended() -> None:
    all_of_them = registry()
    session = all_of_them.open(ADA, LATEST_LEGACY)
    assert not all_of_them.has_ended(session.id)
    all_of_them.forget(session)
    assert len(all_of_them) == 0
    assert all_of_them.has_ended(session.id)
    assert all_of_them.find(session.id, ADA) is None


async def test_the_memory_of_ended_sessions_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    remembered = sessions._REMEMBERED  # noqa: SLF001 - the bound is what is tested
    all_of_them = registry(sessions=remembered + 10)
    first = all_of_them.open(ADA, LATEST_LEGACY)
    all_of_them.end(first)
    for _ in range(remembered):
        all_of_them.end(all_of_them.open(ADA, LATEST_LEGACY))
    assert not all_of_them.has_ended(first.id)


async def test_there_are_no_more_than_the_limit() -> None:
    all_of_them = registry(sessions=3)
    for _ in range(3):
        all_of_them.open(ADA, LATEST_LEGACY)
    with pytest.raises(HttpFault) as caught:
        all_of_them.open(ADA, LATEST_LEGACY)
    assert caught.value.status == 503
    all_of_them.end_all()
    assert len(all_of_them) == 0
    all_of_them.open(ADA, LATEST_LEGACY)


async def test_idle_sessions_end_and_busy_ones_do_not() -> None:
    all_of_them = registry(sessions=3, session_idle_seconds=0.02)
    busy, listening, idle = (all_of_them.open(ADA, LATEST_LEGACY) for _ in range(3))
    busy.in_flight[1] = Exchange()
    listening.streaming = object()  # type: ignore[assignment]  # whatever carries it
    await asyncio.sleep(0.05)
    assert all_of_them.find(busy.id, ADA) is busy
    assert all_of_them.find(listening.id, ADA) is listening
    assert all_of_them.find(idle.id, ADA) is None
    assert all_of_them.has_ended(idle.id)


async def test_ids_are_made_for_their_home() -> None:
    server = Server("s", secrets=["k" + "0123456789abcdefghijklmnopqrstuvwxyz"])
    homes = Sessions(server, MemoryEvents(1000, 10), "http://10.0.0.5:8000/mcp")
    one, other = homes.open(ADA, LATEST_LEGACY), homes.open(ADA, LATEST_LEGACY)
    assert one.id != other.id
    assert "10.0.0.5" not in one.id


async def test_the_end_of_a_session_takes_everything_back() -> None:
    session = Session(ADA)
    session.in_flight = {1: Exchange(), 2: Exchange()}
    session.end()
    assert session.ended
    assert all(exchange.gone for exchange in session.in_flight.values())


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"result": {"x": 1}}, None),
        ({"error": {"code": 1, "message": "no thanks"}}, "no thanks"),
        ({"error": {"code": 1}}, "refused"),
    ],
)
async def test_a_question_and_its_answer(answer: dict[str, Any], words: str | None) -> None:
    session = Session(ADA)

    async def write(message: bytes) -> None:
        asked = json.loads(message)
        reply = json.dumps({"jsonrpc": "2.0", "id": asked["id"]} | answer).encode()
        asyncio.get_running_loop().call_soon(oneway.take, session, jsonrpc.decode(reply, 64))

    if words is None:
        assert bytes(await session.ask("roots/list", {}, write, 5)) == b'{"x": 1}'
    else:
        with pytest.raises(ToolError, match=words):
            await session.ask("roots/list", {}, write, 5)
    assert session.waiting == {}


async def test_a_question_that_is_not_answered() -> None:
    session = Session(ADA)

    async def write(message: bytes) -> None:
        return

    with pytest.raises(ToolError, match="did not answer"):
        await session.ask("roots/list", {}, write, 0.02)
    assert session.waiting == {}


def test_a_handshake_is_small() -> None:
    message = jsonrpc.decode(request("initialize", HELLO), 64)
    check_handshake(message, 1024)
    with pytest.raises(InvalidParams):
        check_handshake(message, 10)
