"""A harbour on Dragoman: what it is told and what it tells can be seen by clients in other languages.

It has what the harbours of `servers/` have: tools that add, count, ask, wait and raise the flag, and one resource.
A client is to call `wait`, give it up once `begun` has answered, and hear from `waited` what became of it.
"""

import asyncio
from dataclasses import dataclass
from typing import Annotated

from dragoman import Context, Meta, Server

FLAG = "harbour://flag"
PATIENCE = 20.0  # seconds

server = Server("pier", "1.0.0")
waiting, given_up = asyncio.Event(), asyncio.Event()


@dataclass
class Berth:
    """What the harbour master wants to know."""

    length: Annotated[int, Meta(ge=1)]
    pilot: bool = True


@server.tool
def add(a: int, b: int) -> str:
    """Add two numbers."""
    return str(a + b)


@server.tool
async def count(context: Context, to: int) -> str:
    """Count, and say so at every step."""
    for step in range(1, to + 1):
        await context.progress(step, to, f"step {step}")
        await asyncio.sleep(0.02)
    return str(to)


@server.tool
async def berth(context: Context) -> str:
    """Ask how long the ship is."""
    answer = await context.elicit("How long is the ship?", Berth)
    if answer.data is None:
        return answer.action
    return f"{answer.data.length} m, {'with' if answer.data.pilot else 'without'} pilot"


@server.tool
async def wait() -> str:
    """Wait until the client gives up."""
    waiting.set()
    try:
        await asyncio.sleep(PATIENCE)
    except asyncio.CancelledError:
        given_up.set()
        raise
    return "nobody gave up"


@server.tool
async def begun() -> str:
    """Answer once somebody waits."""
    async with asyncio.timeout(PATIENCE):
        await waiting.wait()
    return "begun"


@server.tool
async def waited() -> str:
    """Answer once the wait was given up."""
    async with asyncio.timeout(PATIENCE):
        await given_up.wait()
    return "cancelled"


def lower_flag() -> str:
    """Lower the flag again."""
    return "lowered"


@server.tool
def raise_flag() -> str:
    """Change the flag, and offer to lower it."""
    server.add_tool(lower_flag)
    server.notify_resource_updated(FLAG)
    return "raised"


@server.resource(FLAG)
def flag() -> str:
    """The flag that flies."""
    return "blue and white"
