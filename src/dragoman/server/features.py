"""Name to feature: in stable order, in pages, with listings that are encoded once per revision.

A look-up is one dictionary access whatever the number of features. Every change clears the encoded pages and calls
the listeners: the one signal behind mounting and, later, change notifications.
"""

import base64
import binascii
from collections.abc import Callable
from typing import Any, Generic, Literal, Protocol, TypeVar

import msgspec
from msgspec import Raw, Struct

from dragoman.errors import InvalidParams, UsageError
from dragoman.protocol.messages import CacheableResult
from dragoman.protocol.revisions import Revision


class Feature(Protocol):
    """What a registry needs to know of a feature."""

    @property
    def key(self) -> str:
        """What it is looked up by: a name, a URI, a template."""

    def entry(self, revision: Revision) -> dict[str, Any]:
        """How a listing of this revision shows it."""


F = TypeVar("F", bound=Feature)
Change = Callable[[], None]


class Listing(Struct, frozen=True):
    """How a kind of feature is listed: what to call it, the result's type, the member that holds the entries."""

    noun: str
    result: type[CacheableResult]
    member: str


class Features(Generic[F]):
    """All features of one kind.

    Args:
        listing: how they are listed.
        page_size: entries on a page.
        fresh_seconds: how long a client may keep a page (Caching).
    """

    def __init__(self, listing: Listing, page_size: int, fresh_seconds: float = 0.0) -> None:
        self.listing = listing
        self.fresh = round(fresh_seconds * 1000)  # milliseconds
        self.cache_scope: Literal["public", "private"] = "public"  # who else may be given a page (Caching)
        self.named: dict[str, F] = {}  # read by the hot path; changed only here
        self.listeners: list[Change] = []
        self.checks: list[Callable[[F], None]] = []  # of those who show these features: may one be added?
        self._page_size = page_size
        self._pages: dict[tuple[str, int], Raw] = {}  # (revision, offset) -> encoded result, until a change

    def empty(self, cache_scope: Literal["public", "private"]) -> "Features[F]":
        """A registry for features of the same kind, listed in the same way to fewer."""
        other: Features[F] = Features(self.listing, self._page_size, self.fresh / 1000)
        other.cache_scope = cache_scope
        return other

    def check(self, feature: F) -> None:
        """See that a feature can be added, here and wherever these features are shown.

        Raises:
            UsageError: the name is taken.
        """
        if feature.key in self.named:
            message = f"{self.listing.noun} '{feature.key}' exists already; give one of the two another name."
            raise UsageError(message)
        for check in self.checks:
            check(feature)

    def add(self, feature: F) -> None:
        """Add a feature, or leave everything as it was.

        Raises:
            UsageError: the name is taken.
        """
        self.check(feature)
        self.named[feature.key] = feature
        self.changed()

    def remove(self, key: str) -> None:
        """Remove a feature.

        Raises:
            UsageError: there is none of this name.
        """
        if self.named.pop(key, None) is None:
            raise UsageError(f"{self.listing.noun} '{key}' cannot be removed: there is none of this name.")
        self.changed()

    def changed(self) -> None:
        """Forget the encoded pages and tell the listeners."""
        self._pages.clear()
        for listener in list(self.listeners):  # one may take itself or others out
            listener()

    def page(self, revision: Revision, identity: Raw, cursor: str | None) -> Raw:
        """One encoded page of the listing.

        Args:
            revision: the revision in force.
            identity: the encoded `_meta` that identifies the server.
            cursor: where the page before ended, None for the first.

        Raises:
            InvalidParams: the cursor is not one of ours.
        """
        offset = 0 if cursor is None else read_cursor(cursor, self.listing.member)
        page = self._pages.get((revision.name, offset))
        if page is None:
            features, end = list(self.named.values()), offset + self._page_size
            entries = [feature.entry(revision) for feature in features[offset:end]]
            page = self.encode(entries, end if end < len(features) else None, revision, identity)
            if offset % self._page_size == 0 and offset <= len(features):  # made-up offsets must not fill the memory
                self._pages[revision.name, offset] = page
        return page

    def assemble(self, revision: Revision, identity: Raw, cursor: str | None, more: list[dict[str, Any]]) -> Raw:
        """One page of the listing followed by entries that exist only now."""
        offset = 0 if cursor is None else read_cursor(cursor, self.listing.member)
        entries = [feature.entry(revision) for feature in list(self.named.values())] + more
        end = offset + self._page_size
        rest = end if end < len(entries) else None
        return self.encode(entries[offset:end], rest, revision, identity)

    def encode(self, entries: list[dict[str, Any]], rest: int | None, revision: Revision, identity: Raw) -> Raw:
        """Encode entries as a stamped result; `rest` is where the next page begins, None after the last."""
        members: dict[str, Any] = {self.listing.member: entries}
        result = self.listing.result(**members)
        if rest is not None:
            result.next_cursor = write_cursor(rest, self.listing.member)  # type: ignore[attr-defined]
        result.ttl_ms, result.cache_scope = self.fresh, self.cache_scope
        return Raw(msgspec.json.encode(revision.stamp(result, revision, identity)))


def write_cursor(offset: int, member: str) -> str:
    """The opaque form of a place in a listing; it holds no secret and survives a restart."""
    return base64.urlsafe_b64encode(f"{member}:{offset}".encode()).decode("ascii").rstrip("=")


def read_cursor(cursor: str, member: str) -> int:
    """The place that a cursor of this listing names.

    Raises:
        InvalidParams: it is not one of ours, or of another listing (Pagination, Error Handling).
    """
    try:
        decoded = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).rpartition(b":")[2]
        if decoded.isdigit() and write_cursor(int(decoded), member) == cursor:
            return int(decoded)
    except (binascii.Error, ValueError):
        pass
    raise InvalidParams("The cursor is not valid; list again without one.")


def entry_of(info: Struct, fields: frozenset[str]) -> dict[str, Any]:
    """The fields of a listing entry that a revision knows."""
    shown: dict[str, Any] = msgspec.to_builtins(info)
    return {name: value for name, value in shown.items() if name in fields}
