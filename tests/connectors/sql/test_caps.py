"""What nobody may take: whatever is asked of any engine is answered in time, and leaves nothing running.

A real `dragoman serve` has a connector for each database. Every statement here would run for days or fill the
memory: it gets an error in words within the deadline and a second, a second later the database runs nothing, and the
memory of the server and its workers has grown by less than what is promised.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from dragoman import Client, ToolCallError
from tests.connectors.sql.servers import MariaDB, PostgreSQL
from tests.connectors.sql.servers.serving import Serving, serving

DEADLINE: Final = 1.0
GRACE: Final = 1.0
GROWTH: Final = 150 * 10**6
SAMPLE_SECONDS: Final = 0.02
ENOUGH: Final = (
    "was stopped after 1 seconds|more memory than|is larger than|temporary space|made the database engine end|"
    "more steps than the database takes"
)

_COUNTER = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT {} FROM c"
_GROWING = "WITH RECURSIVE c(x) AS (SELECT {text} UNION ALL SELECT {join} FROM c) SELECT {last} FROM c"
_TRACKS = "(SELECT 1 AS n FROM Track a, Track b, Track c, Track d, Genre e WHERE a.Name <> d.Name) t"

STATEMENTS: Final[dict[str, dict[str, str]]] = {
    "sqlite": {
        "cross join": "SELECT count(*) FROM Track a, Track b, Track c, Track d WHERE a.Name <> d.Name",
        "cross join, sorted": "SELECT a.Name FROM Track a, Track b, Track c ORDER BY a.Name || b.Name || c.Name",
        "a series of 10^12": f"{_COUNTER.format('sum(x)')} WHERE x < 1000000000000",
        "endless recursion": _COUNTER.format("count(*)"),
        "endless recursion, all kept": _COUNTER.format("group_concat(x)"),
        "endless recursion, no row": f"{_COUNTER.format('x')} WHERE x < 0",
        "a text of 2 GB": "SELECT replace(hex(zeroblob(1000000)), '0', hex(zeroblob(500)))",
        "bytes of 1 GB as text": "SELECT hex(zeroblob(1000000000))",
        "a text that doubles": _GROWING.format(text="'x'", join="x || x", last="max(length(x))"),
        "a text of all rows": "SELECT group_concat(a.Name) FROM Track a, Track b, Track c",
        "JSON of all rows": "SELECT json_group_array(a.Name || b.Name) FROM Track a, Track b, Track c",
    },
    "postgresql": {
        "cross join": 'SELECT count(*) FROM "Track" a, "Track" b, "Track" c, "Track" d WHERE a."Name" <> d."Name"',
        "cross join, sorted": (
            'SELECT a."Name" FROM "Track" a, "Track" b, "Track" c, "Track" d ORDER BY a."Name" || b."Name" || c."Name"'
        ),
        "a series of 10^12": "SELECT count(*) FROM generate_series(1, 1000000000000)",
        "a series of 10^12, row by row": "SELECT * FROM generate_series(1, 1000000000000)",
        "endless recursion": _COUNTER.format("count(*)"),
        "endless recursion, no row": f"{_COUNTER.format('x')} WHERE x < 0",
        "a text of 2 GB": "SELECT length(repeat('x', 2000000000))",
        "a text of 1 GB": "SELECT repeat('x', 1000000000)",
        "many texts": "SELECT string_agg(repeat('x', 100000), ',') FROM generate_series(1, 100000)",
        "a text that doubles": _GROWING.format(text="text 'x'", join="x || x", last="max(length(x))"),
        "an array of all rows": 'SELECT array_agg(a."Name" || b."Name") FROM "Track" a, "Track" b, "Track" c',
        "JSON of all rows": 'SELECT json_agg(a."Name" || b."Name") FROM "Track" a, "Track" b, "Track" c',
    },
    "mariadb": {
        "cross join": "SELECT count(*) FROM Track a, Track b, Track c, Track d WHERE a.Name <> d.Name",
        "cross join, sorted": (
            "SELECT a.Name FROM Track a, Track b, Track c, Track d ORDER BY concat(a.Name, b.Name, c.Name)"
        ),
        "a series of 10^12": f"{_COUNTER.format('sum(x)')} WHERE x < 1000000000000",
        "endless recursion": _COUNTER.format("count(*)"),
        "endless recursion, no row": f"{_COUNTER.format('x')} WHERE x < 0",
        "many texts": "SELECT sum(length(repeat(a.Name, 1000000))) FROM Track a, Track b, Track c",
        "texts of all rows": "SELECT count(DISTINCT concat(a.Name, b.Name, c.Name)) FROM Track a, Track b, Track c",
    },
    "duckdb": {
        "cross join": "SELECT count(*) FROM Track a, Track b, Track c, Track d WHERE a.Name <> d.Name",
        "cross join, sorted": "SELECT a.Name FROM Track a, Track b, Track c ORDER BY a.Name || b.Name || c.Name",
        "a series of 10^12": "SELECT count(*) FROM generate_series(1, 1000000000000) s(x) WHERE x % 7 = 8",
        "endless recursion": _COUNTER.format("count(*)"),
        "endless recursion, no row": f"{_COUNTER.format('x')} WHERE x < 0",
        "a text of 2 GB": "SELECT repeat('x', 2000000000)",
        "a text that doubles": _GROWING.format(text="'x'", join="x || x", last="max(length(x))"),
        "a text of all rows": "SELECT length(string_agg(a.Name)) FROM Track a, Track b, Track c",
        "a list of all rows": "SELECT list(a.Name || b.Name) FROM Track a, Track b, Track c",
    },
}
ROWS = [
    pytest.param(engine, sql, id=f"{engine}: {why}") for engine, rows in STATEMENTS.items() for why, sql in rows.items()
]

CONNECTOR = """
[connectors.{name}]
type = "sql"
url = "{url}"
timeout = {deadline}
"""


@pytest.fixture(scope="module")
def server(
    shared_data: Path,
    duckdb_shop: Path,
    postgresql: PostgreSQL,
    mariadb: MariaDB,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Serving]:
    """One server for the four databases."""
    urls = {
        "sqlite": f"sqlite:///{(shared_data / 'chinook.sqlite').resolve()}",
        "postgresql": postgresql.url(),
        "mariadb": mariadb.url(),
        "duckdb": f"duckdb:///{duckdb_shop}",
    }
    text = "".join(CONNECTOR.format(name=name, url=url, deadline=DEADLINE) for name, url in urls.items())
    with serving(text, tmp_path_factory.mktemp("caps")) as running:
        yield running


async def highest(server: Serving, ended: asyncio.Event) -> int:
    """Return the most memory that the server and its workers held until an event."""
    most = 0
    while not ended.is_set():
        most = max(most, server.resident())
        await asyncio.sleep(SAMPLE_SECONDS)
    return most


async def asleep(running: Callable[[], list[str]]) -> list[str]:
    """Return what a database runs still, a second later at the latest."""
    end = time.monotonic() + GRACE
    while (found := running()) and time.monotonic() < end:  # noqa: ASYNC110 (of another program)
        await asyncio.sleep(0.05)
    return found


@pytest.mark.parametrize(("engine", "sql"), ROWS)
async def test_a_statement_without_end_is_answered_and_ended(
    engine: str, sql: str, server: Serving, postgresql: PostgreSQL, mariadb: MariaDB
) -> None:
    ended = asyncio.Event()
    async with Client(server.url) as client:
        await client.call_tool(f"{engine}_query", {"sql": "SELECT 1"})
        before = server.resident()
        watch = asyncio.create_task(highest(server, ended))
        begun = time.monotonic()
        with pytest.raises(ToolCallError, match=ENOUGH) as caught:
            await client.call_tool(f"{engine}_query", {"sql": sql})
        seconds = time.monotonic() - begun
        ended.set()
        assert await watch - before < GROWTH
        assert seconds < DEADLINE + GRACE
        assert str(caught.value).startswith(f"{engine}: ")
        assert await asleep(lambda: [*postgresql.running(), *mariadb.running()]) == []
        reply = await client.call_tool(f"{engine}_query", {"sql": "SELECT 1"})
        assert reply.data["rows"] == [[1]]


@pytest.mark.parametrize("engine", list(STATEMENTS))
async def test_a_caller_who_goes_away_leaves_nothing_running(
    engine: str, server: Serving, postgresql: PostgreSQL, mariadb: MariaDB
) -> None:
    sql = STATEMENTS[engine]["cross join"]
    async with Client(server.url) as client:
        call = asyncio.create_task(client.call_tool(f"{engine}_query", {"sql": sql}))
        await asyncio.sleep(DEADLINE / 3)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        begun = time.monotonic()
        assert await asleep(lambda: [*postgresql.running(), *mariadb.running()]) == []
        assert time.monotonic() - begun < DEADLINE / 2
        reply = await client.call_tool(f"{engine}_query", {"sql": "SELECT 1"})
        assert reply.data["rows"] == [[1]]


async def test_a_result_of_many_rows_is_cut_and_goes_on(server: Serving) -> None:
    """Rows and bytes truncate with a cursor; only time is an error."""
    async with Client(server.url) as client:
        for engine, sql in (
            ("sqlite", "SELECT a.Name FROM Track a, Track b, Track c, Track d"),
            ("mariadb", "SELECT a.Name FROM Track a, Track b, Track c, Track d"),
            ("duckdb", "SELECT * FROM generate_series(1, 1000000000000)"),
            ("postgresql", 'SELECT a."Name" FROM "Track" a, "Track" b, "Track" c, "Track" d'),
        ):
            reply = await client.call_tool(f"{engine}_query", {"sql": sql})
            assert (len(reply.data["rows"]), reply.data["truncated"]) == (200, True)
            reply = await client.call_tool(f"{engine}_query", {"sql": sql, "cursor": reply.data["next"]})
            assert len(reply.data["rows"]) == 200
