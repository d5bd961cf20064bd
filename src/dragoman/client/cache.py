"""Results kept as long as their server says that they are fresh (2026-07-28, Caching).

One client is one authorization context, so public and private results are the same here and nothing is shared between
clients. A result is kept as received, under its method and the parameters it depends on.
"""

import time
from collections import OrderedDict
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from dragoman.client.changes import Change

_ENTRIES: Final = 256
_ENTRY_BYTES: Final = 4 * 2**20
_LONGEST_SECONDS: Final = 24 * 3600.0

_AFFECTED: Final = {
    "tools": ("tools/list",),
    "prompts": ("prompts/list",),
    "resources": ("resources/list", "resources/templates/list", "skills/list"),
}


class _Hints(Struct, rename="camel"):
    """How long a result is fresh; servers may write whole milliseconds as a fraction."""

    ttl_ms: float | None = None


_hints: Final = msgspec.json.Decoder(_Hints)


class Cache:
    """A client's fresh results.

    Args:
        on: whether anything is kept.
    """

    def __init__(self, *, on: bool = True) -> None:
        self._on = on
        self._kept: OrderedDict[tuple[str, str | None], tuple[float, Raw]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, method: str, key: str | None) -> Raw | None:
        """A result that is still fresh.

        Args:
            method: the request's method.
            key: the parameter it depends on: a cursor or a URI; None without one.
        """
        found = self._kept.get((method, key))
        if found is None:
            return None
        if found[0] <= time.monotonic():
            del self._kept[method, key]
            return None
        return found[1]

    def put(self, method: str, key: str | None, raw: Raw) -> None:
        """Keep a result, if its server says for how long; called when it was received."""
        if not self._on or len(raw) > _ENTRY_BYTES:
            return
        seconds = _seconds(raw)
        if seconds <= 0:
            return
        self._kept.pop((method, key), None)
        if len(self._kept) >= _ENTRIES:
            self._kept.popitem(last=False)
        self._kept[method, key] = (time.monotonic() + min(seconds, _LONGEST_SECONDS), raw)

    def forget(self, *methods: str) -> None:
        """Drop the results of some methods; of all without one."""
        for kept in [kept for kept in self._kept if not methods or kept[0] in methods]:
            del self._kept[kept]

    def heed(self, change: Change) -> None:
        """Drop what a change has made stale (Caching, Interaction with Notifications)."""
        if change.kind == "resource":
            self._kept.pop(("resources/read", change.uri), None)
        elif change.kind in _AFFECTED:
            self.forget(*_AFFECTED[change.kind])


def _seconds(raw: Raw) -> float:
    try:
        milliseconds: Any = _hints.decode(raw).ttl_ms
    except msgspec.ValidationError:
        return 0.0
    return 0.0 if milliseconds is None else milliseconds / 1000
