"""`Client(server)` of the official Python SDK: one call after another."""

import sys
from pathlib import Path

import uvloop
from mcp import Client
from server import server

sys.path.append(str(Path(__file__).resolve().parents[1]))

from python_clock import measure


async def main() -> None:
    """Measure."""
    async with Client(server) as client:

        async def call(a: int, b: int) -> int:
            return (await client.call_tool("add", {"a": a, "b": b})).structured_content["result"]

        await measure(call)


uvloop.run(main())
