"""MySQL's engine against real MariaDB servers: answers, caps, cancelling, outages, and what is left behind."""

import asyncio
import resource
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dragoman.connectors.sql.engines.engine import EngineFault, Page, Query, SqlLimits
from dragoman.connectors.sql.engines.mysql import MysqlEngine, open_engine
from dragoman.connectors.sql.settings import PoolSettings, SqlSettings, TlsSettings
from tests.connectors.sql.servers import MariaDB, start_mariadb

ENDLESS = "SELECT count(*) FROM Track a, Track b, Track c, Track d"
MakeEngine = Callable[..., MysqlEngine]


@pytest.fixture
async def make(mariadb: MariaDB) -> AsyncIterator[MakeEngine]:
    """Make engines on the music shop, and close them."""
    made: list[MysqlEngine] = []

    def engine(login: str = "reader", seconds: float = 5, schemas: tuple[str, ...] = (), **limits: Any) -> Any:
        made.append(MysqlEngine(mariadb.url(login), SqlLimits(seconds=seconds, **limits), schemas=schemas))
        return made[-1]

    yield engine
    for each in made:
        await each.close()


@pytest.fixture
def extra(mariadb: MariaDB) -> Iterator[MariaDB]:
    """The shared server, with a database `extra` that a test may fill: it is gone afterwards."""
    mariadb.execute("CREATE DATABASE extra CHARACTER SET utf8mb4", "GRANT SELECT ON extra.* TO reader@'%'")
    yield mariadb
    mariadb.execute("DROP DATABASE extra", "REVOKE SELECT ON extra.* FROM reader@'%'")


async def ask(engine: MysqlEngine, *parts: str, values: tuple[Any, ...] = (), rows: int = 200) -> Page:
    return await engine.run(Query(parts, values), skip=0, rows=rows)


async def cells(engine: MysqlEngine, *parts: str, values: tuple[Any, ...] = ()) -> list[Any]:
    return (await ask(engine, *parts, values=values)).rows[0]


async def fault(engine: MysqlEngine, *parts: str, values: tuple[Any, ...] = ()) -> EngineFault:
    with pytest.raises(EngineFault) as raised:
        await ask(engine, *parts, values=values)
    return raised.value


async def quiet(server: MariaDB, within: float = 1.0) -> None:
    """Hold the server to running nothing within so many seconds."""
    end = time.monotonic() + within
    while await asyncio.to_thread(server.running):
        assert time.monotonic() < end, server.running()
        await asyncio.sleep(0.05)


async def busy(server: MariaDB) -> None:
    """Wait until the server runs something."""
    for _ in range(200):
        if await asyncio.to_thread(server.running):
            return
        await asyncio.sleep(0.02)
    pytest.fail("nothing runs")


async def there(engine: MysqlEngine) -> bool:
    """Whether the server answers; else it must be told to be unreachable."""
    try:
        return await cells(engine, "SELECT 1") == [1]
    except EngineFault as fault:
        if fault.kind != "unreachable":
            raise
        return False


# --- answers ---


async def test_rows_come_in_order_and_go_on_where_they_stopped(make: MakeEngine) -> None:
    engine = make()
    query = Query(("SELECT ArtistId, Name FROM Artist ORDER BY ArtistId DESC",))
    first = await engine.run(query, skip=0, rows=2)
    assert first == Page(["ArtistId", "Name"], [[275, "Philip Glass Ensemble"], [274, "Nash Ensemble"]], more=True)
    assert (await engine.run(query, skip=2, rows=1)).rows[0][0] == 273
    assert await engine.run(query, skip=274, rows=5) == Page(["ArtistId", "Name"], [[1, "AC/DC"]], more=False)
    assert (await engine.run(query, skip=275, rows=5)).rows == []
    everything = await engine.run(query, skip=0, rows=275)
    assert [row[0] for row in everything.rows] == list(range(275, 0, -1))
    assert not everything.more


