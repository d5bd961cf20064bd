"""The SQLite engine: paths, typed answers, and every way of failing as a fault."""

import asyncio
import os
import signal
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from dragoman.connectors.sql.catalog import Count
from dragoman.connectors.sql.engines.engine import EngineFault, Query, SqlLimits
from dragoman.connectors.sql.engines.sqlite import SqliteEngine, path_of
from tests.connectors.sql.conftest import MakeDatabase

ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) "
# In one operation that SQLite can't interrupt.
STUBBORN = "SELECT printf('%.*c', 1000000000, 'x')"
Serve = Callable[..., SqliteEngine]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    served: list[SqliteEngine] = []

    def make(path: Path, **limits: float) -> SqliteEngine:
        served.append(SqliteEngine(path, SqlLimits(**limits)))  # type: ignore[arg-type]
        return served[-1]

    yield make
    for engine in served:
        await engine.close()


async def kind_of_failure(engine: SqliteEngine, sql: str) -> str:
    with pytest.raises(EngineFault) as caught:
        await engine.run(Query((sql,)), skip=0, rows=1)
    return caught.value.kind


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("a.db", "a.db"),
        (Path("a.db"), "a.db"),
        ("/tmp/a b?#%20.db", "/tmp/a b?#%20.db"),  # noqa: S108
        ("sqlite:///a.db", "a.db"),
        ("sqlite:////tmp/ä.db", "/tmp/ä.db"),  # noqa: S108
        ("sqlite+aiosqlite:///a%20b.db", "a%20b.db"),
        ("a:b.db", "a:b.db"),
    ],
)
def test_paths(url: str | Path, path: str) -> None:
    assert path_of(url) == Path(path).absolute()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://localhost/shop", "'postgresql' is no kind of database"),
        ("sqlite://server/shop.db", "names no host"),
        ("sqlite://", "no kind of database"),
        ("sqlite:///", "name a file"),
        ("sqlite:///:memory:", "in memory"),
        (":memory:", "in memory"),
        ("", "name a file"),
    ],
)
def test_what_is_no_path(url: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        path_of(url)


@pytest.mark.parametrize(
    "name", ["plain.db", "with space.db", "?mode=rw&x=#frag%41.db", "naïve 日本.db", "a'b\"c;d.db", "%2e%2e.db"]
)
async def test_any_file_name_is_taken_as_it_is(make_database: MakeDatabase, serve: Serve, name: str) -> None:
    path = make_database("CREATE TABLE t (a)", "INSERT INTO t VALUES (7)", name=name)
    engine = serve(path)
    assert (await engine.run(Query(("SELECT a FROM t",)), skip=0, rows=1)).rows == [[7]]
    assert sorted(each.name for each in path.parent.iterdir()) == [name]


async def test_a_file_name_that_is_no_unicode(tmp_path: Path, serve: Serve) -> None:
    if sys.platform != "linux":
        pytest.skip("other systems have only Unicode names")
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.db"))
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (a)")
    connection.close()
    assert list((await serve(path).catalog()).relations) == ["t"]


async def test_what_a_database_holds(chinook: Path, serve: Serve) -> None:
    engine = serve(chinook)
    catalog = await engine.catalog()
    assert [relation.name for relation in catalog.relations.values()] == [
        "Album", "Artist", "Customer", "Employee", "Genre", "Invoice", "InvoiceLine", "MediaType", "Playlist",
        "PlaylistTrack", "Track",
    ]  # fmt: skip
    assert await engine.catalog() is catalog
    assert await engine.catalog(fresh=True) == catalog
    assert (await engine.describe(catalog.relations["album"])).foreign_keys[0].table == "Artist"
    assert await engine.counts([catalog.relations["artist"], catalog.relations["track"]]) == [
        Count(275, exact=True),
        Count(3503, exact=True),
    ]


async def test_a_changed_schema_is_noticed(make_database: MakeDatabase, serve: Serve) -> None:
    path = make_database("CREATE TABLE t (a)")
    engine = serve(path)
    before = await engine.catalog()
    writer = sqlite3.connect(path)
    writer.execute("CREATE TABLE u (a)")
    writer.close()
    await engine.run(Query(("SELECT 1",)), skip=0, rows=1)
    after = await engine.catalog()
    assert list(before.relations) == ["t"]
    assert list(after.relations) == ["t", "u"]


async def test_a_file_that_comes_goes_and_comes_back(make_database: MakeDatabase, tmp_path: Path, serve: Serve) -> None:
    engine = serve(tmp_path / "made.sqlite")
    assert await kind_of_failure(engine, "SELECT 1") == "missing"
    path = make_database("CREATE TABLE t (a)")
    assert list((await engine.catalog()).relations) == ["t"]
    path.unlink()
    assert await kind_of_failure(engine, "SELECT 1") == "missing"
    make_database("CREATE TABLE u (a)")
    assert list((await engine.catalog()).relations) == ["u"]


@pytest.mark.parametrize("sql", [ENDLESS + "SELECT count(*) FROM c", STUBBORN])
async def test_statements_end_in_time(chinook: Path, serve: Serve, sql: str) -> None:
    engine = serve(chinook, seconds=0.5, value_bytes=10**9)
    await engine.catalog()
    begin = time.monotonic()
    assert await kind_of_failure(engine, sql) == "timeout"
    assert time.monotonic() - begin < 1.5
    assert (await engine.run(Query(("SELECT 1",)), skip=0, rows=1)).rows == [[1]]


@pytest.mark.parametrize("sql", [ENDLESS + "SELECT count(*) FROM c", STUBBORN])
async def test_cancelling_frees_the_place_at_once(chinook: Path, serve: Serve, sql: str) -> None:
    engine = serve(chinook, seconds=30, parallel=1)
    for _ in range(3):
        call = asyncio.ensure_future(engine.run(Query((sql,)), skip=0, rows=1))
        await asyncio.sleep(0.15)
        begin = time.monotonic()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert (await engine.run(Query(("SELECT 1",)), skip=0, rows=1)).rows == [[1]]
        assert time.monotonic() - begin < 2


async def test_too_many_at_one_time(chinook: Path, serve: Serve) -> None:
    engine = serve(chinook, seconds=1, parallel=1, waiting=0)
    await engine.catalog()
    call = asyncio.ensure_future(engine.run(Query((ENDLESS + "SELECT count(*) FROM c",)), skip=0, rows=1))
    await asyncio.sleep(0.1)
    assert await kind_of_failure(engine, "SELECT 1") == "busy"
    with pytest.raises(EngineFault, match="timeout"):
        await call


async def test_a_worker_that_is_killed_costs_one_statement(chinook: Path, serve: Serve) -> None:
    engine = serve(chinook, seconds=20)
    await engine.catalog()
    call = asyncio.ensure_future(engine.run(Query((ENDLESS + "SELECT count(*) FROM c",)), skip=0, rows=1))
    await asyncio.sleep(0.2)
    for pid in children():
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(EngineFault) as caught:
        await call
    assert caught.value.kind == "lost"
    assert (await engine.run(Query(("SELECT 1",)), skip=0, rows=1)).rows == [[1]]


def children() -> list[int]:
    listing = Path(f"/proc/self/task/{os.getpid()}/children")
    found: list[int] = []
    for task in listing.parent.parent.iterdir():
        found += map(int, (task / "children").read_text().split())
    return [pid for pid in found if b"sqlite_worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]


async def test_closing_ends_the_workers_and_asking_starts_them_again(chinook: Path, serve: Serve) -> None:
    engine = serve(chinook)
    await engine.close()
    assert (await engine.run(Query(("SELECT 1",)), skip=0, rows=1)).rows == [[1]]
    assert children()
    await engine.close()
    assert not children()
    assert (await engine.run(Query(("SELECT 1",)), skip=0, rows=1)).rows == [[1]]


async def test_memory_stays_bounded(chinook: Path, serve: Serve) -> None:
    engine = serve(chinook, seconds=2)
    grow = ENDLESS + "SELECT json_group_array(hex(x) || printf('%.500c', 'x')) FROM c"
    wide = "SELECT " + ", ".join(["hex(zeroblob(8000000))"] * 300)
    sort = ENDLESS + "SELECT hex(x) || printf('%.900c', 'x') FROM c ORDER BY 1"
    largest = 0

    async def watch() -> None:
        nonlocal largest
        while True:
            largest = max([largest, *(resident(pid) for pid in children())])
            await asyncio.sleep(0.02)

    watcher = asyncio.ensure_future(watch())
    for sql in (grow, wide, sort):
        assert await kind_of_failure(engine, sql) in ("memory", "timeout", "scratch")
    watcher.cancel()
    assert 0 < largest < 150 * 2**20


def resident(pid: int) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
