"""One of several processes that serve on one port: how it takes connections, leaves, and ends with its supervisor.

All of them accept from one inherited socket, so that a connection that waits is nobody's: it is lost with no process.
Each has a socket of its own besides, on which the others send it the requests of its sessions. A worker that has more
connections than another lets that one go first, since the system wakes all and gives to the quickest.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import quote

import msgspec
import uvicorn
from msgspec import Struct

from dragoman.limits import Limits
from dragoman.server.server import Server
from dragoman.server.together import join
from dragoman.store.channel import Channel
from dragoman.store.used_states import SqliteUsedStates
from dragoman.transports.http import Endpoint
from dragoman.transports.loads import Loads
from dragoman.transports.uvicorn import GracefulServer, configure

RETIRE: Final = "retire"
READY: Final = "ready"
LOADS: Final = "loads"  # the file of `Loads`

_PARTING_SECONDS: Final = 5.0  # how long a client may keep a connection that is to move to another worker
_COURTESY_SECONDS: Final = 0.002  # how long a worker with fewer connections may take to accept one
_PAUSE_SECONDS: Final = 1.0  # how long nothing is accepted where descriptors ran out
_LAST_SECONDS: Final = 5.0  # how long the end may take after the grace
_CLOSE: Final = (b"connection", b"close")


class Ready(Struct, frozen=True):
    """What a worker tells its supervisor once it answers requests.

    Args:
        announcement: what is served and where, for people.
        problems: what is not well, as sentences.
        grace_seconds: how long its end may take.
    """

    announcement: str
    problems: list[str]
    grace_seconds: float


@dataclass(frozen=True, slots=True)
class Seat:
    """What a worker has of its supervisor.

    Args:
        listening: the socket that all workers accept from.
        channel: its end of a socket to the supervisor, which passes news on.
        lifeline: a pipe that is closed when the supervisor is gone.
        folder: where the workers have their own sockets and what they share.
        number: tells it from the others, also from those before it.
        watch: what watches the lifeline, in a worker that was started for it.
    """

    listening: socket.socket
    channel: socket.socket
    lifeline: int
    folder: Path
    number: int
    watch: "Lifeline | None" = None

    @classmethod
    def read(cls, text: str) -> Self:
        """Take a seat as `write` says it."""
        listening, channel, lifeline, number, folder = text.split(",", 4)
        for descriptor in map(int, (listening, channel, lifeline)):
            os.set_inheritable(descriptor, False)  # nothing that a tool starts holds them open
        return cls(
            socket.socket(fileno=int(listening)),
            socket.socket(fileno=int(channel)),
            int(lifeline),
            Path(folder),
            int(number),
        )

    def write(self) -> str:
        """The seat as a word of a command line."""
        descriptors = self.listening.fileno(), self.channel.fileno(), self.lifeline
        return ",".join(map(str, (*descriptors, self.number, self.folder)))

    @property
    def socket_path(self) -> Path:
        """Where the worker's own socket is."""
        return self.folder / f"{self.number}.sock"

    def home(self, path: str) -> str:
        """Where other workers reach this one's endpoint (see `forwarding`)."""
        return f"http+unix://{quote(str(self.socket_path), safe='')}{path}"


