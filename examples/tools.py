"""Own tools: type hints make the schema, docstrings make the descriptions.

Serve it with `dragoman serve examples/tools.py`.
"""

import asyncio
from dataclasses import dataclass
from typing import Annotated, Literal

from dragoman import Context, Meta, Server, ToolAnnotations, ToolError

server = Server("parcels", "1.0", instructions="Ask for a price before you promise one to a customer.")

Country = Literal["DE", "FR", "PL"]
_DAYS: dict[str, int] = {"DE": 1, "FR": 2, "PL": 3}
_SENT = {"P-1001": "delivered", "P-1002": "on its way"}


@dataclass
class Parcel:
    """What is sent.

    Args:
        kilograms: Its weight.
        country: Where it goes.
        insured: Whether a loss is paid for.
    """

    kilograms: Annotated[float, Meta(gt=0, le=30)]
    country: Country
    insured: bool = False


@dataclass
class Price:
    """What sending costs, and how long it takes."""

    cents: int
    days: int


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def price(parcel: Parcel) -> Price:
    """Tell what a parcel costs to send."""
    cents = 450 + round(90 * parcel.kilograms) + (200 if parcel.insured else 0)
    return Price(cents, _DAYS[parcel.country])


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def track(number: Annotated[str, Meta(pattern=r"^P-\d+$", description="such as P-1001")]) -> str:
    """Tell where a parcel is."""
    if number not in _SENT:
        raise ToolError(f"There is no parcel {number}. The numbers known are {', '.join(_SENT)}.")
    return f"{number} is {_SENT[number]}"


@server.tool
async def print_labels(numbers: list[str], context: Context) -> int:
    """Print labels, one after the other.

    Args:
        numbers: The parcels' numbers.
    """
    for done, number in enumerate(numbers, start=1):
        await asyncio.sleep(0)  # where a printer would be waited for
        await context.progress(done, len(numbers), number)
    await context.info(f"{len(numbers)} labels printed")
    return len(numbers)


if __name__ == "__main__":
    server.run()
