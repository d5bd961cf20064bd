"""Two questions and one deed, on every protocol revision, on one process or on many.

The deed is a line in the file that the environment variable ORDERS names. It is written between the questions, so it
must not be written again when the call is run again with the second answer: `once` sees to that. Processes behind a
balancer share one secret, and each says where the others reach it:

    DRAGOMAN_SECRET=... dragoman serve examples/two_questions.py --port 9001 --home http://127.0.0.1:9001/mcp
"""

import os
from dataclasses import dataclass
from pathlib import Path

from dragoman import Context, Server

server = Server("two-questions", "1.0")


@dataclass
class Wish:
    """How many are wanted."""

    count: int


def write(line: str) -> str:
    """Write an order down, and give its number."""
    with Path(os.environ.get("ORDERS", "orders.txt")).open("a", encoding="utf-8") as orders:
        orders.write(f"{line}\n")
        return f"R-{orders.tell()}"


@server.tool
async def order(item: str, ctx: Context) -> str:
    """Order something; asks how many, reserves them, and asks whether to buy."""
    wish = await ctx.elicit(f"How many of '{item}'?", Wish)
    if wish.data is None:
        return "Nothing was ordered."
    line = f"{wish.data.count} x {item}"
    number = await ctx.once("reserve", lambda: write(line))
    if await ctx.confirm(f"Buy {line}?"):
        return f"Bought {line}, order {number}."
    return f"Not bought; order {number} lapses."


if __name__ == "__main__":
    server.run()
