"""Random statements over masked, filtered tables, held against a copy of the data that was masked beforehand.

What comes back must be what the same statement gives on the copy: so nothing that is hidden can be in it. Beside
that, every hidden value is a word that occurs nowhere else, and no answer and no error may hold one. The file of the
database must be the same, byte for byte, in the end.
"""

import hashlib
import hmac
import random
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dragoman.connectors.sql.catalog import Column, Relation
from dragoman.connectors.sql.dialects import SQLITE
from dragoman.connectors.sql.engines.engine import Query, SqlLimits
from dragoman.connectors.sql.engines.sqlite_worker import keyed_hash
from dragoman.connectors.sql.guard import Guard, Refused
from dragoman.connectors.sql.policy import Policy, View
from dragoman.connectors.sql.settings import MaskRule, SqlSettings, TablePolicy
from tests.connectors.sql.chinook import catalog_of

KEY = b"a key of the tests"
SEEDS = 8
STATEMENTS = 250
TABLES = {
    "people": (("id", "INTEGER"), ("name", "TEXT"), ("email", "TEXT"), ("phone", "TEXT"), ("city", "TEXT"),
               ("salary", "INTEGER"), ("region", "TEXT"), ("boss", "INTEGER")),
    "orders": (("id", "INTEGER"), ("person", "INTEGER"), ("total", "INTEGER"), ("note", "TEXT")),
    "plain": (("id", "INTEGER"), ("label", "TEXT")),
}  # fmt: skip
RULES = {
    "people": TablePolicy(
        deny_columns=("salary",),
        mask={"name": "hash", "email": "partial", "phone": "null", "city": MaskRule(constant="somewhere")},
        rows="region = :principal.region",
    ),
    "orders": TablePolicy(mask={"note": MaskRule(sql="'note ' || (total % 3)")}, rows="total < 50"),
}
CALLER = {"region": "north"}


def hashed(value: str) -> str:
    return hmac.new(KEY, value.encode(), "sha256").hexdigest()[:16]


def people(chance: random.Random) -> Iterator[tuple[Any, ...]]:
    for number in range(1, 41):
        region = chance.choice(["north", "south", "east"])
        email = chance.choice([f"canary{number:03}@example.com", f"canary{number:03} at home", "c@n", None])
        name = f"Canaryname{number % 30:03}"
        yield (number, name, email, f"canaryphone{number}", f"canarycity{number % 5}", 770_000 + number, region,
               chance.randint(1, 40))  # fmt: skip


def masked(row: tuple[Any, ...]) -> tuple[Any, ...]:
    number, name, email, _, _, _, region, boss = row
    if email is not None:
        first, _, domain = email.partition("@")
        shown = "***" if len(email) < 4 else f"{first[0]}***" + (f"@{domain}" if domain else "")
    else:
        shown = None
    return number, hashed(name), shown, None, "somewhere", None, region, boss


class Databases:
    """The true data in a file, and the copy that was masked beforehand."""

    def __init__(self, path: Path, chance: random.Random) -> None:
        self.true = sqlite3.connect(path)
        self.copy = sqlite3.connect(":memory:")
        true_people = list(people(chance))
        orders = [(n, chance.randint(1, 40), chance.randint(0, 100), f"canarynote{n}") for n in range(1, 61)]
        plain = [(n, f"label {n}") for n in range(1, 8)]
        self._fill(self.true, people=true_people, orders=orders, plain=plain)
        kept = {row[0]: masked(row) for row in true_people if row[6] == "north"}
        shown = [(n, person, total, f"note {total % 3}") for n, person, total, _ in orders if total < 50]
        self._fill(self.copy, people=list(kept.values()), orders=shown, plain=plain)
        self.copy.execute("ALTER TABLE people DROP COLUMN salary")
        self.true.create_function("dragoman_hash", 3, keyed_hash, deterministic=True)

    @staticmethod
    def _fill(connection: sqlite3.Connection, **rows: list[tuple[Any, ...]]) -> None:
        for table, columns in TABLES.items():
            connection.execute(f"CREATE TABLE {table} ({', '.join(map(' '.join, columns))})")
            connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(columns))})", rows[table])
        connection.commit()


