"""`dragoman serve --workers N`: the process that starts the others, passes their news on, and ends them.

It holds the listening socket and loads nothing of what is served. A worker is this program again (`--worker`), and is
replaced when it dies, and by a new one at SIGHUP. None outlives it: they notice its end (see `transports/workers`).
"""

import argparse
import asyncio
import contextlib
import logging
import os
import random
import secrets
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from dragoman.cli import exits
from dragoman.cli.assembly import PASSING
from dragoman.errors import UsageError
from dragoman.limits import Limits
from dragoman.store.channel import encode_frame, read_frame, write_frames
from dragoman.transports.loads import Loads
from dragoman.transports.uvicorn import listen
from dragoman.transports.workers import LOADS, READY, RETIRE, Ready, Seat

logger = logging.getLogger("dragoman.workers")

_SECRET: Final = "DRAGOMAN_SECRET"  # noqa: S105 - a name
_PATIENCE_SECONDS: Final = 5.0  # how long a worker may take to end after its grace
_REMEMBERED_SECONDS: Final = 60.0  # deaths that are this long past put nothing off
_FIRST_PAUSE_SECONDS: Final = 0.2
_LONGEST_PAUSE_SECONDS: Final = 30.0
_MOST_FAILURES: Final = 5  # starts in a row that came to nothing
_LONGEST_SOCKET_PATH: Final = 90  # the least that a system takes is 103


class NotStarted(Exception):
    """A worker ended before it answered requests, and has said why."""


