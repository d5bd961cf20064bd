"""stdio between pipes in this process: framing, limits, order, cancellation, and a client that stops reading."""

import asyncio
import contextlib
import json
import os
import select
import socket
import tempfile
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from dragoman import Context, Limits, Server
from dragoman.testing import assert_canonical_error
from dragoman.transports.stdio import Lines, Output, StdioServer
from tests.transports.peers import HELLO, call, request


def make_server(**limits: Any) -> Server:
    server = Server("lines", "1", limits=Limits(**limits))
    running: set[str] = set()
    server.state = running

    @server.tool
    async def add(a: int, b: int) -> int:
        return a + b

    @server.tool
    async def wait(context: Context, name: str) -> str:
        running.add(name)
        try:
            await context.progress(1)
            await asyncio.Event().wait()
        finally:
            running.discard(name)
        return "never"

    @server.tool
    async def nap(seconds: float) -> str:
        await asyncio.sleep(seconds)
        return "rested"

    @server.tool
    async def most_at_once() -> int:
        running.add(f"n{len(running)}")
        await asyncio.sleep(0.01)
        seen = len(running)
        running.clear()
        return seen

    @server.tool
    async def big(size: int) -> str:
        return "x" * size

    @server.tool
    async def speak(context: Context, count: int, size: int) -> str:
        for number in range(count):
            await context.progress(number + 1, message="y" * size)
        return "said"

    return server


class Client:
    """The client's ends of two channels, in this event loop."""

    def __init__(self, write: int, read: int) -> None:
        self.write_end, self.read_end = write, read
        self._lines = Lines(2**30)
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.reading = False
        self.read_on()

    def read_on(self) -> None:
        asyncio.get_running_loop().add_reader(self.read_end, self._read)
        self.reading = True

    def stop_reading(self) -> None:
        asyncio.get_running_loop().remove_reader(self.read_end)
        self.reading = False

    def _read(self) -> None:
        data = os.read(self.read_end, 65536)
        if not data:
            self.stop_reading()
            self._queue.put_nowait(None)
        for line in self._lines.feed(data):
            self._queue.put_nowait(line)

    def send(self, *lines: bytes) -> None:
        os.write(self.write_end, b"".join(line + b"\n" for line in lines))

    async def answer(self) -> Any:
        async with asyncio.timeout(5):
            line = await self._queue.get()
        assert line is not None, "the server closed its output"
        return json.loads(line)

    def hang_up(self) -> None:
        if self.write_end >= 0:
            os.close(self.write_end)
            self.write_end = -1

    def close(self) -> None:
        self.hang_up()
        if self.reading:
            self.stop_reading()
        if self.read_end >= 0:
            os.close(self.read_end)
            self.read_end = -1


@contextlib.asynccontextmanager
async def served(server: Server) -> AsyncIterator[tuple[Client, asyncio.Task[None], StdioServer]]:
    source, write = os.pipe()
    read, target = os.pipe()
    client = Client(write, read)
    stdio = StdioServer(server, source, target)
    task = asyncio.create_task(stdio.run())
    try:
        yield client, task, stdio
    finally:
        client.close()
        await asyncio.wait([task], timeout=10)
        assert task.done()
        os.close(source)
        os.close(target)


def number_of(message: Any) -> Any:
    result = message["result"]
    return result.get("structuredContent", result["content"][0]["text"])


# Lines


def test_lines_are_cut_anywhere() -> None:
    data = b"one\r\n\n \t\r\ntwo\nth\xc3\xa9\nlast"
    for size in range(1, len(data) + 1):
        lines = Lines(100)
        found = [line for start in range(0, len(data), size) for line in lines.feed(data[start : start + size])]
        assert found == [b"one", b"two", b"th\xc3\xa9"]
        assert lines.end() == b"last"


def test_a_long_line_is_dropped_whole_and_the_next_is_taken() -> None:
    for size in (1, 3, 7, 1000):
        lines = Lines(5)
        data = b"x" * 50 + b"\ngood\n" + b"y" * 6 + b"\n12345\n" + b"z" * 9
        found = [line for start in range(0, len(data), size) for line in lines.feed(data[start : start + size])]
        assert found == [None, b"good", None, b"12345"]
        assert lines.end() == b""


