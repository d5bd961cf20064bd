"""stdio: one message a line, a task per request, and nothing but messages on standard output.

While a server runs here, the file descriptor of standard output belongs to it alone: whatever else is printed, by
Python or by a C library, goes to standard error (stdio, Sending Messages).
"""

import asyncio
import contextlib
import io
import os
import select
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from msgspec import UNSET

from dragoman.auth.principal import ANONYMOUS, Principal
from dragoman.errors import InvalidRequest, UsageError
from dragoman.protocol import jsonrpc
from dragoman.transports.connection import Connection

if TYPE_CHECKING:
    from dragoman.server.server import Server

_CHUNK: Final = 65536
_WAITING: Final = 16  # requests read for each one that may run; more stay in the pipe
_LOOK_SECONDS: Final = 1.0  # between two looks whether the client has gone, while nothing is read
_ATOMIC: Final = 4096  # a pipe that polls as writable takes this much without blocking (POSIX, PIPE_BUF)


class Lines:
    """Cuts a stream of bytes into lines; a line that is too long is dropped and reported as None.

    Args:
        most: the longest line, bytes.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept = bytearray()
        self._dropping = False

    def feed(self, data: bytes) -> Iterator[bytes | None]:
        """The lines that these bytes complete, without their ends; empty ones are left out."""
        *complete, rest = data.split(b"\n")
        for part in complete:
            line = bytes(self._kept) + part if self._kept else part
            self._kept.clear()
            if self._dropping or len(line) > self._most:
                self._dropping = False
                yield None
            elif line := line.strip(b" \t\r"):
                yield line
        if self._dropping:
            return
        self._kept += rest
        if len(self._kept) > self._most:
            self._kept.clear()
            self._dropping = True

    def end(self) -> bytes:
        """A last line that had no end."""
        return bytes(self._kept).strip(b" \t\r")


class Output:
    """Writes whole lines to a file descriptor without ever blocking the event loop.

    A caller waits until its line is written; one that is cancelled meanwhile leaves no half line behind.

    Args:
        descriptor: where to write; owned by the caller.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._pending: deque[tuple[memoryview, asyncio.Future[None]]] = deque()  # lines begun or waiting, in order
        self._waits = False  # whether the event loop tells us when there is room
        self._lock = asyncio.Lock()  # for the thread that writes where there is no poll
        self._ready: Callable[[int], Any] | None = None
        self.broken = asyncio.Event()  # set when the client reads no more
        if hasattr(select, "poll"):
            poll = select.poll()
            poll.register(descriptor, select.POLLOUT)
            self._ready = poll.poll

    async def write(self, message: bytes) -> None:
        """Write one message and its line end, after those before it."""
        if self.broken.is_set():
            return
        line = message + b"\n"
        if self._ready is None:
            await asyncio.shield(self._write_in_thread(line))
            return
        if not self._pending and not (line := self._write_at_once(line)):  # as nearly always
            return
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending.append((memoryview(line), written))
        if not self._waits:
            self._flush()
        if not written.done():
            await written

    def close(self) -> None:
        """Write nothing more."""
        self.broken.set()
        if self._waits:
            self._waits = False
            asyncio.get_running_loop().remove_writer(self._descriptor)
        for _, written in self._pending:
            if not written.done():
                written.set_result(None)
        self._pending.clear()

    def _write_at_once(self, line: bytes) -> bytes:
        """Write a short line if there is room now; what is left of it, which nobody waits before."""
        if len(line) > _ATOMIC or self._ready is None or not self._ready(0):
            return line
        try:
            return line[os.write(self._descriptor, line) :]
        except BlockingIOError:
            return line
        except OSError:
            self.close()
            return b""

    def _flush(self) -> None:
        """Write what fits now; the event loop calls again when there is room for more."""
        pending, ready = self._pending, self._ready
        try:
            while pending and ready is not None and ready(0):
                line, written = pending[0]
                rest = line[os.write(self._descriptor, line[:_ATOMIC]) :]
                if rest:
                    pending[0] = (rest, written)
                    continue
                pending.popleft()
                if not written.done():
                    written.set_result(None)
        except BlockingIOError:
            pass  # another program shares the pipe and was quicker
        except OSError:
            self.close()
            return
        if bool(pending) != self._waits:
            self._waits = not self._waits
            loop = asyncio.get_running_loop()
            if self._waits:
                loop.add_writer(self._descriptor, self._flush)
            else:
                loop.remove_writer(self._descriptor)

    async def _write_in_thread(self, line: bytes) -> None:
        async with self._lock:
            try:
                await asyncio.to_thread(_write_all, self._descriptor, line)
            except OSError:
                self.broken.set()


