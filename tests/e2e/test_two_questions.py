"""`examples/two_questions.py`: two questions, one deed, on every revision, over stdio and behind a balancer.

Three processes share a secret and nothing else. The proxy before them gives each request to the next process in turn.
"""

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from dragoman import Client, ClientError
from dragoman.client.questions import Elicitation
from tests.conftest import ROOT
from tests.e2e.conftest import PROGRAM, SECONDS, free_port

EXAMPLE: Final = str(ROOT / "examples" / "two_questions.py")
TOLD: Final = {
    "2024-11-05": "stream of tools/call broke|ended the stream of tools/call",
    "2025-11-25": "Session not found",
}
REVISIONS: Final = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28")
QUESTIONS: Final = ["How many of 'lamp'?", "Buy 3 x lamp?"]
BOUGHT: Final = re.compile(r"Bought 3 x lamp, order R-\d+\.")
HOPS: Final = {"connection", "keep-alive", "host", "content-length"}


class Person:
    """Who is asked: wants three, and buys them."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.before_second: Any = None  # done before the second answer is given

    async def answer(self, question: Elicitation) -> dict[str, Any]:
        self.asked.append(question.message)
        if len(self.asked) == 1:
            return {"count": 3}
        if self.before_second is not None:
            await self.before_second()
        return {"confirm": True}


class Processes:
    """Three servers, each on a port of its own."""

    def __init__(self, folder: Path) -> None:
        self.orders = folder / "orders.txt"
        environment = {
            **os.environ,
            "DRAGOMAN_SECRET": "what the three processes of this test share",
            "ORDERS": str(self.orders),
        }
        self.ports = [free_port() for _ in range(3)]
        self.logs = [folder / f"{port}.log" for port in self.ports]
        self.running: dict[int, subprocess.Popen[bytes]] = {}
        for port, log in zip(self.ports, self.logs, strict=True):
            words = ["--port", str(port), "--home", f"http://127.0.0.1:{port}/mcp", "--sse", "--log-level", "warning"]
            with log.open("wb") as said:
                self.running[port] = subprocess.Popen(
                    [*PROGRAM, "serve", EXAMPLE, *words],
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=subprocess.STDOUT,
                    env=environment,
                )

    async def started(self) -> None:
        async with asyncio.timeout(SECONDS):
            for port, log in zip(self.ports, self.logs, strict=True):
                while f"at http://127.0.0.1:{port}/mcp" not in log.read_text():
                    assert self.running[port].poll() is None, log.read_text()
                    await asyncio.sleep(0.02)
                await self._listening(port)

    async def _listening(self, port: int) -> None:
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.02)

    def kill(self, port: int) -> None:
        process = self.running.pop(port)
        process.kill()
        process.wait(SECONDS)

    def end(self) -> list[int]:
        for process in self.running.values():
            process.send_signal(signal.SIGTERM)
        try:
            return [process.wait(SECONDS) for process in self.running.values()]
        finally:
            for process in self.running.values():
                process.kill()

    def lines(self) -> list[str]:
        return written(self.orders)


def written(orders: Path) -> list[str]:
    return orders.read_text().splitlines() if orders.exists() else []


class Proxy:
    """One connection to a process for each request, the processes strictly in turn; those that are gone are passed by.

    `served` says which process got which request, `sessions` what sessions requests named.
    """

    def __init__(self, ports: list[int]) -> None:
        self.ports = ports
        self.served: list[tuple[int, str]] = []
        self.sessions: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        async with await asyncio.start_server(self._take, "127.0.0.1", 0) as server:
            try:
                yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            finally:
                server.close()
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._carry(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.wait({task})

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one request and its answer; when one end goes, so does the other."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError), contextlib.closing(writer):
            head = await reader.readuntil(b"\r\n\r\n")
            first, *fields = head.decode().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (f.partition(":") for f in fields if f)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            port, inner, outer = await self._next()
            self.served.append((port, json.loads(body).get("method", "an answer") if body else first.split()[0]))
            self.sessions |= {headers.get("mcp-session-id", "")} - {""}
            with contextlib.closing(outer):
                kept = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if name not in HOPS)
                own = f"host: 127.0.0.1\r\nconnection: close\r\ncontent-length: {len(body)}\r\n"
                outer.write(f"{first}\r\n{own}{kept}\r\n".encode() + body)
                # The client says no more: what is read from it is that it leaves.
                ends = {asyncio.ensure_future(reader.read()), asyncio.ensure_future(self._pass(inner, writer))}
                try:
                    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for end in ends:
                        end.cancel()
                    await asyncio.gather(*ends, return_exceptions=True)

    async def _next(self) -> tuple[int, asyncio.StreamReader, asyncio.StreamWriter]:
        for _ in self.ports:
            port = self.ports.pop(0)
            self.ports.append(port)
            with contextlib.suppress(ConnectionRefusedError):
                return port, *await asyncio.open_connection("127.0.0.1", port)
        raise ConnectionResetError

    async def _pass(self, inner: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await inner.readuntil(b"\r\n\r\n")
        writer.write(head.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
        while chunk := await inner.read(65536):
            writer.write(chunk)
            await writer.drain()

    def which(self, named: str) -> list[int]:
        """The processes that got such requests, in order."""
        return [port for port, method in self.served if method == named]


@pytest.fixture
async def processes(tmp_path: Path) -> AsyncIterator[Processes]:
    processes = Processes(tmp_path)
    try:
        await processes.started()
        yield processes
    finally:
        statuses = processes.end()
    assert set(statuses) == {0}, [log.read_text() for log in processes.logs]
    assert not any("Traceback" in log.read_text() for log in processes.logs)


@pytest.fixture
def orders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "orders.txt"
    monkeypatch.setenv("ORDERS", str(path))
    return path


async def buy(target: Any, revision: Any, person: Person) -> str:
    async with Client(target, revision=revision, on_elicit=person.answer) as client:
        assert client.revision == revision
        return (await client.call_tool("order", {"item": "lamp"})).text


# --- one process ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("revision", REVISIONS)
async def test_over_stdio(orders: Path, revision: str) -> None:
    person = Person()
    assert BOUGHT.fullmatch(await buy([*PROGRAM, "serve", EXAMPLE, "--stdio"], revision, person))
    assert person.asked == QUESTIONS
    assert written(orders) == ["3 x lamp"]


# --- three processes --------------------------------------------------------------------------------------------------


async def test_behind_a_balancer(processes: Processes) -> None:
    for number, revision in enumerate(REVISIONS, 1):
        proxy, person = Proxy([*processes.ports]), Person()
        async with proxy.listening() as url:
            assert BOUGHT.fullmatch(await buy(f"{url}/mcp", revision, person)), revision
        assert person.asked == QUESTIONS
        assert processes.lines() == ["3 x lamp"] * number
        if revision == "2026-07-28":
            assert set(proxy.which("tools/call")) == set(processes.ports), "each round in another process"
        else:
            assert {*proxy.which("an answer"), *proxy.which("tools/call")} - {*proxy.which("initialize")}


async def test_with_the_transport_of_2024_11_05(processes: Processes) -> None:
    proxy, person = Proxy([*processes.ports]), Person()
    async with proxy.listening() as url:
        assert BOUGHT.fullmatch(await buy(f"{url}/sse", "2024-11-05", person))
    assert person.asked == QUESTIONS
    assert processes.lines() == ["3 x lamp"]
    assert set(proxy.which("an answer")) - set(proxy.which("GET")), "an answer reached another process than the stream"


async def test_a_state_that_was_used_is_refused_by_the_process_that_saw_it(processes: Processes) -> None:
    first, second, third = processes.ports
    asked = await call(first)
    retry = {
        "requestState": asked["result"]["requestState"],
        "inputResponses": {
            key: {"action": "accept", "content": {"count": 3}} for key in asked["result"]["inputRequests"]
        },
    }
    again = await call(second, **retry)
    assert again["result"]["resultType"] == "input_required"
    replayed = await call(second, **retry)
    assert replayed["error"] == {"code": -32602, "message": "The requestState was used before; call again without it."}
    assert processes.lines() == ["3 x lamp"]
    changed = await call(third, **{**retry, "requestState": retry["requestState"][:-4] + "AAAA"})
    assert changed["error"]["code"] == -32602
    assert processes.lines() == ["3 x lamp"]


async def call(port: int, **members: Any) -> Any:
    """Call the tool once (2026-07-28)."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}},
    }
    params = {"name": "order", "arguments": {"item": "lamp"}, "_meta": meta, **members}
    headers = {"mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": "order"}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    async with httpx2.AsyncClient(trust_env=False, timeout=SECONDS) as client:
        return (await client.post(f"http://127.0.0.1:{port}/mcp", json=body, headers=headers)).json()


