"""Programs that answer one request at a time, kept in a small pool and killed when they are late or unwanted.

Knows frames of bytes and nothing of databases. A call to a program that waits for work needs no thread: the event loop
hears when the answer is there. Any other call, such as one that starts a program, waits in a thread of the pool's own,
so the event loop and other connectors go on; one that waits for a place waits in its event loop. When the awaiting task
is cancelled, the program that works for it is killed, and the place is free at once (security invariant P7). A pool
belongs to no event loop: it may serve several, one after the other.
"""

import asyncio
import contextlib
import os
import select
import struct
import subprocess
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HEADER = struct.Struct(">I")
LARGEST_REPLY = 64 * 2**20
START_SECONDS = 10.0
_CHUNK = 64 * 1024  # what a pipe holds; more would be memory that the system maps anew for each reading
SHORT_REQUEST = 32 * 1024  # bytes that fit into an empty pipe everywhere

# What a started interpreter and its libraries need of the environment; secrets in it are none of its business.
PASSED_ON = (
    "DYLD_LIBRARY_PATH",
    "LD_LIBRARY_PATH",
    "SQLITE_TMPDIR",
    "SYSTEMROOT",
    "TEMP",
    "TMP",
    "TMPDIR",
)


class ProgramLost(Exception):
    """The program ended before it answered."""


class ProgramLate(ProgramLost):
    """The program was ended because its time was over."""


class PoolFull(Exception):
    """As many calls wait as may."""