def _write_all(descriptor: int, line: bytes) -> None:
    rest = memoryview(line)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


class StdioServer:
    """One server on standard input and output.

    Args:
        server: what to serve.
        source: the file descriptor to read.
        target: the file descriptor to write.
        principal: who is at the other end.
    """

    def __init__(self, server: "Server", source: int, target: int, principal: Principal = ANONYMOUS) -> None:
        self._limits = server.limits
        self._server = server
        self._source = source
        self._output = Output(target)
        slots = asyncio.Semaphore(server.limits.concurrent_calls)
        self._connection = Connection(server, self._output.write, principal, slots)
        self._lines = Lines(server.limits.body_bytes)
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended = asyncio.Event()  # no more input: it was closed, or a signal came
        self._in_thread = False  # whether a thread reads, where the event loop cannot wait for input
        self._may_read = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None  # asking for the running one is a system call (3.11)

    async def run(self) -> None:
        """Serve until the input ends, the output breaks or a signal comes; then let calls in flight finish."""
        async with self._server:
            self._begin_reading()
            broken = asyncio.create_task(self._output.broken.wait())
            ended = asyncio.create_task(self._ended.wait())
            try:
                await asyncio.wait((broken, ended), return_when=asyncio.FIRST_COMPLETED)
                self._stop_reading()
                self._connection.server.changes.end_all()
                if self._tasks:
                    await asyncio.wait(self._tasks, timeout=self._limits.end_of_input_seconds)
            finally:
                self._stop_reading()
                self._connection.close()
                for task in (broken, ended, *self._tasks):
                    task.cancel()
                await asyncio.gather(broken, ended, *self._tasks, return_exceptions=True)
                self._output.close()

    def stop(self) -> None:
        """End as if the input had ended; the second time, without waiting for calls in flight."""
        if self._ended.is_set():
            for task in self._tasks:
                task.cancel()
        self._ended.set()

    def _begin_reading(self) -> None:
        """Read where the event loop can wait for input; elsewhere (files, Windows) in a thread."""
        loop = self._loop = asyncio.get_running_loop()
        self._may_read.set()
        try:
            loop.add_reader(self._source, self._read_ready)
        except (NotImplementedError, OSError):
            self._in_thread = True
            threading.Thread(target=self._read_in_thread, args=(loop,), name="dragoman-stdin", daemon=True).start()

    def _stop_reading(self) -> None:
        self._may_read.clear()
        if not self._in_thread:
            asyncio.get_running_loop().remove_reader(self._source)

    def _read_ready(self) -> None:
        """Read once: input is there, so this does not block, whatever mode the descriptor is in."""
        try:
            data = os.read(self._source, _CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._take(data)

    def _read_in_thread(self, loop: asyncio.AbstractEventLoop) -> None:
        data = b" "
        while data:
            self._may_read.wait()
            try:
                data = os.read(self._source, _CHUNK)
            except OSError:
                data = b""
            self._may_read.clear()  # until this is taken
            try:
                loop.call_soon_threadsafe(self._take, data)
            except RuntimeError:  # the loop has ended; so does this thread
                return

    def _take(self, data: bytes) -> None:
        """Start a task for every complete line; stop reading at the end, and while too much is going on."""
        if not data:
            last = self._lines.end()
            if last:
                self._start(last)
            self._ended.set()
            self._stop_reading()
            return
        for line in self._lines.feed(data):
            self._start(line)
        if len(self._tasks) >= self._limits.concurrent_calls * _WAITING:
            self._stop_reading()
            self._look_for_end()
        elif not self._ended.is_set():
            self._may_read.set()

    def _look_for_end(self) -> None:
        """While nothing is read, see all the same whether the client has gone."""
        if self._may_read.is_set() or self._ended.is_set():
            return
        if _has_hung_up(self._source):
            self._ended.set()
            return
        asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._look_for_end)

    def _start(self, line: bytes | None) -> None:
        task = (self._loop or asyncio.get_running_loop()).create_task(self._answer(line))
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        room = len(self._tasks) < self._limits.concurrent_calls * _WAITING
        if room and not self._may_read.is_set() and not self._ended.is_set():
            self._may_read.set()
            if not self._in_thread:
                asyncio.get_running_loop().add_reader(self._source, self._read_ready)

    async def _answer(self, line: bytes | None) -> None:
        if line is None:
            fault = InvalidRequest(f"The message is too long: at most {self._limits.body_bytes} bytes are taken.")
            await self._output.write(jsonrpc.encode_error(fault, UNSET, fault.code))
            return
        reply = await self._connection.answer(line)
        if reply is not None:
            await self._output.write(reply)