def test_a_long_line_is_not_kept() -> None:
    lines = Lines(1000)
    for _ in range(100):
        assert list(lines.feed(b"x" * 900)) == []
    assert lines.end() == b""


# Messages


async def test_both_eras_share_a_connection() -> None:
    async with served(make_server()) as (client, _, _):
        client.send(call("add", request_id=1, a=1, b=2), request("initialize", HELLO, 2))
        answers = {answer["id"]: answer for answer in [await client.answer(), await client.answer()]}
        assert number_of(answers[1]) == 3
        assert answers[2]["result"]["protocolVersion"] == "2025-11-25"
        client.send(call("add", request_id=3, modern=False, a=1, b=3))
        assert (await client.answer())["result"]["content"][0]["text"] == "4"
        client.send(call("add", request_id=4, a=1, b=4))
        assert number_of(await client.answer()) == 5


async def test_line_ends_of_other_systems_and_empty_lines() -> None:
    async with served(make_server()) as (client, _, _):
        client.send(b"", b"\r", call("add", a=1, b=2) + b"\r", b"  ", b" \t" + call("add", a=2, b=2) + b" ")
        assert [number_of(await client.answer()), number_of(await client.answer())] == [3, 4]


async def test_a_last_line_without_end_is_answered() -> None:
    async with served(make_server()) as (client, _, _):
        os.write(client.write_end, call("add", a=1, b=2))
        client.hang_up()
        assert number_of(await client.answer()) == 3


async def test_a_huge_line_is_refused_and_the_next_is_answered() -> None:
    async with served(make_server(body_bytes=2000)) as (client, _, _):
        for piece in (b"x" * 30_000, b"x" * 30_000, b"\n"):
            os.write(client.write_end, piece)
        client.send(call("add", a=1, b=2))
        messages = [await client.answer(), await client.answer()]
        assert_canonical_error(next(m for m in messages if "error" in m), code=-32600, request_id=None)
        assert number_of(next(m for m in messages if "result" in m)) == 3


@pytest.mark.parametrize(
    "garbage", [b"\xff\xfe\x00", b"\x00" * 100, b"GET / HTTP/1.1", b"\x1b[A", bytes(range(11, 256))]
)
async def test_garbage_is_refused_line_by_line(garbage: bytes) -> None:
    async with served(make_server()) as (client, _, _):
        client.send(garbage, call("add", a=1, b=2))
        messages = [await client.answer(), await client.answer()]
        assert_canonical_error(messages[0], code=-32700, request_id=None)
        assert number_of(messages[1]) == 3


async def test_ten_thousand_lines_at_once() -> None:
    async with served(make_server()) as (client, _, _):
        lines = b"".join(call("add", request_id=number, a=number, b=1) + b"\n" for number in range(10_000))
        await asyncio.to_thread(write_all, client.write_end, lines)
        seen = [await client.answer() for _ in range(10_000)]
        assert sorted(number_of(message) for message in seen) == list(range(1, 10_001))


def write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


async def test_two_requests_with_one_id() -> None:
    async with served(make_server()) as (client, _, _):
        client.send(call("nap", request_id=7, seconds=0.1), call("add", request_id=7, a=1, b=2))
        assert_canonical_error(await client.answer(), code=-32600, request_id=7)
        assert number_of(await client.answer()) == "rested"
        client.send(call("add", request_id=7, a=1, b=2))
        assert number_of(await client.answer()) == 3


# How much at one time


async def test_no_more_calls_run_than_the_limit_says() -> None:
    async with served(make_server(concurrent_calls=3)) as (client, _, _):
        client.send(*(call("most_at_once", request_id=number) for number in range(30)))
        assert max([number_of(await client.answer()) for _ in range(30)]) <= 3


async def test_what_runs_no_function_is_answered_though_every_slot_is_taken() -> None:
    async with served(make_server(concurrent_calls=2)) as (client, _, _):
        client.send(request("initialize", HELLO, 0))
        await client.answer()
        client.send(*(call("nap", request_id=number, seconds=0.5) for number in range(1, 9)))
        client.send(request("ping", request_id="p"), request("tools/list", request_id="l"))
        assert {(await client.answer())["id"], (await client.answer())["id"]} == {"p", "l"}


