"""PostgreSQL as an engine, against real servers: answers, caps, cancelling, outages, and what is left behind."""

import asyncio
import resource
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dragoman.connectors.sql.engines.engine import EngineFault, Page, Query, Scan, SqlLimits
from dragoman.connectors.sql.engines.postgresql import PostgresqlEngine, open_engine
from dragoman.connectors.sql.settings import PoolSettings, SqlSettings, TlsSettings
from tests.connectors.sql.servers import PostgreSQL, start_postgresql

ENDLESS = 'SELECT count(*) FROM "Track" a, "Track" b, "Track" c, "Track" d'
MakeEngine = Callable[..., PostgresqlEngine]


@pytest.fixture
async def make(postgresql: PostgreSQL) -> AsyncIterator[MakeEngine]:
    """Make engines on the music shop, and close them."""
    made: list[PostgresqlEngine] = []

    def engine(login: str = "reader", seconds: float = 5, schemas: tuple[str, ...] = (), **limits: Any) -> Any:
        made.append(PostgresqlEngine(postgresql.url(login), SqlLimits(seconds=seconds, **limits), schemas=schemas))
        return made[-1]

    yield engine
    for each in made:
        await each.close()


@pytest.fixture
def clean(postgresql: PostgreSQL) -> Iterator[PostgreSQL]:
    """The shared server, whose schema `extra` a test may fill: it is gone afterwards."""
    postgresql.execute("CREATE SCHEMA extra AUTHORIZATION owner", "GRANT USAGE ON SCHEMA extra TO reader")
    yield postgresql
    postgresql.execute("DROP SCHEMA extra CASCADE")


async def ask(engine: PostgresqlEngine, *parts: str, values: tuple[Any, ...] = (), rows: int = 200) -> Page:
    return await engine.run(Query(parts, values), skip=0, rows=rows)


async def cells(engine: PostgresqlEngine, *parts: str, values: tuple[Any, ...] = ()) -> list[Any]:
    return (await ask(engine, *parts, values=values)).rows[0]


async def fault(engine: PostgresqlEngine, *parts: str, values: tuple[Any, ...] = ()) -> EngineFault:
    with pytest.raises(EngineFault) as raised:
        await ask(engine, *parts, values=values)
    return raised.value


async def quiet(server: PostgreSQL, within: float = 1.0) -> None:
    """Hold the server to running nothing within so many seconds."""
    end = time.monotonic() + within
    while await asyncio.to_thread(server.running):
        assert time.monotonic() < end, server.running()
        await asyncio.sleep(0.05)


async def busy(server: PostgreSQL) -> None:
    """Wait until the server runs something."""
    for _ in range(200):
        if await asyncio.to_thread(server.running):
            return
        await asyncio.sleep(0.02)
    pytest.fail("nothing runs")


async def there(engine: PostgresqlEngine) -> bool:
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
    query = Query(('SELECT "ArtistId", "Name" FROM "Artist" ORDER BY "ArtistId" DESC',))
    first = await engine.run(query, skip=0, rows=2)
    assert first == Page(["ArtistId", "Name"], [[275, "Philip Glass Ensemble"], [274, "Nash Ensemble"]], more=True)
    assert (await engine.run(query, skip=2, rows=1)).rows == [
        [273, "C. Monteverdi, Nigel Rogers - Chiaroscuro; London Baroque; London Cornett & Sackbu"]
    ]
    assert await engine.run(query, skip=274, rows=5) == Page(["ArtistId", "Name"], [[1, "AC/DC"]], more=False)
    assert (await engine.run(query, skip=275, rows=5)).rows == []
    everything = await engine.run(query, skip=0, rows=275)
    assert [row[0] for row in everything.rows] == list(range(275, 0, -1))
    assert not everything.more