def _has_hung_up(descriptor: int) -> bool:
    """Whether the other end of a pipe or socket is closed, though there may be input left."""
    if not hasattr(select, "poll"):
        return False
    poll = select.poll()
    poll.register(descriptor, getattr(select, "POLLRDHUP", 0))
    return bool(poll.poll(0))


def claim_streams() -> tuple[int, int]:
    """Take standard input and output for the messages alone, until the process ends.

    From here on whatever is printed, by Python, C or a started program, goes to standard error, and whatever reads
    finds nothing: neither can touch the messages, not even what is flushed when the process ends.

    Returns:
        The file descriptors to read from and to write to.

    Raises:
        UsageError: a standard stream is closed.
    """
    if None in (sys.stdin, sys.stdout, sys.stderr):  # how Python says that a stream was closed when it started
        message = "Standard input, output or error is closed; stdio needs all three. Start it from an MCP client."
        raise UsageError(message)
    if isinstance(sys.stdout, io.TextIOWrapper):  # whoever keeps it has each line shown, not held until the end
        sys.stdout.reconfigure(line_buffering=True)
    sys.stdout.flush()
    source, target = os.dup(0), os.dup(1)
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdout = sys.stderr
    return source, target


async def serve_stdio(server: "Server", principal: Principal = ANONYMOUS) -> None:
    """Serve on this process's standard input and output until the client ends it or a signal comes.

    The process has no standard input and output of its own any more, also afterwards: see `claim_streams`.

    Args:
        server: what to serve, as its one caller sees it.
        principal: who that is.

    Raises:
        UsageError: a standard stream is closed.
    """
    source, target = claim_streams()
    stdio = StdioServer(server, source, target, principal)
    loop = asyncio.get_running_loop()
    for name in ("SIGINT", "SIGTERM"):
        with contextlib.suppress(NotImplementedError, RuntimeError):  # Windows; not the main thread
            loop.add_signal_handler(getattr(signal, name), stdio.stop)
    try:
        await stdio.run()
    finally:
        os.close(target)


def run_stdio(server: "Server") -> None:
    """Serve on standard input and output, in an event loop of its own.

    Raises:
        UsageError: a standard stream is closed.
    """
    with contextlib.suppress(KeyboardInterrupt):  # Windows: no signal handler in the loop
        asyncio.run(serve_stdio(server))
