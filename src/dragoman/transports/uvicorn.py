"""HTTP on uvicorn, with httptools and uvloop where they exist, and a shutdown that lets calls in flight finish.

uvicorn waits without end for a client that sends half a request or reads half an answer; `Watchful` does not.
"""

import asyncio
import contextlib
import errno
import gc
import inspect
import logging
import signal
import socket
import time
from collections.abc import Coroutine, Iterable, Iterator
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import Server as UvicornServer

from dragoman.errors import UsageError
from dragoman.limits import Limits
from dragoman.transports.guards import is_loopback
from dragoman.transports.http import Endpoint
from dragoman.transports.writes import DIRECT

if TYPE_CHECKING:
    from dragoman.server.server import Server

_DRAINED: Final = 16  # times the largest body: what may come of a refused one before the connection is closed
_JOINED: Final = 16 * 1024  # bytes of an answer that are copied behind its head; a longer one is written from its place
_USUAL_THRESHOLDS: Final = (700, 10, 10)  # Python's own, for its three generations
_SELDOM: Final = (10_000, 20, 20)
_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-type: text/plain; charset=utf-8\r\ncontent-length: 30\r\nconnection: close\r\n\r\n"
    b"The header section is too big."
)


class Watchful(HttpToolsProtocol):
    """One connection, with an end to what it may send before it is understood, and to what it may leave unread.

    The time it takes is looked at from outside, about once a second, so that a request costs nothing for it.
    """

    def __init__(self, config: uvicorn.Config, *arguments: Any, limits: Limits, **named: Any) -> None:
        super().__init__(config, *arguments, **named)
        self._limits = limits
        self._received = 0  # bytes since something was complete: a header section, a body
        self._waiting: tuple[Any, bool, float] | None = None  # the last request, whether anything came since, and when
        self._unread: tuple[int, float] | None = None  # bytes that the client has yet to read, and since when
        self._turn: RequestResponseCycle = None  # type: ignore[assignment]  # the request that is being answered
        self._extensions: dict[str, Any] = {DIRECT: self}
        self._idle = False  # the last request is answered and nothing of another one has come

    def data_received(self, data: bytes) -> None:
        """Count what comes while nothing is complete, and end the connection where it is too much."""
        before: Any = self.cycle  # None until the first request
        in_body = before is not None and before.more_body
        self._idle = False
        super().data_received(data)
        if self.cycle is not before or (in_body and not before.more_body):
            self._received = 0
            return
        self._received += len(data)
        limits = self._limits
        most = limits.body_bytes * _DRAINED if in_body else limits.header_bytes + limits.url_bytes
        if self._received > most and not self.transport.is_closing():
            if not in_body and self._is_between():
                self.transport.write(_TOO_LARGE)
            self.transport.close()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Start a request, and offer it to write directly."""
        self._turn = cycle
        cycle.scope["extensions"] = self._extensions
        super()._start_asgi_task(cycle, app)

    async def answer(self, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> None:
        """Write the whole answer of the request whose turn it is (`Direct`).

        The header fields are the endpoint's own, not a stranger's, and one of them says how long the body is.
        """
        turn = self._turn
        if turn.flow.write_paused and not turn.disconnected:
            await turn.flow.drain()
        if turn.disconnected:
            return
        turn.response_started = turn.response_complete = True
        if len(body) <= _JOINED:
            self.transport.write(b"".join((*_head(turn, status, headers), body)))
        else:
            self.transport.writelines((b"".join(_head(turn, status, headers)), body))
        turn.message_event.set()
        if not turn.keep_alive:
            self.transport.close()
        turn.on_response()

    async def begin(self, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> None:
        """Write the beginning of the answer of the request whose turn it is (`Direct`); uvicorn writes the rest."""
        turn = self._turn
        if turn.flow.write_paused and not turn.disconnected:
            await turn.flow.drain()
        if turn.disconnected:
            return
        turn.response_started = turn.chunked_encoding = True
        head = _head(turn, status, (*headers, (b"transfer-encoding", b"chunked")))
        chunk = (b"%x\r\n" % len(body), body, b"\r\n") if body else ()  # an empty chunk would be the end
        self.transport.write(b"".join((*head, *chunk)))

    def add(self, body: bytes) -> bool:
        """Write a part of the answer of the request whose turn it is, unless that would wait (`Direct`)."""
        turn = self._turn
        if turn.flow.write_paused or turn.disconnected or not turn.chunked_encoding:
            return False
        self.transport.write(b"%x\r\n%b\r\n" % (len(body), body))
        return True

    def on_response_complete(self) -> None:
        """Go on with the next request; without one the time is kept by `look`, not by a timer for each answer."""
        if self.pipeline or self.transport.is_closing():
            super().on_response_complete()
            return
        self.server_state.total_requests += 1
        self.flow.resume_reading()
        self._idle = True

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the request that is being answered, too: uvicorn tells only the newest of several in a row."""
        if self.pipeline:
            self.pipeline.clear()
            for task in self.tasks:
                cycle = inspect.getcoroutinelocals(cast("Coroutine[Any, Any, None]", task.get_coro())).get("self")
                if isinstance(cycle, RequestResponseCycle) and cycle.transport is self.transport:
                    cycle.disconnected = True
                    cycle.message_event.set()
        super().connection_lost(exc)

    def look(self, now: float) -> None:
        """End the connection where the client takes too long; called about once a second."""
        unread = self.transport.get_write_buffer_size()
        if not unread:
            self._unread = None
        elif self._unread is None or unread < self._unread[0]:
            self._unread = (unread, now)
        elif now - self._unread[1] > self._limits.write_stall_seconds:
            self.transport.abort()
            return
        if not self._is_between():
            self._waiting = None
        elif self._waiting is None or self._waiting[:2] != (self.cycle, self._idle):
            self._waiting = (self.cycle, self._idle, now)
        elif now - self._waiting[2] > (self.timeout_keep_alive if self._idle else self._limits.header_seconds):
            self.transport.abort()

    def _is_between(self) -> bool:
        cycle: Any = self.cycle
        return cycle is None or cycle.response_complete


