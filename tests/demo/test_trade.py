"""What happened obeys the rules, asked of the database as anybody would."""

import sqlite3
from datetime import date
from typing import Any

import pytest

from dragoman.demo import rules
from dragoman.demo.trade import working_day


def rows(database: sqlite3.Connection, sql: str) -> list[tuple[Any, ...]]:
    return database.execute(sql).fetchall()


@pytest.mark.parametrize(
    ("day", "count", "found"),
    [
        ("2026-10-30", 0, "2026-10-30"),
        ("2026-10-30", 1, "2026-11-02"),
        ("2026-10-31", 0, "2026-11-02"),
        ("2026-10-28", 3, "2026-11-02"),
    ],
)
def test_working_days(day: str, count: int, found: str) -> None:
    assert working_day(date.fromisoformat(day), count).isoformat() == found


def test_refunds_are_within_somebody_s_limit_and_no_higher_rank_decides(database: sqlite3.Connection) -> None:
    assert not rows(
        database,
        """SELECT returns.id FROM returns JOIN employees ON employees.id = decided_by
           WHERE refund_cents > refund_limit_cents
              OR EXISTS (SELECT 1 FROM employees AS lower WHERE lower.refund_limit_cents >= max(returns.refund_cents, 1)
                AND lower.refund_limit_cents < employees.refund_limit_cents
                AND lower.hired_on <= decided_on AND (lower.left_on IS NULL OR lower.left_on >= decided_on))""",
    )


def test_returns_are_in_time_or_refused(database: sqlite3.Connection) -> None:
    late = f"julianday(requested_on) - julianday(delivered_on) > {rules.RETURN_DAYS}"
    source = "returns JOIN orders ON orders.id = returns.order_id"
    refused = rows(database, f"SELECT returns.status, count(*) FROM {source} WHERE {late} GROUP BY 1")
    assert {status for status, _ in refused} <= {"refused", "requested"}
    assert dict(refused).get("refused", 0) > 5
    assert not rows(database, f"SELECT 1 FROM {source} WHERE NOT ({late}) AND returns.status = 'refused'")
    assert not rows(database, "SELECT 1 FROM returns WHERE status <> 'refunded' AND refund_cents > 0")


def test_tea_comes_back_only_with_a_reason(database: sqlite3.Connection) -> None:
    assert not rows(
        database,
        f"""SELECT 1 FROM returns JOIN order_lines USING (order_id, line)
            JOIN products ON products.id = product_id JOIN categories ON categories.id = category_id
            WHERE categories.name = '{rules.SEALED_CATEGORY}' AND reason = 'changed mind' AND status = 'refunded'""",
    )


def test_refunds_are_what_was_paid(database: sqlite3.Connection) -> None:
    paid = "(order_lines.quantity * unit_price_cents * (100 - discount_percent) + 50) / 100"
    assert not rows(
        database,
        f"""SELECT 1 FROM returns JOIN order_lines USING (order_id, line)
            WHERE status = 'refunded' AND refund_cents <> {paid}""",
    )


def test_discounts_follow_what_was_spent_before(database: sqlite3.Connection) -> None:
    spent: dict[int, int] = {}
    found = rows(
        database,
        """SELECT customer_id, status, group_concat(DISTINCT discount_percent),
                  sum((quantity * unit_price_cents * (100 - discount_percent) + 50) / 100)
           FROM orders JOIN order_lines ON order_id = orders.id GROUP BY orders.id ORDER BY orders.id""",
    )
    for customer, status, percent, cents in found:
        assert percent == str(rules.discount_percent(spent.get(customer, 0)))
        if status != "cancelled":
            spent[customer] = spent.get(customer, 0) + cents
    for customer, tier in rows(database, "SELECT id, tier FROM customers"):
        assert tier == rules.tier(spent.get(customer, 0))


def test_shipping_costs_what_the_table_says(database: sqlite3.Connection) -> None:
    found = rows(
        database,
        """SELECT shipping_method, shipping_cents,
                  sum((quantity * unit_price_cents * (100 - discount_percent) + 50) / 100)
           FROM orders JOIN order_lines ON order_id = orders.id GROUP BY orders.id""",
    )
    for method, cents, goods in found:
        assert cents == rules.shipping_cents(str(method), goods)


def test_parcels_arrive_in_the_days_that_are_promised(database: sqlite3.Connection) -> None:
    found = rows(database, "SELECT shipping_method, shipped_on, delivered_on FROM orders WHERE delivered_on NOTNULL")
    assert len(found) > 2000
    for method, shipped, delivered in found:
        _, _, fastest, slowest = rules.SHIPPING[str(method)]
        day = date.fromisoformat(str(shipped))
        assert working_day(day, fastest).isoformat() <= str(delivered) <= working_day(day, slowest).isoformat()


def test_the_shelf_is_never_below_empty(database: sqlite3.Connection) -> None:
    assert not rows(
        database,
        """SELECT 1 FROM (SELECT sum(quantity) OVER (PARTITION BY product_id ORDER BY moved_on) AS held
                          FROM stock_movements) WHERE held < 0""",
    )


def test_large_differences_are_signed_twice(database: sqlite3.Connection) -> None:
    counted = rows(database, "SELECT abs(quantity), countersigned_by FROM stock_movements WHERE kind = 'count'")
    assert {bool(second) for _, second in counted} == {True, False}
    for units, second in counted:
        assert (second is not None) == (units > rules.LARGEST_UNSIGNED_DIFFERENCE)


def test_counting_is_on_the_last_working_day(database: sqlite3.Connection) -> None:
    days = {str(day) for (day,) in rows(database, "SELECT DISTINCT moved_on FROM stock_movements WHERE kind = 'count'")}
    assert {"2024-03-29", "2024-06-28", "2024-12-31", "2026-09-30"} <= days
    assert len(days) <= 11


def test_people_work_only_while_they_are_employed(database: sqlite3.Connection) -> None:
    assert not rows(
        database,
        """SELECT 1 FROM stock_movements JOIN employees ON employees.id = employee_id
           WHERE moved_on < hired_on OR moved_on > coalesce(left_on, '9999')""",
    )


def test_every_state_of_an_order_occurs(database: sqlite3.Connection) -> None:
    states = {str(state) for (state,) in rows(database, "SELECT DISTINCT status FROM orders")}
    assert {"placed", "shipped", "delivered", "cancelled"} <= states


def test_reviews_follow_a_delivery(database: sqlite3.Connection) -> None:
    assert not rows(
        database,
        """SELECT 1 FROM reviews WHERE NOT EXISTS (
             SELECT 1 FROM orders JOIN order_lines ON order_id = orders.id
             WHERE orders.customer_id = reviews.customer_id AND order_lines.product_id = reviews.product_id
               AND delivered_on < written_on)""",
    )
