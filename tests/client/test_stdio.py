"""The stdio wire against scripted programs of every era, polite and not."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from dragoman.client.caller import Caller, Identity
from dragoman.client.client import Client
from dragoman.client.listener import Listener
from dragoman.client.probe import Agreement, agree
from dragoman.client.stdio import StdioWire
from dragoman.client.wire import ServerEnded
from dragoman.errors import ConnectionFault, RequestTimeout, ServerFault, UsageError
from dragoman.protocol.messages import Implementation, LogParams
from tests.client.peers import program

QUIET: list[str] = []


def connect(folder: Path, script: str, **options: Any) -> Client:
    """A client of a scripted program; its stderr is kept quiet."""
    options.setdefault("on_stderr", QUIET.append)
    return Client(program(folder, script), **options)


async def test_a_modern_server(tmp_path: Path) -> None:
    script = """
    probe = discover()
    assert probe["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] == "2026-07-28"
    call = read()
    assert call["params"]["_meta"] == probe["params"]["_meta"]
    text(call, call["params"]["arguments"]["word"])
    read()
    """
    async with connect(tmp_path, script) as client:
        assert (await client.call_tool("t", {"word": "Grüße, 世界"})).data == "Grüße, 世界"
        assert client.revision == "2026-07-28"


@pytest.mark.parametrize("code", [-32601, -32602, -32600, -32000, 1])
async def test_any_other_error_means_an_older_server(tmp_path: Path, code: int) -> None:
    script = f"""
    error(read(), {code}, "before initialization")
    request = handshake("2025-06-18")
    assert request["params"]["protocolVersion"] == "2025-11-25"
    assert request["params"]["capabilities"] == {{}}
    call = read()
    assert "_meta" not in call["params"]
    text(call, "done")
    read()
    """
    async with connect(tmp_path, script) as client:
        assert (await client.call_tool("t")).data == "done"
        assert client.revision == "2025-06-18"
        assert client.server_info == Implementation("peer", "9.9")


async def test_an_error_without_an_id_is_the_answer_to_the_only_request(tmp_path: Path) -> None:
    script = """
    read()
    write({"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "not initialized"}})
    handshake()
    read()
    """
    async with connect(tmp_path, script) as client:
        assert client.revision == "2025-11-25"


async def test_a_modern_error_names_other_versions(tmp_path: Path) -> None:
    script = """
    error(read(), -32022, "Unsupported protocol version", {"supported": ["2030-01-01", "2025-06-18", "2025-03-26"]})
    assert handshake("2025-06-18")["params"]["protocolVersion"] == "2025-06-18"
    read()
    """
    async with connect(tmp_path, script) as client:
        assert client.revision == "2025-06-18"


async def probe_silence(folder: Path, script: str, wanted: str = "auto") -> Agreement:
    """Connect with little patience for silence."""
    wire = StdioWire(program(folder, script), Listener(None), on_stderr=QUIET.append)
    wire.silence_seconds = 0.3
    await wire.open()
    try:
        return await agree(Caller(wire, Listener(None), Identity(Implementation("tester", "1")), 10, None), wanted)
    finally:
        await wire.close()


async def test_silence_means_an_older_server(tmp_path: Path) -> None:
    script = """
    assert read()["method"] == "server/discover"
    handshake()
    read()
    """
    agreement = await probe_silence(tmp_path, script)
    assert agreement.revision.name == "2025-11-25"


async def test_a_modern_server_that_starts_slowly_is_still_modern(tmp_path: Path) -> None:
    script = """
    probe = read()
    request = read()
    assert request["method"] == "initialize"
    discover(probe)
    error(request, -32601, "no such method")
    read()
    """
    agreement = await probe_silence(tmp_path, script)
    assert agreement.revision.name == "2026-07-28"


async def test_silence_and_then_a_refusal(tmp_path: Path) -> None:
    script = """
    read()
    error(read(), -32601, "no such method")
    read()
    """
    with pytest.raises(ConnectionFault, match="refused to initialize with 2025-11-25: no such method"):
        await probe_silence(tmp_path, script)


async def test_silence_where_only_a_modern_server_will_do(tmp_path: Path) -> None:
    with pytest.raises(ConnectionFault, match=r"does not speak 2026-07-28: it left server/discover unanswered"):
        await probe_silence(tmp_path, "read(); read()", "2026-07-28")


async def test_a_short_limit_is_no_shorter_patience(tmp_path: Path) -> None:
    script = """
    read()
    handshake()
    read()
    """
    async with connect(tmp_path, script, timeout=1) as client:
        assert client.revision == "2025-11-25"


async def test_a_server_that_ends_at_the_probe_is_started_again(tmp_path: Path) -> None:
    marker = tmp_path / "started"
    script = f"""
    import pathlib
    marker = pathlib.Path({str(marker)!r})
    if not marker.exists():
        marker.touch()
        read()
        sys.exit(1)
    handshake()
    text(read(), "done")
    read()
    """
    async with connect(tmp_path, script) as client:
        assert (await client.call_tool("t")).data == "done"


async def test_a_server_that_only_ends_is_described(tmp_path: Path) -> None:
    script = """
    print("ImportError: no module named shop", file=sys.stderr)
    sys.exit(3)
    """
    with pytest.raises(ServerEnded) as caught:
        async with connect(tmp_path, script):
            pass
    assert "exit status 3" in str(caught.value)
    assert "ImportError: no module named shop" in str(caught.value)


async def test_an_end_fails_every_call_in_flight_and_later_ones(tmp_path: Path) -> None:
    script = """
    discover()
    read(), read()
    sys.exit(5)
    """
    async with connect(tmp_path, script) as client:
        outcomes = await asyncio.gather(client.call_tool("a"), client.call_tool("b"), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [ServerEnded, ServerEnded]
        assert outcomes[0] is not outcomes[1]
        with pytest.raises(ServerEnded, match="exit status 5"):
            await client.call_tool("c")


async def test_garbage_on_stdout_is_quoted(tmp_path: Path) -> None:
    script = r"""
    discover()
    read()
    write("Starting \x1b[31mserver\x1b[0m ...")
    write("more")
    read()
    """
    async with connect(tmp_path, script) as client:
        with pytest.raises(ConnectionFault) as caught:
            await client.call_tool("t")
    assert r"no JSON-RPC message: 'Starting \x1b[31mserver\x1b[0m ...'" in str(caught.value)
    assert "stderr" in str(caught.value)


async def test_garbage_while_several_wait(tmp_path: Path) -> None:
    script = """
    discover()
    read(), read()
    write({"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "?"}})
    read()
    """
    async with connect(tmp_path, script) as client:
        outcomes = await asyncio.gather(client.call_tool("a"), client.call_tool("b"), return_exceptions=True)
    assert all(isinstance(outcome, ConnectionFault) for outcome in outcomes)


async def test_a_line_over_the_limit(tmp_path: Path) -> None:
    script = """
    discover()
    text(read(), "x" * 5000)
    read()
    """
    async with connect(tmp_path, script, response_bytes=4000) as client:
        with pytest.raises(ConnectionFault, match="more than 4000 bytes"):
            await client.call_tool("t")


async def test_a_huge_answer(tmp_path: Path) -> None:
    script = """
    discover()
    text(read(), "ü" * (4 << 20))
    read()
    """
    async with connect(tmp_path, script) as client:
        assert len((await client.call_tool("t")).text) == 4 << 20


async def test_progress_and_logs_come_before_the_answer(tmp_path: Path) -> None:
    heard: list[Any] = []
    script = """
    discover()
    call = read()
    meta = call["params"]["_meta"]
    assert meta["io.modelcontextprotocol/logLevel"] == "info"
    def tell(method, **params):
        write({"jsonrpc": "2.0", "method": method, "params": params})
    tell("notifications/progress", progressToken=meta["progressToken"], progress=1, message="half")
    tell("notifications/message", level="info", data="log")
    tell("notifications/progress", progressToken="foreign", progress=1)
    tell("notifications/progress", progressToken=999, progress=1)
    tell("notifications/progress", nonsense=1)
    write("")
    text(call, "done")
    read()
    """

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        await asyncio.sleep(0.01)
        heard.append((progress, total, message))

    async with connect(tmp_path, script, on_log=heard.append, on_progress=on_progress) as client:
        heard.append((await client.call_tool("t")).data)
    assert heard == [(1.0, None, "half"), LogParams("info", "log"), "done"]


async def test_a_callback_may_use_the_client(tmp_path: Path) -> None:
    script = """
    discover()
    call = read()
    token = call["params"]["_meta"]["progressToken"]
    write({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": token, "progress": 1}})
    text(read(), "inner")
    text(call, "outer")
    read()
    """
    heard: list[Any] = []
    async with connect(tmp_path, script) as client:

        async def on_progress(progress: float, total: float | None, message: str | None) -> None:
            heard.append((await client.call_tool("inner")).data)

        assert (await client.call_tool("outer", on_progress=on_progress)).data == "outer"
    assert heard == ["inner"]


async def test_a_log_message_while_nobody_waits(tmp_path: Path) -> None:
    heard: asyncio.Queue[LogParams] = asyncio.Queue()
    script = """
    discover()
    write({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "hello"}})
    read()
    """
    async with connect(tmp_path, script, on_log=heard.put_nowait):
        async with asyncio.timeout(10):
            assert (await heard.get()).data == "hello"


async def test_a_flood_of_progress_does_not_pile_up(tmp_path: Path) -> None:
    heard: list[float] = []
    script = """
    discover()
    call = read()
    token = call["params"]["_meta"]["progressToken"]
    for n in range(20_000):
        write({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": token, "progress": n}})
    text(call, "done")
    read()
    """

    async def slow(progress: float, total: float | None, message: str | None) -> None:
        heard.append(progress)
        if len(heard) == 1:
            await asyncio.sleep(1)

    async with connect(tmp_path, script) as client:
        assert (await client.call_tool("t", on_progress=slow)).data == "done"
    assert 1 < len(heard) < 20_000


async def test_answers_find_their_calls_in_any_order(tmp_path: Path) -> None:
    script = """
    discover()
    calls = [read() for _ in range(20)]
    write({"jsonrpc": "2.0", "id": 9999, "result": {}})
    write({"jsonrpc": "2.0", "id": "text", "result": {}})
    for call in reversed(calls):
        text(call, call["params"]["name"])
    read()
    """
    async with connect(tmp_path, script) as client:
        replies = await asyncio.gather(*(client.call_tool(str(n)) for n in range(20)))
    assert [reply.data for reply in replies] == [str(n) for n in range(20)]


async def test_a_timeout_is_told_to_the_server(tmp_path: Path) -> None:
    script = """
    discover()
    call = read()
    note = read()
    assert note["method"] == "notifications/cancelled", note
    assert note["params"]["requestId"] == call["id"]
    text(call, "too late")
    text(read(), "still here")
    read()
    """
    async with connect(tmp_path, script) as client:
        with pytest.raises(RequestTimeout, match=r"tools/call within 0\.1 seconds"):
            await client.call_tool("slow", timeout=0.1)
        assert (await client.call_tool("t")).data == "still here"


async def test_a_cancelled_caller_is_told_to_the_server(tmp_path: Path) -> None:
    script = """
    discover()
    call = read()
    note = read()
    assert (note["method"], note["params"]["requestId"]) == ("notifications/cancelled", call["id"])
    text(read(), "still here")
    read()
    """
    async with connect(tmp_path, script) as client:
        task = asyncio.create_task(client.call_tool("slow"))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await client.call_tool("t")).data == "still here"


async def test_an_older_server_may_ask_and_is_answered(tmp_path: Path) -> None:
    script = """
    error(read(), -32601, "?")
    handshake()
    call = read()
    write({"jsonrpc": "2.0", "id": "p", "method": "ping"})
    assert read() == {"jsonrpc": "2.0", "id": "p", "result": {}}
    write({"jsonrpc": "2.0", "id": 1, "method": "roots/list"})
    assert read()["error"]["code"] == -32601
    text(call, "done")
    read()
    """
    async with connect(tmp_path, script) as client:
        assert (await client.call_tool("t")).data == "done"


async def test_a_modern_server_may_not_ask(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    script = """
    discover()
    call = read()
    write({"jsonrpc": "2.0", "id": 1, "method": "ping"})
    text(call, "done")
    text(read(), "again")
    read()
    """
    async with connect(tmp_path, script) as client:
        assert (await client.call_tool("t")).data == "done"
        assert (await client.call_tool("t")).data == "again"
    assert "ping" in caplog.text


async def test_errors_of_a_batch_are_taken_apart(tmp_path: Path) -> None:
    script = """
    error(read(), -32601, "?")
    handshake("2025-03-26")
    call = read()
    write([{"jsonrpc": "2.0", "id": call["id"], "error": {"code": 7, "message": "seven"}}])
    read()
    """
    async with connect(tmp_path, script) as client:
        with pytest.raises(ServerFault, match="seven"):
            await client.call_tool("t")


async def test_closing_fails_what_is_in_flight(tmp_path: Path) -> None:
    script = """
    discover()
    read()
    read()
    """
    async with connect(tmp_path, script) as client:
        task = asyncio.create_task(client.call_tool("t"))
        await asyncio.sleep(0.1)
    with pytest.raises(ConnectionFault, match="connection was closed"):
        await task


async def test_a_notification_is_a_line(tmp_path: Path) -> None:
    script = """
    discover()
    note = read()
    text(read(), note["method"])
    read()
    """
    async with connect(tmp_path, script) as client:
        await client.notify("notifications/x")
        assert (await client.call_tool("t")).data == "notifications/x"


async def test_options_of_the_process(tmp_path: Path) -> None:
    script = """
    import os
    discover()
    print("hello", file=sys.stderr, flush=True)
    text(read(), os.environ["EXTRA"] + " " + os.getcwd())
    read()
    """
    lines: list[str] = []
    async with connect(tmp_path, script, env={"EXTRA": "yes"}, cwd=tmp_path, on_stderr=lines.append) as client:
        assert (await client.call_tool("t")).data == f"yes {tmp_path}"
    assert lines == ["hello"]


async def test_a_program_that_is_not_there() -> None:
    with pytest.raises(ConnectionFault, match="Cannot start 'no-such-program-anywhere'"):
        async with Client(["no-such-program-anywhere"]):
            pass


@pytest.mark.parametrize("command", [[], ["python", 3]])
def test_a_command_is_a_list_of_strings(command: list[str]) -> None:
    with pytest.raises(UsageError, match="list of strings"):
        Client(command)


async def test_an_unopened_wire_is_closed() -> None:
    wire = StdioWire(["x"], Listener(None))
    with pytest.raises(ConnectionFault, match="closed"):
        await wire.notify("x", b"{}")
    await wire.close()
    await wire.listen()
