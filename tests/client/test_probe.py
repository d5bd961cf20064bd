"""How a revision is found: every rule of the specification's backward compatibility, over a wire a test plays."""

import asyncio
from typing import Any

import pytest

from dragoman.client.caller import Caller, Identity
from dragoman.client.listener import Listener
from dragoman.client.probe import Agreement, agree
from dragoman.client.wire import Call, Refusal, ServerEnded
from dragoman.errors import ConnectionFault, RequestTimeout, ServerFault
from dragoman.protocol.messages import Implementation
from tests.client.peers import DISCOVERED, initialized
from tests.client.test_caller import PlayedWire

Answer = Any  # a result, or an exception to raise


def connection(discover: Answer, initialize: Answer = None) -> tuple[Caller, PlayedWire]:
    """A connection whose server answers discovery and handshake as told; lists are answered one by one."""

    async def play(call: Call) -> Any:
        answer = {"server/discover": discover, "initialize": initialize, "notifications/initialized": {}}[call.method]
        if isinstance(answer, list):
            answer = answer.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    wire = PlayedWire(play)
    return Caller(wire, Listener(None), Identity(Implementation("tester", "1")), 5, None), wire


def methods(wire: PlayedWire) -> list[str]:
    return [sent["method"] for sent in wire.sent]


async def test_null_in_what_a_server_says_of_itself() -> None:
    told = {"name": "peer", "version": "9.9", "title": None}
    caller, _ = connection({**DISCOVERED, "_meta": {"io.modelcontextprotocol/serverInfo": told}})
    assert (await agree(caller, "auto")).server_info == Implementation("peer", "9.9")


HANDSHAKE = ["initialize", "notifications/initialized"]


def unsupported(*supported: str) -> ServerFault:
    return ServerFault(-32022, "Unsupported protocol version", {"supported": list(supported), "requested": "x"})


async def test_a_discovery_result_is_modern() -> None:
    caller, wire = connection(DISCOVERED)
    agreement = await agree(caller, "auto")
    assert agreement == Agreement(agreement.revision, {"tools": {}}, Implementation("peer", "9.9"), "Ask politely.")
    assert agreement.revision.name == "2026-07-28"
    assert wire.revision is agreement.revision
    assert methods(wire) == ["server/discover"]


@pytest.mark.parametrize("meta", [None, {}, {"io.modelcontextprotocol/serverInfo": {"name": 3}}])
async def test_a_server_need_not_say_what_it_is(meta: dict[str, Any] | None) -> None:
    discovered = {name: value for name, value in DISCOVERED.items() if name not in ("_meta", "instructions")}
    caller, _ = connection(discovered | ({} if meta is None else {"_meta": meta}))
    agreement = await agree(caller, "auto")
    assert (agreement.server_info, agreement.instructions) == (None, None)


@pytest.mark.parametrize(
    "failure",
    [
        ServerFault(-32601, "Method not found"),
        ServerFault(-32602, "Invalid request parameters"),
        ServerFault(-32000, "Server not initialized"),
        Refusal("HTTP 400"),
        {"not": "a discovery result"},
        {"resultType": "strange"},
        ["not an object"],
    ],
    ids=str,
)
async def test_anything_else_is_an_older_server(failure: Answer) -> None:
    caller, wire = connection([failure] if isinstance(failure, list) else failure, initialized())
    agreement = await agree(caller, "auto")
    assert agreement.revision.name == "2025-11-25"
    assert agreement.server_info == Implementation("peer", "9.9")
    assert wire.revision is agreement.revision
    assert methods(wire) == ["server/discover", *HANDSHAKE]
    assert wire.sent[1]["params"] == {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "tester", "version": "1"},
    }


@pytest.mark.parametrize("code", [-32020, -32021])
async def test_other_modern_errors_are_not_hidden(code: int) -> None:
    caller, wire = connection(ServerFault(code, "no"))
    with pytest.raises(ConnectionFault, match="refused a 2026-07-28 request: no"):
        await agree(caller, "auto")
    assert methods(wire) == ["server/discover"]


