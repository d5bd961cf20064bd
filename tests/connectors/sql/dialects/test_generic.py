"""The guard for databases that are only known by standard SQL."""

import msgspec
import pytest
from sqlglot import exp

from dragoman.connectors.sql.dialects import MYSQL, SQLITE
from dragoman.connectors.sql.dialects.generic import dialect_of
from dragoman.connectors.sql.engines.engine import SqlLimits
from dragoman.connectors.sql.guard import Guard, Refused
from dragoman.connectors.sql.policy import Policy, View
from dragoman.connectors.sql.settings import SqlSettings, TablePolicy
from tests.connectors.sql.chinook import RELATIONS, catalog_of

KINDS = ("mssql", "oracle", "snowflake", "redshift", "trino", "clickhouse")
USEFUL = (
    "SELECT Name, count(*) AS n FROM Genre GROUP BY Name HAVING count(*) > 1 ORDER BY n DESC",
    "SELECT c.Email, i.Total FROM Customer c JOIN Invoice i ON i.CustomerId = c.CustomerId",
    "WITH x AS (SELECT CustomerId FROM Customer) SELECT x.CustomerId FROM x",
    "SELECT coalesce(BillingCity, 'x') FROM Invoice WHERE Total BETWEEN 1 AND 2 AND BillingCity IS NOT NULL",
    "SELECT upper(Name), rank() OVER (PARTITION BY GenreId ORDER BY Name) FROM Genre UNION ALL SELECT 'a', 1",
    "SELECT CASE WHEN Total > 5 THEN 'big' ELSE 'small' END AS Size FROM Invoice WHERE InvoiceId IN (1, 2, 3)",
    "SELECT Name FROM Artist a WHERE EXISTS (SELECT 1 FROM Album b WHERE b.ArtistId = a.ArtistId)",
)
REFUSED = (
    ("SELECT openrowset('x')", "can't be used"),
    ("SELECT * FROM url('http://x')", "table function"),
    ("SELECT * FROM OPENQUERY(x, 'select 1')", "table function"),
    ("SELECT * FROM sys.objects", "not served"),
    ("SELECT * FROM information_schema.tables", "not served"),
    ("SELECT utl_http.request('http://x') FROM Genre", "can't be used|no part|two ways"),
    ("SELECT dbms_lock.sleep(10) FROM Genre", "can't be used|no part|two ways"),
    ("DELETE FROM Genre", "read-only"),
    ("EXEC xp_cmdshell 'x'", "read-only"),
    ("SELECT Name INTO x FROM Genre", "no part|syntax"),
    ("SELECT Name FROM Genre FOR UPDATE", "no part|syntax"),
    ("SELECT Name FROM Genre; SELECT 1", "more than one"),
    ("SELECT Name FROM Employee", "no such table"),
    ("SELECT Customer.Fax FROM Customer", "no such column"),
)


def guarded(kind: str) -> tuple[Guard, View]:
    """Return the guard and a view of the music shop, whose names are written as the kind of database keeps them."""
    dialect = dialect_of(kind)
    change = {"raised": str.upper, "folded": str.lower}.get(dialect.comparison, str)
    relations = [
        msgspec.structs.replace(
            relation,
            name=change(relation.name),
            schema=change("shop"),
            columns=tuple(msgspec.structs.replace(column, name=change(column.name)) for column in relation.columns),
        )
        for relation in RELATIONS
    ]
    policy = TablePolicy(
        deny_columns=("Fax",), mask={"Email": "partial", "Phone": "null"}, rows="Country = :principal.country"
    )
    settings = SqlSettings(url="x", deny=("Employee",), tables={"Customer": policy})
    view = Policy(settings, dialect, b"secret").view(catalog_of(*relations))
    assert view.problems == ()
    return Guard(dialect, SqlLimits(), "shop_describe"), view


@pytest.mark.parametrize("kind", KINDS)
def test_standard_queries_pass(kind: str) -> None:
    guard, view = guarded(kind)
    for sql in USEFUL:
        text = "".join(guard.check(sql, view).pieces)
        assert "fax" not in text.lower()
        if "Customer" in sql:
            assert "***" in text
            assert "9223372036854775807" in text  # the fence around permitted rows


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_dangerous_is_refused(kind: str) -> None:
    guard, view = guarded(kind)
    for sql, told in REFUSED:
        with pytest.raises(Refused, match=told):
            guard.check(sql, view)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_that_is_allowed_changes_anything(kind: str) -> None:
    dialect = dialect_of(kind)
    changing = (exp.DML, exp.DDL, exp.Command, exp.Into, exp.Lock, exp.Pragma, exp.Attach, exp.Set)
    assert not [name for name in dialect.nodes if issubclass(getattr(exp, name), changing)]
    assert not dialect.table_functions


@pytest.mark.parametrize("kind", KINDS)
def test_a_hash_that_can_not_be_said_is_refused_at_the_start(kind: str) -> None:
    settings = SqlSettings(url="x", tables={"Customer": TablePolicy(mask={"Email": "hash"})})
    with pytest.raises(Exception, match="can't say a hash mask"):
        Policy(settings, dialect_of(kind), b"secret")


def test_dialects_of_our_own_keep_their_lists() -> None:
    assert dialect_of("sqlite") is SQLITE
    assert dialect_of("mariadb") is MYSQL
    assert dialect_of("clickhousedb") == dialect_of("clickhouse")


def test_a_dialect_without_a_grammar_allows_nothing() -> None:
    dialect = dialect_of("firebird")
    assert not dialect.parsed
    assert not dialect.functions | dialect.nodes
