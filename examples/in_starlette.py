"""Mounted in Starlette, beside routes of your own: the endpoint is at /agents/mcp.

Run it with `uvicorn examples.in_starlette:app`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from dragoman import Server

server = Server("greeter", "1.0")


@server.tool
def greet(name: str) -> str:
    """Greet somebody."""
    return f"Hello, {name}!"


endpoint = server.asgi("/mcp")


@asynccontextmanager
async def lifespan(_app: Starlette) -> AsyncIterator[None]:
    """Start and close the server with the application; Starlette does not do it for what is mounted."""
    await endpoint.start()
    try:
        yield
    finally:
        await endpoint.close()


async def home(_request: Request) -> PlainTextResponse:
    """A page of the application itself."""
    return PlainTextResponse("The tools are at /agents/mcp.")


app = Starlette(routes=[Route("/", home), Mount("/agents", app=endpoint)], lifespan=lifespan)
