"""What DuckDB says, as it says it, and what agents are told."""

from pathlib import Path

import duckdb
import pytest

from dragoman import Sql
from dragoman.connectors.sql.engines.engine import SqlFault
from dragoman.connectors.sql.faults.duckdb import TABLE
from tests.connectors.sql.faults.matching import told


@pytest.fixture(scope="module")
def driver(duckdb_shop: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(duckdb_shop), read_only=True)


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("SELECT Nme FROM Artist", "no such column: Nme"),
        ("SELECT a.Nme FROM Artist a", "no such column: Nme"),
        ("SELECT x.Name FROM Artist", "x is not in this FROM: use the alias where there is one, or LATERAL"),
        ("SELECT * FROM Artists", "no such table: Artists"),
        ("SELECT nofn(1)", "no such function: nofn"),
        ("SELECT * FROM nofn(1)", "no such function: nofn"),
        ("SELECT 1::nothing", "no such type: nothing"),
        ("SELECT Name FROM Artist, Genre", "ambiguous column name: Name; write table.column"),
        ("SELECT Title FROM Album JOIN Artist USING (Name)", "column Name of USING is not in both tables"),
        ("SELEC 1", "syntax error near SELEC"),
        ("SELECT Name FROM Artist GROUP BY ArtistId", "column Name must stand in GROUP BY or in an aggregate"),
        ("SELECT 1 FROM Artist WHERE count(*) > 1", "aggregates can't stand in WHERE: use HAVING or a subquery"),
        (
            "SELECT 1 FROM Artist WHERE row_number() OVER () = 1",
            "window functions can't stand in WHERE: use QUALIFY or a subquery",
        ),
        ("SELECT sum(count(*)) FROM Artist", "aggregates can't be nested: use a subquery"),
        ("SELECT sum(Name) FROM Artist", "sum does not take values of these types: use CAST"),
        ("SELECT Name + 1 FROM Artist", None),
        ("SELECT ArtistId + Name FROM Artist", "an operator does not take values of these types: use CAST"),
        ("SELECT 1 UNION SELECT 1, 2", "both sides of a UNION, EXCEPT or INTERSECT need the same number of columns"),
        ("SELECT 1 WHERE 1 IN (SELECT 1, 2)", "a subquery returns 2 columns where 1 is expected"),
        ("SELECT 1 ORDER BY 5", "ORDER BY names a column by a number that is not between 1 and 1"),
        ("SELECT (SELECT Name FROM Artist)", "a subquery that stands for one value returns more than one row"),
        ("VALUES (1), (1, 2)", "all rows of VALUES need the same number of values"),
        ("SELECT *", "SELECT * needs a FROM"),
        ("SELECT 1 LIMIT -1", "LIMIT and OFFSET can't be negative"),
        ("SELECT 1::DECIMAL(60, 2)", "a DECIMAL has 1 to 38 digits"),
        ("SELECT Name::INTEGER FROM Artist", "a value can't be read as the type that is needed: TRY_CAST"),
        ("SELECT Name::DATE FROM Artist", "a text is no date or time"),
        ("SELECT DATE '2024-13-01'", "a text is no date or time"),
        ("SELECT make_date(2024, 13, 1)", "a text is no date or time"),
        ("SELECT '{'::JSON", "a value is no JSON: filter by json_valid(...)"),
        ("SELECT json_extract('{', '$.a')", "a value is no JSON: filter by json_valid(...)"),
        ("SELECT 2147483647::INTEGER + 1::INTEGER", "a number is out of the range of its type"),
        ("SELECT factorial(1000)", "a number is out of the range that is possible there"),
        ("SELECT strptime(Name, '%Y') FROM Artist", "a text does not fit the format: try_strptime"),
        ("SELECT regexp_matches('a', '(')", "the pattern is malformed"),
        ("SELECT unhex('zz')", None),
        ("SELECT $1", "a parameter of the statement has no value"),
        ("SELECT error('x')", "a function was given a value that it does not take"),
    ],
)
def test_what_duckdb_says(driver: duckdb.DuckDBPyConnection, sql: str, sentence: str | None) -> None:
    with pytest.raises(duckdb.Error) as caught:
        driver.execute(sql).fetchall()
    said = told(TABLE, str(caught.value).split("\n")[0].rstrip())
    assert said.startswith(sentence) if sentence is not None else said


async def test_a_misspelt_name_is_answered_with_the_right_one(duckdb_shop: Path) -> None:
    shop = Sql("shop", duckdb_shop)
    for sql, near in (
        ("SELECT Nme FROM Artist", "Name"),
        ("SELECT * FROM Artists", "Artist"),
        ("SELECT strftme(InvoiceDate, '%Y') FROM Invoice", "strftime"),
    ):
        with pytest.raises(SqlFault, match=f"did you mean.*{near}"):
            await shop.query(sql)
    await shop.close()
