"""The shop's database: rows made from the seed, written into a new SQLite file.

The same seed gives the same rows; nothing here reads the clock or the machine.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any, Final

from dragoman.demo import rules
from dragoman.demo.catalogue import DEPARTMENTS, products
from dragoman.demo.opinions import opinion
from dragoman.demo.staff import EMPLOYEES
from dragoman.demo.trade import Trade

_SCHEMA: Final = Path(__file__).with_name("shop.sql")

Rows = list[tuple[Any, ...]]


def write(path: Path, seed: int = rules.SEED) -> None:
    """Write the database into a file that does not exist yet.

    Args:
        path: the file.
        seed: decides every row.
    """
    random = Random(seed)
    trade = Trade(random, products(random))
    trade.run()
    with closing(sqlite3.connect(path)) as database:
        database.executescript(_SCHEMA.read_text(encoding="utf-8"))
        with database:
            for table, rows in _tables(trade):
                marks = ", ".join("?" * len(rows[0]))
                database.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608  (our own names)
        database.execute("ANALYZE")
        database.commit()


def _tables(trade: Trade) -> Iterator[tuple[str, Rows]]:
    """Every table with its rows, those that others refer to first."""
    categories = _categories()
    number_of = {name: number for number, name, _ in categories}
    yield "categories", categories
    yield (
        "products",
        [
            (
                *(product.id, product.sku, product.name, number_of[product.category]),
                *(product.price_cents, product.cost_cents, product.weight_grams, product.reorder_level),
                *(_day(product.introduced_on), _day(product.discontinued_on)),
            )
            for product in trade.products
        ],
    )
    yield (
        "employees",
        [
            (
                *(one.id, one.name, one.name_latin, one.email, one.role, one.reports_to),
                *(_day(one.hired_on), _day(one.left_on), one.refund_limit_cents),
            )
            for one in EMPLOYEES
        ],
    )
    yield "customers", _customers(trade)
    yield "orders", _orders(trade)
    yield (
        "order_lines",
        [
            (order.id, number, line.product.id, line.quantity, line.unit_price_cents, line.discount_percent)
            for order in trade.orders
            for number, line in enumerate(order.lines, 1)
        ],
    )
    yield "returns", _returns(trade)
    yield (
        "stock_movements",
        [
            (
                *(number, move.product_id, _day(move.moved_on), move.kind, move.quantity),
                *(move.order_id, move.employee_id, move.countersigned_by),
            )
            for number, move in enumerate(trade.movements, 1)
        ],
    )
    yield "reviews", _reviews(trade)


def _categories() -> list[tuple[int, str, int | None]]:
    rows: list[tuple[int, str, int | None]] = []
    for department, categories in DEPARTMENTS.items():
        parent = len(rows) + 1
        rows.append((parent, department, None))
        rows += [(parent + number, name, parent) for number, name in enumerate(categories, 1)]
    return rows


def _customers(trade: Trade) -> Rows:
    rows: Rows = []
    for customer in trade.customers:
        person = customer.person
        letters = "".join(letter if letter.isalnum() else "." for letter in person.name_latin.lower())
        rows.append(
            (
                *(customer.id, person.name, person.name_latin, f"{letters}.{customer.id}@mail.example"),
                *(person.city, person.locale.country, person.locale.language),
                *(rules.tier(customer.spent_cents), int(customer.newsletter), _day(customer.joined_on)),
            )
        )
    return rows


def _orders(trade: Trade) -> Rows:
    return [
        (
            *(order.id, order.customer.id, order.placed_at, order.channel, order.status, order.method),
            *(rules.shipping_cents(order.method, order.goods_cents), order.packed_by),
            *(_day(order.shipped_on), _day(order.delivered_on)),
        )
        for order in trade.orders
    ]


def _returns(trade: Trade) -> Rows:
    return [
        (
            *(number, claim.order_id, claim.line, _day(claim.requested_on), claim.reason, claim.status),
            *(claim.quantity, claim.refund_cents, claim.decided_by, _day(claim.decided_on)),
        )
        for number, claim in enumerate(trade.returns, 1)
    ]


def _reviews(trade: Trade) -> Rows:
    rows: Rows = []
    for number, review in enumerate(trade.reviews, 1):
        language = review.customer.person.locale.language
        title, body = opinion(language, review.stars)
        written_on = _day(review.written_on)
        rows.append((number, review.product_id, review.customer.id, written_on, review.stars, language, title, body))
    return rows


def _day(day: Any) -> str | None:
    return None if day is None else str(day)
