"""Server processes: lines of every size, early ends, and an orderly shutdown."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from dragoman.client.process import ServerProcess
from dragoman.errors import ConnectionFault

LARGE = 1 << 24
IS_POSIX = os.name == "posix"


class Watch:
    """What a process said and when it ended."""

    def __init__(self) -> None:
        self.lines: asyncio.Queue[bytes] = asyncio.Queue()
        self.errors: asyncio.Queue[str] = asyncio.Queue()
        self.ended = asyncio.Event()
        self.ends = 0

    def end(self) -> None:
        self.ends += 1
        self.ended.set()


@asynccontextmanager
async def running(
    code: str, watch: Watch, most: int = LARGE, show: Callable[[str], None] | None = None
) -> AsyncIterator[ServerProcess]:
    """Run Python code as a server process, stopped at the end of the block."""
    command = [sys.executable, "-I", "-S", "-c", code]
    process = ServerProcess(command, watch.lines.put_nowait, watch.end, show or watch.errors.put_nowait, most)
    await process.start(None, None)
    try:
        async with asyncio.timeout(20):
            yield process
    finally:
        await process.stop(grace=1)


ECHO = "import sys\nfor line in sys.stdin.buffer:\n sys.stdout.buffer.write(line); sys.stdout.flush()"


async def test_lines_go_in_and_come_out() -> None:
    watch = Watch()
    async with running(ECHO, watch) as process:
        process.write(b"one")
        process.write("zwei, 三".encode())
        assert await watch.lines.get() == b"one"
        assert await watch.lines.get() == "zwei, 三".encode()
    assert watch.ends == 0, "nobody is told of an end that was asked for"


async def test_line_ends_and_blank_lines() -> None:
    watch = Watch()
    async with running(r"print('a\r\n\r\n  \nb', end='\n\n')", watch):
        assert await watch.lines.get() == b"a"
        assert await watch.lines.get() == b"b"
        await watch.ended.wait()
        assert watch.lines.empty()


async def test_huge_lines() -> None:
    watch = Watch()
    line = b"x" * (5 << 20)
    async with running(ECHO, watch) as process:
        process.write(line)
        await process.drain()
        assert await watch.lines.get() == line


async def test_a_process_that_does_not_read_holds_the_writer_back() -> None:
    async with running("import time; time.sleep(60)", Watch()) as process:
        process.write(b"x" * (1 << 20))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await process.drain()


@pytest.mark.parametrize("code", ["print('x' * 200)", "print('ok'); print('x' * 200, end='', flush=True); input()"])
async def test_a_line_over_the_limit_ends_it(code: str) -> None:
    watch = Watch()
    async with running(code + "; print('more', flush=True); input()", watch, most=100) as process:
        await watch.ended.wait()
        assert process.overflow
        process.pipe_data_received(1, b"late\n")
    assert all(line == b"ok" for line in (watch.lines.get_nowait() for _ in range(watch.lines.qsize())))
    assert watch.ends == 1


async def test_exit_status_and_last_words() -> None:
    watch = Watch()
    code = "import sys\nfor n in range(20): print('line', n, file=sys.stderr)\nsys.stderr.write('no end'); sys.exit(3)"
    async with running(code, watch) as process:
        await watch.ended.wait()
        words = process.describe_end()
    assert "ended with exit status 3" in words
    assert words.endswith("line 17\n  line 18\n  line 19\n  no end")
    assert "line 12" not in words
    assert watch.ends == 1


@pytest.mark.skipif(not IS_POSIX, reason="POSIX signals")
@pytest.mark.parametrize(("number", "words"), [(9, "signal 9 (SIGKILL)"), (40, "signal 40")])
async def test_a_signal_is_named(number: int, words: str) -> None:
    watch = Watch()
    async with running(f"import os; os.kill(os.getpid(), {number})", watch) as process:
        await watch.ended.wait()
        assert words in process.describe_end()


async def test_a_closed_output_is_an_end() -> None:
    watch = Watch()
    code = "import os, sys, time\nos.close(1)\nsys.stdin.read()"
    async with running(code, watch) as process:
        await watch.ended.wait()
        assert process.describe_end().endswith("closed its output.")


async def test_an_exit_is_noticed_while_a_child_keeps_the_output_open() -> None:
    watch = Watch()
    child = "import time; time.sleep(2)"
    code = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {child!r}]); sys.exit(4)"
    async with running(code, watch) as process:
        await watch.ended.wait()
        assert "exit status 4" in process.describe_end()


async def test_stderr_is_passed_on(capsys: pytest.CaptureFixture[str]) -> None:
    watch = Watch()
    command = [sys.executable, "-I", "-S", "-c", "import sys; sys.stderr.write('Grüße\\r\\nno end')"]
    process = ServerProcess(command, watch.lines.put_nowait, watch.end, None, LARGE)
    await process.start({"PYTHONIOENCODING": "utf-8", "PYTHONUTF8": "1"}, None)
    await watch.ended.wait()
    await process.stop()
    assert "no end\n" in capsys.readouterr().err


async def test_without_a_stderr_of_ours_there_is_nowhere_to_pass_it(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch()
    command = [sys.executable, "-I", "-S", "-c", "import sys; print('x', file=sys.stderr)"]
    process = ServerProcess(command, watch.lines.put_nowait, watch.end, None, LARGE)
    monkeypatch.setattr(sys, "stderr", None)
    await process.start(None, None)
    await watch.ended.wait()
    await process.stop()
    assert "  x" in process.describe_end()


async def test_a_failing_stderr_callback_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    watch = Watch()

    def fail(line: str) -> None:
        raise RuntimeError(line)

    async with running("import sys; print('x', file=sys.stderr)", watch, show=fail):
        await watch.ended.wait()
    assert "callback for the server's stderr failed" in caplog.text


async def test_endless_stderr_is_cut() -> None:
    watch = Watch()
    async with running("import sys; sys.stderr.write('y' * 1_000_000)", watch):
        await watch.ended.wait()
        sizes = [len(watch.errors.get_nowait()) for _ in range(watch.errors.qsize())]
    assert sum(sizes) == 1_000_000
    assert max(sizes) < 1_000_000


async def test_environment_and_directory(tmp_path: Path) -> None:
    watch = Watch()
    code = "import os; print(os.environ['EXTRA'], 'PATH' in os.environ, os.getcwd())"
    command = [sys.executable, "-I", "-S", "-c", code]
    process = ServerProcess(command, watch.lines.put_nowait, watch.end, watch.errors.put_nowait, LARGE)
    await process.start({"EXTRA": "yes"}, tmp_path)
    async with asyncio.timeout(20):
        line = await watch.lines.get()
    await process.stop()
    assert line.decode() == f"yes True {tmp_path}"


@pytest.mark.parametrize(
    ("command", "cwd", "words"),
    [
        (["no-such-program-anywhere"], None, "Cannot start 'no-such-program-anywhere': No such file"),
        ([sys.executable], "/no/such/folder", "in /no/such/folder: No such file"),
        (["nul\0byte"], None, "Cannot start"),
    ],
)
@pytest.mark.skipif(not IS_POSIX, reason="the system's own words")
async def test_what_cannot_be_started(command: list[str], cwd: str | None, words: str) -> None:
    watch = Watch()
    process = ServerProcess(command, watch.lines.put_nowait, watch.end, None, LARGE)
    with pytest.raises(ConnectionFault, match=words):
        await process.start(None, cwd)
    await process.stop()


STUBBORN = """
import signal, sys, time
for number in {ignored}: signal.signal(number, signal.SIG_IGN)
print("ready", flush=True)
while True: time.sleep(60)
"""


@pytest.mark.skipif(not IS_POSIX, reason="POSIX signals")
@pytest.mark.parametrize(("ignored", "number"), [("()", 15), ("(15,)", 9)])
async def test_a_server_that_ignores_its_closed_input_is_ended(ignored: str, number: int) -> None:
    watch = Watch()
    command = [sys.executable, "-I", "-S", "-c", STUBBORN.format(ignored=ignored)]
    process = ServerProcess(command, watch.lines.put_nowait, watch.end, None, LARGE)
    await process.start(None, None)
    assert await watch.lines.get() == b"ready"
    await process.stop(grace=0.1)
    assert f"signal {number} " in process.describe_end()
    process.write(b"dropped")
    await process.stop(grace=0.1)


@pytest.mark.skipif(not IS_POSIX, reason="process groups")
async def test_what_a_wrapper_started_ends_with_it() -> None:
    watch = Watch()
    child = "import time; print('child', flush=True); time.sleep(60)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    command = [sys.executable, "-I", "-S", "-c", code]
    process = ServerProcess(command, watch.lines.put_nowait, watch.end, None, LARGE)
    await process.start(None, None)
    assert await watch.lines.get() == b"child"
    async with asyncio.timeout(5):
        await process.stop(grace=0.2)
