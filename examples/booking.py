"""Ask the user in the middle of a call, and do what must happen once only once.

The same code runs on every protocol revision. Up to 2025-11-25 each question is a request to the client. From
2026-07-28 on the call ends with the question and is run again from its start with the answer: questions that are
answered return at once, and `once` keeps what was done. Serve it with `dragoman serve examples/booking.py`.
"""

from dataclasses import dataclass
from typing import Literal

from dragoman import Context, Server

server = Server("booking", "1.0")

reserved: list[str] = []
"""Every reservation that was made."""


@dataclass
class Wish:
    """What the user wants."""

    nights: int
    room: Literal["single", "double"] = "single"


@server.tool
async def book(hotel: str, ctx: Context) -> str:
    """Book a room; asks the user what is wanted and whether it may be booked."""
    wish = await ctx.elicit(f"Which room at {hotel}?", Wish)
    if wish.data is None:
        return "Nothing was booked: the user did not say which room."

    def reserve() -> str:
        reserved.append(hotel)
        return f"R-{len(reserved)}"

    number = await ctx.once("reserve", reserve)
    if not await ctx.confirm(f"Book {wish.data.nights} nights in a {wish.data.room} room as {number}?"):
        return f"Nothing was booked; the reservation {number} lapses."
    return f"Booked {wish.data.nights} nights in a {wish.data.room} room at {hotel}: {number}"


if __name__ == "__main__":
    server.run()
