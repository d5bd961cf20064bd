import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from dragoman.client.oauth import storage
from dragoman.client.oauth.options import TokenStore
from dragoman.client.oauth.storage import FileTokens, KeyringTokens, MemoryTokens, any_kept, default_tokens
from dragoman.errors import UsageError


class Ring:
    """A keyring that may be locked."""

    def __init__(self, longest: int = 1000) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.longest = longest
        self.locked = False

    def get_password(self, service: str, name: str) -> str | None:
        if self.locked:
            raise RuntimeError("locked")
        return self.kept.get((service, name))

    def set_password(self, service: str, name: str, value: str) -> None:
        if self.locked or len(value) > self.longest:
            raise RuntimeError("no")
        self.kept[service, name] = value

    def delete_password(self, service: str, name: str) -> None:
        del self.kept[service, name]


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.glob("*.json")]


@pytest.fixture(params=["memory", "file", "keyring", "locked"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> TokenStore:
    if request.param == "memory":
        return MemoryTokens()
    if request.param == "file":
        return FileTokens(tmp_path / "a" / "b")
    ring = Ring()
    ring.locked = request.param == "locked"
    return KeyringTokens(ring, FileTokens(tmp_path / "files"))


async def test_what_is_kept_comes_back(store: TokenStore) -> None:
    assert await store.load("a") is None
    await store.delete("a")
    await store.save("a", b"1")
    await store.save("a", b"2")
    await store.save("b", b"3")
    assert (await store.load("a"), await store.load("b")) == (b"2", b"3")
    await store.delete("a")
    assert (await store.load("a"), await store.load("b")) == (None, b"3")


@pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")
async def test_files_are_for_their_user_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        await FileTokens(tmp_path / "kept").save("https://a.example/../../x", b"secret")
    finally:
        os.umask(before)
    (file,) = (tmp_path / "kept").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    file.chmod(0o640)
    with pytest.raises(UsageError, match="others can read it"):
        await FileTokens(tmp_path / "kept").load("https://a.example/../../x")


async def test_what_is_too_long_for_the_keyring_goes_to_a_file(tmp_path: Path) -> None:
    ring = Ring(longest=5)
    store = KeyringTokens(ring, FileTokens(tmp_path))
    await store.save("a", b"short")
    assert not names(tmp_path)
    await store.save("a", b"much longer")
    assert not ring.kept
    assert await store.load("a") == b"much longer"
    await store.save("a", b"short")
    assert not names(tmp_path)


async def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        await FileTokens(tmp_path / "file" / "folder").save("a", b"1")


async def test_the_state_folder_is_the_user_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRAGOMAN_STATE", str(tmp_path))
    assert not any_kept()
    await FileTokens().save("a", b"1")
    assert any_kept()
    assert list((tmp_path / "sign-in").glob("*.json"))


@pytest.mark.parametrize(("priority", "kind"), [(5, KeyringTokens), (0, FileTokens), (-1, FileTokens)])
def test_a_keyring_is_used_where_the_system_has_one(
    priority: float, kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Package:
        @staticmethod
        def get_keyring() -> Any:
            return type("Backend", (), {"priority": priority})()

    monkeypatch.setitem(sys.modules, "keyring", Package)
    assert isinstance(default_tokens(), kind)


def test_without_the_package_files_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert isinstance(default_tokens(), FileTokens)
    assert storage.SERVICE == "dragoman"
