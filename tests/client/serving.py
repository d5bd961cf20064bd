"""A server on a free port of this machine, for as long as a block lasts."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import uvicorn

from dragoman import Server
from dragoman.transports.uvicorn import listen, url_of


@contextlib.asynccontextmanager
async def served(server: Server, path: str = "/mcp", **options: Any) -> AsyncIterator[str]:
    """The URL of a server on a free port.

    Args:
        server: what is served.
        path: where the client is sent.
        options: those of `Server.asgi`.
    """
    listening = listen("127.0.0.1", 0)
    application = server.asgi(**options)
    config = uvicorn.Config(application, http="httptools", ws="none", lifespan="on", log_config=None)
    running = uvicorn.Server(config)
    task = asyncio.create_task(running.serve(sockets=[listening]))
    try:
        yield url_of(listening, path)
    finally:
        running.should_exit = True
        await task
        listening.close()
