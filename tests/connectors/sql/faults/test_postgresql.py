"""Every sentence about PostgreSQL's errors belongs to errors that a real server gives."""

from collections.abc import AsyncIterator

import pytest

from dragoman.connectors.sql.engines.engine import EngineFault, Query, SqlLimits
from dragoman.connectors.sql.engines.postgresql import PostgresqlEngine
from dragoman.connectors.sql.faults.postgresql import TABLE
from tests.connectors.sql.faults.matching import told
from tests.connectors.sql.servers import PostgreSQL


@pytest.fixture
async def engine(postgresql: PostgreSQL) -> AsyncIterator[PostgresqlEngine]:
    engine = PostgresqlEngine(postgresql.url(), SqlLimits(seconds=5))
    yield engine
    await engine.close()


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ('SELECT "Nmae" FROM "Artist"', "no such column: Nmae"),
        ('SELECT a.nope FROM "Artist" a', "no such column: a.nope"),
        ('SELECT 1 FROM "Artists"', "no such table: Artists"),
        ('SELECT b.x FROM "Artist" a', "b is not in this FROM: use the alias where there is one, or LATERAL"),
        ("SELECT strftime('%Y', now())", "no such function: strftime"),
        ('SELECT "AlbumId" FROM "Track" JOIN "Album" USING ("AlbumId"), "Album" x', "ambiguous column name"),
        ("SELECT 1 FORM x y", "syntax error near"),
        ("SELECT (", "the statement ends too early"),
        ("SELECT 1; SELECT 2", "one statement at a time"),
        ("SELECT 1 UNION SELECT 1, 2", "both sides of UNION need the same number of columns"),
        ('SELECT "Name", count(*) FROM "Artist"', "column Artist.Name must stand in GROUP BY or in an aggregate"),
        ('SELECT 1 FROM "Artist" WHERE count(*) > 1', "aggregates can't stand in WHERE: use HAVING or a subquery"),
        ('SELECT 1 FROM "Artist" WHERE rank() OVER () > 1', "window functions can't stand in WHERE: use a subquery"),
        ("SELECT 1::nothing", "no such type: nothing"),
        ('SELECT 1 FROM "Artist", "Artist"', "Artist stands twice in FROM: give one an alias"),
        ("SELECT 1 UNION SELECT 'a'::text", "the types on both sides of UNION differ: use CAST"),
        ('SELECT DISTINCT "Name" FROM "Artist" ORDER BY "ArtistId"', "with DISTINCT, ORDER BY takes only"),
        ('SELECT "Name" FROM "Artist" ORDER BY 3', "ORDER BY 3: there is no such column in the result"),
        ("SELECT 'a' ~ '('", "the pattern is malformed"),
        ("SELECT 'a'::text = 1", "an operator does not take values of these types"),
        ("SELECT length(1)", "no such function: length"),
        ('SELECT (SELECT "ArtistId" FROM "Artist")', "a subquery that stands for one value"),
        ('SELECT 1 / ("ArtistId" - "ArtistId") FROM "Artist"', "division by zero"),
        ("SELECT 2147483647 + 1", "a number is out of the range"),
        ('SELECT CAST("Name" AS integer) FROM "Artist"', "a text can't be read as the type"),
        ("SELECT date '2024-02-31'", "a text is no date or time"),
        ("SELECT '1'::jsonb @@ '$['", "a JSON path or a JSON value|syntax error"),
        ("WITH RECURSIVE r AS (SELECT * FROM r) SELECT * FROM r", "a recursive WITH must be"),
    ],
)
async def test_what_the_server_says_has_a_sentence(engine: PostgresqlEngine, statement: str, sentence: str) -> None:
    with pytest.raises(EngineFault) as raised:
        await engine.run(Query((statement,)), skip=0, rows=1)
    assert raised.value.kind == "statement"
    found = told(TABLE, raised.value.message)
    assert any(part in found for part in sentence.split("|")), (found, raised.value.message)


@pytest.mark.parametrize(
    ("condition", "value", "sentence"),
    [
        ('"ArtistId" = ', "abba", "a whole number"),
        ('"ArtistId" = ', 10**12, "too large"),
        ('"Name" = ', b"x", "must be text"),
        ('"Name" = ', "a\0b", "NUL"),
        ("date '2024-01-01' = ", "yesterday", "must be a date there"),
        ("now() > ", 5, "a date and time there"),
        ("true = ", "maybe", "true or false"),
        ("gen_random_uuid() = ", "x", "a UUID"),
        ("1.5 = ", "x", "must be a number"),
        ("'{}'::jsonb = ", "{", "must be JSON"),
    ],
)
async def test_a_value_that_does_not_fit_is_told_what_would(
    engine: PostgresqlEngine, condition: str, value: str, sentence: str
) -> None:
    with pytest.raises(EngineFault) as raised:
        await engine.run(Query((f'SELECT 1 FROM "Artist" WHERE {condition}', ""), (value,)), skip=0, rows=1)
    assert sentence in told(TABLE, raised.value.message)