async def test_a_call_that_waits_for_its_turn_can_be_taken_back() -> None:
    server = make_server(concurrent_calls=1)
    async with served(server) as (client, _, _):
        client.send(call("wait", request_id=1, token=1, name="first"))
        assert (await client.answer())["method"] == "notifications/progress"
        client.send(call("wait", request_id=2, name="second"), cancel(2), cancel(1))
        client.send(call("add", request_id=3, a=1, b=2))
        assert number_of(await client.answer()) == 3


def cancel(request_id: Any) -> bytes:
    message = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": request_id}}
    return json.dumps(message).encode()


async def test_a_client_with_every_slot_hung_can_still_take_one_back() -> None:
    async with served(make_server(concurrent_calls=4)) as (client, _, _):
        client.send(*(call("wait", request_id=number, token=number, name=str(number)) for number in range(40)))
        for _ in range(4):
            await client.answer()
        client.send(*(cancel(number) for number in range(40)), call("add", request_id="add", a=1, b=2))
        while "result" not in (message := await client.answer()):
            assert message["method"] == "notifications/progress"
        assert number_of(message) == 3


async def test_too_many_hung_calls_stop_the_reading_but_not_the_end() -> None:
    server = make_server(concurrent_calls=1, end_of_input_seconds=0.1)
    async with served(server) as (client, task, _):
        client.send(*(call("wait", request_id=number, name=str(number)) for number in range(200)))
        await asyncio.sleep(0.05)
        client.hang_up()
        async with asyncio.timeout(4):
            await asyncio.shield(task)


async def test_reading_goes_on_when_there_is_room_again() -> None:
    async with served(make_server(concurrent_calls=1)) as (client, _, _):
        lines = [call("nap", request_id=number, seconds=0.001) for number in range(600)]
        await asyncio.to_thread(write_all, client.write_end, b"\n".join([*lines, b""]))
        assert {(await client.answer())["id"] for _ in range(600)} == set(range(600))


# The end


async def test_calls_in_flight_are_answered_after_the_end_of_input() -> None:
    async with served(make_server()) as (client, _, _):
        client.send(call("nap", seconds=0.2))
        client.hang_up()
        assert number_of(await client.answer()) == "rested"


async def test_calls_that_take_too_long_after_the_end_of_input_are_dropped() -> None:
    server = make_server(end_of_input_seconds=0.1)
    async with served(server) as (client, task, _):
        client.send(call("wait", token=1, name="late"))
        await client.answer()
        client.hang_up()
        async with asyncio.timeout(2):
            await asyncio.shield(task)


async def test_a_second_stop_does_not_wait() -> None:
    async with served(make_server(end_of_input_seconds=60)) as (client, task, stdio):
        client.send(call("wait", token=1, name="stopped"))
        await client.answer()
        stdio.stop()
        await asyncio.sleep(0.05)
        assert not task.done()
        stdio.stop()
        async with asyncio.timeout(2):
            await asyncio.shield(task)


async def test_a_client_that_closes_only_its_reading_end_ends_the_server() -> None:
    async with served(make_server()) as (client, task, _):
        client.stop_reading()
        os.close(client.read_end)
        client.read_end = -1
        client.send(call("big", size=10), call("big", size=10))
        async with asyncio.timeout(4):
            await asyncio.shield(task)


async def test_a_cancelled_server_lets_go_of_everything() -> None:
    async with served(make_server()) as (client, task, _):
        client.send(call("wait", token=1, name="x"))
        await client.answer()
        task.cancel()
        await asyncio.wait([task], timeout=5)
        assert task.cancelled()
        assert asyncio.all_tasks() == {asyncio.current_task()}


# A client that does not read


async def test_a_client_that_stops_reading_does_not_stop_the_event_loop() -> None:
    async with served(make_server()) as (client, _, _):
        client.stop_reading()
        client.send(call("big", request_id="big", size=2_000_000))
        client.send(*(call("big", request_id=number, size=5000) for number in range(50)))
        for _ in range(20):
            async with asyncio.timeout(0.5):
                await asyncio.sleep(0.01)
        client.read_on()
        messages = [await client.answer() for _ in range(51)]
        assert {message["id"] for message in messages} == {"big", *range(50)}


