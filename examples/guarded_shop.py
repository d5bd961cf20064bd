"""A database with rules: what is hidden, masked and filtered, a query of one's own as a tool, and a limit on costs.

`dragoman demo --no-serve` makes a database to try it on:

    python examples/guarded_shop.py demo/shop.db
"""

import sys
from pathlib import Path

from dragoman import Server, Sql


def make(database: Path) -> Server:
    """A server of one database."""
    server = Server("guarded", "1.0")
    server.connect(
        Sql(
            "shop",
            database,
            deny=["employees"],
            tables={
                "products": {"deny_columns": ["cost_cents"]},
                "customers": {"mask": {"email": "partial", "name": "null"}, "rows": "country = 'Germany'"},
            },
            tools={
                "orders_of": {
                    "description": "Orders of one customer, the newest first",
                    "sql": "select id, placed_at, status from orders where customer_id = :customer and status = "
                    "coalesce(:status, status) order by placed_at desc, id",
                    "parameters": {
                        "customer": {"type": "integer", "description": "the customer's id", "minimum": 1},
                        "status": {"enum": ["placed", "packed", "shipped", "delivered", "cancelled"], "optional": True},
                    },
                    "max_rows": 20,
                }
            },
            cost={"full_scan_rows": 100_000},
            results="text",
            timeout="2s",
            max_bytes="200kB",
        )
    )
    return server


if __name__ == "__main__":
    make(Path(sys.argv[1])).run("http")
