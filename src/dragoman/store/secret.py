"""The secret that this user's servers keep where nobody gave them one: what is made with it outlasts a restart.

It lies in the state folder, for this user alone. It makes pseudonyms (hash masks) the same from day to day; what
travels through clients is sealed with a secret of the process all the same, so that nothing old can be replayed.
"""

import os
import secrets
import stat
from pathlib import Path
from typing import Final

from dragoman.errors import UsageError
from dragoman.store.sqlite import state_file, told

_NAME: Final = "secret"
_BYTES: Final = 32


def kept_secret(path: Path | None = None) -> str:
    """Return the secret, made with the first call of all.

    Args:
        path: its file; the one in the user's state folder by default.

    Raises:
        UsageError: it can't be read or made, is no such secret, or others may read it.
    """
    path = state_file(_NAME) if path is None else path
    with told(path):
        if not path.exists():
            _make(path)
        text = path.read_text("ascii", "replace").strip()
        mode = stat.S_IMODE(path.stat().st_mode)
    if len(text) != 2 * _BYTES or not set(text) <= set("0123456789abcdef"):
        raise UsageError(
            f"'{path}' is damaged: it should hold {2 * _BYTES} hexadecimal digits. Restore it or take it away."
        )
    if os.name == "posix" and mode & 0o077:
        raise UsageError(f"'{path}' may be read by others; take that away: chmod 600 '{path}'.")
    return text


def _make(path: Path) -> None:
    """Make the file whole or not at all; where two processes make it at one time, one of them does."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
    finally:
        draft.unlink()