async def test_a_server_ends_though_nobody_reads() -> None:
    async with served(make_server(end_of_input_seconds=0.2)) as (client, task, _):
        client.stop_reading()
        client.send(call("big", size=2_000_000), call("speak", request_id=2, token=1, count=1000, size=1000))
        await asyncio.sleep(0.1)
        client.hang_up()
        async with asyncio.timeout(4):
            await asyncio.shield(task)


async def test_a_call_taken_back_while_it_speaks_leaves_no_half_line() -> None:
    async with served(make_server()) as (client, _, _):
        client.stop_reading()
        client.send(call("speak", request_id=1, token=1, count=10, size=500_000))
        await asyncio.sleep(0.05)
        client.send(cancel(1), call("big", request_id=2, size=300_000))
        await asyncio.sleep(0.05)
        client.read_on()
        while (message := await client.answer()).get("id") != 2:
            assert message["params"]["message"] == "y" * 500_000
        assert len(number_of(message)) == 300_000


async def test_a_function_that_speaks_without_end_does_not_keep_others_waiting() -> None:
    async with served(make_server()) as (client, _, _):
        client.send(call("speak", request_id=1, token=1, count=10**9, size=1))
        await client.answer()
        client.send(cancel(1), call("add", request_id=2, a=1, b=2))
        while "id" not in (message := await client.answer()):
            pass
        assert message["id"] == 2


# Output


async def test_output_keeps_the_order_of_its_callers() -> None:
    read, write = os.pipe()
    output = Output(write)
    sent = [b"%d:" % number + b"z" * (number * 997 % 9000) for number in range(300)]
    writers = [asyncio.create_task(output.write(line)) for line in sent]
    received = await asyncio.to_thread(read_lines, read, len(sent))
    await asyncio.gather(*writers)
    assert received == sent
    os.close(read)
    await output.write(b"nobody hears")
    await output.write(b"nor this")
    assert output.broken.is_set()
    output.close()
    os.close(write)


def read_lines(descriptor: int, count: int) -> list[bytes]:
    received = b""
    while received.count(b"\n") < count:
        received += os.read(descriptor, 65536)
    return received.splitlines()


async def test_output_through_a_pipe_that_others_made_not_to_wait() -> None:
    read, write = os.pipe()
    os.set_blocking(write, False)
    output = Output(write)
    task = asyncio.create_task(output.write(b"a" * 300_000))
    await asyncio.sleep(0.05)
    assert not task.done()
    assert await asyncio.to_thread(read_lines, read, 1) == [b"a" * 300_000]
    await task
    os.close(read)
    os.close(write)


async def test_output_to_a_pipe_that_another_program_fills_between_looking_and_writing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read, write = os.pipe()
    output, honest = Output(write), os.write
    refused: list[bool] = []

    def write_later(descriptor: int, data: Any) -> int:
        if descriptor == write and not refused:
            refused.append(True)
            raise BlockingIOError
        return honest(descriptor, data)

    monkeypatch.setattr(os, "write", write_later)
    task = asyncio.create_task(output.write(b"patient"))
    assert await asyncio.to_thread(read_lines, read, 1) == [b"patient"]
    await task
    os.close(read)
    os.close(write)


async def test_output_to_a_file_and_to_a_socket() -> None:
    with tempfile.TemporaryFile() as file:
        await Output(file.fileno()).write(b"b" * 100_000)
        file.seek(0)
        assert file.read() == b"b" * 100_000 + b"\n"
    near, far = socket.socketpair()
    with near, far:
        task = asyncio.create_task(Output(near.fileno()).write(b"c" * 1_000_000))
        assert await asyncio.to_thread(read_lines, far.fileno(), 1) == [b"c" * 1_000_000]
        await task


