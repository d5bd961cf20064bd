"""The archive: found again, let go of, and proved: no change to the file goes unnoticed."""

import random
import sqlite3
from pathlib import Path

import pytest

from dragoman.ops.audit.archive import Archive, Wanted
from dragoman.ops.audit.chain import Entry, first_mark, next_mark
from dragoman.ops.audit.record import AuditRecord, line_of

KEY = b"k" * 32
CHAINS = ("a1", "b5", "c9")  # no changed bit makes one of them another


def chain_of(name: str, count: int, start: float = 0.0) -> list[tuple[Entry, int]]:
    made, mark = [], first_mark(KEY, name)
    for number in range(1, count + 1):
        subject = "anna" if number % 2 else "ben"
        outcome = "ok" if number % 3 else "error"
        line = line_of(
            AuditRecord(at=start + number, event="call", subject=subject, name=f"tool_{number % 4}", outcome=outcome)  # type: ignore[arg-type]
        )
        mark = next_mark(KEY, mark, line)
        made.append((Entry(name, number, line, mark), number * 100))
    return made


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    made = Archive(tmp_path / "audit.sqlite3", KEY)
    for name in CHAINS:
        made.add(f"{name}.journal", chain_of(name, 20))
    return made


def test_it_is_whole_and_found_again(archive: Archive) -> None:
    assert not list(archive.verify())
    assert archive.moved_to("a1.journal") == 2000
    assert archive.moved_to("never") == 0
    assert len(list(archive.search(Wanted(most=1000)))) == 60
    assert len(list(archive.search(Wanted(subject="anna", since=10.0, until=15.0)))) == 6
    assert len(list(archive.search(Wanted(outcome="error", name="tool_3")))) == 6
    assert all(b"tool_1" in line for line in archive.search(Wanted(text="tool_1")))
    (newest,) = archive.search(Wanted(most=1))
    assert b'"at":20' in newest


def test_the_same_lines_arrive_once(archive: Archive) -> None:
    archive.add("a1.journal", chain_of("a1", 20)[15:])
    assert len(list(archive.search(Wanted(most=1000)))) == 60
    assert not list(archive.verify())


def test_what_is_let_go_leaves_a_provable_rest(archive: Archive) -> None:
    assert archive.prune(before=10.5) == 30
    assert not list(archive.verify())
    assert archive.prune(before=1000.0) == 30
    assert not list(archive.verify())
    archive.add("d.journal", chain_of("d", 3))
    assert not list(archive.verify())


def edit(connection: sqlite3.Connection, chance: random.Random) -> str:
    """Change one byte of one value, somewhere."""
    table, columns, keys = chance.choice(
        [
            ("entry", ("at", "subject", "name", "outcome", "line", "mark"), ("chain", "number")),
            ("head", ("number", "mark", "proof"), ("chain",)),
            ("roll", ("chain", "proof"), ("number",)),
        ]
    )
    column = chance.choice(columns)
    rows = connection.execute(f"SELECT {', '.join((*keys, column))} FROM {table}").fetchall()
    *key, value = chance.choice([row for row in rows if row[-1] not in ("", b"")])
    if isinstance(value, int | float):
        changed: object = value + chance.choice([-1, 1])
    else:
        data = bytearray(value if isinstance(value, bytes) else value.encode())
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(7)
        changed = bytes(data) if isinstance(value, bytes) else data.decode()
    where = " AND ".join(f"{name} = ?" for name in keys)
    connection.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (changed, *key))
    return f"{table}.{column} of {key}: {value!r} -> {changed!r}"


def cut(connection: sqlite3.Connection, chance: random.Random) -> str:
    """Take something out: a line, the end of a chain, a head, a chain, a line of the roll."""
    chain, number = chance.choice(CHAINS), chance.randint(1, 20)
    kind = chance.randrange(5)
    if kind == 0:
        connection.execute("DELETE FROM entry WHERE chain = ? AND number = ?", (chain, number))
    elif kind == 1:
        connection.execute("DELETE FROM entry WHERE chain = ? AND number >= ?", (chain, number))
    elif kind == 2:
        connection.execute("DELETE FROM entry WHERE chain = ? AND number <= ?", (chain, number))
    elif kind == 3:
        connection.execute("DELETE FROM entry WHERE chain = ?", (chain,))
        connection.execute("DELETE FROM head WHERE chain = ?", (chain,))
    else:
        connection.execute("DELETE FROM roll WHERE chain = ?", (chain,))
    return f"cut {kind} of {chain} at {number}"


def swap(connection: sqlite3.Connection, chance: random.Random) -> str:
    """Let two lines change places, within a chain or between two."""
    first, second = chance.sample([(chain, number) for chain in CHAINS for number in range(1, 21)], 2)
    columns = "at, subject, name, outcome, line, mark"
    values = [
        connection.execute(f"SELECT {columns} FROM entry WHERE chain = ? AND number = ?", place).fetchone()
        for place in (first, second)
    ]
    for place, value in zip((first, second), reversed(values), strict=True):
        connection.execute(
            "UPDATE entry SET at = ?, subject = ?, name = ?, outcome = ?, line = ?, mark = ?"
            " WHERE chain = ? AND number = ?",
            (*value, *place),
        )
    return f"swap {first} and {second}"


def test_a_thousand_changes_are_all_found(archive: Archive, tmp_path: Path) -> None:
    chance = random.Random(20261120)
    path = tmp_path / "audit.sqlite3"
    other = sqlite3.connect(path, isolation_level=None)
    unnoticed = []
    for number in range(1000):
        before = dump(other)
        done = (edit, cut, swap)[number % 3](other, chance)
        changed = dump(other) != before
        if changed and not list(archive.verify()):
            unnoticed.append(done)
        assert changed, done
        restore(other, before)
    assert unnoticed == []
    assert not list(archive.verify())
    other.close()


def dump(connection: sqlite3.Connection) -> dict[str, list[tuple[object, ...]]]:
    return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in ("entry", "head", "roll")}


def restore(connection: sqlite3.Connection, tables: dict[str, list[tuple[object, ...]]]) -> None:
    connection.execute("BEGIN")
    for name, rows in tables.items():
        connection.execute(f"DELETE FROM {name}")
        connection.executemany(f"INSERT INTO {name} VALUES({', '.join('?' * len(rows[0]))})", rows)
    connection.execute("COMMIT")


def test_another_key_proves_nothing(archive: Archive, tmp_path: Path) -> None:
    assert list(Archive(tmp_path / "audit.sqlite3", b"x" * 32).verify())
