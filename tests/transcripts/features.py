"""What transcripts name under `Features:`, each a function that puts one feature on a server."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

from dragoman import Context, Limits, Message, Meta, ResourceInfo, ResourceNotFound, Server, ToolError


def add(server: Server) -> None:
    @server.tool
    async def add(a: int, b: int = 1) -> int:
        """Add two numbers."""
        return a + b


def greet(server: Server) -> None:
    @server.tool
    def greet(name: Annotated[str, Meta(description="who", max_length=20)]) -> str:
        """Greet somebody."""
        return f"Hello {name}"


def refuse(server: Server) -> None:
    @server.tool
    async def refuse() -> str:
        raise ToolError("Not today; ask again tomorrow.")


def crash(server: Server) -> None:
    @server.tool
    async def crash() -> str:
        message = "the password is hunter2"
        raise RuntimeError(message)


def steps(server: Server) -> None:
    @server.tool
    async def steps(context: Context, count: int) -> str:
        for done in range(count):
            await context.progress(done + 1, count, f"step {done + 1}")
        return "done"


def chatter(server: Server) -> None:
    @server.tool
    async def chatter(context: Context) -> str:
        await context.debug("fine print")
        await context.warning({"disk": "nearly full"})
        return "said"


def wait(server: Server) -> None:
    @server.tool
    async def wait(context: Context) -> str:
        """Say that it began, then never end."""
        await context.progress(1)
        await asyncio.Event().wait()
        return "never"


def settings(server: Server) -> None:
    @server.resource("config://settings", mime_type="application/json")
    async def settings() -> dict[str, Any]:
        """How it is set up."""
        return {"colour": "blue"}


def users(server: Server) -> None:
    names = {"ada": "Ada Lovelace", "søren": "Søren Kierkegaard"}

    async def listed() -> AsyncIterator[ResourceInfo]:
        yield ResourceInfo(uri="users://ada", name="ada")

    @server.resource("users://{user_id}", list=listed)
    async def user(user_id: str) -> str:
        """Who a user is."""
        if user_id not in names:
            raise ResourceNotFound(f"users://{user_id}")
        return names[user_id]


def review(server: Server) -> None:
    @server.prompt
    async def review(text: str, tone: str = "kind") -> list[Message]:
        """Ask for a review."""
        return [Message(f"Review this, be {tone}: {text}")]


def many(server: Server) -> None:
    async def nothing() -> None:
        """Do nothing."""

    for number in range(5):
        server.add_tool(nothing, name=f"tool_{number}")


FEATURES: dict[str, Callable[[Server], None]] = {
    function.__name__: function
    for function in (add, greet, refuse, crash, steps, chatter, wait, settings, users, review, many)
}


def server_with(names: list[str]) -> Server:
    """A server with these features; pages hold two entries."""
    server = Server("transcript", "1.0", instructions="Play along.", limits=Limits(page_size=2))
    for name in names:
        FEATURES[name](server)
    return server