@pytest.mark.parametrize(
    ("expression", "cell"),
    [
        ("1.50", "1.50"),
        ("CAST(0.1 AS DOUBLE)", 0.1),
        ("CAST(1e300 AS DOUBLE)", 1e300),
        ("9007199254740991", 9007199254740991),
        ("9007199254740993", "9007199254740993"),
        ("18446744073709551615", "18446744073709551615"),
        ("TRUE", 1),
        ("NULL", None),
        ("DATE '2024-02-29'", "2024-02-29"),
        ("TIMESTAMP '2024-02-29 23:59:59.123456'", "2024-02-29T23:59:59.123456"),
        ("TIME '-838:59:59'", "-838:59:59"),
        ("CAST('ab' AS CHAR(5))", "ab"),
        ("x'00ff'", {"base64": "AP8="}),
        ("CAST('a' AS BINARY)", {"base64": "YQ=="}),
        ("b'101'", {"base64": "BQ=="}),
        ("'é€😀'", "é€😀"),
        ("POINT(1, 2)", "000000000101000000000000000000F03F0000000000000040"),
        ("JSON_OBJECT('a', 1)", '{"a": 1}'),
        ("''", ""),
        ("DATE_FORMAT('2024-02-29', '%Y')", "2024"),
        ("CONCAT(1, 2)", "12"),
        ("INET6_NTOA(INET6_ATON('::1'))", "::1"),
    ],
)
async def test_a_value_comes_without_loss(make: MakeEngine, expression: str, cell: object) -> None:
    assert await cells(make(), f"SELECT {expression}") == [cell]


async def test_columns_of_every_type_come_without_loss(make: MakeEngine, extra: MariaDB) -> None:
    extra.execute(
        "CREATE TABLE extra.t (a tinyint(1), b bit(10), c decimal(40, 10), d float, e year, f set('x', 'y'), "
        "g enum('p', 'q'), h blob, i text, j json, k uuid, l inet6, m datetime(3), n bigint unsigned, o char(3), "
        "p varbinary(4))",
        "INSERT INTO extra.t VALUES (1, b'1000000001', 123456789012345678901234567890.0123456789, 0.1, 2024, 'x,y', "
        "'q', x'ff', 'é', '{\"a\": 1}', '6f1d8a2e-3c4b-4d5e-8f60-718293a4b5c6', '::1', '2024-02-29 01:02:03.004', "
        "18446744073709551615, 'ab', x'00')",
    )
    assert await cells(make(), "SELECT * FROM extra.t") == [
        *(1, 513, "123456789012345678901234567890.0123456789", 0.1, 2024, "x,y", "q", {"base64": "/w=="}, "é"),
        *('{"a": 1}', "6f1d8a2e-3c4b-4d5e-8f60-718293a4b5c6", "::1", "2024-02-29T01:02:03.004"),
        *("18446744073709551615", "ab", {"base64": "AA=="}),
    ]


@pytest.mark.parametrize(
    ("before", "after", "value"),
    [
        ("SELECT 5 = ", "", 5),
        ("SELECT -5 = ", "", -5),
        ("SELECT 8 = 3 -", "", -5),
        ("SELECT 1.25 = ", "", 1.25),
        ("SELECT 1e300 = ", "", 1e300),
        ("SELECT 'it''s' = ", "", "it's"),
        ("SELECT 'a\\\\' = ", "", "a\\"),
        ("SELECT 'é€😀' = ", "", "é€😀"),
        ("SELECT '' = ", "", ""),
        ("SELECT CHAR_LENGTH(", ") = 3", "a\0b"),
        ("SELECT ", " = 'x'' OR 1=1 -- '", "x' OR 1=1 -- "),
        ("SELECT TRUE = ", "", True),
        ("SELECT x'00ff' = ", "", b"\0\xff"),
        ("SELECT ", " IS NULL", None),
        ("SELECT DATE '2024-02-29' = ", "", "2024-02-29"),
        ("SELECT TIMESTAMP '2024-02-29 08:00:00' = ", "", "2024-02-29T10:00:00+02:00"),
        ("SELECT TIMESTAMP '2024-02-29 08:00:00' = ", "", "2024-02-29T08:00:00Z"),
        ("SELECT 1 FROM Artist WHERE Name = ", "", "ac/dc"),
        ("SELECT 1 FROM Artist WHERE Name LIKE CONCAT(", ", '%') LIMIT 1", "AC"),
        ("SELECT 1 FROM Artist LIMIT ", "", 1),
        ("SELECT DATE '2024-03-02' = DATE '2024-02-29' + INTERVAL ", " DAY", 2),
    ],
)
async def test_a_value_is_bound_as_it_is_and_nothing_of_it_is_read(
    make: MakeEngine, before: str, after: str, value: object
) -> None:
    assert await cells(make(), before, after, values=(value,)) == [1]