def supervise(options: argparse.Namespace) -> int:
    """Serve with several processes until SIGINT or SIGTERM, and return the exit status.

    Args:
        options: those of `serve`, with the words they were read from.

    Raises:
        UsageError: this cannot work here, or the port is taken.
    """
    if options.stdio:
        raise UsageError("--workers is for HTTP: over stdio one client has one process. Leave one of the two out.")
    if options.home is not None:
        raise UsageError(
            "--home names one process, and --workers starts several, which find each other by themselves. Leave one of "
            "the two out; for several machines start single processes with a --home each."
        )
    if sys.platform == "win32":
        raise UsageError("--workers needs sockets that processes inherit, which Windows does not have. Use one worker.")
    with (
        contextlib.closing(listen(options.host, options.port)) as listening,
        _folder() as folder,
        asyncio.Runner() as runner,
    ):
        return runner.run(Supervisor(options.words, options.workers, listening, folder).run())


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """A folder for this user alone, with a short path, for the workers' own sockets and what they share."""
    usual = tempfile.gettempdir()
    place = usual if len(usual) < _LONGEST_SOCKET_PATH - len("/dragoman-12345678/12345.sock") else "/tmp"  # noqa: S108
    with tempfile.TemporaryDirectory(prefix="dragoman-", dir=place, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


class Worker:
    """One process that serves, as its supervisor sees it."""

    def __init__(self, number: int, process: asyncio.subprocess.Process, writer: asyncio.StreamWriter) -> None:
        self.number = number
        self.process = process
        self.ready: asyncio.Future[Ready] = asyncio.get_running_loop().create_future()
        self.is_leaving = False  # told to retire or to end
        self.ended = asyncio.Event()
        self.grace_seconds = Limits().grace_seconds
        self._writer = writer

    @property
    def name(self) -> str:
        """What the log calls it."""
        return f"Worker {self.number} (process {self.process.pid})"

    def write(self, topic: str, news: bytes = b"") -> None:
        """Tell it something."""
        write_frames(self._writer, encode_frame(topic, news), self.name)

    def retire(self) -> None:
        """Have it finish what it does and end."""
        self.is_leaving = True
        self.write(RETIRE)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        self.is_leaving = True
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    async def follow(self) -> int:
        """Wait for its end; gives the exit status."""
        status = await self.process.wait()
        self.ended.set()
        self._writer.close()
        if not self.ready.done():
            self.ready.set_exception(NotStarted())
            self.ready.exception()  # it is looked at where somebody waits for it
        return status


class Supervisor:
    """All workers of one port.

    Args:
        words: the command line that each is started with.
        count: how many there are.
        listening: the socket they accept from.
        folder: where their own sockets are; its name is that of their bus.
    """

    def __init__(self, words: Sequence[str], count: int, listening: socket.socket, folder: Path) -> None:
        self._words = words
        self._count = count
        self._listening = listening
        self._folder = folder
        self._team: list[Worker] = []  # those that serve, or are replaced in a moment
        self._all: set[Worker] = set()  # also those that are starting or leaving
        self._running: set[asyncio.Task[None]] = set()
        self._numbers = 0
        self._loads = Loads(folder / LOADS)
        self._deaths: list[float] = []  # when the last ones died that should not have
        self._stop = asyncio.Event()
        self._at_once = asyncio.Event()
        self._reload = asyncio.Event()
        self._status: int = exits.OK
        self._lifeline, self._our_end = os.pipe()
        self._environment = dict(os.environ)
        if not self._environment.get(_SECRET):  # what one seals, the others open
            self._environment |= {_SECRET: secrets.token_urlsafe(32), PASSING: "1"}

    async def run(self) -> int:
        """Start, keep and end them; gives the exit status."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._end)
        loop.add_signal_handler(signal.SIGINT, self._end)
        loop.add_signal_handler(signal.SIGHUP, self._reload.set)
        main = asyncio.create_task(self._serve())
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait((main, stopping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (main, stopping):
                task.cancel()
            await asyncio.wait((main, stopping))
            await self._end_all()
            self._loads.close()
            os.close(self._our_end)
            os.close(self._lifeline)
        if not main.cancelled() and isinstance(error := main.exception(), Exception):
            if not isinstance(error, NotStarted):
                raise error
            return exits.USAGE
        return self._status

    async def _serve(self) -> None:
        self._team = await self._start_team()
        ready = self._team[0].ready.result()
        _complain(ready)
        told = f"{self._count} workers answer. SIGHUP to process {os.getpid()} replaces them without losing a request."
        print(f"{ready.announcement}\n\n{told}", flush=True)
        while True:
            await self._reload.wait()
            self._reload.clear()
            await self._replace_all()

    async def _replace_all(self) -> None:
        """Start new workers, and let the old ones go once all of them answer."""
        logger.info("Starting %d new workers in the place of those that serve", self._count)
        try:
            team = await self._start_team()
        except NotStarted:
            logger.error("The new workers did not start; those that serve go on. Mend it and send SIGHUP again.")  # noqa: TRY400
            return
        _complain(team[0].ready.result())
        before, self._team = self._team, team
        for worker in before:
            worker.retire()
        logger.info("%d new workers serve; those before them finish what they do", self._count)

    async def _start_team(self) -> list[Worker]:
        """Start as many as there should be: one first, so that what is wrong with the targets is said once.

        Raises:
            NotStarted: one did not start; the others are ended.
        """
        team: list[Worker] = []
        try:
            team.append(await self._start())
            await team[0].ready
            team += [await self._start() for _ in range(self._count - 1)]
            await asyncio.gather(*(worker.ready for worker in team))
        except NotStarted:
            for worker in team:
                worker.send(signal.SIGTERM)
            raise
        return team

    async def _start(self) -> Worker:
        """Start one."""
        self._numbers += 1
        ours, theirs = socket.socketpair()
        with theirs:
            seat = Seat(self._listening, theirs, self._lifeline, self._folder, self._numbers)
            process = await asyncio.create_subprocess_exec(
                *_program(),
                *self._words,
                "--worker",
                seat.write(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=2,  # standard output belongs to the announcement
                env=self._environment,
                pass_fds=(self._listening.fileno(), theirs.fileno(), self._lifeline),
                process_group=0,  # a terminal's Ctrl-C reaches this process, which tells the others
            )
        reader, writer = await asyncio.open_connection(sock=ours)
        worker = Worker(self._numbers, process, writer)
        self._all.add(worker)
        self._go(self._pass_on(worker, reader))
        self._go(self._follow(worker))
        return worker

    def _go(self, coroutine: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _pass_on(self, worker: Worker, reader: asyncio.StreamReader) -> None:
        """Tell the others what one says."""
        while (frame := await read_frame(reader)) is not None:
            topic, news = frame
            if topic == READY:
                ready = msgspec.json.decode(news, type=Ready)
                worker.grace_seconds = ready.grace_seconds
                worker.ready.set_result(ready)
                continue
            for other in self._all:
                if other is not worker:
                    other.write(topic, news)

    async def _follow(self, worker: Worker) -> None:
        """See a worker die, and start another one where it should be alive."""
        status = await worker.follow()
        self._all.discard(worker)
        self._loads.leave(worker.number)
        if worker.is_leaving or self._stop.is_set() or worker not in self._team:
            return
        how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        logger.warning("%s %s; another one is started", worker.name, how)
        await self._replace(worker)

    async def _replace(self, dead: Worker) -> None:
        """Start a worker in the place of one that died, and again, ever later, until it answers."""
        failures = 0
        while True:
            await asyncio.sleep(self._pause())
            if self._stop.is_set() or dead not in self._team:  # replaced by a reload
                return
            worker = await self._start()
            with contextlib.suppress(NotStarted):
                await worker.ready
                if dead in self._team:
                    self._team[self._team.index(dead)] = worker
                    logger.warning("%s serves in the place of worker %d", worker.name, dead.number)
                else:
                    worker.retire()
                return
            failures += 1
            if failures > _MOST_FAILURES:
                logger.error("No worker starts any more (%d tries); all are ended. See what they say above.", failures)
                self._status = exits.USAGE
                self._stop.set()
                return

    def _pause(self) -> float:
        """How long to wait after one more death: not at all after the first, then ever longer, and not all alike."""
        now = time.monotonic()
        self._deaths = [died for died in self._deaths if now - died < _REMEMBERED_SECONDS]
        doubled = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256)[min(len(self._deaths), 9)]
        self._deaths.append(now)
        return min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * doubled) * random.uniform(0.5, 1.5)  # noqa: S311

    def _end(self) -> None:
        """End: gracefully at the first signal, at once at the second."""
        if self._stop.is_set():
            self._at_once.set()
        self._stop.set()

    async def _end_all(self) -> None:
        """End all workers: with grace, then without."""
        grace = max((worker.grace_seconds for worker in self._all), default=0.0)
        for number, seconds in (
            (signal.SIGTERM, grace + _PATIENCE_SECONDS),
            (signal.SIGTERM, _PATIENCE_SECONDS),
            (signal.SIGKILL, _PATIENCE_SECONDS),
        ):
            for worker in self._all:
                worker.send(number)
            if await self._have_ended(seconds, hurried=number == signal.SIGTERM and seconds > _PATIENCE_SECONDS):
                break
        for task in list(self._running):
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)

    async def _have_ended(self, seconds: float, *, hurried: bool) -> bool:
        """Wait for all workers, at most so long, or until somebody hurries; gives whether all have ended."""
        waiting = [asyncio.create_task(worker.ended.wait()) for worker in self._all]
        if not waiting:
            return True
        ending = asyncio.gather(*waiting)
        hurry = asyncio.create_task(self._at_once.wait())
        await asyncio.wait(
            (ending, hurry) if hurried else (ending,), timeout=seconds, return_when=asyncio.FIRST_COMPLETED
        )
        hurry.cancel()
        done = ending.done()
        ending.cancel()
        return done


def _complain(ready: Ready) -> None:
    """Say once what all workers found not to be well."""
    for problem in ready.problems:
        print(f"Warning: {problem}", file=sys.stderr)


def _program() -> list[str]:
    """This program again; the current folder is looked into for modules only where it was for this process."""
    own = "" in sys.path or str(Path.cwd()) in sys.path
    return [sys.executable, *([] if own else ["-P"]), "-m", "dragoman"]