def _head(turn: RequestResponseCycle, status: int, headers: Iterable[tuple[bytes, bytes]]) -> list[bytes]:
    """The status line and the header fields of an answer."""
    turn.waiting_for_100_continue = False
    head = [STATUS_LINE[status]]
    for name, value in (*turn.default_headers, *headers):
        head += (name, b": ", value, b"\r\n")
    head.append(b"\r\n" if turn.keep_alive else b"connection: close\r\n\r\n")
    return head


class GracefulServer(UvicornServer):
    """uvicorn, told to end the event streams before it waits for connections.

    Args:
        config: uvicorn's own settings.
        endpoint: whose streams to end.
    """

    def __init__(self, config: uvicorn.Config, endpoint: Endpoint) -> None:
        super().__init__(config)
        self._endpoint = endpoint

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the listening sockets, end the streams, wait for calls in flight."""
        self._endpoint.stop_streams()
        await super().shutdown(sockets)

    async def on_tick(self, counter: int) -> bool:
        """Look at every connection once a second."""
        if counter % 10 == 0:
            now = time.monotonic()
            for connection in list(self.server_state.connections):
                if isinstance(connection, Watchful):
                    connection.look(now)
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's names
        """End gracefully at the first signal, at once at the second."""
        self.force_exit = self.should_exit
        self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle SIGINT and SIGTERM without raising them again: the process ends normally, with status 0."""
        handled = (signal.SIGINT, signal.SIGTERM)
        try:
            before = {name: signal.signal(name, self.handle_exit) for name in handled}
        except ValueError:  # not the main thread: whoever owns the process stops the server
            yield
            return
        try:
            yield
        finally:
            for name, handler in before.items():
                signal.signal(name, handler)


def listen(host: str, port: int) -> socket.socket:
    """Open the listening socket.

    Raises:
        UsageError: the port is taken, may not be used, or the address is not this machine's.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        listening = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise UsageError(f"Cannot listen on {host}: {error.strerror or error}. Give --host an address.") from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(2048)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            message = (
                f"Port {port} on {host} is taken by another program; choose another with --port, or stop that one."
            )
            raise UsageError(message) from error
        raise UsageError(f"Cannot listen on {host}:{port}: {error.strerror or error}.") from error
    listening.setblocking(False)
    return listening


def url_of(listening: socket.socket, path: str) -> str:
    """The URL at which a listening socket serves."""
    host, port = listening.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{shown}:{port}{path}"


def configure(endpoint: Endpoint) -> uvicorn.Config:
    """The settings of uvicorn for an endpoint."""
    limits = endpoint.server.limits
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    return uvicorn.Config(
        endpoint,
        http=partial(Watchful, limits=limits),  # type: ignore[arg-type]
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=max(1, round(limits.grace_seconds)),
    )


async def serve_http(endpoint: Endpoint, listening: socket.socket) -> None:
    """Serve an endpoint on an open socket until SIGINT or SIGTERM."""
    await GracefulServer(configure(endpoint), endpoint).serve(sockets=[listening])


def run_http(
    server: "Server",
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    path: str = "/mcp",
    allowed_hosts: Iterable[str] = (),
    allowed_origins: Iterable[str] = (),
) -> None:
    """Serve over HTTP, in an event loop of its own, until SIGINT or SIGTERM.

    Raises:
        UsageError: see `listen`.
    """
    listening = listen(host, port)
    hosts = [*allowed_hosts] if is_loopback(host) or host in ("0.0.0.0", "::", "") else [*allowed_hosts, host]  # noqa: S104
    endpoint = Endpoint(server, path, allowed_hosts=hosts, allowed_origins=allowed_origins)
    collect_seldom()
    with contextlib.closing(listening), asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(serve_http(endpoint, listening))


def collect_seldom() -> None:
    """Let the collector of cycles run seldom, in a process that does nothing but serve; who chose already keeps that.

    A call makes no cycles. But each stream that is told a change makes objects that live until it is written, and with
    thousands of streams open every run of the collector looks at all that they hold.
    """
    if gc.get_threshold() == _USUAL_THRESHOLDS:
        gc.set_threshold(*_SELDOM)


def _loop_factory() -> Any:
    """Uvloop's event loop where it is installed, else asyncio's own (Windows)."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
