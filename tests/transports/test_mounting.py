"""The endpoint inside other applications: Starlette, FastAPI, and uvicorn's own command line."""

import contextlib
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.routing import Mount, Route

from dragoman import Server
from dragoman.testing import HttpRequest
from tests.transports.endpoint import notification
from tests.transports.peers import HELLO, call, mirrored, read_answer, request, wait_for
from tests.transports.peers import modern_call as modern_bytes


class Life:
    """A server that counts its starts and ends."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.server = Server("mounted", lifespan=self._live)

        @self.server.tool
        async def add(a: int, b: int) -> int:
            return a + b

    @contextlib.asynccontextmanager
    async def _live(self, server: Server) -> AsyncIterator[None]:
        self.said.append("start")
        yield
        self.said.append("close")


async def three(app: Any, path: str) -> None:
    """A call, a session and its end, at this path."""
    reply = await HttpRequest(app, call("add", a=1, b=2), mirrored("add"), path=path)
    assert reply.status == 200, reply
    assert reply.json["result"]["structuredContent"] == 3
    reply = await HttpRequest(app, request("initialize", HELLO), path=path)
    session: dict[str, str | None] = {"mcp-session-id": reply.headers["mcp-session-id"]}
    assert (await HttpRequest(app, notification("notifications/initialized"), session, path=path)).status == 202
    assert (await HttpRequest(app, method="DELETE", headers=session, path=path)).status == 204


def starlette_route(endpoint: Any) -> Any:
    return Starlette(routes=[Route("/mcp", endpoint)])


def starlette_mount(endpoint: Any) -> Any:
    return Starlette(routes=[Mount("/", endpoint)])


def starlette_under(endpoint: Any) -> Any:
    return Starlette(routes=[Mount("/api", endpoint)])


def starlette_twice_under(endpoint: Any) -> Any:
    return Starlette(routes=[Mount("/a", Starlette(routes=[Mount("/b", endpoint)]))])


def fastapi_mount(endpoint: Any) -> Any:
    app = FastAPI()
    app.mount("/api", endpoint)
    return app


def fastapi_at_the_same_path(endpoint: Any) -> Any:
    app = FastAPI()
    app.mount("/mcp", endpoint)
    return app


@pytest.mark.parametrize(
    ("mounted", "path"),
    [
        (starlette_route, "/mcp"),
        (starlette_mount, "/mcp"),
        (starlette_under, "/api/mcp"),
        (starlette_twice_under, "/a/b/mcp"),
        (fastapi_mount, "/api/mcp"),
        (fastapi_at_the_same_path, "/mcp/mcp"),
        (fastapi_at_the_same_path, "/mcp/"),
    ],
)
async def test_mounted(mounted: Any, path: str) -> None:
    life = Life()
    endpoint = life.server.asgi()
    app = mounted(endpoint)
    await three(app, path)
    await three(app, path)
    assert life.said == ["start"]
    refused = await HttpRequest(app, call("add", a=1, b=2), {"host": "evil.com"}, path=path)
    assert refused.status == 403
    await endpoint.close()
    assert life.said == ["start", "close"]


async def test_with_the_lifespan_of_the_application() -> None:
    """The application's lifespan starts and closes the server; requests change nothing about it."""
    life = Life()
    endpoint = life.server.asgi()

    @contextlib.asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        async with endpoint:
            yield

    app = Starlette(routes=[Mount("/", endpoint)], lifespan=lifespan)
    async with app.router.lifespan_context(app):
        assert life.said == ["start"]
        await three(app, "/mcp")
    assert life.said == ["start", "close"]


async def test_behind_middleware_that_reads_and_writes_for_itself() -> None:
    async def pass_on(request: Any, call_next: Any) -> Any:
        return await call_next(request)

    life = Life()
    app = Starlette(
        routes=[Mount("/", life.server.asgi())], middleware=[Middleware(BaseHTTPMiddleware, dispatch=pass_on)]
    )
    await three(app, "/mcp")


@contextlib.contextmanager
def uvicorn_process(tmp_path: Path, program: str, *options: str) -> Iterator[int]:
    (tmp_path / "application.py").write_text(program)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "application:app", "--port", str(port), *options]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: listens(port), 15)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


PROGRAM = """
from dragoman import Server

server = Server("mounted")

@server.tool
async def add(a: int, b: int) -> int:
    return a + b

app = server.asgi()
"""


@pytest.mark.parametrize(
    ("options", "path"),
    [((), "/mcp"), (("--http", "h11", "--loop", "asyncio"), "/mcp"), (("--root-path", "/api"), "/mcp")],
)
def test_uvicorns_own_command_line(tmp_path: Path, options: tuple[str, ...], path: str) -> None:
    with uvicorn_process(tmp_path, PROGRAM, *options) as port, socket.create_connection(("127.0.0.1", port)) as client:
        client.settimeout(10)
        client.sendall(modern_bytes("add", a=1, b=2))
        assert read_answer(client).text == "3"
