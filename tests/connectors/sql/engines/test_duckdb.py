"""DuckDB's engine: where it is, rows as they come, and what becomes of calls that nobody waits for."""

import asyncio
import hmac
import os
import re
import signal
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dragoman import Sql, UsageError
from dragoman.connectors.sql import values
from dragoman.connectors.sql.engines.duckdb import open_engine, path_of
from dragoman.connectors.sql.engines.engine import EngineFault, Query, Rights
from dragoman.connectors.sql.settings import SqlSettings
from tests.connectors.sql.servers.duckdb_engines import ENDLESS, STUBBORN, Make, ask, cells, children, fault
from tests.connectors.sql.workloads.duckdb import QUERIES


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("a.duckdb", "a.duckdb"),
        (Path("a.duckdb"), "a.duckdb"),
        ("duckdb:///a b?.duckdb", "a b?.duckdb"),
        ("duckdb:////tmp/ä.duckdb", "/tmp/ä.duckdb"),  # noqa: S108
    ],
)
def test_paths(url: str | Path, path: str) -> None:
    assert path_of(url) == Path(path).absolute()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("duckdb://host/a.duckdb", "names no host"),
        ("duckdb:a.duckdb", "write duckdb:///relative"),
        ("duckdb:///", "name a file"),
        ("duckdb:///:memory:", "in memory"),
    ],
)
def test_what_is_no_path(url: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        path_of(url)


async def test_an_engine_is_opened_without_a_process(tmp_path: Path) -> None:
    engine = open_engine(SqlSettings(url=f"duckdb:///{tmp_path}/none.duckdb", timeout=2.0))
    assert engine.limits.seconds == 2.0
    of_files = open_engine(SqlSettings(files=(f"{tmp_path}/none.csv",)))
    assert of_files.source == {"none": tmp_path / "none.csv"}
    assert children() == []
    assert os.listdir(tmp_path) == []  # noqa: PTH208 (no path object is awaited on)
    for each in (engine, of_files):
        assert (await fault(each, "SELECT 1")).kind == "missing"
        await each.close()


async def test_rows_come_in_order_and_go_on_where_they_stopped(duckdb_engines: Make) -> None:
    engine = duckdb_engines()
    query = Query(("SELECT ArtistId, Name FROM Artist ORDER BY ArtistId DESC",))
    first = await engine.run(query, skip=0, rows=2)
    assert (first.columns, first.rows, first.more) == (
        ["ArtistId", "Name"],
        [[275, "Philip Glass Ensemble"], [274, "Nash Ensemble"]],
        True,
    )
    assert (await engine.run(query, skip=2, rows=1)).rows[0][0] == 273
    last = await engine.run(query, skip=274, rows=5)
    assert (last.rows, last.more) == ([[1, "AC/DC"]], False)
    assert (await engine.run(query, skip=2000, rows=5)).rows == []
    everything = await engine.run(query, skip=0, rows=275)
    assert [row[0] for row in everything.rows] == list(range(275, 0, -1))
    assert not everything.more


@pytest.mark.parametrize(
    ("before", "after", "value"),
    [
        ("SELECT 5 = ", "", 5),
        ("SELECT 1.25 = ", "", 1.25),
        ("SELECT 'it''s' = ", "", "it's"),
        ("SELECT ", " = 'x'' OR 1=1 -- '", "x' OR 1=1 -- "),
        ("SELECT TRUE = ", "", True),
        ("SELECT '00FF' = hex(", ")", b"\0\xff"),
        ("SELECT ", " IS NULL", None),
        ("SELECT DATE '2024-02-29' = ", "", "2024-02-29"),
        ("SELECT 1 FROM Artist WHERE ArtistId = 1 LIMIT ", "", 1),
        ("SELECT 1 FROM Artist WHERE Name LIKE ", " || '%' AND ArtistId = 1", "AC"),
    ],
)
async def test_a_value_is_bound_as_it_is(duckdb_engines: Make, before: str, after: str, value: object) -> None:
    assert [int(cell) for cell in await cells(duckdb_engines(), before, after, values=(value,))] == [1]


async def test_equal_names_of_columns_stay_equal(duckdb_engines: Make) -> None:
    page = await ask(
        duckdb_engines(), "SELECT a.Name, b.Name, DATE '2024-01-01' AS Name FROM Artist a, Genre b", rows=1
    )
    assert page.columns == ["Name", "Name", "Name"]


async def test_every_query_of_a_workload_returns_what_the_driver_returns(duckdb_shop: Path) -> None:
    assert len(QUERIES) >= 60
    shop = Sql("shop", duckdb_shop, max_rows=10_000, max_bytes="100MB")
    compared = 0
    with duckdb.connect(str(duckdb_shop), read_only=True) as driver:
        for sql in QUERIES:
            answer = await shop.query(sql)
            try:
                rows = driver.execute(sql.rstrip().rstrip(";")).fetchall()
            except duckdb.Error:  # a zone that the driver reads with another package, a lambda in its old form
                continue
            assert texts(answer.rows) == texts([[values.cell(cell, 65_536) for cell in row] for row in rows]), sql
            compared += 1
    await shop.close()
    assert compared >= 60


def texts(rows: list[list[Any]]) -> list[list[Any]]:
    """Return rows with JSON as it is written, which the driver does not take apart."""
    return [[re.sub(r"[\s'\"]", "", str(cell)) for cell in row] for row in rows]


@pytest.mark.parametrize("sql", [ENDLESS, STUBBORN])
async def test_cancelling_frees_the_place_at_once(duckdb_engines: Make, sql: str) -> None:
    engine = duckdb_engines(seconds=30, parallel=1)
    await engine.catalog()
    for _ in range(2):
        call = asyncio.ensure_future(ask(engine, sql))
        await asyncio.sleep(0.3)
        begin = time.monotonic()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await cells(engine, "SELECT 1") == [1]
        assert time.monotonic() - begin < 2


async def test_a_worker_that_is_killed_costs_one_statement(duckdb_engines: Make) -> None:
    engine = duckdb_engines(seconds=20)
    await engine.catalog()
    call = asyncio.ensure_future(ask(engine, ENDLESS))
    await asyncio.sleep(0.3)
    for pid in children():
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(EngineFault, match="lost"):
        await call
    assert await cells(engine, "SELECT 1") == [1]


async def test_too_many_at_one_time(duckdb_engines: Make) -> None:
    engine = duckdb_engines(seconds=1, parallel=1, waiting=0)
    await engine.catalog()
    call = asyncio.ensure_future(ask(engine, ENDLESS))
    await asyncio.sleep(0.2)
    assert (await fault(engine, "SELECT 1")).kind == "busy"
    with pytest.raises(EngineFault, match="timeout"):
        await call


def test_a_driver_that_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)  # how Python marks what can't be imported
    with pytest.raises(
        UsageError, match=r"needs the package 'duckdb': install it with `pip install 'dragoman\[duckdb\]'`"
    ):
        Sql("shop", "duckdb:///shop.duckdb")


async def test_hashes_are_those_of_the_key(duckdb_shop: Path) -> None:
    shop = Sql("shop", duckdb_shop, tables={"Artist": {"mask": {"Name": "hash"}}})
    shop.gate.use_key(b"key")
    (name,) = (await shop.query("SELECT Name FROM Artist WHERE ArtistId = 1")).rows[0]
    await shop.close()
    assert name == hmac.new(b"key", b"AC/DC", "sha256").hexdigest()[:16]


async def test_nobody_needs_more_rights(duckdb_engines: Make) -> None:
    assert await duckdb_engines().rights() == Rights()