# --- what is refused, by the database itself ---


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1; DELETE FROM PlaylistTrack",
        "COMMIT; DELETE FROM PlaylistTrack",
        "DELETE FROM PlaylistTrack",
        "CREATE TABLE chinook.mine (a int)",
        "DROP TABLE PlaylistTrack",
        "SET SESSION TRANSACTION READ WRITE",
        "COMMIT",
        "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE Genre",
        "DO SLEEP(0)",
    ],
)
@pytest.mark.parametrize("login", ["reader", "admin"])
async def test_what_writes_or_is_no_single_query_is_refused_to_every_login(
    make: MakeEngine, mariadb: MariaDB, login: str, statement: str
) -> None:
    engine = make(login)
    assert (await fault(engine, statement)).kind in ("statement", "refused")
    assert mariadb.execute("SELECT count(*) FROM PlaylistTrack") == [["8715"]]
    assert (await fault(engine, "DELETE FROM PlaylistTrack")).kind == "refused"


async def test_a_connection_that_comes_back_is_as_new(make: MakeEngine) -> None:
    engine = make("admin")
    session = "SELECT CONNECTION_ID(), @@sql_mode, @@autocommit, @@time_zone, @a, IS_USED_LOCK('l'), @@tx_read_only"
    before = await cells(engine, session)
    assert before[-3:] == [None, None, 1]
    await ask(engine, "SELECT @a := 5, GET_LOCK('l', 0)")
    assert await cells(engine, session) == before


async def test_text_is_read_as_pinned_whatever_the_server_is_set_to(make: MakeEngine, mariadb: MariaDB) -> None:
    (before,) = mariadb.execute("SELECT @@GLOBAL.sql_mode")
    mariadb.execute("SET GLOBAL sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,STRICT_TRANS_TABLES'")
    try:
        row = await cells(make(), "SELECT \"a\", 'b\\'c', 0 || 0, @@sql_mode, ", "", values=("x\\",))
    finally:
        mariadb.execute(f"SET GLOBAL sql_mode = '{before[0]}'")
    assert row == ["a", "b'c", 0, "STRICT_TRANS_TABLES", "x\\"]


# --- caps ---


@pytest.mark.parametrize(
    "statement",
    [
        ENDLESS,
        "SELECT a.TrackId FROM Track a, Track b, Track c WHERE a.TrackId + b.TrackId + c.TrackId < 0",
        "SELECT SLEEP(60)",
        "SELECT BENCHMARK(1000000000000, MD5('x'))",
        "SELECT seq FROM seq_1_to_1000000000000 WHERE seq % 7 = 8",
    ],
)
async def test_the_deadline_ends_a_statement_in_the_server_too(
    make: MakeEngine, mariadb: MariaDB, statement: str
) -> None:
    engine = make(seconds=0.5)
    begin = time.monotonic()
    assert (await fault(engine, statement)).kind == "timeout"
    assert time.monotonic() - begin < 0.5 + 1.5
    await quiet(mariadb)


async def test_a_statement_with_rows_without_end_gives_those_that_were_asked_for(
    make: MakeEngine, mariadb: MariaDB
) -> None:
    engine = make()
    for _ in range(3):
        page = await ask(engine, "SELECT seq FROM seq_1_to_1000000000000", rows=3)
        assert page == Page(["seq"], [[1], [2], [3]], more=True)
    await quiet(mariadb)


async def test_a_recursion_that_the_server_cuts_short_is_an_error(make: MakeEngine) -> None:
    recursion = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r"
    assert (await fault(make(), recursion)).message.startswith("1931")


