"""Sealing: state that travels through clients unread and unchanged (P14; MRTR, Server Requirements).

AES-256-GCM under a key made from the server's first secret; every secret opens, so that one can be replaced while
states under it are still about. What is sealed is bound to its purpose, which is not part of the text.
"""

import base64
import binascii
import hashlib
import logging
import os
import secrets
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

from dragoman.errors import UsageError

logger = logging.getLogger("dragoman")

_NONCE: Final = 12
_ID: Final = 4
_SHORTEST: Final = 32
_VARIED: Final = 8  # a secret of fewer different characters is a placeholder


class BrokenSeal(ValueError):
    """A text that was not sealed here for this purpose, or was changed since."""


class Seal:
    """Seals and opens.

    Args:
        texts: the secrets, newest first, of at least 32 characters; where there are none those of the environment's
            `DRAGOMAN_SECRET`, separated by commas; else one that lasts as long as the process.

    Raises:
        UsageError: a secret is too short or plainly a placeholder.
    """

    def __init__(self, texts: Sequence[str] = ()) -> None:
        texts = texts or [text for text in os.environ.get("DRAGOMAN_SECRET", "").split(",") if text]
        for text in texts:
            if len(text) < _SHORTEST or len(set(text)) < _VARIED:
                message = (
                    "A secret for sealing needs at least 32 characters that differ; make one with "
                    "`python -c 'import secrets; print(secrets.token_urlsafe(32))'`."
                )
                raise UsageError(message)
        self.is_shared = bool(texts)
        self._warned = False
        self._kept: Callable[[], str] | None = None  # what other keys are made of, where it is not ours
        self._keys: dict[bytes, bytes] = {}  # id -> key, the first seals
        for text in texts or (secrets.token_urlsafe(_SHORTEST),):
            key = _key(text)
            self._keys[hashlib.sha256(b"id\0" + key).digest()[:_ID]] = key

    def seal(self, plain: bytes, purpose: bytes) -> str:
        """Seal bytes into a text that only this server, or one with the same secret, opens."""
        if not self.is_shared and not self._warned and _is_worker():
            self._warned = True
            logger.warning(
                "This process is one of several workers and has a secret of its own: what it seals, the others cannot "
                "open, so questions to clients will fail. Give all one: Server(secrets=[...]) or DRAGOMAN_SECRET."
            )
        key_id, key = next(iter(self._keys.items()))
        nonce = secrets.token_bytes(_NONCE)
        sealed: bytes = _cipher(key).encrypt(nonce, plain, key_id + purpose)
        return base64.urlsafe_b64encode(key_id + nonce + sealed).decode("ascii").rstrip("=")

    def keep(self, make: Callable[[], str]) -> None:
        """Make keys for other purposes of a secret that outlasts the process, from now on; sealing stays as it is.

        Args:
            make: returns the secret when it is first needed.
        """
        self._kept = make

    def derive(self, purpose: bytes) -> bytes:
        """Return a key of 32 bytes for another purpose, the same as long as the newest secret is the same."""
        key = next(iter(self._keys.values())) if self._kept is None else _key(self._kept())
        return hashlib.sha256(b"derived 1\0" + key + purpose).digest()

    def open(self, text: str, purpose: bytes) -> bytes:
        """Open a sealed text.

        Raises:
            BrokenSeal: it was sealed elsewhere, for something else, or was changed.
        """
        from cryptography.exceptions import InvalidTag

        try:
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise BrokenSeal from None
        key_id, nonce, cipher = sealed[:_ID], sealed[_ID : _ID + _NONCE], sealed[_ID + _NONCE :]
        key = self._keys.get(key_id)
        if key is None:
            raise BrokenSeal
        try:
            plain: bytes = _cipher(key).decrypt(nonce, cipher, key_id + purpose)
        except (InvalidTag, ValueError):
            raise BrokenSeal from None
        return plain


def _key(text: str) -> bytes:
    return hashlib.sha256(b"dragoman seal 1\0" + text.encode()).digest()


def _is_worker() -> bool:
    """Whether another Python process started this one to share its work, as servers with several workers do."""
    multiprocessing = sys.modules.get("multiprocessing.process")
    return multiprocessing is not None and multiprocessing.parent_process() is not None


def _cipher(key: bytes) -> Any:
    """AES-GCM of the `cryptography` package, which is loaded when something is first sealed."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)
