"""The kept secret: the same for every process of the user, readable by nobody else, and never made anew in silence."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dragoman import UsageError
from dragoman.store.secret import kept_secret


def test_it_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "state" / "secret"
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(kept_secret, [path] * 8))
    assert len(found) == 1
    assert len(found.pop()) == 64
    assert [one.name for one in path.parent.iterdir()] == ["secret"]


def test_another_folder_has_another(tmp_path: Path) -> None:
    assert kept_secret(tmp_path / "a") != kept_secret(tmp_path / "b")


def test_it_lies_in_the_state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRAGOMAN_STATE", str(tmp_path / "state"))
    assert kept_secret() == (tmp_path / "state" / "secret").read_text()


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_it_is_for_one_user(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    kept_secret(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    with pytest.raises(UsageError, match="may be read by others"):
        kept_secret(path)


@pytest.mark.parametrize("text", ["", "ab", "z" * 64, "é" * 64])
def test_what_is_damaged_is_not_replaced(tmp_path: Path, text: str) -> None:
    path = tmp_path / "secret"
    path.write_text(text, "utf-8")
    path.chmod(0o600)
    with pytest.raises(UsageError, match="is damaged"):
        kept_secret(path)
    assert path.read_text("utf-8") == text


def test_a_folder_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(UsageError, match="secret"):
        kept_secret(tmp_path / "state" / "secret")