async def test_rows_end_where_the_bytes_of_a_result_do(make: MakeEngine) -> None:
    engine = make(result_bytes=10_000)
    page = await ask(engine, "SELECT REPEAT('x', 999) FROM seq_1_to_100")
    assert page.more
    assert len(page.rows) == 9
    assert (await fault(engine, "SELECT REPEAT('x', 9999)")).kind == "wide_row"
    assert await cells(engine, "SELECT 1") == [1]


async def test_a_long_cell_is_cut_and_says_so(make: MakeEngine) -> None:
    row = await cells(make(cell_bytes=16), "SELECT REPEAT('é', 40), REPEAT(x'ab', 20), REPEAT('x', 16), 'last'")
    assert row == [
        "éééééééé… [cut: 80 bytes in all]",
        {"base64": "q6urq6urq6urq6urq6urqw==", "cut": "20 bytes in all"},
        "xxxxxxxxxxxxxxxx",
        "last",
    ]


async def test_a_cell_of_many_megabytes_is_not_kept(make: MakeEngine, extra: MariaDB) -> None:
    engine = make(seconds=20)
    await cells(engine, "SELECT 1")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    many = "REPEAT('x', 15000000), 'between', REPEAT(x'ab', 15000000), NULL, 7"
    for _ in range(2):
        row = await cells(engine, f"SELECT {many} FROM seq_1_to_3")
        assert row[0].endswith("… [cut: 15000000 bytes in all]")
        assert row[1] == "between"
        assert row[2]["cut"] == "15000000 bytes in all"
        assert row[3:] == [None, 7]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000, "KiB"
    assert (await fault(engine, "SELECT REPEAT('x', 500000000)")).kind == "too_big"
    wide = ", ".join("REPEAT('x', 60000)" for _ in range(120))
    assert (await fault(engine, f"SELECT {wide}")).kind == "wide_row"
    assert await cells(engine, "SELECT 1") == [1]
    await quiet(extra)


async def test_a_result_in_which_the_server_put_null_for_what_was_too_large_is_an_error(make: MakeEngine) -> None:
    assert (await fault(make(), "SELECT LENGTH(REPEAT('x', 500000000))")).kind == "too_big"
    assert await cells(make(), "SELECT 1 / 0") == [None]


# --- cancelling ---


async def test_a_cancelled_call_ends_what_it_runs_in_the_server(make: MakeEngine, mariadb: MariaDB) -> None:
    engine = make(seconds=30)
    task = asyncio.create_task(ask(engine, ENDLESS))
    await busy(mariadb)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await quiet(mariadb)
    assert await cells(engine, "SELECT 1") == [1]


async def test_a_hundred_cancelled_calls_leave_nothing(make: MakeEngine, mariadb: MariaDB) -> None:
    engine = make(seconds=30)
    for number in range(100):
        task = asyncio.create_task(ask(engine, ENDLESS))
        await asyncio.sleep(0.001 * (number % 30))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await cells(engine, "SELECT 1") == [1]
    await quiet(mariadb)
    await engine.close()
    left = "SELECT count(*) FROM information_schema.processlist WHERE user = 'reader'"
    end = time.monotonic() + 2
    while mariadb.execute(left) != [["0"]]:
        assert time.monotonic() < end
        await asyncio.sleep(0.05)
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


async def test_so_many_statements_run_and_wait_and_no_more(mariadb: MariaDB) -> None:
    engine = MysqlEngine(mariadb.url(), SqlLimits(seconds=1), pool=PoolSettings(size=2, waiting=1))
    tasks = [asyncio.create_task(ask(engine, "SELECT SLEEP(0.3)")) for _ in range(4)]
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each) for each in answers].count(Page) == 3
    (refused,) = [each for each in answers if isinstance(each, EngineFault)]
    assert refused.kind == "busy"
    await engine.close()


# --- what the database holds ---


