"""Own tools beside a database and a folder, on one server.

`dragoman demo --no-serve` makes a database and a folder to try it on:

    python examples/shop_desk.py demo/shop.db demo/handbook
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from dragoman import Files, Server, Sql, ToolError


@dataclass
class Sums:
    """Prices in cents; VAT is part of `gross`."""

    net: int
    vat: int
    gross: int


def make(database: Path, handbook: Path) -> Server:
    """A server of a database, a folder and a tool."""
    server = Server("desk", "1.0", instructions="Look into the handbook before you promise anything.")
    server.connect(Sql("shop", database, max_rows=50))
    server.connect(Files("handbook", handbook))

    @server.tool
    def add_vat(net: int, percent: float = 22.0) -> Sums:
        """Add the value added tax to a net price.

        Args:
            net: The price without tax, in cents.
            percent: The rate.
        """
        if not 0 <= percent <= 100:  # noqa: PLR2004
            raise ToolError("The rate is a percentage from 0 to 100.")
        vat = round(net * percent / 100)
        return Sums(net, vat, net + vat)

    return server


if __name__ == "__main__":
    make(Path(sys.argv[1]), Path(sys.argv[2])).run("http")
