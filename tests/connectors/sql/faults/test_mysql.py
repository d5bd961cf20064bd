"""Every sentence about MariaDB's errors belongs to errors that a real server gives."""

from collections.abc import AsyncIterator

import pytest

from dragoman.connectors.sql.engines.engine import EngineFault, Query, SqlLimits
from dragoman.connectors.sql.engines.mysql import MysqlEngine
from dragoman.connectors.sql.faults.mysql import TABLE
from tests.connectors.sql.faults.matching import told
from tests.connectors.sql.servers import MariaDB


@pytest.fixture
async def engine(mariadb: MariaDB) -> AsyncIterator[MysqlEngine]:
    engine = MysqlEngine(mariadb.url(), SqlLimits(seconds=5))
    yield engine
    await engine.close()


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("SELECT Nmae FROM Artist", "no such column: Nmae"),
        ("SELECT a.nope FROM Artist a", "no such column: a.nope"),
        ("SELECT 1 FROM nothing.Artist", "|refused"),
        ("SELECT 1 FROM Artists", "no such table: Artists"),
        ("SELECT b.* FROM Artist a", "b is not in this FROM"),
        ("SELECT strftime('%Y', now())", "no such function: strftime"),
        ("SELECT Title FROM Album a JOIN Album b USING (AlbumId)", "ambiguous column name: Title"),
        ("SELECT 1 FORM x y", "syntax error near FORM|syntax error near x|syntax error near y"),
        ("SELECT (", "the statement ends too early"),
        ("SELECT 1; SELECT 2", "syntax error near SELECT"),
        ("SELECT 1 UNION SELECT 1, 2", "both sides of UNION, EXCEPT or INTERSECT need"),
        ("SELECT (SELECT 1, 2)", "a subquery must return 1 columns here"),
        ("SELECT (SELECT ArtistId FROM Artist)", "a subquery that stands for one value"),
        ("SELECT 1 FROM Artist, Artist", "Artist stands twice in FROM: give one an alias"),
        ("SELECT 1 FROM (SELECT 1 AS a, 2 AS a) x", "column a stands twice in a subquery"),
        ("SELECT 1 FROM Artist WHERE count(*) > 1", "an aggregate can't stand here"),
        ("SELECT 1 FROM (SELECT 1 AS a)", "every subquery in FROM needs an alias|the statement ends too early"),
        ("SELECT 'a' REGEXP '('", "the pattern is malformed"),
        ("SELECT 1 FROM Artist WHERE MATCH(Name) AGAINST('x')", "MATCH needs a FULLTEXT index"),
        ("SELECT 9223372036854775807 + 1", "a number is out of the range of its type"),
        ("SELECT 1 FROM Artist WHERE Name IN (SELECT Name FROM Artist LIMIT 2)", "this version of the database"),
        ("SELECT rank() OVER () FROM Artist WHERE rank() OVER () > 1", "a window function is used wrongly"),
        ("WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r", "more steps than"),
        ("SELECT 'a' COLLATE nothing", "no such collation: nothing"),
        ("SELECT 1e999", "a number is out of range"),
        ("SELECT concat()", "a function was given values that it does not take"),
    ],
)
async def test_what_the_server_says_has_a_sentence(engine: MysqlEngine, statement: str, sentence: str) -> None:
    with pytest.raises(EngineFault) as raised:
        await engine.run(Query((statement,)), skip=0, rows=1)
    if sentence.endswith("|refused"):
        assert raised.value.kind == "refused"
        return
    assert raised.value.kind == "statement"
    found = told(TABLE, raised.value.message)
    assert any(part in found for part in sentence.split("|")), (found, raised.value.message)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**70, "\ud800"])
async def test_a_value_that_mysql_does_not_have_is_told_so(engine: MysqlEngine, value: object) -> None:
    with pytest.raises(EngineFault) as raised:
        await engine.run(Query(("SELECT ", ""), (value,)), skip=0, rows=1)  # type: ignore[arg-type]
    assert "of `params`" in told(TABLE, raised.value.message)
