"""Used states, remembered by several processes."""

import contextlib
import time
from pathlib import Path

import pytest

from dragoman import UsageError
from dragoman.store.used_states import SqliteUsedStates, UsedStateStore


def test_a_state_is_used_once_wherever(tmp_path: Path) -> None:
    path = tmp_path / "used.sqlite3"
    with contextlib.closing(SqliteUsedStates(path)) as here, contextlib.closing(SqliteUsedStates(path)) as there:
        stores: tuple[UsedStateStore, ...] = (here, there)
        later = time.time() + 60
        assert [store.use("a", later) for store in (*stores, *stores)] == [True, False, False, False]
        assert there.use("b", later)
        assert not here.use("b", later)


def test_what_has_expired_is_forgotten(tmp_path: Path) -> None:
    with contextlib.closing(SqliteUsedStates(tmp_path / "used.sqlite3", sweep_seconds=-1)) as store:
        assert store.use("new", time.time() + 60)
        assert store.use("old", time.time() - 1)
        assert store.use("another", time.time() + 60)
        assert store.use("old", time.time() + 60)
        assert not store.use("new", time.time() + 60)


def test_a_file_that_is_something_else(tmp_path: Path) -> None:
    path = tmp_path / "used.sqlite3"
    path.write_bytes(b"this is no database at all" * 100)
    with pytest.raises(UsageError, match="cannot be used"):
        SqliteUsedStates(path)