@pytest.mark.parametrize("how", ["error", "result"])
async def test_the_newest_version_that_both_know_is_taken(how: str) -> None:
    offered = ["2025-03-26", "2031-01-01", "2025-06-18"]
    first = unsupported(*offered) if how == "error" else DISCOVERED | {"supportedVersions": offered}
    caller, wire = connection(first, initialized("2025-06-18"))
    assert (await agree(caller, "auto")).revision.name == "2025-06-18"
    assert wire.sent[1]["params"]["protocolVersion"] == "2025-06-18"


@pytest.mark.parametrize(
    ("fault", "offered"),
    [
        (unsupported("2031-01-01"), "2031-01-01"),
        (unsupported(), "no version that it names"),
        (ServerFault(-32022, "Unsupported", None), "no version that it names"),
        (ServerFault(-32022, "Unsupported", {"supported": "x"}), "no version that it names"),
    ],
    ids=["newer", "none", "no data", "malformed"],
)
async def test_no_version_in_common(fault: ServerFault, offered: str) -> None:
    caller, wire = connection(fault)
    with pytest.raises(ConnectionFault, match=f"The server supports {offered}; this client wants 2024-11-05, "):
        await agree(caller, "auto")
    assert methods(wire) == ["server/discover"], "a modern error never leads to initialize"


@pytest.mark.parametrize("wanted", ["auto", "2026-07-28"])
async def test_a_version_refused_and_offered_is_sent_once_more(wanted: str) -> None:
    caller, wire = connection([unsupported("2026-07-28"), DISCOVERED])
    assert (await agree(caller, wanted)).revision.name == "2026-07-28"
    assert methods(wire) == ["server/discover"] * 2
    caller, wire = connection(unsupported("2026-07-28"))
    with pytest.raises(ConnectionFault, match="The server supports 2026-07-28; this client wants 20"):
        await agree(caller, wanted)
    assert methods(wire) == ["server/discover"] * 2, "once, not for ever"


async def test_a_version_refused_twice_gives_way_to_another() -> None:
    caller, wire = connection(unsupported("2026-07-28", "2025-11-25"), initialized())
    assert (await agree(caller, "auto")).revision.name == "2025-11-25"
    assert methods(wire) == ["server/discover", "server/discover", *HANDSHAKE]


async def test_an_unknown_answer_to_initialize_names_both() -> None:
    caller, wire = connection(ServerFault(-32601, "?"), initialized("1999-01-01"))
    with pytest.raises(ConnectionFault, match=r"version '1999-01-01', but this client knows .*2025-11-25"):
        await agree(caller, "auto")
    assert methods(wire) == ["server/discover", "initialize"]


async def test_a_modern_version_is_no_answer_to_initialize() -> None:
    caller, _ = connection(ServerFault(-32601, "?"), initialized("2026-07-28"))
    with pytest.raises(ConnectionFault, match="version '2026-07-28'"):
        await agree(caller, "auto")


async def test_initialize_refused() -> None:
    caller, _ = connection(ServerFault(-32601, "?"), ServerFault(-32603, "broken"))
    with pytest.raises(ConnectionFault, match=r"refused to initialize with 2025-11-25: broken \(code -32603\)"):
        await agree(caller, "auto")


@pytest.mark.parametrize("wanted", ["2025-11-25", "2024-11-05"])
async def test_an_older_version_is_asked_for_directly(wanted: str) -> None:
    caller, wire = connection(None, initialized(wanted))
    assert (await agree(caller, wanted)).revision.name == wanted
    assert methods(wire) == HANDSHAKE


