"""What the guard takes of a statement: read, judged, rewritten the first time; looked up when it comes again.

The statements are the useful queries of the tests, over the music shop; masked is the shop of which some columns are
masked and some rows are hidden. Everything is processor time of this process, so that a busy machine does not count.
The share is that of a 100-row query: the guard beside binding, running and rendering it in this process; what SQLite's
own process takes is not counted, so the true share is lower.
"""

import asyncio
import importlib
import statistics
import time
from typing import Any

from benchmarks.measure import Goal, Outcome, Row, Sample, Series
from benchmarks.race import Run
from benchmarks.rows.sql_query import SQL, database

FIRST, AGAIN = "first time", "again"
MASKED = {
    "Customer": {
        "mask": {"Email": "partial", "Phone": "null", "LastName": "hash"},
        "deny_columns": ["Fax"],
        "rows": "Country = 'Canada'",
    },
    "Track": {"mask": {"Composer": "partial"}, "rows": "Milliseconds > 0"},
}
POLICIES: dict[str, dict[str, Any]] = {"plain": {}, "masked": MASKED}
ROUNDS_AGAIN = 200
CALLS = 50


def _of(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)


def _statements() -> tuple[str, ...]:
    queries: tuple[str, ...] = _of("tests.connectors.sql.workload", "QUERIES")
    return queries


def _guard_and_view(tables: dict[str, Any]) -> tuple[Any, Any]:
    """A new guard, which remembers nothing, and what callers see."""
    settings = _of("dragoman", "read_settings")(
        {"url": "shop.db", "tables": tables}, _of("dragoman.connectors.sql.settings", "SqlSettings"), "shop"
    )
    dialect = _of("dragoman.connectors.sql.dialects", "SQLITE")
    catalog = _of("tests.connectors.sql.chinook", "catalog_of")(*_of("tests.connectors.sql.chinook", "RELATIONS"))
    view = _of("dragoman.connectors.sql.policy", "Policy")(settings, dialect, b"key").view(catalog)
    guard = _of("dragoman.connectors.sql.guard", "Guard")(
        dialect, _of("dragoman.connectors.sql.engines.engine", "SqlLimits")(), "shop_describe"
    )
    return guard, view


def _passing(tables: dict[str, Any]) -> list[str]:
    """The statements that this policy lets through: with hidden columns, a few of the workload are refused."""
    guard, view = _guard_and_view(tables)
    refused = _of("dragoman.connectors.sql.guard", "Refused")
    passing = []
    for sql in _statements():
        try:
            guard.check(sql, view)
        except refused:
            continue
        passing.append(sql)
    return passing


def _timed(work: Any) -> float:
    """Processor time of a piece of work, seconds."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def _guard_time(policy: str, statements: list[str]) -> tuple[Sample, Sample]:
    """One round: the median of a statement for the first time, milliseconds, and again, microseconds."""
    guard, view = _guard_and_view(POLICIES[policy])
    first = [_timed(lambda sql=sql: guard.check(sql, view)) * 1e3 for sql in statements]

    def again() -> None:
        for _ in range(ROUNDS_AGAIN):
            for sql in statements:
                guard.check(sql, view)

    return Sample(statistics.median(first)), Sample(_timed(again) * 1e6 / ROUNDS_AGAIN / len(statements))


async def _query_time(policy: str) -> tuple[float, float]:
    """Processor time of this process for a 100-row query and for the guard's part of it, microseconds."""
    tables = {name: rule for name, rule in POLICIES[policy].items() if name == "Track"}
    shop = _of("dragoman", "Sql")("shop", database(), tables=tables)
    anonymous = _of("dragoman", "ANONYMOUS")
    as_text = _of("dragoman.connectors.sql.rows", "as_text")
    try:
        for _ in range(5):
            await shop.query(SQL)
        begin = time.process_time()
        for _ in range(CALLS):
            as_text(await shop.query(SQL))
        whole = time.process_time() - begin
        begin = time.process_time()
        for _ in range(CALLS):
            await shop.gate.check(SQL, anonymous)
        part = time.process_time() - begin
    finally:
        await shop.close()
    return whole * 1e6 / CALLS, part * 1e6 / CALLS


def measure_time(run: Run) -> Outcome:
    """The guard alone, over the workload."""
    outcome = Outcome()
    for policy, tables in POLICIES.items():
        statements = _passing(tables)
        first, again = Series(f"{FIRST}, {policy}", "ms"), Series(f"{AGAIN}, {policy}", "us")
        for _ in range(run.rounds):
            once, more = _guard_time(policy, statements)
            first.samples.append(once)
            again.samples.append(more)
        outcome.series += [first, again]
        outcome.notes.append(f"{policy}: {len(statements)} of {len(_statements())} statements of the workload")
    return outcome


def measure_share(run: Run) -> Outcome:
    """The guard's share of a 100-row query."""
    outcome = Outcome()
    for policy in POLICIES:
        share, whole = Series(f"share, {policy}", "%"), Series(f"query, {policy}", "us")
        for _ in range(run.rounds):
            total, part = asyncio.run(_query_time(policy))
            share.samples.append(Sample(100 * part / total))
            whole.samples.append(Sample(total))
        outcome.series += [share, whole]
    return outcome


ROWS = [
    Row(
        "sql-guard",
        "the guard, one statement of the SQL workload",
        (
            Goal(f"{FIRST}, plain", at_most=5, words="median of the first time, ms"),
            Goal(f"{FIRST}, masked", at_most=5, words="median of the first time, masked and filtered, ms"),
            Goal(f"{AGAIN}, plain", at_most=50, words="the same statement again, us"),
            Goal(f"{AGAIN}, masked", at_most=50, words="the same statement again, masked and filtered, us"),
        ),
        measure_time,
    ),
    Row(
        "sql-guard-share",
        "the guard's share of a 100-row query",
        (
            Goal("share, plain", at_most=10, words="share of the processor time, %"),
            Goal("share, masked", at_most=10, words="share of the processor time, masked and filtered, %"),
        ),
        measure_share,
    ),
]