async def test_output_that_is_closed_lets_its_callers_go() -> None:
    read, write = os.pipe()
    output = Output(write)
    tasks = [asyncio.create_task(output.write(b"d" * 200_000)) for _ in range(3)]
    await asyncio.sleep(0.05)
    tasks[2].cancel()
    await asyncio.sleep(0)
    output.close()
    await asyncio.gather(*tasks, return_exceptions=True)
    os.close(read)
    os.close(write)


async def test_output_where_there_is_no_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows: a thread writes, whole lines, also for a caller that is cancelled."""
    monkeypatch.delattr(select, "poll")
    read, write = os.pipe()
    output = Output(write)
    first = asyncio.create_task(output.write(b"e" * 200_000))
    second = asyncio.create_task(output.write(b"f"))
    await asyncio.sleep(0.05)
    first.cancel()
    assert await asyncio.to_thread(read_lines, read, 2) == [b"e" * 200_000, b"f"]
    await second
    os.close(read)
    await output.write(b"g")
    assert output.broken.is_set()
    os.close(write)


# Where the event loop cannot wait for input


async def test_a_file_as_input_is_read_in_a_thread(tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_bytes(b"".join(call("nap", request_id=number, seconds=0.001) + b"\n" for number in range(2000)))
    read, target = os.pipe()
    source = os.open(path, os.O_RDONLY)
    task = asyncio.create_task(StdioServer(make_server(concurrent_calls=4), source, target).run())
    lines = await asyncio.to_thread(read_lines, read, 2000)
    assert {json.loads(line)["id"] for line in lines} == set(range(2000))
    await task
    for descriptor in (read, target, source):
        os.close(descriptor)


async def test_an_input_that_cannot_be_read_is_an_input_that_ended() -> None:
    read, target = os.pipe()
    closed = os.open(os.devnull, os.O_RDONLY)
    os.close(closed)
    async with asyncio.timeout(5):
        await StdioServer(make_server(), closed, target).run()
    os.close(read)
    os.close(target)


async def test_an_input_that_breaks_is_an_input_that_ended() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        far = socket.create_connection(listening.getsockname())
        near, _ = listening.accept()
    read, target = os.pipe()
    task = asyncio.create_task(StdioServer(make_server(), near.fileno(), target).run())
    await asyncio.sleep(0.05)
    far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    far.close()
    async with asyncio.timeout(5):
        await task
    near.close()
    os.close(read)
    os.close(target)


async def test_an_input_that_has_nothing_after_all() -> None:
    """An input that others read, too: what was there is gone when it is read."""
    source, write = os.pipe()
    os.set_blocking(source, False)
    read, target = os.pipe()
    stdio = StdioServer(make_server(), source, target)
    task = asyncio.create_task(stdio.run())
    await asyncio.sleep(0.02)
    stdio._read_ready()  # noqa: SLF001 - what the event loop calls
    os.write(write, call("add", a=1, b=2) + b"\n")
    assert json.loads((await asyncio.to_thread(read_lines, read, 1))[0])["result"]["structuredContent"] == 3
    os.close(write)
    await task
    for descriptor in (source, read, target):
        os.close(descriptor)


async def test_without_poll_a_stopped_reader_waits_for_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(select, "poll")
    async with served(make_server(concurrent_calls=1)) as (client, _, _):
        client.send(*(call("nap", request_id=number, seconds=0.001) for number in range(40)))
        assert {(await client.answer())["id"] for _ in range(40)} == set(range(40))


def test_a_thread_that_reads_ends_with_its_loop(tmp_path: Path) -> None:
    source, write = os.pipe()
    read, target = os.pipe()
    outside = threading.active_count()

    async def run() -> None:
        stdio = StdioServer(make_server(), source, target)
        loop = asyncio.get_running_loop()
        threading.Thread(target=stdio._read_in_thread, args=(loop,), daemon=True).start()  # noqa: SLF001
        stdio._may_read.set()  # noqa: SLF001
        await asyncio.sleep(0.05)

    asyncio.run(run())
    os.write(write, b"too late\n")
    for _ in range(100):
        if threading.active_count() <= outside:
            break
        threading.Event().wait(0.02)
    assert threading.active_count() <= outside
    for descriptor in (source, write, read, target):
        os.close(descriptor)
