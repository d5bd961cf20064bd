"""Mounted in FastAPI: the endpoint is at /agents/mcp, and one function is both a route and a tool.

Run it with `uvicorn examples.in_fastapi:app`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from dragoman import Server

server = Server("stock", "1.0")
endpoint = server.asgi("/mcp")


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Start and close the server with the application."""
    await endpoint.start()
    try:
        yield
    finally:
        await endpoint.close()


app = FastAPI(lifespan=lifespan)


@app.get("/stock/{product}")
@server.tool
def stock(product: str) -> dict[str, int | str]:
    """Tell how many of a product there are."""
    return {"product": product, "pieces": len(product)}


app.mount("/agents", endpoint)
