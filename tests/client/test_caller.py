"""Requests and notifications of one connection, over a wire that a test plays."""

import asyncio
import json
import math
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from msgspec import Raw

from dragoman.client.caller import Caller, Identity
from dragoman.client.listener import Listener
from dragoman.client.wire import Call, SessionEnded
from dragoman.errors import ClientError, RequestTimeout, ServerFault
from dragoman.protocol.jsonrpc import Message
from dragoman.protocol.messages import Implementation, LogLevel
from dragoman.protocol.revisions import LATEST_LEGACY, LATEST_MODERN, Revision

Play = Callable[[Call], Awaitable[Any]]


class PlayedWire:
    """A wire whose server is a function of the test."""

    mirrors = False
    silence_seconds: float | None = None

    def __init__(self, play: Play) -> None:
        self.revision: Revision | None = None
        self.sent: list[Any] = []
        self._play = play

    async def open(self) -> None: ...

    async def exchange(self, call: Call) -> Message:
        self.sent.append(json.loads(call.body))
        value = await self._play(call)
        return Message("2.0", id=call.id, result=Raw(json.dumps(value).encode()))

    async def notify(self, method: str, body: bytes) -> None:
        self.sent.append(json.loads(body))
        await self._play(Call(0, method, {}, body, {}))

    async def restart(self) -> None: ...

    async def fall_back(self) -> bool:
        return False

    async def listen(self, *, ready: bool = False) -> None: ...

    async def close(self) -> None: ...


async def empty(call: Call) -> Any:
    return {}


async def forever(call: Call) -> Any:
    await asyncio.sleep(60)


def caller(play: Play, timeout: float | None = 5, log_level: LogLevel | None = None) -> tuple[Caller, PlayedWire]:
    wire = PlayedWire(play)
    return Caller(wire, Listener(None), Identity(Implementation("tester", "1")), timeout, log_level), wire


META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "tester", "version": "1"},
}


async def test_ids_are_unique_and_the_result_stays_raw() -> None:
    asking, wire = caller(empty)
    assert bytes(await asking.ask("m", {"a": 1})) == b"{}"
    await asking.ask("m", {})
    assert wire.sent == [
        {"jsonrpc": "2.0", "id": 1, "method": "m", "params": {"a": 1}},
        {"jsonrpc": "2.0", "id": 2, "method": "m", "params": {}},
    ]


async def test_a_modern_request_carries_metadata() -> None:
    asking, wire = caller(empty, log_level="error")
    asking.speak(LATEST_MODERN)
    assert wire.revision is LATEST_MODERN
    await asking.ask("m", {"a": 1})
    await asking.ask("m", {"_meta": {"traceparent": "00-1"}}, on_progress=lambda *_: None)
    level = {"io.modelcontextprotocol/logLevel": "error"}
    assert wire.sent[0]["params"] == {"a": 1, "_meta": META | level}
    assert wire.sent[1]["params"] == {"_meta": {"traceparent": "00-1"} | META | level | {"progressToken": 2}}


async def test_an_older_request_carries_what_was_asked_for_only() -> None:
    asking, wire = caller(empty, log_level="error")
    asking.speak(LATEST_MODERN)
    asking.speak(LATEST_LEGACY)
    await asking.ask("m", {})
    await asking.ask("m", {"a": 1}, on_progress=lambda *_: None)
    assert [sent["params"] for sent in wire.sent] == [{}, {"a": 1, "_meta": {"progressToken": 2}}]


async def test_a_request_that_takes_too_long() -> None:
    asking, _ = caller(forever, timeout=0.05)
    with pytest.raises(RequestTimeout, match=r"did not answer m within 0\.05 seconds"):
        await asking.ask("m", {})
    with pytest.raises(RequestTimeout, match=r"within 0\.01 seconds"):
        await asking.ask("m", {}, timeout=0.01)
    with pytest.raises(RequestTimeout, match=r"did not take n within 0\.05 seconds"):
        await asking.tell("n", {})


