"""Keys at rest: records survive, their secret is for one user, and several processes see each other's changes."""

import os
import stat
from pathlib import Path

import pytest

from dragoman import UsageError
from dragoman.store.keys import KeyRecord, SqliteKeys


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "keys.sqlite3"


def test_records_and_times_of_use_survive(path: Path) -> None:
    first = SqliteKeys(path)
    record = KeyRecord(
        key_id="a", digest="00", subject="anna", roles=("support",), claims={"region": "EU"}, created=1.0
    )
    first.save(record)
    first.save(KeyRecord(key_id="b", digest="11", subject="ben", created=2.0))
    first.mark_used({"a": 10.0})
    first.mark_used({"a": 5.0})
    first.close()
    second = SqliteKeys(path)
    assert second.load("a") == record
    assert second.load("c") is None
    assert [(one.key_id, at) for one, at in second.every()] == [("a", 10.0), ("b", None)]
    second.close()


def test_two_processes_have_one_secret(path: Path) -> None:
    first, second = SqliteKeys(path), SqliteKeys(path)
    assert first.pepper() == second.pepper()
    assert len(first.pepper()) == 32
    first.close()
    second.close()


def test_another_process_s_change_is_noticed(path: Path) -> None:
    first, second = SqliteKeys(path), SqliteKeys(path)
    first.save(KeyRecord(key_id="a", digest="00", subject="anna"))
    before = second.version()
    first.save(KeyRecord(key_id="a", digest="00", subject="anna", revoked=1.0))
    assert second.version() != before
    assert not second.load("a").is_good(2.0)  # type: ignore[union-attr]
    first.close()
    second.close()


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_the_secret_is_for_one_user(path: Path) -> None:
    store = SqliteKeys(path)
    store.pepper()
    pepper = path.with_name("keys.sqlite3.pepper")
    assert stat.S_IMODE(pepper.stat().st_mode) == 0o600
    store.close()
    pepper.chmod(0o644)
    with pytest.raises(UsageError, match="chmod 600"):
        SqliteKeys(path).pepper()


def test_a_damaged_secret_is_said(path: Path) -> None:
    path.parent.mkdir()
    pepper = path.with_name("keys.sqlite3.pepper")
    pepper.write_bytes(b"short")
    pepper.chmod(0o600)
    with pytest.raises(UsageError, match="damaged"):
        SqliteKeys(path).pepper()
