"""A server that is killed under load: every call that was answered has its line, and the chain holds."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec

from dragoman.ops.audit.archive import Archive, Wanted
from dragoman.ops.audit.log import ARCHIVE, move, read_key
from dragoman.ops.audit.record import AuditRecord

SERVER = """\
from dragoman import Server
server = Server("killed", "1")
@server.tool
async def note(number: int) -> int:
    return number
"""
META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
HEADERS = {
    "content-type": "application/json",
    "accept": "application/json, text/event-stream",
    "mcp-protocol-version": "2026-07-28",
    "mcp-method": "tools/call",
    "mcp-name": "note",
}
CALLERS = 4
LEAST = 2000


def call_until_it_ends(port: int, first: int, answered: list[int]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    number = first
    with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(connection):
        while True:
            params = {"name": "note", "arguments": {"number": number}, "_meta": META}
            body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
            connection.request("POST", "/mcp", body, HEADERS)
            reply = connection.getresponse()
            if reply.status == 200 and b'"result"' in reply.read():
                answered.append(number)
            number += CALLERS


def test_every_answered_call_has_its_line(tmp_path: Path) -> None:
    (tmp_path / "server.py").write_text(SERVER)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [sys.executable, "-m", "dragoman", "serve", str(tmp_path / "server.py"), "--port", str(port)]
    environment = {**os.environ, "DRAGOMAN_STATE": str(tmp_path / "state")}
    process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        answered: list[list[int]] = [[] for _ in range(CALLERS)]
        threads = [
            threading.Thread(target=call_until_it_ends, args=(port, number, answered[number]))
            for number in range(CALLERS)
        ]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 30
        while sum(map(len, answered)) < LEAST and time.monotonic() < deadline:
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    for thread in threads:
        thread.join()
    folder = tmp_path / "state" / "audit"
    archive = Archive(folder / ARCHIVE, read_key(folder))
    try:
        move(folder, archive)
        assert not list(archive.verify())
        lines = [msgspec.json.decode(line, type=AuditRecord) for line in archive.search(Wanted(most=10**6))]
    finally:
        archive.close()
    ended = {msgspec.json.decode(line.arguments)["number"] for line in lines if line.event == "call"}
    begun = {msgspec.json.decode(line.arguments)["number"] for line in lines if line.event == "begin"}
    told = {number for numbers in answered for number in numbers}
    assert len(told) >= LEAST
    assert told <= ended <= begun
    assert all(line.address == "127.0.0.1" for line in lines)


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
