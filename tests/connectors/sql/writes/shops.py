"""A small shop in each database that can be written: two tables, one of them with a key of two columns."""

import hashlib
import json
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from dragoman import Client, Server, Sql
from dragoman.client.questions import Elicitation
from tests.connectors.sql.servers import MariaDB, PostgreSQL

TABLES = ("thing", "pair", "secret")
_TYPES = {
    "sqlite": {"number": "INTEGER PRIMARY KEY", "text": "TEXT", "decimal": "NUMERIC", "real": "REAL", "bytes": "BLOB"},
    "postgresql": {
        "number": "integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        "text": "text",
        "decimal": "numeric(10,2)",
        "real": "double precision",
        "bytes": "bytea",
    },
    "mariadb": {
        "number": "integer AUTO_INCREMENT PRIMARY KEY",
        "text": "varchar(100)",
        "decimal": "numeric(10,2)",
        "real": "double",
        "bytes": "blob",
    },
}
_MADE = (
    "CREATE TABLE thing (id {number}, name {text} NOT NULL UNIQUE, price {decimal}, note {text}, data {bytes})",
    "CREATE TABLE pair (a integer NOT NULL, b varchar(20) NOT NULL, v {real}, PRIMARY KEY (a, b))",
    "CREATE TABLE secret (id integer NOT NULL PRIMARY KEY, owner varchar(20), pin varchar(20), open varchar(20))",
    "INSERT INTO thing (name, price, note) VALUES ('lamp', 12.50, NULL), ('chair', 80, 'oak')",
    "INSERT INTO thing (name, price, note) VALUES ('desk', 199.99, 'O''Hara')",
    "INSERT INTO pair (a, b, v) VALUES (1, 'x', 1.5), (1, 'y', 0.1), (2, 'x', NULL)",
    "INSERT INTO secret VALUES (1, 'ann', '1234', 'a'), (2, 'ben', '9876', 'b'), (3, 'ann', '5555', 'c')",
)


class Shop:
    """One database, and how its administrator talks to it."""

    def __init__(self, engine: str, url: str, execute: Callable[..., list[Any]]) -> None:
        self.engine = engine
        self.url = url
        self.execute = execute
        self.binary = {"sqlite": "x'00ff'", "postgresql": "'\\x00ff'", "mariadb": "x'00ff'"}[engine]

    def fill(self) -> None:
        """Make the tables anew."""
        self.empty()
        self.execute(
            *(statement.format(**_TYPES[self.engine]) for statement in _MADE),
            f"UPDATE thing SET data = {self.binary} WHERE id = 1",
        )

    def empty(self) -> None:
        """Remove the tables."""
        self.execute(*(f"DROP TABLE IF EXISTS {table}" for table in (*TABLES, "extra", "dragoman_writes")))

    def content(self) -> str:
        """Return a digest of all rows."""
        order = {"thing": "1", "pair": "1, 2", "secret": "1"}
        hexed = {"sqlite": "hex(data)", "postgresql": "encode(data, 'hex')", "mariadb": "hex(data)"}[self.engine]
        columns = {"thing": f"id, name, price, note, {hexed}", "pair": "a, b, v", "secret": "*"}
        rows = [self.execute(f"SELECT {columns[table]} FROM {table} ORDER BY {order[table]}") for table in TABLES]
        return hashlib.sha256(json.dumps(rows, default=str).encode()).hexdigest()

    def names(self) -> list[str]:
        return [str(row[0]) for row in self.execute("SELECT name FROM thing ORDER BY id")]

    def noted(self) -> int:
        """Return how many writes are noted."""
        return int(self.execute("SELECT count(*) FROM dragoman_writes")[0][0])

    def sql(self, **settings: Any) -> Sql:
        """Return a connector that may write."""
        return Sql("shop", self.url, **{"write": "confirm", "write_tables": ["thing", "pair"], **settings})

    def server(self, **settings: Any) -> Server:
        """Return a server of it."""
        server = Server("test")
        server.connect(self.sql(**settings))
        return server


def sqlite_shop(folder: Path) -> Shop:
    path = folder / "shop.sqlite"

    def execute(*statements: str) -> list[Any]:
        connection = sqlite3.connect(path)
        try:
            rows: list[Any] = []
            for statement in statements:
                rows = connection.execute(statement).fetchall()
            connection.commit()
            return [list(row) for row in rows]
        finally:
            connection.close()

    return Shop("sqlite", str(path), execute)


def postgresql_shop(server: PostgreSQL) -> Shop:
    return Shop("postgresql", server.url("owner"), lambda *statements: server.execute("SET ROLE owner", *statements))


def mariadb_shop(server: MariaDB) -> Shop:
    return Shop("mariadb", server.url("admin"), server.execute)


class Person:
    """Who is asked: answers as told, and may do something before each answer."""

    def __init__(self, *, confirm: bool = True, before: Callable[[], Awaitable[None]] | None = None) -> None:
        self.asked: list[str] = []
        self.confirm = confirm
        self.before = before

    async def answer(self, question: Elicitation) -> dict[str, Any]:
        self.asked.append(question.message)
        if self.before is not None:
            await self.before()
        return {"confirm": self.confirm}


def client(server: Any, person: Person, revision: Any = "2026-07-28") -> Client:
    """Return a client whose questions are answered by a person."""
    return Client(server, revision=revision, on_elicit=person.answer)
