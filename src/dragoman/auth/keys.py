"""API keys: how they are made, written and checked.

A key is `drg_`, an id by which its record is found, `_`, and a secret of 256 bits. Records are read again at most a
second after another process changed them, so a key that was taken back stops on every worker. Whatever is wrong with a
key, the same work is done and the same thing is said.
"""

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Mapping
from typing import Final

from msgspec import structs

from dragoman.auth.credentials import Known, Refused
from dragoman.auth.principal import Claim, Principal
from dragoman.store.keys import KeyRecord, SqliteKeys

ISSUER: Final = "api-key"
FRESH_SECONDS: Final = 0.8
_KEY: Final = re.compile(r"drg_([a-z2-7]{12})_([A-Za-z0-9_-]{43})")
_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz234567"
_ID_LETTERS: Final = 12
_SECRET_BYTES: Final = 32
_MARK_SECONDS: Final = 60.0  # how often the time of last use is written
_NOBODY: Final = "0" * 64


def make_key(
    store: SqliteKeys,
    subject: str,
    *,
    roles: tuple[str, ...] = (),
    scopes: tuple[str, ...] = (),
    claims: Mapping[str, Claim] | None = None,
    tenant: str = "",
    note: str = "",
    seconds: float | None = None,
) -> tuple[str, KeyRecord]:
    """Make a key and keep its record.

    Args:
        store: where records are.
        subject: who calls with it.
        roles: the roles it gives.
        scopes: the scopes it gives.
        claims: further facts about the caller.
        tenant: the organisation it is for.
        note: what people call it.
        seconds: how long it is good, None for ever.

    Returns:
        The key, which is nowhere else, and its record.
    """
    key_id = "".join(secrets.choice(_ALPHABET) for _ in range(_ID_LETTERS))
    text = f"drg_{key_id}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    now = time.time()
    record = KeyRecord(
        key_id=key_id,
        digest=_digest(store.pepper(), text),
        subject=subject,
        tenant=tenant,
        roles=roles,
        scopes=scopes,
        claims=dict(claims or {}),
        note=note,
        created=now,
        expires=None if seconds is None else now + seconds,
    )
    store.save(record)
    return text, record


def rotate_key(store: SqliteKeys, record: KeyRecord, overlap: float) -> tuple[str, KeyRecord]:
    """Make a key that gives the same as another, which then ends.

    Args:
        store: where records are.
        record: the key to replace.
        overlap: how long the old one is still good, seconds.
    """
    now = time.time()
    left = None if record.expires is None else record.expires - record.created
    made = make_key(
        store,
        record.subject,
        roles=record.roles,
        scopes=record.scopes,
        claims=record.claims,
        tenant=record.tenant,
        note=record.note,
        seconds=left,
    )
    end = now + overlap if record.expires is None else min(record.expires, now + overlap)
    store.save(structs.replace(record, expires=end))
    return made


class ApiKeys:
    """Checks keys against their records.

    Args:
        store: where records are.
    """

    def __init__(self, store: SqliteKeys) -> None:
        self._store = store
        self._used: dict[str, float] = {}
        self._marked = time.monotonic()

    def is_mine(self, token: str) -> bool:
        """Whether a token has the form of a key."""
        return token.startswith("drg_")

    async def check(self, token: str) -> Known:
        """Return who a key is of.

        Raises:
            Refused: there is no such key, or it is no longer good.
        """
        found = _KEY.fullmatch(token)
        record = self._store.load(found[1] if found else "")
        expected = _NOBODY if record is None else record.digest
        same = hmac.compare_digest(_digest(self._store.pepper(), token), expected)
        now = time.time()
        if record is None or not same or not record.is_good(now):
            reason = "is unknown" if record is None or not same else "was revoked or has expired"
            raise Refused(f"the API key {found[1]} {reason}" if found else "the API key is malformed")
        self._mark(record.key_id, now)
        left = FRESH_SECONDS if record.expires is None else min(FRESH_SECONDS, record.expires - now)
        return Known(principal_of(record), time.monotonic() + left)

    def _mark(self, key_id: str, now: float) -> None:
        self._used[key_id] = now
        if time.monotonic() - self._marked > _MARK_SECONDS:
            self._flush()

    def _flush(self) -> None:
        used, self._used, self._marked = self._used, {}, time.monotonic()
        if used:
            self._store.mark_used(used)

    async def close(self) -> None:
        """Write when keys were last used, and close the file."""
        self._flush()
        self._store.close()


def principal_of(record: KeyRecord) -> Principal:
    """Who calls with a key."""
    return Principal(
        subject=record.subject,
        issuer=ISSUER,
        client=record.key_id,
        tenant=record.tenant,
        roles=record.roles,
        scopes=record.scopes,
        claims=tuple(sorted(record.claims.items())),
    )


def _digest(pepper: bytes, token: str) -> str:
    return hmac.new(pepper, token.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
