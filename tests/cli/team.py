"""`dragoman serve --workers` as a process of its own, and what a client without memory can ask of it."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Self

from tests.cli.test_serve import free_port
from tests.transports.peers import HELLO, META, MODERN, Answer, wait_for

APP = """
import asyncio
import os

from dragoman import Context, Server, SqliteTasks

server = Server("team", tasks=SqliteTasks(os.environ["TEAM_TASKS"]))


@server.tool
async def pid() -> int:
    return os.getpid()


@server.tool
async def slow(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "slept"


@server.tool
async def touch() -> int:
    server.notify_resource_updated("note://x")
    return os.getpid()


@server.tool
async def sure(context: Context) -> str:
    return str(await context.confirm("Sure?"))


@server.tool(task="required")
async def long(context: Context, ask: bool = False) -> str:
    if ask:
        return str(await context.confirm("Go on?"))
    await asyncio.sleep(60)
    return "done"


@server.resource("note://x")
def note() -> str:
    return "x"
"""

EVENTS = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
ASKED = {**META, "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}}}


class Team:
    """The supervisor and its workers; every request goes over a connection of its own.

    Args:
        folder: where the served file is.
        words: more of the command line.
        app: the served file's text.
    """

    def __init__(self, folder: Path, *words: str, app: str = APP) -> None:
        self.file = folder / "team.py"
        self.file.write_text(app, encoding="utf-8")
        self.port = free_port()
        self._out, self._errors = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 - closed at the end
        command = [sys.executable, "-m", "dragoman", "serve", str(self.file), "--port", str(self.port), *words]
        environment = {**os.environ, "TEAM_TASKS": str(folder / "tasks.sqlite3")}
        environment.pop("DRAGOMAN_SECRET", None)
        self.process = subprocess.Popen(command, stdout=self._out, stderr=self._errors, env=environment, cwd=folder)

    def __enter__(self) -> Self:
        try:
            wait_for(lambda: "SIGHUP to process" in self.out() or self.process.poll() is not None, 30)
            assert self.process.poll() is None, self.errors()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(1)
            if self.process.poll() is None:
                self.process.terminate()
        try:
            self.process.wait(20)
        finally:
            self.process.kill()
            self._out.close()
            self._errors.close()

    def out(self) -> str:
        return self._read(self._out)

    def errors(self) -> str:
        return self._read(self._errors)

    def _read(self, file: Any) -> str:
        return os.pread(file.fileno(), 10**6, 0).decode()

    def workers(self) -> set[int]:
        """The processes that the supervisor started and that are alive."""
        found = set()
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                    if int(fields[1]) == self.process.pid and fields[0] != "Z":
                        found.add(int(entry.name))
        return found

    def send(self, body: dict[str, Any] | None, headers: dict[str, str], method: str = "POST") -> Answer:
        with contextlib.closing(self.connect()) as connection:
            connection.request(method, "/mcp", None if body is None else json.dumps(body), EVENTS | headers)
            return Answer(connection.getresponse())

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def ask(self, method: str, params: dict[str, Any], meta: dict[str, Any] = META) -> Any:
        """One request of 2026-07-28; gives the result, or the error."""
        message, headers = modern(method, params, meta)
        answer = self.send(message, headers).json
        return answer.get("result", answer.get("error"))

    def call(self, tool: str, /, meta: dict[str, Any] = META, **arguments: Any) -> Any:
        return self.ask("tools/call", {"name": tool, "arguments": arguments}, meta)

    def text(self, tool: str, /, **arguments: Any) -> str:
        return str(self.call(tool, **arguments)["content"][0]["text"])

    def pids(self, count: int = 40) -> set[int]:
        """Who answers."""
        return {int(self.text("pid")) for _ in range(count)}

    def session(self, **capabilities: Any) -> dict[str, str]:
        """Begin a session of 2025-11-25; gives the headers of its requests."""
        hello = {**HELLO, "capabilities": capabilities}
        answer = self.send({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}, {})
        return {"mcp-session-id": answer.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}

    def end(self, sig: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(sig)
        return self.process.wait(20)


def modern(method: str, params: dict[str, Any], meta: dict[str, Any] = META) -> tuple[dict[str, Any], dict[str, str]]:
    """A request of 2026-07-28 and its headers."""
    name = params.get("name", params.get("uri", params.get("taskId")))
    headers = {"mcp-protocol-version": MODERN, "mcp-method": method} | ({} if name is None else {"mcp-name": name})
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}, headers


def events(response: http.client.HTTPResponse) -> Any:
    """The messages of an event stream, as they come."""
    while line := response.readline():
        if line.startswith(b"data: ") and line.strip() != b"data:":
            yield json.loads(line[6:])


def is_alive(process: int) -> bool:
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return fields[0] not in ("Z", "X")
