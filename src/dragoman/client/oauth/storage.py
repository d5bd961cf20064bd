"""Where sign-ins are kept: the system's keyring, a file of the user's own, or this process.

A key is the server's canonical URL; what is kept names issuer, resource and client, and is used with no others. Nothing
of it is ever logged.
"""

import asyncio
import contextlib
import hashlib
import importlib
import os
import stat
import tempfile
from pathlib import Path
from typing import Any, Final

from dragoman.client.oauth.options import TokenStore
from dragoman.errors import UsageError
from dragoman.store.sqlite import state_file

FOLDER: Final = "sign-in"
SERVICE: Final = "dragoman"
_MOST_BYTES: Final = 256 * 1024


class MemoryTokens:
    """Keeps sign-ins as long as this object lives."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    async def load(self, key: str) -> bytes | None:
        """What is kept under a key."""
        return self._kept.get(key)

    async def save(self, key: str, value: bytes) -> None:
        """Keep a value, in place of the one before."""
        self._kept[key] = value

    async def delete(self, key: str) -> None:
        """Forget a value."""
        self._kept.pop(key, None)


class FileTokens:
    """Keeps each sign-in in a file that only its user can read.

    Args:
        folder: where; in the user's state folder without one.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or state_file(FOLDER)

    async def load(self, key: str) -> bytes | None:
        """What is kept under a key; raises UsageError when others could have read it."""
        return await asyncio.to_thread(self._load, self._path(key))

    async def save(self, key: str, value: bytes) -> None:
        """Keep a value, in place of the one before; raises UsageError when it cannot be written."""
        await asyncio.to_thread(self._save, self._path(key), value)

    async def delete(self, key: str) -> None:
        """Forget a value; nothing where there is none."""
        await asyncio.to_thread(self._path(key).unlink, missing_ok=True)

    def _path(self, key: str) -> Path:
        return self.folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"

    @staticmethod
    def _load(path: Path) -> bytes | None:
        try:
            with path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
                    raise UsageError(f"{path} holds a sign-in and others can read it; delete it and sign in again.")
                return file.read(_MOST_BYTES)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror or error}.") from error

    @staticmethod
    def _save(path: Path, value: bytes) -> None:
        """Write whole or not at all, and never where others can read meanwhile."""
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            number, name = tempfile.mkstemp(dir=path.parent, prefix=".sign-in-")  # made with 0600
            try:
                with os.fdopen(number, "wb") as file:
                    file.write(value)
                Path(name).replace(path)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror or error}.") from error


class KeyringTokens:
    """Keeps sign-ins in the system's keyring; what does not fit there, or cannot be kept, goes to files.

    Args:
        keyring: the package.
        files: takes what the keyring does not; its folder is there from the first sign-in on.
    """

    def __init__(self, keyring: Any, files: FileTokens) -> None:
        self._keyring, self._files = keyring, files

    async def load(self, key: str) -> bytes | None:
        """What is kept under a key."""
        try:
            kept = await asyncio.to_thread(self._keyring.get_password, SERVICE, key)
        except Exception:  # noqa: BLE001  (whatever the system's keyring raises: locked, gone)
            kept = None
        return await self._files.load(key) if kept is None else str(kept).encode()

    async def save(self, key: str, value: bytes) -> None:
        """Keep a value, in place of the one before."""
        try:
            await asyncio.to_thread(self._keyring.set_password, SERVICE, key, value.decode())
        except Exception:  # noqa: BLE001  (whatever it raises: too long, locked, gone)
            with contextlib.suppress(Exception):
                await asyncio.to_thread(self._keyring.delete_password, SERVICE, key)
            await self._files.save(key, value)
        else:
            await self._files.delete(key)
            await asyncio.to_thread(self._files.folder.mkdir, mode=0o700, parents=True, exist_ok=True)

    async def delete(self, key: str) -> None:
        """Forget a value; nothing where there is none."""
        with contextlib.suppress(Exception):  # it raises where there is none
            await asyncio.to_thread(self._keyring.delete_password, SERVICE, key)
        await self._files.delete(key)


def any_kept() -> bool:
    """Whether anybody signed in from here before, as far as can be seen without looking into anything."""
    return state_file(FOLDER).is_dir()


def default_tokens() -> TokenStore:
    """The keyring where its package is installed and the system has one, else files."""
    files = FileTokens()
    try:
        keyring = importlib.import_module("keyring")
        usable = keyring.get_keyring().priority > 0
    except Exception:  # noqa: BLE001  (not installed, or whatever its backends raise)
        usable = False
    return KeyringTokens(keyring, files) if usable else files
