"""Every row of the tables of attacks: refused as it says, or run with nothing hidden in what comes back.

The guard is asked alone for all dialects; what it lets through is run on SQLite, PostgreSQL and MariaDB, as the
whole connector serves it.
"""

import re
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from dragoman import Principal, Sql
from dragoman.connectors.sql import dialects
from dragoman.connectors.sql.dialects import Dialect
from dragoman.connectors.sql.engines.engine import SqlFault, SqlLimits
from dragoman.connectors.sql.guard import Guard, Refused
from dragoman.connectors.sql.policy import Policy, View
from dragoman.connectors.sql.settings import SqlSettings, TablePolicy
from tests.connectors.sql.attacks import DENIED, DUCKDB, MASKED, MYSQL, POSTGRESQL, SECRETS, SQLITE, Attack, customer
from tests.connectors.sql.attacks.policy import of_policy
from tests.connectors.sql.chinook import RELATIONS, catalog_of
from tests.connectors.sql.servers import MariaDB, PostgreSQL

CALLER = Principal(claims=(("country", "Canada"),))
SCHEMAS = {"postgresql": "public", "mysql": "chinook"}
OF_POLICY = tuple(of_policy('"'))


def view_of(dialect: Dialect) -> View:
    schema = SCHEMAS.get(dialect.name, "")
    catalog = catalog_of(*(msgspec.structs.replace(relation, schema=schema) for relation in RELATIONS))
    tables = {"Customer": customer(quote_of(dialect))}
    view = Policy(SqlSettings(url="x", deny=(DENIED,), tables=tables), dialect, b"secret").view(catalog)
    assert view.problems == ()
    return view


def quote_of(dialect: Dialect) -> str:
    return "`" if dialect.name == "mysql" else '"'


def rows() -> Iterable[object]:
    tables = (
        (dialects.SQLITE, OF_POLICY),
        (dialects.POSTGRESQL, POSTGRESQL),
        (dialects.MYSQL, MYSQL),
        (dialects.DUCKDB, DUCKDB),
    )
    for dialect, table in tables:
        guard, view = Guard(dialect, SqlLimits(), "shop_describe"), view_of(dialect)
        for attack in table:
            yield pytest.param(guard, view, attack, id=f"{dialect.name}: {attack.sql[:60]}")


@pytest.mark.parametrize(("guard", "view", "attack"), list(rows()))
def test_the_guard_refuses_or_rewrites(guard: Guard, view: View, attack: Attack) -> None:
    if attack.told != MASKED:
        with pytest.raises(Refused, match=attack.told) as caught:
            guard.check(attack.sql, view)
        assert not leaks(str(caught.value), attack)
        return
    statement = guard.check(attack.sql, view)
    assert DENIED not in statement.relations
    assert not {"Fax", "fax"} & set(re.findall(r"(?<=Customer[`\"]\.[`\"])\w+", "".join(statement.pieces)))


def leaks(text: str, attack: Attack) -> list[str]:
    """Return the hidden values in a text that its author did not write."""
    return [secret for secret in SECRETS if secret.lower() in text.lower() and secret not in attack.sql]


def test_there_are_enough() -> None:
    every = [*SQLITE, *OF_POLICY, *POSTGRESQL, *MYSQL, *DUCKDB]
    assert len({(attack.sql, attack.why) for attack in every}) >= 500
    for table in ([*SQLITE, *OF_POLICY], POSTGRESQL, MYSQL, DUCKDB):
        assert len({attack.sql for attack in table}) >= 150


def test_the_secrets_are_in_the_shop(chinook: Path) -> None:
    raw = chinook.read_bytes().decode("utf-8", "replace")
    assert [secret for secret in SECRETS if secret not in raw] == []


async def every_answer(shop: Sql, table: Iterable[Attack]) -> list[tuple[str, list[str]]]:
    """Run attacks; return those whose answer tells what is hidden, and check that the others are answered."""
    leaking, answered = [], 0
    try:
        assert (
            await shop.query(
                'SELECT count(*) FROM "Customer"'.replace('"', quote_of(shop.gate.dialect)), principal=CALLER
            )
        ).rows == [[8]]
        for attack in table:
            try:
                text = str(await shop.query(attack.sql, principal=CALLER))
                answered += 1
            except SqlFault as fault:
                text = str(fault)
            if found := leaks(text, attack):
                leaking.append((attack.sql, found))
    finally:
        await shop.close()
    assert answered >= 40
    return leaking


def shop_of(url: str | Path, quote: str) -> Sql:
    return Sql("shop", url, timeout=2, deny=[DENIED], tables={"Customer": customer(quote)})


async def test_sqlite_shows_nothing_hidden(chinook: Path) -> None:
    assert await every_answer(shop_of(chinook, '"'), OF_POLICY) == []


async def test_postgresql_shows_nothing_hidden(postgresql: PostgreSQL) -> None:
    assert await every_answer(shop_of(postgresql.url("owner"), '"'), POSTGRESQL) == []
    assert postgresql.running() == []


async def test_mariadb_shows_nothing_hidden(mariadb: MariaDB) -> None:
    assert await every_answer(shop_of(mariadb.url(), "`"), MYSQL) == []
    assert mariadb.running() == []


@pytest.mark.parametrize("name", ["sqlite", "postgresql"])
async def test_a_caller_of_whom_nothing_is_known_sees_no_row(
    name: str, chinook: Path, request: pytest.FixtureRequest
) -> None:
    url = chinook if name == "sqlite" else request.getfixturevalue("postgresql").url()
    shop = shop_of(url, '"')
    try:
        assert (await shop.query('SELECT count(*) FROM "Customer"')).rows == [[0]]
    finally:
        await shop.close()


async def test_postgresql_computes_nothing_of_rows_that_a_filter_holds_back(postgresql: PostgreSQL) -> None:
    """A planner runs cheap conditions first: without the fence, the statement divides by zero in other countries."""
    costly = "replace(replace(replace(\"Country\", 'x', 'y'), 'y', 'x'), 'q', 'r') = :principal.country"
    shop = Sql("shop", postgresql.url(), timeout=2, tables={"Customer": TablePolicy(rows=costly)})
    french = Principal(claims=(("country", "France"),))
    try:
        result = await shop.query(
            'SELECT count(*) FROM "Customer" WHERE 1 / (length("City") - 9) < 2', principal=french
        )
        assert result.rows == [[5]]
    finally:
        await shop.close()