async def test_the_catalog_tells_relations_columns_keys_and_comments(make: MakeEngine) -> None:
    catalog = await make().catalog()
    assert [relation.name for relation in catalog.relations.values()] == [
        *("Album", "Artist", "Customer", "Employee", "Genre", "Invoice", "InvoiceLine", "MediaType"),
        *("Playlist", "PlaylistTrack", "Track"),
    ]
    customer = catalog.relations["customer"]
    assert (customer.kind, customer.schema, customer.rows) == ("table", "chinook", 59)
    assert customer.comment == "People who bought at least one track"
    email = next(column for column in customer.columns if column.name == "Email")
    assert (email.type, email.nullable, email.comment) == (
        "varchar(60)",
        False,
        "Unique in practice, not by constraint",
    )
    assert next(column for column in customer.columns if column.name == "Fax").default is None
    assert [(column.name, column.key) for column in catalog.relations["playlisttrack"].columns] == [
        ("PlaylistId", 1),
        ("TrackId", 2),
    ]


async def test_views_broken_views_and_what_may_not_be_read_are_told_apart(make: MakeEngine, extra: MariaDB) -> None:
    extra.execute(
        "CREATE TABLE extra.t (a int, secret int)",
        "CREATE VIEW extra.seen AS SELECT a FROM extra.t",
        "CREATE TABLE extra.gone (a int)",
        "CREATE VIEW extra.broken AS SELECT a FROM extra.gone",
        "DROP TABLE extra.gone",
        "REVOKE SELECT ON extra.* FROM reader@'%'",
        "GRANT SELECT (a), INSERT (secret) ON extra.t TO reader@'%'",
        "GRANT SELECT ON extra.seen TO reader@'%'",
        "GRANT SELECT ON extra.broken TO reader@'%'",
    )
    try:
        catalog = await make(schemas=("chinook", "extra")).catalog()
    finally:
        extra.execute("REVOKE ALL ON extra.t FROM reader@'%'", "GRANT SELECT ON extra.* TO reader@'%'")
        extra.execute("REVOKE ALL ON extra.seen FROM reader@'%'", "REVOKE ALL ON extra.broken FROM reader@'%'")
    seen = {r.name: (r.kind, r.readable) for r in catalog.relations.values() if r.schema == "extra"}
    assert seen == {"t": ("table", True), "seen": ("view", True), "broken": ("view", False)}
    assert [column.name for column in catalog.relations["extra.t"].columns] == ["a"]


async def test_keys_indexes_and_counts_are_told(make: MakeEngine) -> None:
    engine = make()
    catalog = await engine.catalog()
    details = await engine.describe(catalog.relations["track"])
    assert [(key.columns, key.table, key.references) for key in details.foreign_keys] == [
        (("AlbumId",), "Album", ("AlbumId",)),
        (("GenreId",), "Genre", ("GenreId",)),
        (("MediaTypeId",), "MediaType", ("MediaTypeId",)),
    ]
    assert (details.indexes[0].columns, details.indexes[0].unique) == (("TrackId",), True)
    assert (details.count.rows, details.count.exact) == (3503, True)
    counts = await engine.counts(list(catalog.relations.values()))
    assert sum(count.rows or 0 for count in counts) == 15607


async def test_a_plan_names_steps_and_no_value(make: MakeEngine) -> None:
    engine = make()
    plan = await engine.explain(
        Query(("SELECT * FROM Track JOIN Album USING (AlbumId) WHERE Composer = ", ""), ("hush",))
    )
    assert {scan.relation for scan in plan.scans} & {"Track", "Album"}
    assert plan.rows is not None
    assert plan.rows >= 347
    assert "hush" not in plan.text
    assert b"hush".hex() not in plan.text
    wide = await engine.explain(Query(("SELECT 1 FROM Track a, Track b, Track c",)))
    assert wide.rows is not None
    assert wide.rows > 10**10
    slow = await engine.explain(Query(("SELECT SLEEP(60)",)))
    assert "No tables used" in slow.text