class Statements:
    """Random statements over the tables.

    Args:
        chance: where they come from.
    """

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.depth = 0

    def statement(self) -> str:
        shape = self.chance.choice([self.select, self.select, self.grouped, self.union, self.with_common, self.nested])
        return shape()

    def select(self) -> str:
        source, columns = self.source()
        items = ", ".join(f"{self.value(columns)} AS c{n}" for n in range(self.chance.randint(1, 4)))
        items = self.chance.choice([items, items, items, "*"])
        order = self.chance.choice(["", f" ORDER BY {self.value(columns)}"])
        return f"SELECT {self.chance.choice(['', 'DISTINCT '])}{items} FROM {source}{self.where(columns)}{order}"

    def grouped(self) -> str:
        source, columns = self.source()
        key = self.value(columns)
        return (
            (
                f"SELECT {key} AS k, {self.chance.choice(['count(*)', 'min', 'max', 'count'])} AS n FROM {source}"
                f"{self.where(columns)} GROUP BY {key}"
            )
            .replace("min AS", f"min({self.value(columns)}) AS")
            .replace("max AS", f"max({self.value(columns)}) AS")
            .replace("count AS", f"count({self.value(columns)}) AS")
        )

    def union(self) -> str:
        word = self.chance.choice(["UNION", "UNION ALL", "EXCEPT", "INTERSECT"])
        left, right = self.source(), self.source()
        return f"SELECT {self.value(left[1])} AS v FROM {left[0]} {word} SELECT {self.value(right[1])} FROM {right[0]}"

    def with_common(self) -> str:
        name = self.chance.choice(["x", "people", "orders", "dragoman_1"])
        inner, columns = self.source()
        return (
            f"WITH {name}(a, b) AS (SELECT {self.value(columns)}, {self.value(columns)} FROM {inner}) "
            f"SELECT a, b, upper(b) AS u FROM {name} WHERE a IS NOT NULL"
        )

    def nested(self) -> str:
        source, columns = self.source()
        inner, own = self.source()
        test = self.chance.choice([
            f"{self.value(columns)} IN (SELECT {self.value(own)} FROM {inner})",
            f"EXISTS (SELECT 1 FROM {inner}{self.where(own)})",
            f"{self.value(columns)} = (SELECT max({self.value(own)}) FROM {inner})",
        ])  # fmt: skip
        return f"SELECT {self.value(columns)} AS v FROM {source} WHERE {test}"

    def source(self) -> tuple[str, list[str]]:
        table = self.chance.choice(list(TABLES))
        shape = self.chance.randint(0, 5)
        columns = [column for column, _ in TABLES[table]]
        if shape == 0:
            other = self.chance.choice(list(TABLES))
            both = [f"a.{column}" for column in columns] + [f"b.{column}" for column, _ in TABLES[other]]
            join = self.chance.choice(["JOIN", "LEFT JOIN", "CROSS JOIN"])
            return f"{table} a {join} {other} b ON a.id = b.id", both
        if shape == 1 and self.depth < 2:
            self.depth += 1
            inner, own = self.source()
            self.depth -= 1
            picked = self.value(own)
            return f"(SELECT {picked} AS p, {self.value(own)} AS q FROM {inner}) s", ["p", "s.q"]
        if shape == 2:
            return f"main.{table}", [f"main.{table}.{column}" for column in columns]
        if shape == 3:
            return f"{table} AS t", [f"t.{column}" for column in columns]
        return table, columns

    def where(self, columns: list[str]) -> str:
        return self.chance.choice(["", f" WHERE {self.test(columns)}", f" WHERE {self.test(columns)} OR 1 = 1"])

    def test(self, columns: list[str]) -> str:
        column = self.chance.choice(columns)
        value = self.chance.choice(
            ["'canarycity1'", "'Canaryname001'", "'c***@example.com'", "'north'", "'south'", "7"]
        )
        return self.chance.choice([
            f"{column} = {value}", f"{column} <> {value}", f"{column} LIKE '%canary%'", f"{column} IS NULL",
            f"length({column}) > 3", f"instr({column}, '1') > 0", f"NOT {column} > {value}",
            f"CASE WHEN {column} = {value} THEN json('x') ELSE 1 END",
        ])  # fmt: skip

    def value(self, columns: list[str]) -> str:
        column = self.chance.choice(columns)
        return self.chance.choice([
            column, column, column, f"upper({column})", f"substr({column}, 2, 9)", f"coalesce({column}, 'none')",
            f"{column} || '!'", f"hex({column})", f"quote({column})", f"json_array({column})", f"typeof({column})",
            f"CASE WHEN {column} IS NULL THEN 'no' ELSE {column} END", f"replace({column}, 'a', 'b')",
        ])  # fmt: skip


