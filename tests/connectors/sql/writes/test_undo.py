"""Random batches and values that are hard to keep: what `undo` puts back is the same, to the last bit."""

import random

import pytest

from dragoman import ToolCallError
from tests.connectors.sql.writes.shops import Person, Shop, client

ROUNDS = 25
VALUES = ("'plain'", "'O''Hara'", "'ünï ☃'", "''", "NULL", "note", "name", "upper(name)", "'a' || 'b'")


def statement(chance: random.Random, engine: str) -> str:
    """Return a random statement over the shop; some fail."""
    number = chance.randrange(1, 6)
    values = [each for each in VALUES if "||" not in each or engine != "mariadb"]
    price = chance.choice(("1.5", "price * 2", "price + 0.01", "NULL", "0"))
    new = chance.choice(("1", "NULL", "2.25"))
    return chance.choice(
        (
            f"UPDATE thing SET price = {price} WHERE id <= {number}",
            f"UPDATE thing SET note = {chance.choice(values)}, price = {price} WHERE id = {number} OR price > 50",
            f"DELETE FROM thing WHERE id = {number}",
            f"INSERT INTO thing (name, price) VALUES ('n{chance.randrange(50)}', {new})",
            f"INSERT INTO pair (a, b, v) SELECT id, 's{number}', price FROM thing WHERE id >= {number}",
            f"UPDATE pair SET v = {chance.choice(('v + 0.1', 'NULL', '1e300', 'v * 3'))} WHERE a = {number % 3}",
            f"DELETE FROM pair WHERE b = 'x' AND a <= {number}",
            f"INSERT INTO pair (a, b) VALUES ({number + 10}, 'q'), ({number + 20}, 'q')",
        )
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_random_batches_and_their_undoing(shop: Shop, seed: int) -> None:
    chance = random.Random(seed)
    done = failed = 0
    async with client(shop.server(), Person()) as agent:
        for _ in range(ROUNDS):
            before = shop.content()
            batch = [statement(chance, shop.engine) for _ in range(chance.randrange(1, 6))]
            try:
                written = await agent.call_tool("shop_execute", {"statements": batch})
            except ToolCallError:
                failed += 1
                assert shop.content() == before, batch
                continue
            if written.data["state"] == "unchanged":
                assert shop.content() == before, batch
                continue
            done += 1
            if chance.random() < 0.7:
                undone = await agent.call_tool("shop_undo", {"id": written.data["id"]})
                assert undone.data["state"] == "undone"
                assert shop.content() == before, batch
    assert done > ROUNDS // 4
    assert failed


HARD = {
    "sqlite": (
        "CREATE TABLE extra (id TEXT PRIMARY KEY, a, b REAL, c BLOB, d NUMERIC, e INTEGER, "
        "g GENERATED ALWAYS AS (e * 2));"
        "INSERT INTO extra VALUES ('k', 9007199254740993, 0.1, x'00ff10', '1e400', -9223372036854775808);"
        "INSERT INTO extra VALUES ('ä☃', 1.0, 9e999, x'', 1.0, NULL);"
        "INSERT INTO extra VALUES ('', 'text' || char(10) || char(0) || 'x', -0.0, 'not a blob', 'x', 'words')"
    ),
    "postgresql": (
        "CREATE TABLE extra (id timestamptz PRIMARY KEY, a numeric, b float4, c bytea, d jsonb, e integer[], "
        "f interval, g uuid, h char(5), i date, j boolean, n timestamp, k double precision, "
        "l integer GENERATED ALWAYS AS (1 + 1) STORED, m json);"
        "INSERT INTO extra VALUES ('2020-01-01 00:00:00.123456+02', 12345678901234567890.123456789, 0.1, "
        """'\\x00ff', '{"a": [1, 2.50, null]}', '{1,NULL,3}', '1 year 2 days 03:04:05.6', """
        "'00000000-0000-0000-0000-000000000001', 'ab', '0044-03-15 BC', true, '-infinity', 'NaN', DEFAULT, "
        """'{"x" : 1}');"""
        "INSERT INTO extra (id, a, k, d) VALUES ('2021-01-01', 'NaN', '-Infinity', 'null')"
    ),
    "mariadb": (
        "CREATE TABLE extra (id varbinary(8) PRIMARY KEY, a decimal(40,10), b float, c blob, d json, e bit(9), "
        "f time(6), g enum('x','y'), h char(5), i datetime(6), j double, k bigint unsigned, l int AS (1 + 1) STORED, "
        "m year, n varchar(40));"
        "INSERT INTO extra (id, a, b, c, d, e, f, g, h, i, j, k, m, n) VALUES (x'00ff', "
        "123456789012345678901234567890.0123456789, 0.1, x'00ff27', '{\"a\": 1.50}', b'100000001', '-100:00:00.5', "
        "'y', 'ab', '2020-01-01 00:00:00.123456', 0.1, 18446744073709551615, 1999, '2020-01-01T00:00:00Z');"
        "INSERT INTO extra (id, b, c, n) VALUES (x'01', 3.4e38, x'', '')"
    ),
}
WHERE = {"sqlite": "id >= ''", "postgresql": "id > '1000-01-01'", "mariadb": "id >= ''"}


async def test_values_that_are_hard_to_keep(shop: Shop) -> None:
    shop.execute(*HARD[shop.engine].split(";"))
    exact = {
        "sqlite": "SELECT quote(id), quote(a), quote(b), quote(c), quote(d), quote(e), quote(g) FROM extra ORDER BY 1",
        "postgresql": "SELECT extra::text, b::float8 FROM extra ORDER BY 1",
        "mariadb": "SELECT hex(id), a, b + 0e0, hex(c), d, e + 0, f, g, h, i, j, k, l, m, n FROM extra ORDER BY 1",
    }[shop.engine]
    before = shop.execute(exact)
    assert len(before) >= 2
    async with client(shop.server(write_tables=["extra"]), Person()) as agent:
        call = {"statements": f"DELETE FROM extra WHERE {WHERE[shop.engine]}"}
        written = await agent.call_tool("shop_execute", call)
        assert written.data["rows"] == [len(before)]
        assert shop.execute(exact) == []
        await agent.call_tool("shop_undo", {"id": written.data["id"]})
    assert shop.execute(exact) == before


async def test_a_record_that_would_be_too_large(shop: Shop) -> None:
    before = shop.content()
    big = "x" * 600_000
    kind = {"sqlite": "TEXT", "postgresql": "text", "mariadb": "longtext"}[shop.engine]
    shop.execute(
        f"CREATE TABLE extra (id integer NOT NULL PRIMARY KEY, t {kind})", f"INSERT INTO extra VALUES (1, '{big}')"
    )
    person = Person()
    async with client(shop.server(write_tables=["extra"]), person) as agent:
        longer = "concat(t, 'y')" if shop.engine == "mariadb" else "t || 'y'"
        with pytest.raises(ToolCallError, match="too large to be kept for undoing"):
            await agent.call_tool("shop_execute", {"statements": f"UPDATE extra SET t = {longer} WHERE id = 1"})
    assert person.asked == []
    assert shop.content() == before
