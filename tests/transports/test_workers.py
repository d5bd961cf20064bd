"""A worker by itself: its seat, its turn to accept, how it leaves. How several serve: tests/cli/test_workers.py."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dragoman import MemoryTasks, Server, UsageError
from dragoman.store.channel import encode_frame, read_frame
from dragoman.transports.http import Endpoint
from dragoman.transports.loads import Loads
from dragoman.transports.uvicorn import listen
from dragoman.transports.workers import LOADS, READY, RETIRE, Ready, Seat, joined, serve_worker
from tests.transports.peers import modern_call, wait_for

SECRET = "a secret that all processes of this test share"


def make_server(**options: Any) -> Server:
    server = Server("worker", secrets=[SECRET], **options)

    @server.tool
    async def add(a: int, b: int) -> int:
        return a + b

    @server.tool
    async def slow(seconds: float) -> str:
        await asyncio.sleep(seconds)
        return "slept"

    return server


class Place:
    """What a supervisor would give a worker, and what it would see of it."""

    def __init__(self, folder: Path) -> None:
        self.listening = listen("127.0.0.1", 0)
        self.port: int = self.listening.getsockname()[1]
        ours, theirs = socket.socketpair()
        self.seat = Seat(self.listening, theirs, -1, folder, 1)
        self._ours = ours

    async def connect(self) -> None:
        self.reader, self.writer = await asyncio.open_connection(sock=self._ours)

    def close(self) -> None:
        self._ours.close()
        self.listening.close()

    async def ask(self, data: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data)
        answer = await reader.readuntil(b"\r\n\r\n")
        writer.close()
        return answer


@contextlib.asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[tuple[Place, asyncio.Task[None]]]:
    place = Place(folder)
    await place.connect()
    server = make_server()
    endpoint = Endpoint(server, home=place.seat.home("/mcp"))
    async with joined(server, place.seat) as channel:
        task = asyncio.create_task(
            serve_worker(endpoint, place.seat, channel, Ready("serves", ["the disk is full"], 1.0))
        )
        try:
            frame = await read_frame(place.reader)
            assert frame is not None
            assert (frame[0], msgspec.json.decode(frame[1], type=Ready)) == (
                READY,
                Ready("serves", ["the disk is full"], 1.0),
            )
            yield place, task
        finally:
            task.cancel()
            await asyncio.wait((task,))
            place.writer.close()
            place.close()


def test_a_seat_is_a_word_of_a_command_line(tmp_path: Path) -> None:
    listening, channel = socket.socketpair()
    reading, writing = os.pipe()
    folder = tmp_path / "a, b"
    seat = Seat(listening, channel, reading, folder, 7)
    read = Seat.read(seat.write())
    assert (read.lifeline, read.folder, read.number) == (reading, folder, 7)
    assert read.listening.fileno() == listening.fileno()
    assert read.home("/mcp").startswith("http+unix://%2F")
    assert read.home("/mcp").endswith("a%2C%20b%2F7.sock/mcp")
    assert read.socket_path == folder / "7.sock"
    for one in (read.listening, read.channel):
        one.detach()
    for descriptor in (reading, writing):
        os.close(descriptor)
    listening.close()
    channel.close()


async def test_both_sockets_are_served(tmp_path: Path) -> None:
    async with asyncio.timeout(10), serving(tmp_path) as (place, _task):
        assert (await place.ask(modern_call("add", a=1, b=2))).startswith(b"HTTP/1.1 200")
        reader, writer = await asyncio.open_unix_connection(str(place.seat.socket_path))
        writer.write(modern_call("add", a=1, b=2))
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_a_worker_with_more_to_do_lets_others_go_first_but_not_for_ever(tmp_path: Path) -> None:
    async with asyncio.timeout(10), serving(tmp_path) as (place, _task):
        loads = Loads(tmp_path / LOADS)
        loads.say(2, 0)
        opened = [await asyncio.open_connection("127.0.0.1", place.port) for _ in range(3)]
        for reader, writer in opened:
            writer.write(modern_call("add", a=1, b=2))
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        loads.leave(2)
        await asyncio.to_thread(wait_for, lambda: loads.least() == 3)  # it is said ten times a second
        for _reader, writer in opened:
            writer.close()
        loads.close()


async def test_a_worker_that_retires_tells_its_clients_to_move_on_and_ends(tmp_path: Path) -> None:
    async with asyncio.timeout(20), serving(tmp_path) as (place, task):
        reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
        writer.write(modern_call("add", a=1, b=2))
        assert b"connection: close" not in (await reader.readuntil(b"\r\n\r\n")).lower()
        place.writer.write(encode_frame(RETIRE, b"") * 2)
        await asyncio.sleep(0.3)
        assert not task.done()  # that connection may yet be used
        writer.write(modern_call("slow", seconds=0.5))
        answer = await reader.readuntil(b"slept")
        assert b"connection: close" in answer.lower()
        writer.close()
        await task
        assert not place.seat.socket_path.exists()
        with contextlib.closing(Loads(tmp_path / LOADS)) as loads:
            assert loads.least() == 2**32 - 1


async def test_what_works_in_one_process_only_is_refused(tmp_path: Path) -> None:
    server = make_server(tasks=MemoryTasks())

    @server.tool(task="required")
    async def long() -> str:
        return "done"

    place = Place(tmp_path)
    with pytest.raises(UsageError, match="keeps its tasks in the memory of one process"):
        async with joined(server, place.seat):
            raise AssertionError
    place.close()


STUCK = """
import os, sys, time
from dragoman.transports import workers
workers._LAST_SECONDS = 0.2
workers.Lifeline(int(sys.argv[1]), 0.1).start()
import signal
signal.signal(signal.SIGTERM, lambda *_: print("told", flush=True))
print("ready", flush=True)
while True:
    try:
        time.sleep(60)
    except InterruptedError:
        pass
"""


def test_who_does_not_end_with_its_supervisor_is_ended() -> None:
    reading, writing = os.pipe()
    command = [sys.executable, "-c", STUCK, str(reading)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, pass_fds=[reading]) as process:
        assert process.stdout is not None
        os.close(reading)
        assert process.stdout.readline() == b"ready\n"
        os.close(writing)
        assert process.stdout.read() == b"told\n"
        assert process.wait(10) == 1
