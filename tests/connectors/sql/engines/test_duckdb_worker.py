"""The worker's caps, in a process of its own: time, memory, temporary files, results."""

import asyncio
import json
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dragoman.connectors.sql.engines import duckdb as engine_module
from tests.connectors.sql.servers.duckdb_engines import (
    CROSS_JOIN,
    ENDLESS,
    STUBBORN,
    Make,
    ask,
    cells,
    children,
    fault,
    resident,
)


@pytest.mark.parametrize(
    "sql",
    [
        ENDLESS,
        CROSS_JOIN,
        STUBBORN,
        "SELECT * FROM generate_series(1, 1000000000000) t(i) ORDER BY i % 7, i",
        "SELECT count(*) FROM generate_series(1, 1000000000000)",
    ],
)
async def test_statements_end_in_time(duckdb_engines: Make, sql: str) -> None:
    engine = duckdb_engines(seconds=0.5)
    await engine.catalog()
    begin = time.monotonic()
    assert (await fault(engine, sql)).kind == "timeout"
    assert time.monotonic() - begin < 0.5 + 1
    assert await cells(engine, "SELECT 1") == [1]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT repeat('x', 2000000000)",
        "SELECT length(repeat('x', 2000000000))",
        "SELECT lpad('x', 2000000000, 'y')",
        "SELECT list(i) FROM range(1000000000) t(i)",
        "SELECT string_agg(repeat('z', 1000), '') FROM range(100000000)",
        "SELECT repeat('x', 30000000) FROM range(300)",
        "SELECT i % 1000000, list(i) FROM range(100000000) t(i) GROUP BY 1",
        "WITH RECURSIVE r AS (SELECT 1 AS n, 'y' AS t UNION ALL SELECT n + 1, t || t FROM r) FROM r ORDER BY 2",
        "SELECT i, repeat(i::VARCHAR, 100) FROM range(100000000) t(i) ORDER BY 2",
        "SELECT " + ", ".join(["repeat('x', 8000000)"] * 100),
    ],
)
async def test_memory_stays_bounded(duckdb_engines: Make, sql: str) -> None:
    engine = duckdb_engines(seconds=1.5)
    await engine.catalog()
    largest = 0

    async def watch() -> None:
        nonlocal largest
        while True:
            largest = max([largest, *(resident(pid) for pid in children())])
            await asyncio.sleep(0.01)

    watcher = asyncio.ensure_future(watch())
    begin = time.monotonic()
    assert (await fault(engine, sql)).kind in ("memory", "timeout", "scratch", "lost", "wide_row")
    assert time.monotonic() - begin < 1.5 + 1
    watcher.cancel()
    assert 0 < largest < 150 * 2**20
    assert await cells(engine, "SELECT 1") == [1]


async def test_rows_and_bytes_end_a_result(duckdb_engines: Make) -> None:
    engine = duckdb_engines(result_bytes=2000)
    page = await ask(engine, "SELECT i, repeat('x', 100) FROM range(1000000000) t(i)", rows=100_000)
    assert page.more
    assert 10 < len(page.rows) < 20
    assert (await ask(engine, "SELECT 1 FROM range(1000000000000)", rows=7)).more
    assert (await fault(engine, "SELECT repeat('x', 3000)")).kind == "wide_row"


async def test_sorting_more_than_fits_into_memory_uses_temporary_files(duckdb_engines: Make) -> None:
    engine = duckdb_engines(seconds=30)
    spilling = "SELECT i, md5(i::VARCHAR) AS m FROM range(2500000) t(i) ORDER BY m"
    assert await cells(engine, spilling) == [2420500, "0000023f507999464aa2b78875b7e5d6"]


async def test_temporary_files_are_bounded_and_removed(
    duckdb_engines: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    engine = duckdb_engines(seconds=4, scratch_bytes=16 * 2**20)
    spilling = "SELECT i, md5(i::VARCHAR) AS m FROM range(3000000) t(i) ORDER BY m"
    assert (await fault(engine, spilling)).kind in ("scratch", "timeout", "memory")
    await engine.close()
    assert os.listdir(tmp_path) == []  # noqa: PTH208 (no path object is awaited on)


def test_a_worker_ends_with_whoever_started_it_even_in_a_statement(tmp_path: Path, duckdb_shop: Path) -> None:
    """The greeting and one endless statement are in the pipe; then the other side is gone."""
    settings = {
        "database": str(duckdb_shop), "files": {}, "schemas": ["main"], "scratch": str(tmp_path / "scratch"),
        "memory_bytes": 64 * 2**20, "scratch_bytes": 2**24, "seconds": 1.0, "count_seconds": 1.0,
    }  # fmt: skip
    request = {
        "operation": "run", "sql": STUBBORN, "arguments": [], "skip": 0, "rows": 1, "seconds": 0.3,
        "result_bytes": 10_000, "cell_bytes": 1000,
    }  # fmt: skip
    folders = engine_module.folders_of_the_driver()
    command = [sys.executable, "-I", "-S", str(engine_module.WORKER), str(64 * 2**20), str(2**24), *folders]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as worker:
        assert worker.stdin is not None
        for frame in (json.dumps(settings).encode(), json.dumps(request).encode()):
            worker.stdin.write(struct.pack(">I", len(frame)) + frame)
        worker.stdin.close()
        assert worker.wait(10) == -signal.SIGALRM
