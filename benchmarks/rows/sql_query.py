"""`chinook_query` of 100 rows beside an endpoint written by hand: the same driver, the same JSON.

The database is made here, seeded, with the Track table of Chinook: its columns, and as many rows. The endpoint runs
any statement on a read-only connection of sqlite3 in a thread; it looks at nothing else.
"""

import random
import sqlite3
from pathlib import Path

from benchmarks.load import Answer, tool_call
from benchmarks.measure import Goal, Outcome, Row
from benchmarks.peers import INSTALLED, PROGRAMS, Bare, Dragoman
from benchmarks.race import Entry, Run, http_race

ROWS_READ, TRACKS = 100, 3503
SQL = "SELECT TrackId, Name, Composer, Milliseconds, UnitPrice FROM Track ORDER BY TrackId LIMIT 100"
BY_HAND = "endpoint by hand"
SCHEMA = """CREATE TABLE Track (
  TrackId INTEGER PRIMARY KEY, Name NVARCHAR(200) NOT NULL, AlbumId INTEGER, MediaTypeId INTEGER NOT NULL,
  GenreId INTEGER, Composer NVARCHAR(220), Milliseconds INTEGER NOT NULL, Bytes INTEGER,
  UnitPrice NUMERIC(10,2) NOT NULL)"""
WORDS = ("night", "river", "stone", "north", "glass", "summer", "paper", "engine", "harbour", "velvet")
SEED = 4


class Served(Dragoman):
    """`dragoman serve chinook.sqlite`."""

    def command(self, mode: str, port: int) -> list[str]:
        """The command line."""
        words = [self.python, "-m", "dragoman", "serve", str(database()), "--log-level", "warning"]
        return [*words, "--stdio"] if mode == "stdio" else [*words, "--port", str(port)]


class ByHand(Bare):
    """The endpoint written by hand."""

    def command(self, mode: str, port: int) -> list[str]:
        """Its interpreter and its program."""
        return [self.python, str(PROGRAMS / "bare" / "sql.py"), mode, str(port), str(database())]


def database() -> Path:
    """The database file, made when it is not there."""
    path = INSTALLED / "chinook.sqlite"
    if not path.exists():
        made = path.with_suffix(".new")
        made.unlink(missing_ok=True)
        with sqlite3.connect(made) as connection:
            connection.execute(SCHEMA)
            connection.executemany(f"INSERT INTO Track VALUES ({','.join('?' * 9)})", tracks())  # noqa: S608 - marks only
        connection.close()
        made.rename(path)
    return path


def tracks() -> list[tuple[int, str, int, int, int, str | None, int, int, float]]:
    """The rows: the same ones each time."""
    chance = random.Random(SEED)  # noqa: S311 - made-up music

    def words(most: int) -> str:
        return " ".join(chance.choices(WORDS, k=chance.randint(1, most))).title()

    rows = []
    for number in range(1, TRACKS + 1):
        composer = words(8) if chance.random() < 0.7 else None  # noqa: PLR2004 - a third is unknown, as there
        length = chance.randint(60_000, 600_000)
        rows.append((number, words(5), number // 10 + 1, 1, chance.randint(1, 25), composer, length, length * 32, 0.99))
    return rows


def _has_rows(answer: Answer) -> bool:
    given = answer.result["structuredContent"]["rows"]
    expected = [[row[0], row[1], row[5], row[6], row[8]] for row in tracks()[:ROWS_READ]]
    return bool(given == expected) and len(answer.text.splitlines()) == ROWS_READ + 1


def measure(run: Run) -> Outcome:
    """The same statement over and over."""
    outcome = Outcome()
    call = tool_call("chinook_query", {"sql": SQL}, _has_rows)
    entries = []
    for peer in run.choose(("bare", "dragoman"), outcome):
        ours = peer.name == "dragoman"
        entries.append(Entry(peer.name if ours else BY_HAND, Served() if ours else ByHand(), call, refusing=False))
    return http_race(run, entries, outcome)


ROWS = [
    Row(
        "sql",
        "`chinook_query`, 100 rows",
        (Goal("dragoman", BY_HAND, at_least=0.6),),
        measure,
    )
]
