"""Sentences about writes: they name what went wrong, and no value of a row."""

from pathlib import Path

import pytest

from dragoman import Sql
from dragoman.connectors.sql.engines.engine import EngineFault
from dragoman.connectors.sql.writes.told import counted, is_duplicate, write_sentence


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("UNIQUE constraint failed: t.a", "t: another row has the same key"),
        ("23505 duplicate key (a)=(secret)", "t: another row has the same key"),
        ("1062 Duplicate entry 'secret' for key 'a'", "t: another row has the same key"),
        ("FOREIGN KEY constraint failed", "t: a row that it refers to is not there"),
        ("1048 Column 'a' cannot be null", "t: a column that must have a value has none"),
        ("22001 value too long: secret", "t: a value is too long for its column"),
        ("23514 row contains (secret)", "t: a value breaks a rule"),
        ("anything else: secret", "t: the database could not do it"),
    ],
)
async def test_faults(tmp_path: Path, message: str, told: str) -> None:
    gate = Sql("shop", tmp_path / "none.sqlite").gate
    sentence = write_sentence(EngineFault("statement", message), gate, "t")
    assert sentence.startswith(told)
    assert "secret" not in sentence


def test_duplicates_are_known() -> None:
    assert is_duplicate(EngineFault("statement", "23505 x"))
    assert not is_duplicate(EngineFault("statement", "23503 x"))
    assert not is_duplicate(EngineFault("locked"))


def test_counts() -> None:
    assert [counted(n) for n in (0, 1, 2)] == ["0 rows", "1 row", "2 rows"]
