"""A Dragoman server that asks, works on, and changes; `python desk.py` serves it over stdio."""

import asyncio
from dataclasses import dataclass
from typing import Annotated

from dragoman import (
    Confirm,
    Context,
    Elicit,
    Limits,
    MemoryTasks,
    Message,
    Meta,
    Roots,
    Sample,
    SamplingMessage,
    Server,
    TextContent,
    ToolError,
)
from dragoman.protocol.messages import ToolInfo


@dataclass
class Order:
    """What the user wants."""

    size: Annotated[int, Meta(ge=1, le=9)]
    gift: bool = False


def make_desk() -> Server:
    """A server of its own for every test."""
    limits = Limits(task_poll_seconds=0.02, task_after_seconds=0.05)
    server = Server("desk", "1", limits=limits, tasks=MemoryTasks())
    add_questions(server)
    add_tasks(server)
    add_changes(server)
    return server


def add_questions(server: Server) -> None:
    """What asks before it answers."""

    @server.tool
    async def order(context: Context, thing: str) -> str:
        answer = await context.elicit(f"How large shall the {thing} be?", Order)
        if answer.data is None:
            return f"no {thing}: {answer.action}"
        sure = await context.confirm(f"A {thing} of size {answer.data.size}?")
        return f"{thing} of size {answer.data.size}{', a gift' if answer.data.gift else ''}, {sure}"

    @server.tool
    async def everything(context: Context) -> str:
        answer, sure, said, roots = await context.ask_all(
            Elicit("Your name?", str), Confirm("Sure?"), Sample("Say hi"), Roots()
        )
        return f"{answer.data} {sure} {said.text} {[root.uri for root in roots]}"

    @server.tool
    async def think(context: Context) -> str:
        weather = ToolInfo(name="weather", input_schema={"type": "object"})
        said = await context.sample([SamplingMessage("user", TextContent("Weather?"))], tools=[weather])
        return said.model

    @server.tool
    async def visit(context: Context) -> bool:
        return await context.visit("Pay here.", "https://pay.example/1")

    @server.resource("desk://secret")
    async def secret(context: Context) -> str:
        return "swordfish" if await context.confirm("May it be read?") else "nothing"

    @server.prompt
    async def greet(context: Context) -> list[Message]:
        answer = await context.elicit("Whom?", str)
        return [Message(f"Greet {answer.data}.")]


def add_tasks(server: Server) -> None:
    """What goes on after its request was answered."""

    @server.tool(task="required")
    async def work(context: Context, fail: str = "") -> str:
        await context.progress(1, 2, "half")
        await asyncio.sleep(0.1)
        if fail:
            raise ToolError(fail)
        return "worked"

    @server.tool(task="optional")
    async def maybe(seconds: float = 0.0) -> str:
        await asyncio.sleep(seconds)
        return "done"

    @server.tool(task="required")
    async def ask_on_the_way(context: Context) -> str:
        answer = await context.elicit("How large?", Order)
        sure = await context.confirm("Sure?")
        return f"{answer.data.size if answer.data else answer.action} {sure}"

    @server.tool(task="required")
    async def sleep() -> str:
        await asyncio.sleep(60)
        return "woke"


def add_changes(server: Server) -> None:
    """What changes while somebody looks."""
    server.add_resource("desk://board", lambda: "board", name="board")

    @server.tool
    async def change(context: Context) -> str:
        def added() -> str:
            return "added"

        context.server.add_tool(added, name="added")
        context.server.notify_resource_updated("desk://board")
        return "changed"


if __name__ == "__main__":
    make_desk().run()