# --- one of them is killed between the questions ----------------------------------------------------------------------


async def test_the_newest_revision_goes_on_in_another_process(processes: Processes) -> None:
    proxy, person = Proxy([*processes.ports]), Person()

    async def kill() -> None:
        processes.kill(proxy.which("tools/call")[-1])

    person.before_second = kill
    async with proxy.listening() as url:
        assert BOUGHT.fullmatch(await buy(f"{url}/mcp", "2026-07-28", person))
    assert person.asked == QUESTIONS
    assert processes.lines() == ["3 x lamp"]


@pytest.mark.parametrize("revision", ["2024-11-05", "2025-11-25"])
async def test_an_older_client_is_told_and_begins_anew(processes: Processes, revision: Any) -> None:
    proxy, person = Proxy([*processes.ports]), Person()

    async def kill() -> None:
        processes.kill(proxy.which("initialize")[0])

    person.before_second = kill
    async with proxy.listening() as url, Client(f"{url}/mcp", revision=revision, on_elicit=person.answer) as client:
        with pytest.raises(ClientError, match=TOLD[revision]):
            await client.call_tool("order", {"item": "lamp"})
        assert person.asked == QUESTIONS
        assert processes.lines() == ["3 x lamp"]
        (session,) = proxy.sessions
        await told_by_others(processes, session)
        person.asked, person.before_second = [], None
        assert BOUGHT.fullmatch((await client.call_tool("order", {"item": "lamp"})).text)
        assert person.asked == QUESTIONS
        assert len(proxy.which("initialize")) == 2
    assert processes.lines() == ["3 x lamp"] * 2


async def told_by_others(processes: Processes, session: str) -> None:
    """See that every process that is left tells a client of the one that is gone what to do."""
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    async with httpx2.AsyncClient(trust_env=False, timeout=SECONDS) as client:
        for port in processes.running:
            reply = await client.post(f"http://127.0.0.1:{port}/mcp", json=body, headers={"mcp-session-id": session})
            assert reply.status_code == 404
            assert reply.text == (
                "Session not found: the process that had it is gone. Send 'initialize' to begin a new one."
            )