async def test_rights_that_are_not_needed_are_named_with_what_makes_the_right_login(
    make: MakeEngine, mariadb: MariaDB
) -> None:
    assert (await make().rights()).excess == ()
    admin = await make("admin").rights()
    assert admin.excess == ("it has ALL PRIVILEGES on *.*", "it may pass on its rights on *.*")
    mariadb.execute("GRANT FILE ON *.* TO reader@'%'", "GRANT UPDATE (Name) ON chinook.Genre TO reader@'%'")
    try:
        assert (await make().rights()).excess == ("it has FILE on *.*", "it has UPDATE on `chinook`.`Genre`")
    finally:
        mariadb.execute("REVOKE FILE ON *.* FROM reader@'%'", "REVOKE UPDATE (Name) ON chinook.Genre FROM reader@'%'")
    mariadb.execute(*(line.rstrip(";") for line in admin.remedy))
    try:
        url = mariadb.url().replace("reader:", "dragoman_reader:").replace("of%20the%20reader", "choose%20one")
        engine = MysqlEngine(url, SqlLimits())
        assert (await engine.rights()).excess == ()
        assert len((await engine.catalog()).relations) == 11
        await engine.close()
    finally:
        mariadb.execute("DROP USER 'dragoman_reader'@'%'")


# --- connecting ---


async def test_a_wrong_password_is_a_matter_of_login_and_not_repeated(mariadb: MariaDB) -> None:
    engine = MysqlEngine(mariadb.url().replace("of%20the", "hunter2"), SqlLimits())
    refused = await fault(engine, "SELECT 1")
    assert refused.kind == "login"
    assert "hunter2" not in str(refused)
    await engine.close()


async def test_a_server_without_encryption_gets_no_password_where_it_is_required(mariadb: MariaDB) -> None:
    for tls in (TlsSettings(mode="require"), TlsSettings(mode="verify-full")):
        engine = MysqlEngine(mariadb.url(), SqlLimits(), tls=tls)
        assert (await fault(engine, "SELECT 1")).kind == "unreachable"
        await engine.close()


async def test_settings_open_an_engine_over_a_socket(mariadb: MariaDB) -> None:
    url = f"mysql://reader:of%20the%20reader@localhost/chinook?socket={mariadb.folder}/socket"
    engine = open_engine(SqlSettings(url=url, tls=TlsSettings(mode="verify-full")))
    assert await cells(engine, "SELECT 1") == [1]
    await engine.close()


async def test_a_server_that_ends_and_comes_back_needs_no_restart_of_ours(shared_data: Path) -> None:
    with start_mariadb(shared_data / "chinook.sqlite") as private:
        engine = MysqlEngine(private.url(), SqlLimits(seconds=5), pool=PoolSettings(size=2))
        assert await cells(engine, "SELECT 1") == [1]
        running = asyncio.create_task(ask(engine, ENDLESS))
        await busy(private)
        private.server.stop(signal.SIGKILL)
        with pytest.raises(EngineFault) as raised:
            await running
        assert raised.value.kind == "away"
        for _ in range(3):
            begin = time.monotonic()
            assert (await fault(engine, "SELECT 1")).kind == "unreachable"
            assert time.monotonic() - begin < 1
        private.server.start()
        end = time.monotonic() + 10
        while not await there(engine):
            assert time.monotonic() < end
            await asyncio.sleep(0.1)
        private.server.stop()
        private.server.start()
        assert await cells(engine, "SELECT 2") == [2], "a broken free connection is not an error"
        await engine.close()


async def test_a_server_that_answers_nothing_costs_the_deadline_and_no_more() -> None:
    with start_mariadb(None) as private:
        engine = MysqlEngine(private.url(), SqlLimits(seconds=0.5), pool=PoolSettings(size=1, connect_timeout=0.5))
        assert await cells(engine, "SELECT 1") == [1]
        private.server.freeze()
        begin = time.monotonic()
        assert (await fault(engine, "SELECT 1")).kind == "timeout"
        assert time.monotonic() - begin < 0.5 + 1.5
        await asyncio.sleep(1.1)
        assert (await fault(engine, "SELECT 1")).kind == "unreachable"
        private.server.thaw()
        await asyncio.sleep(0.6)
        assert await cells(engine, "SELECT 1") == [1]
        await engine.close()
