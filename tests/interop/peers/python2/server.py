"""A harbour on the official Python SDK, 2.x: `server.py stdio` or `server.py http PORT`.

Every harbour has the same: tools that add, count, ask, wait and raise the flag, and one resource that flies it.
"""

import asyncio
import sys
from typing import Annotated

import uvicorn
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.resolve import Elicit, Resolve
from pydantic import BaseModel, Field

FLAG = "harbour://flag"
app = MCPServer("harbour", version="1")
cancelled = asyncio.Event()


class Berth(BaseModel):
    """What is asked of a ship."""

    length: int = Field(ge=1)
    pilot: bool = True


async def how_long() -> Elicit[Berth]:
    return Elicit("How long is the ship?", Berth)


@app.tool()
async def add(a: int, b: int) -> str:
    return str(a + b)


@app.tool()
async def count(to: int, context: Context) -> str:
    for step in range(1, to + 1):
        await context.report_progress(step, to, f"step {step}")
    return str(to)


@app.tool()
async def berth(ship: Annotated[Berth, Resolve(how_long)]) -> str:
    return f"{ship.length} m, {'with' if ship.pilot else 'without'} pilot"


@app.tool()
async def wait() -> str:
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        cancelled.set()
        raise
    return "waited"


@app.tool()
async def waited() -> str:
    await asyncio.wait_for(cancelled.wait(), 10)
    return "cancelled"


@app.tool()
async def raise_flag(context: Context) -> str:
    await context.notify_resource_updated(FLAG)
    await context.notify_tools_changed()
    return "raised"


@app.resource(FLAG, name="flag", mime_type="text/plain")
async def flag() -> str:
    return "blue and white"


if sys.argv[1] == "stdio":
    app.run("stdio")
else:
    uvicorn.run(app.streamable_http_app(), port=int(sys.argv[2]), log_level="warning")
