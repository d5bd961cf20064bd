"""What the tests of the examples share: an ASGI application on a free port, for as long as a test needs it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
import uvicorn

Serving = Callable[[Any], AbstractAsyncContextManager[str]]


@asynccontextmanager
async def _serving(app: Any) -> AsyncIterator[str]:
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, lifespan="on", log_level="warning"))
    task = asyncio.create_task(server._serve([listening]))  # noqa: SLF001  (`serve` would take the signals)
    try:
        while not server.started:
            assert not task.done(), "the application did not start"
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listening.close()


@pytest.fixture
def serving() -> Serving:
    """Serves an ASGI application with its lifespan; gives the URL without a path."""
    return _serving
