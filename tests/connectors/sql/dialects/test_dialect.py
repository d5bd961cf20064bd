"""How names compare, and functions that an administrator allows."""

import pytest

from dragoman.connectors.sql.dialects import POSTGRESQL, SQLITE, Dialect


@pytest.mark.parametrize(
    ("dialect", "name", "quoted", "key"),
    [
        (SQLITE, "Artist", False, "artist"),
        (SQLITE, "Artist", True, "artist"),
        (SQLITE, "\u00c4rzte", False, "\u00c4rzte"),
        (POSTGRESQL, "Artist", False, "artist"),
        (POSTGRESQL, "Artist", True, "Artist"),
    ],
)
def test_keys(dialect: Dialect, name: str, quoted: bool, key: str) -> None:
    assert dialect.key(name, quoted=quoted) == key


def test_allowing_more_functions() -> None:
    assert "sqlite_version" in SQLITE.allowing(("SQLITE_version",)).functions
    assert SQLITE.allowing(()).functions == SQLITE.functions