async def test_no_limit() -> None:
    async def slow(call: Call) -> Any:
        await asyncio.sleep(0.1)
        return {}

    asking, _ = caller(slow, timeout=0.05)
    assert bytes(await asking.ask("m", {}, timeout=math.inf)) == b"{}"
    asking, _ = caller(slow, timeout=None)
    assert bytes(await asking.ask("m", {})) == b"{}"


async def test_a_timeout_of_someone_else_stays_what_it_is() -> None:
    async def fail(call: Call) -> Any:
        raise TimeoutError("mine")

    asking, _ = caller(fail)
    with pytest.raises(TimeoutError, match="mine") as caught:
        await asking.ask("m", {})
    assert not isinstance(caught.value, ClientError)
    with pytest.raises(TimeoutError, match="mine"):
        await asking.tell("m", {})


@pytest.mark.parametrize("value", [object(), 1j, {(1, 2): 3}])
async def test_what_is_not_json_is_the_callers_mistake(value: Any) -> None:
    asking, wire = caller(empty)
    with pytest.raises(ClientError, match="parameters of m cannot be written as JSON"):
        await asking.ask("m", {"a": value})
    assert wire.sent == []


async def test_a_lost_session_is_renewed_once() -> None:
    renewed: list[str] = []

    async def forgetful(call: Call) -> Any:
        if not renewed or call.method == "never":
            raise SessionEnded("one")
        return {}

    async def renew(session: str) -> None:
        renewed.append(session)

    asking, _ = caller(forgetful)
    with pytest.raises(SessionEnded):
        await asking.ask("m", {})
    asking.renew = renew
    with pytest.raises(SessionEnded):
        await asking.ask("initialize", {})
    assert bytes(await asking.ask("m", {})) == b"{}"
    with pytest.raises(SessionEnded):
        await asking.ask("never", {})
    assert renewed == ["one", "one"]


async def test_errors_are_raised_and_progress_is_forgotten() -> None:
    async def fail(call: Call) -> Any:
        raise ServerFault(7, "seven")

    asking, _ = caller(fail)
    for _ in range(2):
        with pytest.raises(ServerFault, match="seven"):
            await asking.ask("m", {}, on_progress=lambda *_: None)


async def test_the_clock_stands_while_somebody_thinks() -> None:
    async def play(call: Call) -> Any:
        if call.method == "quick":
            return {}
        await asyncio.sleep(0.2)
        with asking.patience(), asking.patience():
            await asyncio.sleep(0.8)
        await asyncio.sleep(0.05 if call.method == "m" else 60)
        return {}

    asking, _ = caller(play, timeout=0.7)
    await asking.ask("m", {})
    with pytest.raises(RequestTimeout):
        await asking.ask("slow", {})
    await asyncio.gather(asking.ask("m", {}), asking.ask("quick", {}), asking.ask("m", {}, timeout=math.inf))


async def test_what_is_done_within_a_limit() -> None:
    asking, _ = caller(empty)
    async with asking.within(None, "never"):
        pass
    with pytest.raises(RequestTimeout, match=r"^after 0\.01 s$"):
        async with asking.within(0.01, "after {} s"):
            await asyncio.sleep(60)
    with pytest.raises(TimeoutError, match="inner"):
        async with asking.within(60, "after {} s"):
            raise TimeoutError("inner")


async def test_a_request_may_have_a_known_id() -> None:
    asking, wire = caller(empty)
    known = asking.next_id()
    await asking.ask("m", {}, call_id=known)
    await asking.ask("m", {})
    assert [sent["id"] for sent in wire.sent] == [known, known + 1]


async def test_what_is_answered_is_declared() -> None:
    wire = PlayedWire(empty)
    identity = Identity(Implementation("tester", "1"), {"roots": {}}, {"extensions": {"a/b": {}}})
    asking = Caller(wire, Listener(None), identity, 5, None)
    asking.speak(LATEST_MODERN)
    await asking.ask("m", {})
    declared = wire.sent[0]["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"]
    assert declared == {"roots": {}, "extensions": {"a/b": {}}}