@pytest.mark.parametrize(
    ("expression", "cell"),
    [
        ("1.50::numeric(10,2)", "1.50"),
        ("'NaN'::numeric", "NaN"),
        ("0.1::float4", 0.1),
        ("0.1::float8", 0.1),
        ("'NaN'::float8", "NaN"),
        ("'-infinity'::float8", "-Infinity"),
        ("9007199254740991", 9007199254740991),
        ("9007199254740993", "9007199254740993"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("true", True),
        ("NULL", None),
        ("'6f1d8a2e-3c4b-4d5e-8f60-718293a4b5c6'::uuid", "6f1d8a2e-3c4b-4d5e-8f60-718293a4b5c6"),
        ("interval '1 year 2 days 3.5 hours'", "1 year 2 days 03:30:00"),
        ("date '2024-02-29'", "2024-02-29"),
        ("date '0044-03-15 BC'", "0044-03-15 BC"),
        ("'infinity'::timestamp", "infinity"),
        ("timestamp '2024-02-29 23:59:59.123456'", "2024-02-29T23:59:59.123456"),
        ("timestamptz '2024-02-29 23:59:59+02'", "2024-02-29T21:59:59+00:00"),
        ("time '23:59:59.5'", "23:59:59.5"),
        ("timetz '23:59:59+02'", "23:59:59+02:00"),
        ("'ab'::char(5)", "ab   "),
        ("'x'::\"char\"", "x"),
        ('\'{"b": [1, 1.5, 12345678901234567890, 0.1000000000000000055]}\'::jsonb',
         {"b": [1, 1.5, "12345678901234567890", "0.1000000000000000055"]}),
        ("'[1, {\"a\": null}]'::json", [1, {"a": None}]),
        ("'null'::jsonb", None),
        ("ARRAY[[1,2],[3,NULL]]", [[1, 2], [3, None]]),
        ("ARRAY[1.50, 2]::numeric[]", ["1.50", "2"]),
        ("ARRAY['a', 'NULL', 'c,d']", ["a", "NULL", "c,d"]),
        ("ARRAY[timestamp '2024-02-29 00:00:00']", ["2024-02-29T00:00:00"]),
        ("ARRAY[decode('00ff', 'hex')]", [{"base64": "AP8="}]),
        ("decode('00ff', 'hex')", {"base64": "AP8="}),
        ("int4range(1, 5)", "[1,5)"),
        ("inet '10.0.0.1'", "10.0.0.1/32"),
        ("cidr '10.0.0.0/8'", "10.0.0.0/8"),
        ("macaddr '08:00:2b:01:02:03'", "08:00:2b:01:02:03"),
        ("to_tsvector('simple', 'a b')", "'a':1 'b':2"),
        ("row(1, 'a b')", '(1,"a b")'),
        ("point(1, 2)", "(1,2)"),
        ("B'101'", "101"),
        ("xmlparse(content '<a/>')", "<a/>"),
        ("12.34::money", "$12.34"),
        ("repeat('[', 70) || repeat(']', 70)", "[" * 70 + "]" * 70),
        ("(repeat('[', 70) || repeat(']', 70))::jsonb", "[" * 70 + "]" * 70),
    ],
)  # fmt: skip
async def test_a_value_of_every_type_comes_without_loss(make: MakeEngine, expression: str, cell: object) -> None:
    assert await cells(make(), f"SELECT {expression}") == [cell]


async def test_an_enum_of_the_database_is_text_and_takes_text(make: MakeEngine, clean: PostgreSQL) -> None:
    clean.execute("CREATE TYPE extra.mood AS ENUM ('sad', 'ok')", "GRANT USAGE ON TYPE extra.mood TO reader")
    engine = make(schemas=("public", "extra"))
    assert await cells(engine, "SELECT 'ok'::mood, ARRAY['sad'::mood]") == ["ok", ["sad"]]
    assert await cells(engine, "SELECT 'ok'::mood = ", "", values=("ok",)) == [True]
    assert (await fault(engine, "SELECT 'ok'::mood = ", "", values=("bad",))).message.startswith("22P02")


@pytest.mark.parametrize(
    ("before", "after", "value"),
    [
        ("SELECT 5 = ", "", 5),
        ("SELECT 5 = ", "", 5.0),
        ("SELECT 9007199254740993 = ", "", "9007199254740993"),
        ("SELECT 1.25 = ", "", "1.25"),
        ("SELECT 1.25::numeric = ", "", 1.25),
        ("SELECT 1.25::float8 = ", "", 1.25),
        ("SELECT 'a' = ", "", "a"),
        ("SELECT '7' = ", "::text", 7),
        ("SELECT true = ", "", True),
        ("SELECT true = ", "", "true"),
        ("SELECT date '2024-02-29' = ", "", "2024-02-29"),
        ("SELECT timestamp '2024-02-29 10:00' = ", "", "2024-02-29T10:00:00"),
        ("SELECT timestamp '2024-02-29 10:00' = ", "", "2024-02-29T10:00:00Z"),
        ("SELECT timestamptz '2024-02-29 10:00+02' = ", "", "2024-02-29T08:00:00Z"),
        ("SELECT timestamptz '2024-02-29 00:00+00' = ", "", "2024-02-29"),
        ("SELECT time '10:00' = ", "", "10:00"),
        ("SELECT interval '2 days' = ", "", "2 days"),
        ("SELECT '6f1d8a2e-3c4b-4d5e-8f60-718293a4b5c6'::uuid = ", "", "6f1d8a2e-3c4b-4d5e-8f60-718293a4b5c6"),
        ("SELECT decode('00ff', 'hex') = ", "", b"\0\xff"),
        ("SELECT '{\"a\":1}'::jsonb = ", "", '{"a": 1}'),
        ("SELECT '3'::jsonb = ", "", 3),
        ("SELECT inet '10.0.0.1' = ", "", "10.0.0.1"),
        ("SELECT ARRAY[1,2] = ", "", "{1,2}"),
        ("SELECT int4range(1,5) = ", "", "[1,5)"),
        ("SELECT ", " IS NULL", None),
        ("SELECT 'x'::text IS NOT DISTINCT FROM ", "", "x"),
        ("SELECT ", " IS NOT NULL", 5),
        ("SELECT 'it''s; --' = ", "", "it's; --"),
    ],
)
async def test_a_value_is_bound_as_its_place_needs_it(make: MakeEngine, before: str, after: str, value: object) -> None:
    assert await cells(make(), before, after, values=(value,)) == [True]


async def test_a_statement_is_looked_at_once_and_follows_a_changed_table(make: MakeEngine, clean: PostgreSQL) -> None:
    clean.execute("CREATE TABLE extra.t AS SELECT 1 AS a", "GRANT SELECT ON extra.t TO reader")
    engine = make(schemas=("extra",))
    for _ in range(3):
        assert await cells(engine, "SELECT * FROM t") == [1]
    before = await engine.catalog()
    clean.execute("ALTER TABLE extra.t ADD b text DEFAULT 'x'", "ALTER TABLE extra.t ALTER a TYPE text")
    assert await cells(engine, "SELECT * FROM t") == ["1", "x"]
    after = await engine.catalog()
    clean.execute("ALTER TABLE extra.t ALTER a TYPE integer USING 5")
    assert await cells(engine, "SELECT * FROM t") == [5, "x"], "what was cut as text is a number"
    assert after.version != before.version
    assert [column.name for column in after.relations["t"].columns] == ["a", "b"]


# --- what is refused, by the database itself ---


@pytest.mark.parametrize(
    "statement",
    [
        'SELECT 1; DELETE FROM "Artist"',
        "SELECT 1; COMMIT; SELECT 2",
        'COMMIT; DELETE FROM "Artist"',
        'DELETE FROM "PlaylistTrack"',
        'WITH x AS (DELETE FROM "PlaylistTrack" RETURNING 1) SELECT * FROM x',
        "CREATE TABLE public.mine (a int)",
        'SELECT 1) AS s(c0) OFFSET 0) AS t(c0); DELETE FROM "PlaylistTrack"; SELECT (1',
        'SELECT "ArtistId" FROM "Artist" FOR UPDATE',
        "SET TRANSACTION READ WRITE",
        'COPY "Artist" TO STDOUT',
    ],
)  # fmt: skip
@pytest.mark.parametrize("login", ["reader", "owner", "admin"])
async def test_what_writes_or_is_no_single_statement_is_refused_to_every_login(
    make: MakeEngine, postgresql: PostgreSQL, login: str, statement: str
) -> None:
    assert (await fault(make(login), statement)).kind in ("statement", "refused")
    assert postgresql.execute('SELECT (SELECT count(*) FROM "Artist"), (SELECT count(*) FROM "PlaylistTrack")') == [
        ["275", "8715"]
    ]


async def test_a_connection_that_comes_back_is_as_new(make: MakeEngine) -> None:
    engine = make("admin")
    session = "SELECT current_setting('search_path'), current_setting('statement_timeout'), current_user, "
    session += (
        "(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()), pg_backend_pid()"
    )
    before = await cells(engine, session)
    await ask(engine, "SELECT set_config('search_path', 'pg_temp', false), set_config('role', 'reader', false)")
    await ask(engine, "SELECT set_config('statement_timeout', '0', false), set_config('TimeZone', 'Asia/Tokyo', false)")
    await ask(engine, "SELECT pg_advisory_lock(4711)::text, pg_try_advisory_lock_shared(4712)")
    after = await cells(engine, session)
    assert after == before
    pinned = ("TimeZone", "transaction_read_only", "client_connection_check_interval", "search_path")
    assert await cells(engine, "SELECT " + ", ".join(f"current_setting('{name}')" for name in pinned)) == [
        *("UTC", "on", "1s", "public")
    ]


async def test_text_is_parsed_as_pinned_whatever_the_database_is_set_to(
    make: MakeEngine, postgresql: PostgreSQL
) -> None:
    postgresql.execute(
        "ALTER ROLE reader SET standard_conforming_strings = off", "ALTER ROLE reader SET DateStyle = 'SQL, DMY'"
    )
    try:
        assert await cells(make(), "SELECT 'a\\'''||'b', date '2024-02-01'") == ["a\\'b", "2024-02-01"]
    finally:
        postgresql.execute("ALTER ROLE reader RESET ALL")


# --- caps ---


@pytest.mark.parametrize(
    "statement",
    [
        ENDLESS,
        "SELECT count(*) FROM generate_series(1, 1000000000000)",
        "SELECT * FROM generate_series(1, 1000000000000) a WHERE a < 0",
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r",
        "SELECT pg_sleep(60)::text",
    ],
)
async def test_the_deadline_ends_a_statement_in_the_server_too(
    make: MakeEngine, postgresql: PostgreSQL, statement: str
) -> None:
    engine = make(seconds=0.5)
    begin = time.monotonic()
    assert (await fault(engine, statement)).kind == "timeout"
    assert time.monotonic() - begin < 0.5 + 1.5
    await quiet(postgresql)


async def test_a_statement_with_rows_without_end_gives_those_that_were_asked_for(
    make: MakeEngine, postgresql: PostgreSQL
) -> None:
    page = await ask(make(), "SELECT generate_series(1, 1000000000000)", rows=3)
    assert page == Page(["generate_series"], [[1], [2], [3]], more=True)
    await quiet(postgresql)


async def test_rows_end_where_the_bytes_of_a_result_do(make: MakeEngine) -> None:
    engine = make(result_bytes=10_000)
    page = await ask(engine, "SELECT repeat('x', 999) FROM generate_series(1, 100)")
    assert page.more
    assert len(page.rows) == 9
    assert (await fault(engine, "SELECT repeat('x', 9999)")).kind == "wide_row"


async def test_a_long_cell_is_cut_by_the_server_and_says_so(make: MakeEngine) -> None:
    engine = make(cell_bytes=16)
    row = await cells(
        engine,
        "SELECT repeat('é', 40), decode(repeat('ab', 20), 'hex'), '[' || repeat('1,', 40) || '1]', repeat('x', 16), "
        "('[' || repeat('1,', 40) || '1]')::jsonb, array_fill(1, ARRAY[40])",
    )
    assert row == [
        "éééééééé… [cut: 80 bytes in all]",
        {"base64": "q6urq6urq6urq6urq6urqw==", "cut": "20 bytes in all"},
        "[1,1,1,1,1,1,1,1… [cut: 83 bytes in all]",
        "xxxxxxxxxxxxxxxx",
        "[1, 1, 1, 1, 1, … [cut: 123 bytes in all]",
        "[1,1,1,1,1,1,1,1… [cut: 81 bytes in all]",
    ]


async def test_a_cell_of_half_a_gigabyte_does_not_reach_this_process(make: MakeEngine, postgresql: PostgreSQL) -> None:
    engine = make(seconds=30)
    await cells(engine, "SELECT 1")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert (await cells(engine, "SELECT repeat('x', 300000000)"))[0].endswith("… [cut: 300000000 bytes in all]")
    many = ", ".join("repeat('x', 60000)" for _ in range(120))
    assert (await fault(engine, f"SELECT {many} FROM generate_series(1, 200)")).kind == "wide_row"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000, "KiB"
    assert (await fault(engine, "SELECT repeat('x', 2000000000)")).kind == "too_big"
    await quiet(postgresql)


# --- cancelling ---


async def test_a_cancelled_call_ends_what_it_runs_in_the_server(make: MakeEngine, postgresql: PostgreSQL) -> None:
    engine = make(seconds=30)
    task = asyncio.create_task(ask(engine, ENDLESS))
    await busy(postgresql)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await quiet(postgresql)
    assert await cells(engine, "SELECT 1") == [1]


async def test_a_hundred_cancelled_calls_leave_nothing(make: MakeEngine, postgresql: PostgreSQL) -> None:
    engine = make(seconds=30)
    for number in range(100):
        task = asyncio.create_task(ask(engine, ENDLESS))
        await asyncio.sleep(0.001 * (number % 30))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await cells(engine, "SELECT 1") == [1]
    await quiet(postgresql)
    await engine.close()
    left = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'reader'"
    end = time.monotonic() + 2
    while postgresql.execute(left) != [["0"]]:
        assert time.monotonic() < end
        await asyncio.sleep(0.05)
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


async def test_so_many_statements_run_and_wait_and_no_more(postgresql: PostgreSQL) -> None:
    engine = PostgresqlEngine(postgresql.url(), SqlLimits(seconds=1), pool=PoolSettings(size=2, waiting=1))
    tasks = [asyncio.create_task(ask(engine, "SELECT pg_sleep(0.3)::text")) for _ in range(4)]
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
    customer = catalog.find("Customer")
    assert customer is not None
    assert (customer.kind, customer.schema, customer.rows) == ("table", "public", 59)
    assert customer.comment == "People who bought at least one track"
    email = next(column for column in customer.columns if column.name == "Email")
    assert (email.type, email.nullable, email.comment) == (
        "character varying(60)",
        False,
        "Unique in practice, not by constraint",
    )
    of_list = catalog.find("PlaylistTrack")
    assert of_list is not None
    assert [(column.name, column.key) for column in of_list.columns] == [("PlaylistId", 1), ("TrackId", 2)]


async def test_other_kinds_of_relations_are_told_apart(make: MakeEngine, clean: PostgreSQL) -> None:
    clean.execute(
        "SET search_path = extra",
        "CREATE TABLE sale (id int, at date) PARTITION BY RANGE (at)",
        "CREATE TABLE sale_2024 PARTITION OF sale FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')",
        "CREATE TABLE parent (a int)",
        "CREATE TABLE child (b int) INHERITS (parent)",
        "CREATE VIEW seen AS SELECT 1 AS a",
        "CREATE MATERIALIZED VIEW kept AS SELECT 1 AS a",
        "CREATE TABLE closed (a int)",
        "CREATE TABLE half (a int, secret int)",
        "GRANT SELECT ON ALL TABLES IN SCHEMA extra TO reader",
        "REVOKE ALL ON closed, half FROM reader",
        "GRANT SELECT (a) ON half TO reader",
    )
    engine = make(schemas=("public", "extra"))
    catalog = await engine.catalog()
    extra = {r.name: (r.kind, r.parent) for r in catalog.relations.values() if r.schema == "extra"}
    assert extra == {
        "sale": ("table", ""),
        "sale_2024": ("partition", "extra.sale"),
        "parent": ("table", ""),
        "child": ("partition", "extra.parent"),
        "seen": ("view", ""),
        "kept": ("materialized", ""),
        "half": ("table", ""),
    }
    assert [column.name for column in catalog.relations["extra.half"].columns] == ["a"]
    assert "extra.closed" in catalog.hidden
    assert "track" in catalog.relations


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


async def test_a_count_that_takes_too_long_is_given_up(make: MakeEngine, clean: PostgreSQL) -> None:
    clean.execute("CREATE VIEW extra.slow AS SELECT pg_sleep(1)::text AS a FROM generate_series(1, 60)")
    clean.execute("GRANT SELECT ON extra.slow TO reader")
    engine = make(schemas=("extra",))
    catalog = await engine.catalog()
    begin = time.monotonic()
    (count,) = await engine.counts([catalog.relations["slow"]])
    assert (count.rows, count.exact) == (None, False)
    assert time.monotonic() - begin < 3


async def test_a_plan_names_steps_and_no_value(make: MakeEngine) -> None:
    engine = make()
    plan = await engine.explain(
        Query(('SELECT * FROM "Track" JOIN "Album" USING ("AlbumId") WHERE "Name" = ', ""), ("hush",))
    )
    assert Scan("Track", 3503.0) in plan.scans
    assert (plan.rows or 0) >= 3503
    assert (plan.cost or 0) > 0
    assert "hush" not in plan.text
    assert "Seq Scan on Track" in plan.text
    secret = await engine.explain(Query(('SELECT * FROM "Customer" WHERE "Email" = \'a@b.example\'',)))
    assert "example" not in secret.text
    wide = await engine.explain(Query(('SELECT 1 FROM "Track" a, "Track" b, "Track" c',)))
    assert (wide.rows or 0) > 10**10


async def test_explaining_runs_nothing_and_leaves_nothing(make: MakeEngine) -> None:
    engine = make("owner")
    for _ in range(3):
        await engine.explain(Query(("SELECT pg_sleep(60)::text, ", "::int"), (5,)))
    assert await cells(engine, "SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'dragoman%'") == [0]
    with pytest.raises(EngineFault):
        await engine.explain(Query(("SELECT 1; SELECT 2",)))
    with pytest.raises(EngineFault):
        await engine.explain(Query(("SELECT nope, ", ""), (5,)))
    assert await cells(engine, "SELECT 1") == [1]


async def test_a_login_that_may_only_read_has_no_right_too_many(make: MakeEngine) -> None:
    assert (await make().rights()).excess == ()


async def test_rights_that_are_not_needed_are_named_with_what_makes_the_right_login(
    make: MakeEngine, postgresql: PostgreSQL
) -> None:
    owner = await make("owner").rights()
    assert "it owns Album, Artist, Customer, Employee, Genre and 6 more" in owner.excess
    assert "it may create tables in public" in owner.excess
    assert "it is a superuser" in (await make("admin").rights()).excess
    postgresql.execute('GRANT UPDATE ON "Genre" TO reader', "GRANT pg_read_server_files TO reader")
    try:
        assert (await make().rights()).excess == ("it is a member of pg_read_server_files", "it may write Genre")
    finally:
        postgresql.execute('REVOKE UPDATE ON "Genre" FROM reader', "REVOKE pg_read_server_files FROM reader")
    postgresql.execute(*(line.rstrip(";") for line in owner.remedy))
    try:
        engine = PostgresqlEngine(
            postgresql.url().replace("reader:", "dragoman_reader:").replace("of%20the%20reader", "choose%20one"),
            SqlLimits(),
        )
        assert await engine.rights() == type(owner)()
        assert len((await engine.catalog()).relations) == 11
        await engine.close()
    finally:
        postgresql.execute("DROP OWNED BY dragoman_reader", "DROP ROLE dragoman_reader")


# --- connecting ---


async def test_a_wrong_password_is_a_matter_of_login_and_not_repeated(postgresql: PostgreSQL) -> None:
    engine = PostgresqlEngine(postgresql.url().replace("of%20the", "hunter2"), SqlLimits())
    refused = await fault(engine, "SELECT 1")
    assert refused.kind == "login"
    assert "hunter2" not in str(refused)
    assert refused.__cause__ is None
    await engine.close()


async def test_a_server_without_encryption_is_refused_where_it_is_required(postgresql: PostgreSQL) -> None:
    for mode in ("require", "verify-full"):
        engine = PostgresqlEngine(postgresql.url(), SqlLimits(), tls=TlsSettings(mode=mode))
        assert (await fault(engine, "SELECT 1")).kind == "unreachable"
        await engine.close()


async def test_settings_open_an_engine_over_a_socket(postgresql: PostgreSQL) -> None:
    url = f"postgres://reader@localhost:{postgresql.port}/chinook?host={postgresql.folder}"
    engine = open_engine(SqlSettings(url=url, tls=TlsSettings(mode="verify-full")))
    assert await cells(engine, "SELECT current_user::text") == ["reader"]
    await engine.close()
    with pytest.raises(ValueError, match="no option 'sslmode'"):
        open_engine(SqlSettings(url="postgresql://me@host/db?sslmode=disable"))


async def test_a_server_that_ends_and_comes_back_needs_no_restart_of_ours(shared_data: Path) -> None:
    with start_postgresql(shared_data / "chinook.sqlite") as private:
        engine = PostgresqlEngine(private.url(), SqlLimits(seconds=5), pool=PoolSettings(size=2))
        assert await cells(engine, "SELECT 1") == [1]
        running = asyncio.create_task(ask(engine, ENDLESS))
        await busy(private)
        private.server.stop(signal.SIGQUIT)
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


async def test_a_server_that_answers_nothing_costs_the_deadline_and_no_more(shared_data: Path) -> None:
    with start_postgresql(None) as private:
        engine = PostgresqlEngine(private.url(), SqlLimits(seconds=0.5), pool=PoolSettings(size=1, connect_timeout=0.5))
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


async def test_an_unused_connection_is_closed_in_time(postgresql: PostgreSQL) -> None:
    engine = PostgresqlEngine(postgresql.url(), SqlLimits(), pool=PoolSettings(idle=0.1))
    first = await cells(engine, "SELECT pg_backend_pid()")
    assert await cells(engine, "SELECT pg_backend_pid()") == first
    await asyncio.sleep(0.4)
    assert await cells(engine, "SELECT pg_backend_pid()") != first
    await engine.close()