@pytest.fixture
def view() -> View:
    def relation(name: str) -> Relation:
        columns = tuple(Column(each, kind, nullable=True, default=None, key=0) for each, kind in TABLES[name])
        return Relation(name, "table", columns)

    catalog = catalog_of(*map(relation, TABLES))
    return Policy(SqlSettings(url="x", tables=RULES), SQLITE, KEY).view(catalog)


def outcome(run: Callable[[], sqlite3.Cursor]) -> tuple[str, list[str]]:
    """Return what came back, in an order that is its own; or that an error did, and its text."""
    try:
        cursor = run()
        return "rows", sorted(repr(row) for row in cursor.fetchall())
    except sqlite3.Error as error:
        return "error", [str(error)]


def judged(guard: Guard, view: View, sql: str) -> tuple[Query | None, str]:
    """Return what runs in place of a statement, or why nothing does."""
    try:
        return guard.check(sql, view).bind({}, CALLER), ""
    except Refused as refused:
        return None, str(refused)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_answers_are_those_of_masked_data(seed: int, view: View, tmp_path: Path) -> None:
    chance = random.Random(seed)
    path = tmp_path / "people.sqlite"
    databases, statements, guard = Databases(path, chance), Statements(chance), Guard(SQLITE, SqlLimits(), "describe")
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    compared = refused = 0
    for _ in range(STATEMENTS):
        sql = statements.statement()
        query, told = judged(guard, view, sql)
        if query is None:
            refused += 1
            assert "canary" not in told.lower().replace("canarycity1", "").replace("canaryname001", "")
            continue
        kind, ours = outcome(lambda: databases.true.execute(query.text("?{n}"), query.arguments))  # noqa: B023
        expected_kind, expected = outcome(lambda: databases.copy.execute(sql))  # noqa: B023
        assert kind == expected_kind, (sql, ours, expected)
        if kind == "rows":
            assert ours == expected, sql
            compared += 1
        text = " ".join(ours).lower()
        assert "canary" not in text.replace("canarycity1", "").replace("canaryname001", ""), sql
        assert not {"63616e617279", "43616e617279"} & set(text.split()), sql
    databases.true.close()
    databases.copy.close()
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before
    assert compared > STATEMENTS * 0.5, (compared, refused)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("ann@example.com", "a***@example.com"), ("abc", "***"), ("", "***"), ("abcd", "a***"), (None, None),
        ("two words@example.com", "t***"), ("a@b@example.com", "a***"), ("ann@localhost", "a***"), (12345, None),
        (1.5, None), (b"bytes", None), ("@example.com", "@***"), ("éclair", "é***"),
    ],
)  # fmt: skip
def test_partial_masks(value: object, shown: str | None) -> None:
    text = SQLITE.masks.partial.replace(":value", "?1")
    connection = sqlite3.connect(":memory:")
    assert connection.execute(f"SELECT {text}", (value,)).fetchone() == (shown,)
    connection.close()


def test_hashes_are_those_of_rfc_2104(view: View) -> None:
    inner, outer = view.slots["ipad"], view.slots["opad"]
    assert isinstance(inner, str)
    assert isinstance(outer, str)
    for value in ("x", "", "é", "a" * 1000, 7, 1.5):
        assert keyed_hash(inner, outer, value) == hashed(str(value))
    assert keyed_hash(inner, outer, None) is None


def test_nothing_is_computed_of_rows_that_a_filter_holds_back(view: View, tmp_path: Path) -> None:
    databases = Databases(tmp_path / "people.sqlite", random.Random(1))
    sql = "SELECT count(*) FROM people WHERE CASE WHEN region <> 'north' THEN json('x') ELSE 1 END"
    query = Guard(SQLITE, SqlLimits(), "describe").check(sql, view).bind({}, CALLER)
    ((count,),) = databases.true.execute(query.text("?{n}"), query.arguments).fetchall()
    assert count == databases.copy.execute("SELECT count(*) FROM people").fetchone()[0]
    databases.true.close()
    databases.copy.close()
