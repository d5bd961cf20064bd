"""API keys at rest: a record of each, and never the key itself (P11).

A record holds a keyed digest; without the file of the key's own secret, which lies beside it, it verifies nothing.
Several processes share the file: what one changes, another sees with its next look.
"""

import os
import secrets
import sqlite3
import stat
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from dragoman.errors import UsageError
from dragoman.store.sqlite import connect, told

_PEPPER_BYTES: Final = 32
_SCHEMA: Final = """
    CREATE TABLE IF NOT EXISTS key(key_id TEXT PRIMARY KEY, created REAL, record BLOB) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS used(key_id TEXT PRIMARY KEY, at REAL) WITHOUT ROWID;
"""


class KeyRecord(Struct, frozen=True, kw_only=True):
    """One key; times are seconds since 1970.

    Args:
        key_id: the part of the key that is no secret, by which it is looked up.
        digest: the keyed digest of the whole key, hexadecimal.
        subject: who calls with it.
        tenant: the organisation it is for.
        roles: the roles it gives.
        scopes: the scopes it gives.
        claims: further facts about the caller.
        note: what people call it.
        created: when it was made.
        expires: when it ends, None for never.
        revoked: when it was taken back, None where it was not.
    """

    key_id: str
    digest: str
    subject: str
    tenant: str = ""
    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    claims: dict[str, str | int | float | bool | None] = {}
    note: str = ""
    created: float = 0.0
    expires: float | None = None
    revoked: float | None = None

    def is_good(self, now: float) -> bool:
        """Whether it may be used at a time."""
        return self.revoked is None and (self.expires is None or now < self.expires)


class SqliteKeys:
    """Keeps keys in a file, opened with the first look.

    Args:
        path: the file; beside it lies another, ending in `.pepper`, without which its keys are worth nothing.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._opened: sqlite3.Connection | None = None
        self._pepper = b""

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._opened is None:
            self._opened = connect(self._path, _SCHEMA)
        return self._opened

    def pepper(self) -> bytes:
        """The secret that the digests are made with; made with the first key.

        Raises:
            UsageError: it can't be read, is no such secret, or others may read it.
        """
        if not self._pepper:
            path = self._path.with_name(self._path.name + ".pepper")
            with told(path):
                self._connection.execute("BEGIN IMMEDIATE")  # two processes make one
                try:
                    self._pepper = _read_or_make(path)
                finally:
                    self._connection.execute("COMMIT")
        return self._pepper

    def version(self) -> int:
        """A number that changes when another process has changed something."""
        with told(self._path):
            return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def save(self, record: KeyRecord) -> None:
        """Keep a key as it is now."""
        with told(self._path):
            self._connection.execute(
                "INSERT OR REPLACE INTO key VALUES(?, ?, ?)",
                (record.key_id, record.created, msgspec.json.encode(record)),
            )

    def load(self, key_id: str) -> KeyRecord | None:
        """The key of this id."""
        with told(self._path):
            found = self._connection.execute("SELECT record FROM key WHERE key_id = ?", (key_id,)).fetchone()
            return None if found is None else msgspec.json.decode(found[0], type=KeyRecord)

    def every(self) -> list[tuple[KeyRecord, float | None]]:
        """Every key and when it was last used, oldest first."""
        with told(self._path):
            rows = self._connection.execute(
                "SELECT record, at FROM key LEFT JOIN used USING(key_id) ORDER BY created, key_id"
            ).fetchall()
            return [(msgspec.json.decode(record, type=KeyRecord), at) for record, at in rows]

    def mark_used(self, times: dict[str, float]) -> None:
        """Remember when keys were last used."""
        with told(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.executemany(
                    "INSERT INTO used VALUES(?, ?) ON CONFLICT(key_id) DO UPDATE SET at = max(at, excluded.at)",
                    times.items(),
                )
            finally:
                self._connection.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None


def _read_or_make(path: Path) -> bytes:
    try:
        pepper = path.read_bytes()
    except FileNotFoundError:
        pepper = secrets.token_bytes(_PEPPER_BYTES)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pepper)
            file.flush()
            os.fsync(file.fileno())
        return pepper
    if len(pepper) != _PEPPER_BYTES:
        raise UsageError(f"'{path}' is damaged: it should hold {_PEPPER_BYTES} bytes. Restore it from a backup.")
    if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise UsageError(f"'{path}' may be read by others; take that away: chmod 600 '{path}'.")
    return pepper
