"""The chain: each line carries a mark that depends on every line before it.

The mark is an HMAC-SHA-256 over the mark before and the line, under the key of the log, so that who can write to the
log but has no key can change, cut, add or reorder nothing unnoticed. A log of several processes has a chain for each.
"""

import hashlib
import hmac
from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct

MARK_BYTES: Final = 32


class Entry(Struct, frozen=True):
    """One line in its place.

    Args:
        chain: the id of the chain.
        number: its place, from 1.
        line: the record.
        mark: what proves line and place.
    """

    chain: str
    number: int
    line: bytes
    mark: bytes


class Broken(Struct, frozen=True):
    """Where a chain does not hold.

    Args:
        chain: the id of the chain.
        number: the place of the first line that is not as it was written; 0 for the chain as a whole.
        problem: what is wrong there.
    """

    chain: str
    number: int
    problem: str


def first_mark(key: bytes, chain: str) -> bytes:
    """The mark before the first line of a chain."""
    return hmac.digest(key, b"dragoman audit chain 1\0" + chain.encode(), hashlib.sha256)


def next_mark(key: bytes, before: bytes, line: bytes) -> bytes:
    """The mark of a line."""
    return hmac.digest(key, before + line, hashlib.sha256)


def head_mark(key: bytes, chain: str, number: int, mark: bytes) -> bytes:
    """What proves that a chain ended at a place, or began behind it."""
    return hmac.digest(key, b"head\0%d\0" % number + chain.encode() + b"\0" + mark, hashlib.sha256)


def verify(
    key: bytes, chain: str, entries: Iterable[Entry], after: int = 0, mark: bytes | None = None
) -> Iterator[Broken]:
    """Say where a chain does not hold; nothing when it does.

    Args:
        key: the key of the log.
        chain: the id of the chain.
        entries: its lines in their order.
        after: the place after which the lines begin, where earlier ones were let go.
        mark: the mark of that place.
    """
    before = first_mark(key, chain) if mark is None else mark
    number = after
    for entry in entries:
        number += 1
        if entry.number != number:
            yield Broken(chain, number, f"line {number} is missing: line {entry.number} stands in its place")
            return
        before = next_mark(key, before, entry.line)
        if not hmac.compare_digest(before, entry.mark):
            yield Broken(chain, number, f"line {number} is not as it was written")
            return
