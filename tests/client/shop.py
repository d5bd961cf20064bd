"""A small Dragoman server that uses everything a client can ask for; `python shop.py` serves it over stdio."""

import asyncio
from collections import defaultdict
from typing import Any

from dragoman import Context, Server, ToolError

cancelled: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
"""Set when the call of this name was cancelled, in the process that ran it."""


def make_shop() -> Server:
    """A server of its own for every test."""
    server = Server("shop", "1.2", instructions="Ask for the price first.")
    add_tools(server)
    add_slow_tools(server)
    add_documents(server)
    return server


def add_tools(server: Server) -> None:
    """What answers at once."""

    @server.tool
    async def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    @server.tool
    def basket() -> dict[str, Any]:
        return {"items": ["Apfel", "苹果"], "total": 3.5}

    @server.tool
    async def fail() -> str:
        raise ToolError("There is no stock left.")


def add_slow_tools(server: Server) -> None:
    """What speaks while it works, or works until it is cancelled."""

    @server.tool
    async def tell(context: Context) -> str:
        await context.progress(1, 2, "half")
        await context.debug("not heard")
        await context.warning({"stock": 0})
        await context.progress(2, 2)
        return "told"

    @server.tool
    async def sleep(name: str) -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled[name].set()
            raise
        return "woke"

    @server.tool
    async def was_cancelled(name: str) -> bool:
        async with asyncio.timeout(10):
            await cancelled[name].wait()
        return True


def add_documents(server: Server) -> None:
    """Resources, a template and a prompt."""

    @server.resource("shop://hours")
    def hours() -> str:
        return "9 to 5"

    @server.resource("shop://logo", mime_type="image/png")
    def logo() -> bytes:
        return b"\x89PNG"

    @server.resource("shop://items/{name}")
    def item(name: str) -> str:
        return f"An item called {name}."

    @server.prompt
    def greet(name: str) -> str:
        """Greet a customer."""
        return f"Say hello to {name}."


if __name__ == "__main__":
    make_shop().run()
