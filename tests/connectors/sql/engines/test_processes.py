"""Programs in a pool: answers, lateness, cancellation, death, and that nothing is left behind."""

import asyncio
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dragoman.connectors.sql.engines.processes import Pool, PoolFull, Program, ProgramLate, ProgramLost

# Greets, then answers: `sleep`, `die`, `pid`, `lie` (announces more than is allowed), `huge`, or the request itself.
SCRIPT = """
import os, struct, sys, time
source, sink = sys.stdin.buffer, sys.stdout.buffer
def read():
    header = source.read(4)
    if len(header) < 4:
        sys.exit()
    return source.read(struct.unpack(">I", header)[0])
def write(payload):
    sink.write(struct.pack(">I", len(payload)) + payload)
    sink.flush()
greeting = read()
if greeting == b"rude":
    sys.exit(1)
write(b"ready")
while True:
    request = read()
    if request == b"sleep":
        time.sleep(60)
    elif request == b"die":
        os._exit(3)
    elif request == b"lie":
        sink.write(struct.pack(">I", 2**31))
        sink.flush()
        time.sleep(60)
    elif request == b"half":
        sink.write(struct.pack(">I", 10) + b"x")
        sink.flush()
        os._exit(0)
    elif request == b"environment":
        write(",".join(sorted(os.environ)).encode())
    else:
        write(str(os.getpid()).encode() if request == b"pid" else request)
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "program.py"
    path.write_text(SCRIPT)
    return path


@pytest.fixture
async def pool(script: Path) -> AsyncIterator[Pool]:
    made = Pool(script, [], b"hello", size=2, waiting=1)
    yield made
    made.close()


def descriptors() -> int:
    folder = Path("/proc/self/fd")
    if not folder.is_dir():
        pytest.skip("needs /proc to count descriptors")
    return len(list(folder.iterdir()))


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def ends(pid: int) -> bool:
    for _ in range(40):
        if not is_alive(pid):
            return True
        await asyncio.sleep(0.05)
    return False


async def test_a_program_answers_again_and_again(pool: Pool) -> None:
    first = await pool.ask(b"pid", 10)
    assert await pool.ask(b"pid", 10) == first
    assert await pool.ask(b"x" * 1_000_000, 10) == b"x" * 1_000_000


async def test_two_work_at_one_time(pool: Pool) -> None:
    answers = await asyncio.gather(pool.ask(b"pid", 10), pool.ask(b"pid", 10))
    assert all(answers)


async def test_too_many_are_turned_away(pool: Pool) -> None:
    calls = [asyncio.ensure_future(pool.ask(b"sleep", 10)) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(PoolFull):
        await pool.ask(b"pid", 10)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    assert await pool.ask(b"hello", 10) == b"hello"


async def test_a_late_program_is_killed_and_replaced(pool: Pool) -> None:
    before = int(await pool.ask(b"pid", 10))
    begin = time.monotonic()
    with pytest.raises(ProgramLate):
        await pool.ask(b"sleep", 0.2)
    assert time.monotonic() - begin < 2
    assert int(await pool.ask(b"pid", 10)) != before
    assert not is_alive(before)


async def test_cancelling_kills_at_once(pool: Pool) -> None:
    pid = int(await pool.ask(b"pid", 10))
    call = asyncio.ensure_future(pool.ask(b"sleep", 30))
    await asyncio.sleep(0.1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await ends(pid)


async def test_a_call_cancelled_in_the_queue_starts_nothing(pool: Pool) -> None:
    busy = [asyncio.ensure_future(pool.ask(b"sleep", 0.5)) for _ in range(2)]
    await asyncio.sleep(0.1)
    queued = asyncio.ensure_future(pool.ask(b"sleep", 30))
    await asyncio.sleep(0)
    queued.cancel()
    results = await asyncio.gather(*busy, queued, return_exceptions=True)
    assert [type(result) for result in results] == [ProgramLate, ProgramLate, asyncio.CancelledError]
    assert await pool.ask(b"hello", 10) == b"hello"


@pytest.mark.parametrize("request_", [b"die", b"lie", b"half"])
async def test_a_program_that_dies_or_lies_is_lost_and_replaced(pool: Pool, request_: bytes) -> None:
    with pytest.raises(ProgramLost) as caught:
        await pool.ask(request_, 10)
    assert not isinstance(caught.value, ProgramLate)
    assert await pool.ask(b"hello", 10) == b"hello"


async def test_one_that_died_while_idle_costs_nobody_an_answer(pool: Pool) -> None:
    pid = int(await pool.ask(b"pid", 10))
    os.kill(pid, signal.SIGKILL)
    await asyncio.sleep(0.1)
    assert await pool.ask(b"hello", 10) == b"hello"


async def test_closing_ends_everything(script: Path) -> None:
    pool = Pool(script, [], b"hello", size=2, waiting=1)
    idle = int(await pool.ask(b"pid", 10))
    call = asyncio.ensure_future(pool.ask(b"sleep", 30))
    await asyncio.sleep(0.1)
    pool.close()
    pool.close()
    with pytest.raises(ProgramLost):
        await call
    assert not is_alive(idle)
    with pytest.raises(ProgramLost):
        await pool.ask(b"pid", 10)


async def test_a_forgotten_pool_ends_its_programs(script: Path) -> None:
    pool = Pool(script, [], b"hello", size=1, waiting=1)
    pid = int(await pool.ask(b"pid", 10))
    del pool
    for _ in range(40):  # its thread lets go of it a moment after the answer
        gc.collect()
        if not is_alive(pid):
            break
        await asyncio.sleep(0.05)
    assert not is_alive(pid)


async def test_one_that_does_not_start_is_lost(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rude = Pool(script, [], b"rude", size=1, waiting=1)
    with pytest.raises(ProgramLost):
        await rude.ask(b"pid", 10)
    rude.close()
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(ProgramLost):
        Program(script, [], b"hello")


async def test_secrets_of_the_environment_are_not_passed_on(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", "secret")
    monkeypatch.setenv("TMPDIR", "/tmp")  # noqa: S108
    pool = Pool(script, [], b"hello", size=1, waiting=1)
    names = (await pool.ask(b"environment", 10)).decode().split(",")
    pool.close()
    assert "DATABASE_PASSWORD" not in names
    assert "TMPDIR" in names


async def test_no_descriptor_is_left(script: Path) -> None:
    before = descriptors()
    for _ in range(3):
        pool = Pool(script, [], b"hello", size=2, waiting=8)
        await asyncio.gather(*(pool.ask(b"pid", 10) for _ in range(4)))
        with pytest.raises(ProgramLost):
            await pool.ask(b"die", 10)
        pool.close()
    assert descriptors() <= before


def test_one_pool_serves_several_event_loops(script: Path) -> None:
    pool = Pool(script, [], b"hello", size=1, waiting=1)
    first = asyncio.run(pool.ask(b"pid", 10))
    assert asyncio.run(pool.ask(b"pid", 10)) == first
    pool.close()


async def test_calls_that_waited_and_were_cancelled_keep_nobody_in_the_queue(pool: Pool) -> None:
    assert await pool.ask(b"hello", 10) == b"hello"
    busy = [asyncio.ensure_future(pool.ask(b"sleep", 0.4)) for _ in range(2)]
    await asyncio.sleep(0.1)
    queued = asyncio.ensure_future(pool.ask(b"sleep", 30))
    await asyncio.sleep(0.05)
    queued.cancel()
    await asyncio.gather(*busy, queued, return_exceptions=True)
    first = await pool.ask(b"pid", 10)
    threads = {thread.ident for thread in threading.enumerate()}
    for _ in range(20):
        assert await pool.ask(b"pid", 10) == first
    assert {thread.ident for thread in threading.enumerate()} <= threads


async def test_never_more_programs_than_there_are_places(script: Path) -> None:
    pool = Pool(script, [], b"hello", size=2, waiting=50)
    answers: set[bytes] = set()
    for _ in range(10):
        answers.update(await asyncio.gather(*(pool.ask(b"pid", 10) for _ in range(20))))
    assert len(answers) <= 2
    pool.close()


async def test_long_requests_and_answers_come_whole(pool: Pool) -> None:
    for size in (0, 1, 4096, 32 * 1024, 32 * 1024 + 1, 3_000_000):
        assert await pool.ask(b"x" * size, 10) == b"x" * size
