"""Engines of DuckDB for tests: made on the music shop, asked, and closed; no process of theirs may be left."""

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from dragoman.connectors.sql.engines.duckdb import DuckdbEngine
from dragoman.connectors.sql.engines.engine import EngineFault, Page, Query, SqlLimits

ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
CROSS_JOIN = "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range <> b.range"
# In one operation that DuckDB does not interrupt.
STUBBORN = "SELECT levenshtein(repeat('ab', 60000), repeat('ba', 60000))"
Make = Callable[..., DuckdbEngine]


@pytest.fixture
async def duckdb_engines(duckdb_shop: Path) -> AsyncIterator[Make]:
    """Make engines, on the music shop where nothing else is said, and close them."""
    made: list[DuckdbEngine] = []

    def engine(source: Any = None, schemas: tuple[str, ...] = (), **limits: Any) -> DuckdbEngine:
        made.append(DuckdbEngine(duckdb_shop if source is None else source, SqlLimits(**limits), schemas))
        return made[-1]

    yield engine
    for each in made:
        await each.close()
    assert children() == []


def children() -> list[int]:
    """Return the workers of this process."""
    found: list[int] = []
    for task in Path("/proc/self/task").iterdir():
        found += map(int, (task / "children").read_text().split())
    return [pid for pid in found if b"duckdb_worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def resident(pid: int) -> int:
    """Return the memory of a process, bytes; 0 when it has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (FileNotFoundError, ProcessLookupError):
        return 0


async def ask(engine: DuckdbEngine, *parts: str, values: tuple[Any, ...] = (), rows: int = 200) -> Page:
    """Run a statement, cut where values stand."""
    return await engine.run(Query(parts, values), skip=0, rows=rows)


async def cells(engine: DuckdbEngine, *parts: str, values: tuple[Any, ...] = ()) -> list[Any]:
    """Return the first row of a statement."""
    return (await ask(engine, *parts, values=values)).rows[0]


async def fault(engine: DuckdbEngine, *parts: str, values: tuple[Any, ...] = ()) -> EngineFault:
    """Return how a statement fails."""
    with pytest.raises(EngineFault) as raised:
        await ask(engine, *parts, values=values)
    return raised.value
