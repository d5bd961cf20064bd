"""stdio: one message a line, a task per request, and nothing but messages on standard output.

While a server runs here, the file descriptor of standard output belongs to it alone: whatever else is printed, by
Python or by a C library, goes to standard error (stdio, Sending Messages).
"""

import asyncio
import contextlib
import os
import select
import signal
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from msgspec import UNSET

from dragoman.errors import InvalidRequest
from dragoman.protocol import jsonrpc
from dragoman.transports.connection import Connection

if TYPE_CHECKING:
    from dragoman.server.server import Server

_CHUNK: Final = 65536
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

    Args:
        descriptor: where to write; owned by the caller.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = asyncio.Lock()
        self._poll: Any = None
        self.broken = asyncio.Event()  # set when the client reads no more
        if hasattr(select, "poll"):
            self._poll = select.poll()
            self._poll.register(descriptor, select.POLLOUT)

    async def write(self, message: bytes) -> None:
        """Write one message and its line end, after those before it."""
        async with self._lock:
            if self.broken.is_set():
                return
            data = memoryview(message + b"\n")
            try:
                while data and self._is_ready():
                    data = data[os.write(self._descriptor, data[:_ATOMIC]) :]
                if data:
                    await asyncio.to_thread(self._write_all, data)
            except OSError:
                self.broken.set()

    def _is_ready(self) -> bool:
        return self._poll is not None and bool(self._poll.poll(0))

    def _write_all(self, data: memoryview) -> None:
        while data:
            data = data[os.write(self._descriptor, data) :]


class StdioServer:
    """One server on standard input and output.

    Args:
        server: what to serve.
        source: the file descriptor to read.
        target: the file descriptor to write.
    """

    def __init__(self, server: "Server", source: int, target: int) -> None:
        self._limits = server.limits
        self._server = server
        self._source = source
        self._output = Output(target)
        self._connection = Connection(server, self._output.write)
        self._lines = Lines(server.limits.body_bytes)
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended = asyncio.Event()  # no more input: it was closed, or a signal came
        self._reading = True

    async def run(self) -> None:
        """Serve until the input ends, the output breaks or a signal comes; then let calls in flight finish."""
        async with self._server:
            stop_reading = self._begin_reading()
            broken = asyncio.create_task(self._output.broken.wait())
            ended = asyncio.create_task(self._ended.wait())
            await asyncio.wait((broken, ended), return_when=asyncio.FIRST_COMPLETED)
            stop_reading()
            broken.cancel()
            ended.cancel()
            self._server.changes.end_all()
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=self._limits.end_of_input_seconds)
            self._connection.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def stop(self) -> None:
        """End as if the input had ended."""
        self._ended.set()

    def _begin_reading(self) -> Any:
        """Read where the event loop can wait for input; elsewhere (files, Windows) in a thread."""
        loop = asyncio.get_running_loop()
        try:
            loop.add_reader(self._source, self._read_ready)
        except (NotImplementedError, OSError):
            reader = threading.Thread(target=self._read_in_thread, args=(loop,), name="dragoman-stdin", daemon=True)
            reader.start()
            return lambda: None

        def stop() -> None:
            loop.remove_reader(self._source)

        return stop

    def _read_ready(self) -> None:
        """Read once: input is there, so this does not block, whatever mode the descriptor is in."""
        loop = asyncio.get_running_loop()
        try:
            data = os.read(self._source, _CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._take(data)
        if not data or len(self._tasks) >= self._limits.concurrent_calls:
            loop.remove_reader(self._source)
            self._reading = False

    def _read_in_thread(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            try:
                data = os.read(self._source, _CHUNK)
            except OSError:
                data = b""
            with contextlib.suppress(RuntimeError):  # the loop has ended; so does this thread
                loop.call_soon_threadsafe(self._take, data)
            if not data:
                return

    def _take(self, data: bytes) -> None:
        """Start a task for every complete line."""
        if not data:
            last = self._lines.end()
            if last:
                self._start(last)
            self._ended.set()
            return
        for line in self._lines.feed(data):
            self._start(line)

    def _start(self, line: bytes | None) -> None:
        task = asyncio.get_running_loop().create_task(self._answer(line))
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not self._reading and not self._ended.is_set() and len(self._tasks) < self._limits.concurrent_calls:
            self._reading = True
            asyncio.get_running_loop().add_reader(self._source, self._read_ready)

    async def _answer(self, line: bytes | None) -> None:
        if line is None:
            fault = InvalidRequest(f"The message is too long: at most {self._limits.body_bytes} bytes are taken.")
            await self._output.write(jsonrpc.encode_error(fault, UNSET, fault.code))
            return
        reply = await self._connection.answer(line)
        if reply is not None:
            await self._output.write(reply)


@contextlib.contextmanager
def claimed_output() -> Iterator[int]:
    """Standard output for the messages alone: until the end, prints go to standard error."""
    sys.stdout.flush()
    private = os.dup(1)
    printed = sys.stdout
    try:
        os.dup2(2, 1)
        sys.stdout = sys.stderr
        yield private
    finally:
        sys.stdout = printed
        os.dup2(private, 1)
        os.close(private)


async def serve_stdio(server: "Server") -> None:
    """Serve on this process's standard input and output until the client ends it."""
    with claimed_output() as target:
        stdio = StdioServer(server, 0, target)
        loop = asyncio.get_running_loop()
        for name in ("SIGINT", "SIGTERM"):
            with contextlib.suppress(NotImplementedError, RuntimeError):  # Windows; not the main thread
                loop.add_signal_handler(getattr(signal, name), stdio.stop)
        await stdio.run()


def run_stdio(server: "Server") -> None:
    """Serve on standard input and output, in an event loop of its own."""
    with contextlib.suppress(KeyboardInterrupt):  # Windows: no signal handler in the loop
        asyncio.run(serve_stdio(server))