async def test_a_version_asked_for_is_the_only_one() -> None:
    caller, _ = connection(None, initialized("2024-11-05"))
    with pytest.raises(ConnectionFault, match="'2024-11-05', but this client was told to use 2025-11-25 only"):
        await agree(caller, "2025-11-25")
    caller, _ = connection(ServerFault(-32601, "no such method"))
    with pytest.raises(ConnectionFault, match=r"does not speak 2026-07-28: it answered .*: no such method"):
        await agree(caller, "2026-07-28")
    caller, _ = connection(unsupported("2025-11-25"))
    with pytest.raises(ConnectionFault, match="supports 2025-11-25; this client wants 2026-07-28"):
        await agree(caller, "2026-07-28")
    caller, _ = connection(DISCOVERED)
    assert (await agree(caller, "2026-07-28")).revision.name == "2026-07-28"


async def test_connection_faults_are_no_older_server() -> None:
    for fault in (ConnectionFault("refused"), RequestTimeout("too late")):
        caller, wire = connection(fault)
        with pytest.raises(type(fault), match=str(fault)):
            await agree(caller, "auto")
        assert methods(wire) == ["server/discover"]


async def test_a_server_that_ends_is_started_again() -> None:
    restarts = 0

    class RestartedWire(PlayedWire):
        async def restart(self) -> None:
            nonlocal restarts
            restarts += 1

    async def play(call: Call) -> Any:
        if call.method == "server/discover":
            raise ServerEnded("ended")
        return initialized()

    wire = RestartedWire(play)
    caller = Caller(wire, Listener(None), Identity(Implementation("tester", "1")), 5, None)
    assert (await agree(caller, "auto")).revision.name == "2025-11-25"
    assert restarts == 1


def patient(discover: Answer, initialize: Answer, timeout: float | None = 5) -> tuple[Caller, PlayedWire]:
    """A wire on which silence has a meaning; discovery is answered after the handshake was tried."""
    tried = asyncio.Event()

    async def play(call: Call) -> Any:
        if call.method == "server/discover":
            await tried.wait()
            answer = discover
        else:
            tried.set()
            await asyncio.sleep(0.02)
            answer = initialize
        if isinstance(answer, Exception):
            raise answer
        return answer

    wire = PlayedWire(play)
    wire.silence_seconds = 0.05
    return Caller(wire, Listener(None), Identity(Implementation("tester", "1")), timeout, None), wire


@pytest.mark.parametrize("limit", [None, 5, 0.04])
async def test_silence_is_an_older_server(limit: float | None) -> None:
    caller, wire = patient(None, initialized(), limit)
    assert (await agree(caller, "auto")).revision.name == "2025-11-25"
    assert methods(wire) == ["server/discover", *HANDSHAKE]
    assert wire.revision is not None
    assert wire.revision.name == "2025-11-25"


async def test_a_late_discovery_counts_when_the_handshake_fails() -> None:
    caller, wire = patient(DISCOVERED, ServerFault(-32601, "no initialize here"))
    assert (await agree(caller, "auto")).revision.name == "2026-07-28"
    assert wire.revision is not None
    assert wire.revision.name == "2026-07-28"


@pytest.mark.parametrize("late", [ServerFault(-32601, "no"), ConnectionFault("gone")])
async def test_a_late_failure_does_not(late: Exception) -> None:
    caller, _ = patient(late, ServerFault(-32601, "no initialize here"))
    with pytest.raises(ConnectionFault, match="no initialize here"):
        await agree(caller, "auto")


async def test_silence_where_a_modern_server_is_wanted() -> None:
    caller, wire = patient(DISCOVERED, initialized())
    with pytest.raises(ConnectionFault, match=r"left server/discover unanswered for 0\.05 seconds"):
        await agree(caller, "2026-07-28")
    assert methods(wire) == ["server/discover"]


async def test_giving_up_ends_the_probe() -> None:
    caller, _ = patient(DISCOVERED, initialized())
    task = asyncio.create_task(agree(caller, "auto"))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(asyncio.all_tasks()) == 1
