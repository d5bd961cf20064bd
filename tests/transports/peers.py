"""The other end of the wires: a server in a process of its own, and a client that may do anything to it."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

PROGRAM = Path(__file__).with_name("served.py")
MODERN = "2026-07-28"
META = {"io.modelcontextprotocol/protocolVersion": MODERN, "io.modelcontextprotocol/clientCapabilities": {}}
HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "peer", "version": "1"}}


def request(method: str, params: dict[str, Any] | None = None, request_id: Any = 1) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params or {}}).encode()


def call(tool: str, /, *, request_id: Any = 1, modern: bool = True, token: Any = None, **arguments: Any) -> bytes:
    meta = dict(META) if modern else {}
    if token is not None:
        meta["progressToken"] = token
    return request("tools/call", {"name": tool, "arguments": arguments, "_meta": meta}, request_id)


def post(body: bytes, headers: dict[str, str] | None = None, path: str = "/mcp", *, length: bool = True) -> bytes:
    """The bytes of a POST, with the headers that 2026-07-28 wants where the body is a call."""
    fields = {"host": "127.0.0.1", "content-type": "application/json", "accept": "application/json, text/event-stream"}
    if length:
        fields["content-length"] = str(len(body))
    lines = "".join(f"{name}: {value}\r\n" for name, value in (fields | (headers or {})).items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


def mirrored(tool: str) -> dict[str, str]:
    return {"mcp-protocol-version": MODERN, "mcp-method": "tools/call", "mcp-name": tool}


def modern_call(tool: str, headers: dict[str, str] | None = None, /, **arguments: Any) -> bytes:
    return post(call(tool, **arguments), mirrored(tool) | (headers or {}))


def wait_for(condition: Callable[[], Any], seconds: float = 5.0) -> Any:
    """What a condition gives when it holds; it must within this time."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)
    return value


class Answer:
    """What came back: status, header fields in lower case, body."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return str(self.json["result"]["content"][0]["text"])


class Peer:
    """A server in a process of its own."""

    def __init__(self, **settings: Any) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the peer
        command = [sys.executable, str(PROGRAM), "http", json.dumps(settings)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._errors)
        assert self.process.stdout is not None
        first = self.process.stdout.readline()
        assert first.strip().isdigit(), self.errors()
        self.port = int(first)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:  # twice: at once
            self.process.terminate()
            time.sleep(0.2)
            self.process.terminate()
        try:
            self.process.communicate(timeout=5)
        finally:
            self.process.kill()
            self._errors.close()

    def errors(self) -> str:
        """What it said on stderr."""
        self._errors.seek(0)
        return self._errors.read().decode()

    def connect(self, timeout: float = 10.0) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def send(self, data: bytes, *, timeout: float = 10.0) -> Answer:
        """Send bytes as they are and read one answer."""
        with self.connect(timeout) as connection:
            with contextlib.suppress(ConnectionError):  # the server may close before it read everything
                connection.sendall(data)
            return read_answer(connection)

    def tool(self, tool: str, /, **arguments: Any) -> str:
        """Call a tool and give its text."""
        return self.send(modern_call(tool, **arguments)).text

    def health(self) -> dict[str, int]:
        return dict(json.loads(self.tool("health")))

    def became(self, name: str) -> str:
        return self.tool("became", name=name)

    def session(self) -> dict[str, str]:
        """Begin a session of an older revision; gives the headers of its requests."""
        answer = self.send(post(request("initialize", HELLO)))
        return {"mcp-session-id": answer.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}

    def end(self, sig: signal.Signals = signal.SIGTERM, seconds: float = 10.0) -> tuple[int, str]:
        """End it with a signal; gives the exit status and what it said on stderr."""
        self.process.send_signal(sig)
        return self.wait(seconds)

    def wait(self, seconds: float = 10.0) -> tuple[int, str]:
        self.process.communicate(timeout=seconds)
        return self.process.returncode, self.errors()


def read_answer(connection: socket.socket, method: str = "POST") -> Answer:
    with contextlib.closing(http.client.HTTPResponse(connection, method=method)) as response:
        response.begin()
        return Answer(response)


class Pipes:
    """A server on the streams of a process of its own."""

    def __init__(self, *, stdin: Any = subprocess.PIPE, **limits: Any) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM), "stdio", json.dumps({"limits": limits})],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()

    def write(self, *lines: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"".join(line + b"\n" for line in lines))
        self.process.stdin.flush()

    def read(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "nothing came"
        return json.loads(line)

    def begun(self) -> Self:
        """Wait until it answers."""
        self.write(request("ping", request_id="begun"))
        assert self.read()["id"] == "begun"
        return self

    def finish(self, seconds: float = 10.0) -> tuple[int, list[Any], str]:
        """End the input; gives the exit status, the messages that were left, and what it said on stderr."""
        output, errors = self.process.communicate(timeout=seconds)
        return self.process.returncode, [json.loads(line) for line in output.splitlines()], errors.decode()


@contextlib.contextmanager
def killed_client(port: int, data: bytes) -> Iterator[subprocess.Popen[bytes]]:
    """A client process that sends this and waits; it is killed without a chance to say goodbye at the end."""
    code = """
import socket, sys, time
connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
connection.sendall(sys.stdin.buffer.read())
print("sent", flush=True)
time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", code, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(data)
    process.stdin.close()
    assert process.stdout.readline() == b"sent\n"
    try:
        yield process
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait(timeout=5)
        process.stdout.close()
