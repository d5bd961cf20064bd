"""HTTP on uvicorn, with httptools and uvloop where they exist, and a shutdown that lets calls in flight finish."""

import asyncio
import contextlib
import errno
import logging
import signal
import socket
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.server import Server as UvicornServer

from dragoman.errors import UsageError
from dragoman.transports.guards import is_loopback
from dragoman.transports.http import Endpoint

if TYPE_CHECKING:
    from dragoman.server.server import Server


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


async def serve_http(endpoint: Endpoint, listening: socket.socket) -> None:
    """Serve an endpoint on an open socket until SIGINT or SIGTERM."""
    limits = endpoint.server.limits
    config = uvicorn.Config(
        endpoint,
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=max(1, round(limits.grace_seconds)),
        h11_max_incomplete_event_size=limits.header_bytes,
    )
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    await GracefulServer(config, endpoint).serve(sockets=[listening])


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
    with contextlib.closing(listening), asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(serve_http(endpoint, listening))


def _loop_factory() -> Any:
    """Uvloop's event loop where it is installed, else asyncio's own (Windows)."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
