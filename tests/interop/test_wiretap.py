"""The taps hand on exactly what they get, write down both directions, and pass a hang-up on."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.interop.runs import HERE
from tests.interop.wiretap import EventSplitter, HttpTap, read_exits, read_recordings

if TYPE_CHECKING:
    from pathlib import Path

ECHO = "import sys\nfor line in sys.stdin.buffer:\n    sys.stdout.buffer.write(line)\n    sys.stdout.flush()\n"


class Origin:
    """A server that answers every request with fixed bytes and keeps what it was sent."""

    def __init__(self, answer: bytes, *, hold: bool = False) -> None:
        self._answer = answer
        self._hold = hold
        self.received = b""
        self.hung_up = asyncio.Event()

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self._answer_one, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{self.port}/mcp"

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _answer_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.received += await reader.readuntil(b"\r\n\r\n")
        if length := self.received.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]:
            self.received += await reader.readexactly(int(length))
        writer.write(self._answer)
        await writer.drain()
        if self._hold:
            assert await reader.read() == b""
            self.hung_up.set()
        writer.close()
        await writer.wait_closed()


async def _send(url: str, request: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(url).port)
    writer.write(request)
    await writer.drain()
    return reader, writer


POST = (
    b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:1\r\nMCP-Protocol-Version: 2025-11-25\r\n"
    b"Mcp-Session-Id: s1\r\nContent-Length: 8\r\nConnection: close\r\n\r\n"
    b'{"id":1}'
)


async def test_a_json_answer_is_handed_on_and_written_down() -> None:
    origin = Origin(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n" + b'{"id":2}')
    async with origin as upstream, HttpTap(upstream) as tap:
        reader, writer = await _send(tap.url, POST)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b'{"id":2}')
    assert f"host: 127.0.0.1:{origin.port}".encode() in origin.received.lower()
    assert b"mcp-session-id: s1" in origin.received.lower()
    assert [(one.sender, one.text) for one in tap.messages] == [
        ("client", b'{"id":1}'),
        ("server", b'{"id":2}'),
    ]
    assert {(one.revision, one.session, one.channel) for one in tap.messages} == {("2025-11-25", "s1", "http-1")}
    (exchange,) = tap.exchanges
    assert (exchange.method, exchange.path, exchange.status, exchange.complete) == ("POST", "/mcp", 200, True)


async def test_each_event_of_a_stream_is_a_message() -> None:
    events = b'event: message\r\nid: 4\r\ndata: {"id":\r\ndata: 2}\r\n\r\n: still here\n\ndata: {"id":3}\n\n'
    events += b"data:\n\n"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream;charset=utf-8\r\n"
    head += b"Transfer-Encoding: chunked\r\n\r\n"
    chunks = b"".join(b"1\r\n" + bytes([one]) + b"\r\n" for one in events) + b"0\r\n\r\n"
    async with Origin(head + chunks) as upstream, HttpTap(upstream) as tap:
        reader, writer = await _send(tap.url, POST)
        assert b"200 OK" in await reader.read()
        writer.close()
        await writer.wait_closed()
    assert [one.decode() for one in tap.messages if one.sender == "server"] == [{"id": 2}, {"id": 3}]


async def test_a_client_that_hangs_up_hangs_up_on_the_server() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    origin = Origin(head, hold=True)
    async with origin as upstream, HttpTap(upstream) as tap:
        reader, writer = await _send(tap.url, POST)
        await reader.readuntil(b"\r\n\r\n")
        writer.close()
        await writer.wait_closed()
        async with asyncio.timeout(5):
            await origin.hung_up.wait()
    assert tap.exchanges[0].complete is False


async def test_a_tap_stands_in_front_of_http_only() -> None:
    with pytest.raises(ValueError, match="http URL"):
        HttpTap("https://127.0.0.1/mcp")


def test_events_survive_any_cut() -> None:
    stream = b"data: a\r\n\r\ndata: b\n\n"
    for cut in range(len(stream)):
        splitter = EventSplitter()
        assert [*splitter.feed(stream[:cut]), *splitter.feed(stream[cut:])] == [b"a", b"b"]


def _tap_stdio(folder: Path, program: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(HERE / "stdio_tap.py"), str(folder), sys.executable, "-c", program]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def test_stdio_is_handed_on_byte_by_byte_and_written_down(tmp_path: Path) -> None:
    sent = b'{"id":1}\n{"id":"\xc3\xa9"}\r\nno json \xff\nunfinished'
    with _tap_stdio(tmp_path, ECHO) as tap:
        out, _ = tap.communicate(sent, timeout=20)
    assert out == sent
    assert tap.returncode == 0
    messages = read_recordings(tmp_path)
    lines = [b'{"id":1}', b'{"id":"\xc3\xa9"}', b"no json \xff", b"unfinished"]
    assert [one.text for one in messages if one.sender == "client"] == lines
    assert [one.text for one in messages if one.sender == "server"] == lines
    assert read_exits(tmp_path) == [{"exit": 0, "signals": []}]
    asked = [index for index, one in enumerate(messages) if one.sender == "client"]
    answered = [index for index, one in enumerate(messages) if one.sender == "server"]
    assert all(before < after for before, after in zip(asked, answered, strict=True))


def test_the_status_and_the_signals_of_a_server_are_written_down(tmp_path: Path) -> None:
    (tmp_path / "left").mkdir()
    with _tap_stdio(tmp_path / "left", "raise SystemExit(7)") as tap:
        tap.communicate(b"", timeout=20)
    assert tap.returncode == 7
    assert read_exits(tmp_path / "left") == [{"exit": 7, "signals": []}]
    (tmp_path / "killed").mkdir()
    with _tap_stdio(tmp_path / "killed", ECHO) as tap:
        if tap.stdin is None or tap.stdout is None:
            raise RuntimeError("Popen was asked for pipes and gave none.")
        tap.stdin.write(b'{"id":1}\n')
        tap.stdin.flush()
        assert json.loads(tap.stdout.readline()) == {"id": 1}
        tap.send_signal(signal.SIGTERM)
        tap.wait(20)
    assert read_exits(tmp_path / "killed") == [{"exit": -15, "signals": [15]}]