class WorkerServer(GracefulServer):
    """uvicorn as one of several that accept from one socket.

    Args:
        config: uvicorn's own settings.
        endpoint: what it serves.
        seat: the socket that they share, and which of them this is.
        answers: called once requests are answered.
    """

    def __init__(self, config: uvicorn.Config, endpoint: Endpoint, seat: Seat, answers: Callable[[], None]) -> None:
        super().__init__(config, endpoint)
        self._answers = answers
        self._listening = seat.listening
        self._number = seat.number
        self._loads = Loads(seat.folder / LOADS)
        self._accepting = False
        self._is_leaving = False
        self._connecting: set[asyncio.Task[object]] = set()
        self._retired: float | None = None  # since when

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve on the socket of its own, then on the shared one."""
        await super().startup(sockets)
        self._begin_accepting()
        self._answers()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Leave the shared socket to the others, and end."""
        self._leave()
        await super().shutdown(sockets)
        self._loads.close()

    def retire(self) -> None:
        """Take no more connections, and end once those that are there have moved on and nothing is left to do."""
        if self._retired is None:
            self._retired = time.monotonic()
            self._leave()
            self._endpoint.stop_streams()
            self.config.encoded_headers.append(_CLOSE)
            self.server_state.default_headers = [*self.server_state.default_headers, _CLOSE]

    async def on_tick(self, counter: int) -> bool:
        """Say how many connections there are, or end when there is nothing more to wait for."""
        if not self._is_leaving:
            self._loads.say(self._number, self._load)
        if self._retired is not None and self._is_done(time.monotonic() - self._retired):
            self.should_exit = True
        return await super().on_tick(counter)

    def _is_done(self, seconds: float) -> bool:
        server = self._endpoint.server
        if self.server_state.tasks or self._connecting or len(server.tasks):
            return seconds > server.limits.grace_seconds
        return not self.server_state.connections or seconds > _PARTING_SECONDS

    @property
    def _load(self) -> int:
        return len(self.server_state.connections) + len(self._connecting)

    def _leave(self) -> None:
        """Take no more connections, ever."""
        self._is_leaving = True
        self._stop_accepting()
        self._loads.leave(self._number)

    def _begin_accepting(self) -> None:
        if not self._is_leaving and not self._accepting:
            self._accepting = True
            asyncio.get_running_loop().add_reader(self._listening, self._take_turn)

    def _stop_accepting(self, seconds: float | None = None) -> None:
        if self._accepting:
            self._accepting = False
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._listening)
            if seconds is not None:
                loop.call_later(seconds, self._begin_accepting)

    def _take_turn(self) -> None:
        """Accept, or let another worker go first, and accept what it left a moment later."""
        if self._load <= self._loads.least():
            self._accept()
        else:
            self._stop_accepting(_COURTESY_SECONDS)
            asyncio.get_running_loop().call_later(_COURTESY_SECONDS, self._accept)

    def _accept(self) -> None:
        if self._is_leaving:
            return
        loop = asyncio.get_running_loop()
        try:
            connection, _address = self._listening.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):  # another worker was quicker
            return
        except OSError:  # as asyncio does: no descriptors are left, so wait for some
            self._stop_accepting(_PAUSE_SECONDS)
            return
        connection.setblocking(False)
        made: Any = self.config.http_protocol_class
        protocol = partial(made, config=self.config, server_state=self.server_state, app_state=self.lifespan.state)
        connecting = loop.create_task(loop.connect_accepted_socket(protocol, connection))
        self._connecting.add(connecting)
        connecting.add_done_callback(self._connecting.discard)
        self._loads.say(self._number, self._load)


@contextlib.asynccontextmanager
async def joined(server: Server, seat: Seat) -> AsyncIterator[Channel]:
    """Share with the other workers what has to be shared, for as long as this one serves.

    Raises:
        UsageError: something of the server works in one process only.
    """
    channel = Channel(seat.channel, seat.folder.name)
    used_states = SqliteUsedStates(seat.folder / "used-states.sqlite3")
    await channel.open()
    carrying = asyncio.create_task(channel.run())
    try:
        join(server, channel, used_states)
        yield channel
    finally:
        is_alone = carrying.done()  # the supervisor is gone, which would have cleared up
        carrying.cancel()
        await asyncio.wait((carrying,))
        channel.close()
        used_states.close()
        if is_alone and not any(seat.folder.glob("*.sock")):
            shutil.rmtree(seat.folder, ignore_errors=True)


async def serve_worker(endpoint: Endpoint, seat: Seat, channel: Channel, ready: Ready) -> None:
    """Serve until the supervisor says so, or is gone.

    Args:
        endpoint: what to serve.
        seat: where.
        channel: see `joined`.
        ready: what the supervisor is told once requests are answered.
    """
    own = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    own.bind(str(seat.socket_path))
    own.listen(2048)
    own.setblocking(False)
    if seat.watch is not None:
        seat.watch.grace_seconds = endpoint.server.limits.grace_seconds
    news = msgspec.json.encode(ready)
    server = WorkerServer(configure(endpoint), endpoint, seat, lambda: channel.publish(READY, news))
    channel.listen(RETIRE, lambda _news: server.retire())
    try:
        await server.serve(sockets=[own])
    finally:
        own.close()
        seat.socket_path.unlink(missing_ok=True)


class Lifeline(threading.Thread):
    """Ends this process when its supervisor is gone: gracefully, and at once where that takes too long.

    It is a thread, so that a tool that holds the event loop up does not keep the process alive.

    Args:
        descriptor: the reading end of a pipe whose other end only the supervisor has.
        grace_seconds: how long a graceful end may take.
    """

    def __init__(self, descriptor: int, grace_seconds: float) -> None:
        super().__init__(name="lifeline", daemon=True)
        self._descriptor = descriptor
        self.grace_seconds = grace_seconds

    def run(self) -> None:
        """Wait for the end, and see to it."""
        os.read(self._descriptor, 1)  # nothing is ever written: it returns when the other end is closed
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(self.grace_seconds + _LAST_SECONDS)
        os._exit(1)


def take_seat(text: str) -> Seat:
    """Become a worker: from now on this process lives no longer than its supervisor, and only it says when to end.

    Args:
        text: what `Seat.write` gave.
    """
    seat = Seat.read(text)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    watch = Lifeline(seat.lifeline, Limits().grace_seconds)
    watch.start()
    return replace(seat, watch=watch)