class Program:
    """One running program: a request in, an answer out.

    Args:
        script: the Python program.
        arguments: its command line.
        greeting: the frame it reads first; it answers when it is ready.

    Raises:
        ProgramLost: it could not be started.
    """

    def __init__(self, script: Path, arguments: Sequence[str], greeting: bytes) -> None:
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        try:
            self._process = subprocess.Popen(  # noqa: S603 (our own interpreter and our own file)
                [sys.executable, "-I", "-S", "-X", "utf8", str(script), *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
            )
        except OSError as error:
            raise ProgramLost from error
        self.pid = self._process.pid
        self._pipes = _pipes_of(self._process)
        try:
            self.exchange(greeting, START_SECONDS)
        except ProgramLost:
            self.close()
            raise

    def exchange(self, request: bytes, patience: float) -> bytes:
        """Send a request and wait for the answer.

        Args:
            request: the frame to send.
            patience: seconds after which the program is killed.

        Raises:
            ProgramLate: the time was over.
            ProgramLost: the program ended, by itself or by `kill`.
        """
        try:
            self._pipes.write(HEADER.pack(len(request)) + request, time.monotonic() + patience)
            return self._read(time.monotonic() + patience)
        except TimeoutError as error:
            self.kill()
            raise ProgramLate from error
        except (OSError, EOFError, ValueError) as error:
            raise ProgramLost from error

    async def exchange_here(self, request: bytes, patience: float) -> bytes:
        """Send a short request and wait for the answer, without a thread.

        Args:
            request: the frame to send, at most `SHORT_REQUEST`.
            patience: seconds after which the program is killed.

        Raises:
            ProgramLate: the time was over.
            ProgramLost: the program ended, by itself or by `kill`.
        """
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[bytes] = loop.create_future()
        received = bytearray()
        source = self._pipes.source

        def hear() -> None:
            try:
                some = os.read(source, _CHUNK)
            except BlockingIOError:
                return
            except OSError:
                some = b""
            received.extend(some)
            size = HEADER.unpack_from(received)[0] if len(received) >= HEADER.size else 0
            if not some or size > LARGEST_REPLY:
                loop.remove_reader(source)
                _fail(answered, ProgramLost())
            elif len(received) >= HEADER.size + size and len(received) > HEADER.size and not answered.done():
                answered.set_result(bytes(received[HEADER.size :]))

        timer = loop.call_later(patience, _fail, answered, ProgramLate())
        loop.add_reader(source, hear)
        try:
            self._pipes.write(HEADER.pack(len(request)) + request, time.monotonic())
            return await answered
        except (OSError, TimeoutError) as error:
            raise ProgramLost from error
        finally:
            timer.cancel()
            loop.remove_reader(source)

    def alive(self) -> bool:
        """Whether the program still runs."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End the program now; whoever waits for its answer learns that it is lost."""
        self._process.kill()

    def close(self) -> None:
        """End the program and release its pipes; only when nobody is in `exchange`."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # a request that was never read
                    pipe.close()

    def _read(self, end: float) -> bytes:
        received = self._pipes.read(HEADER.size, end)
        (size,) = HEADER.unpack_from(received)
        if size > LARGEST_REPLY:
            self.kill()
            raise EOFError
        if len(received) < HEADER.size + size:
            received += self._pipes.read(HEADER.size + size - len(received), end)
        return bytes(received[HEADER.size :])


class _Polled:
    """The pipes of a program, with time limits that cost no thread.

    Args:
        source: where answers come from.
        sink: where requests go.
    """

    def __init__(self, source: int, sink: int) -> None:
        self.source = source
        self._sink = sink
        os.set_blocking(source, False)
        os.set_blocking(sink, False)
        self._readable = select.poll()
        self._readable.register(source, select.POLLIN)
        self._writable = select.poll()
        self._writable.register(sink, select.POLLOUT)

    def write(self, payload: bytes, end: float) -> None:
        """Write all of it; TimeoutError when that is not done at `end` of the monotonic clock."""
        left = memoryview(payload)
        while left:
            try:
                left = left[os.write(self._sink, left) :]
            except BlockingIOError:
                _wait(self._writable, end)

    def read(self, least: int, end: float) -> bytearray:
        """Read that much or more; TimeoutError when it is not there at `end`, EOFError when it never will be."""
        received = bytearray()
        while len(received) < least:
            _wait(self._readable, end)
            some = os.read(self.source, _CHUNK)
            if not some:
                raise EOFError
            received += some
        return received


def _fail(answered: "asyncio.Future[bytes]", error: ProgramLost) -> None:
    if not answered.done():
        answered.set_exception(error)


def _wait(poll: "select.poll", end: float) -> None:
    left = end - time.monotonic()
    if left <= 0 or not poll.poll(left * 1000):
        raise TimeoutError


class _Timed:
    """The pipes of a program where they can't be polled (Windows): a thread kills it when it is late.

    Args:
        process: the program.
    """

    source = -1

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self._late = False

    def write(self, payload: bytes, end: float) -> None:
        """Write all of it; TimeoutError when that is not done at `end` of the monotonic clock."""
        with self._until(end):
            if self._process.stdin is None:
                raise EOFError
            self._process.stdin.write(payload)
            self._process.stdin.flush()

    def read(self, least: int, end: float) -> bytearray:
        """Read that much; TimeoutError when it is not there at `end`, EOFError when it never will be."""
        with self._until(end):
            received = bytearray(self._process.stdout.read(least) if self._process.stdout else b"")
            if len(received) < least:
                raise EOFError
            return received

    @contextlib.contextmanager
    def _until(self, end: float) -> Iterator[None]:
        timer = threading.Timer(max(end - time.monotonic(), 0), self._kill)
        timer.daemon = True
        timer.start()
        try:
            yield
        except (OSError, EOFError, ValueError):
            if self._late:
                raise TimeoutError from None
            raise
        finally:
            timer.cancel()

    def _kill(self) -> None:
        self._late = True
        self._process.kill()


def _pipes_of(process: "subprocess.Popen[bytes]") -> _Polled | _Timed:
    if sys.platform == "win32" or process.stdout is None or process.stdin is None:
        return _Timed(process)
    return _Polled(process.stdout.fileno(), process.stdin.fileno())


class Call:
    """One request under way: which program works for it, and whether anybody still wants the answer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards the fields: a program that was given back must not be killed
        self._program: Program | None = None
        self._cancelled = False
        self._in_thread = False

    def enter_thread(self) -> bool:
        """Leave the call's place to a thread; False when the call was cancelled before."""
        with self._lock:
            self._in_thread = not self._cancelled
            return self._in_thread

    def take(self, program: Program) -> bool:
        """Bind the program to this call; False when the call was cancelled before."""
        with self._lock:
            self._program = None if self._cancelled else program
            return not self._cancelled

    def release(self) -> bool:
        """Unbind the program; False when it was killed for this call."""
        with self._lock:
            self._program = None
            return not self._cancelled

    def cancel(self) -> bool:
        """Kill the program that works for this call, or keep it from starting; True when a thread has its place."""
        with self._lock:
            self._cancelled = True
            if self._program is not None:
                self._program.kill()
            return self._in_thread


class _Waiter:
    """A call that waits for a place, in its event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.turn: asyncio.Future[None] = loop.create_future()
        self.granted = False  # guarded by the pool's lock: a place that was granted is taken or handed on

    def tell(self) -> None:
        """Let the call go on, if it still waits; called in its event loop."""
        if not self.turn.done():
            self.turn.set_result(None)


class Pool:
    """A few programs of one kind, started when needed and used again.

    Args:
        script: the Python program.
        arguments: its command line.
        greeting: the frame each one reads first.
        size: how many may work at one time.
        waiting: how many calls may wait for a free one.
    """

    def __init__(self, script: Path, arguments: Sequence[str], greeting: bytes, *, size: int, waiting: int) -> None:
        self._start = (script, tuple(arguments), greeting)
        self._most = size + waiting
        self._lock = threading.Lock()  # guards the five fields below
        self._places = size  # programs that may work besides those that do; none while somebody waits
        self._waiting: deque[_Waiter] = deque()
        self._under_way: set[Call] = set()
        self._idle: list[Program] = []
        self._closed = False
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="dragoman-sql")
        self._finalizer = weakref.finalize(self, _end, self._idle, self._threads)

    async def ask(self, request: bytes, patience: float) -> bytes:
        """Have one program answer a request.

        Args:
            request: the frame to send.
            patience: seconds the program may work before it is killed.

        Raises:
            PoolFull: too many calls wait already.
            ProgramLate: the time was over.
            ProgramLost: the program ended before it answered, or `close` was called.
        """
        loop = asyncio.get_running_loop()
        call, waiter = Call(), None
        with self._lock:
            if self._closed:
                raise ProgramLost
            if len(self._under_way) >= self._most:
                raise PoolFull
            self._under_way.add(call)
            if self._places:
                self._places -= 1
            else:
                waiter = _Waiter(loop)
                self._waiting.append(waiter)
        has_place = waiter is None
        try:
            if waiter is not None:
                await self._turn(waiter)
                has_place = True
            program = self._program_here(request)
            if program is not None:
                return await self._answer_here(program, call, request, patience)
            try:
                answering = loop.run_in_executor(self._threads, self._answer, call, request, patience)
            except RuntimeError:  # the pool was closed meanwhile
                raise ProgramLost from None
            return await answering
        finally:
            in_thread = call.cancel()  # kills nothing when the answer is here
            with self._lock:
                self._under_way.discard(call)
            if has_place and not in_thread:
                self._free_place(loop)

    async def _turn(self, waiter: _Waiter) -> None:
        """Wait for a place; one that was granted to a call that is cancelled meanwhile goes to the next."""
        try:
            await waiter.turn
        except asyncio.CancelledError:
            with self._lock:
                granted = waiter.granted
                if not granted:
                    self._waiting.remove(waiter)
            if granted:
                self._free_place(waiter.loop)
            raise

    def _free_place(self, here: asyncio.AbstractEventLoop | None) -> None:
        """Give a place to who waits longest; `here` is the event loop that this is called in, None for a thread."""
        while True:
            with self._lock:
                if not self._waiting:
                    self._places += 1
                    return
                waiter = self._waiting.popleft()
                waiter.granted = True
            if waiter.loop is here:
                waiter.tell()
                return
            with contextlib.suppress(RuntimeError):  # its event loop is closed: nobody waits there any more
                waiter.loop.call_soon_threadsafe(waiter.tell)
                return

    def _program_here(self, request: bytes) -> Program | None:
        """Return a program that waits for work and can be asked without a thread."""
        if sys.platform == "win32" or len(request) > SHORT_REQUEST:
            return None
        return self._idle_program()

    async def _answer_here(self, program: Program, call: Call, request: bytes, patience: float) -> bytes:
        """Answer one request in the task that asked; it alone owns the program meanwhile."""
        healthy = cancelled = False
        try:
            if not call.take(program):
                healthy = True
                raise ProgramLost
            reply = await program.exchange_here(request, patience)
            healthy = call.release()
        except asyncio.CancelledError:
            cancelled = True
            raise
        finally:
            call.release()
            if cancelled:
                self._put_away(program)
            else:
                self._give_back(program, healthy=healthy)
        return reply

    def _put_away(self, program: Program) -> None:
        """End a program without waiting for its end here, where the event loop is."""
        program.kill()
        try:
            self._threads.submit(program.close)
        except RuntimeError:  # the pool is closed
            program.close()

    def close(self) -> None:
        """End every program; calls under way learn that theirs is lost."""
        with self._lock:
            self._closed = True
            calls = list(self._under_way)
        for call in calls:
            call.cancel()
        self._finalizer()

    def _answer(self, call: Call, request: bytes, patience: float) -> bytes:
        """Answer one request in a thread of the pool; it alone owns the call's place and a program meanwhile."""
        if not call.enter_thread():
            raise ProgramLost
        try:
            program = self._idle_program() or Program(*self._start)
            healthy = False
            try:
                if not call.take(program):
                    healthy = True
                    raise ProgramLost
                reply = program.exchange(request, patience)
                healthy = call.release()
            finally:
                call.release()
                self._give_back(program, healthy=healthy)
        finally:
            self._free_place(None)
        return reply

    def _idle_program(self) -> Program | None:
        """Return a program that waits for work; those that died meanwhile are put away."""
        while True:
            with self._lock:
                program = self._idle.pop() if self._idle else None
            if program is None or program.alive():
                return program
            program.close()

    def _give_back(self, program: Program, *, healthy: bool) -> None:
        with self._lock:
            keep = healthy and not self._closed
            if keep:
                self._idle.append(program)
        if not keep:
            program.close()


def _end(idle: list[Program], threads: ThreadPoolExecutor) -> None:
    """Release what a pool holds; knows no pool, so that a forgotten one can be collected."""
    threads.shutdown(wait=False)
    while idle:
        idle.pop().close()
