"""The events of streams that clients may take up again (see `transports/streams.py`): what a store does, and memory."""

import time
from collections import OrderedDict
from typing import Final, Protocol

from msgspec import Struct

_ALLOWANCE: Final = 256  # bytes an event takes besides its data, so that empty ones count too


class StreamEvent(Struct, frozen=True, array_like=True):
    """One event of a stream.

    Args:
        number: its place in the stream, from 1 on.
        data: the message; empty for the event that only says where the stream is.
        last: whether the stream ends with it.
    """

    number: int
    data: bytes
    last: bool = False


class EventStore(Protocol):
    """Where the events of streams are kept; synchronous and quick, called in the event loop."""

    def append(self, owner: str, stream: str, event: StreamEvent) -> None:
        """Keep an event."""

    def after(self, owner: str, stream: str, number: int) -> list[StreamEvent] | None:
        """The events after `number`; None where nothing is known of the stream, or no longer of all of it."""

    def forget(self, owner: str) -> None:
        """Drop every stream of a session."""


def whole(events: list[StreamEvent], number: int) -> list[StreamEvent] | None:
    """What comes after `number`, unless some of it is missing: a client must not miss an event without knowing.

    Args:
        events: what is kept of a stream, in order.
        number: the last event that the client has.
    """
    if not events or events[0].number > number + 1 or number > events[-1].number:
        return None
    if events[-1].number - events[0].number + 1 != len(events):
        return None
    return [event for event in events if event.number > number]


class MemoryEvents:
    """Keeps events in this process.

    Args:
        most_bytes: of all events together, as their data and an allowance for the rest; the longest untouched streams
            give way.
        seconds: how long a stream is kept after its last event.
    """

    def __init__(self, most_bytes: int, seconds: float) -> None:
        self._most_bytes = most_bytes
        self._seconds = seconds
        self._size = 0
        self._streams: OrderedDict[tuple[str, str], list[StreamEvent]] = OrderedDict()  # longest untouched first
        self._touched: dict[tuple[str, str], float] = {}

    def append(self, owner: str, stream: str, event: StreamEvent) -> None:
        """Keep an event, and let go of what is too old or too much."""
        key = owner, stream
        self._streams.setdefault(key, []).append(event)
        self._streams.move_to_end(key)
        self._touched[key] = now = time.monotonic()
        self._size += _weight(event)
        while self._streams:
            oldest = next(iter(self._streams))
            if self._size <= self._most_bytes and now - self._touched[oldest] <= self._seconds:
                break
            self._drop(oldest)

    def after(self, owner: str, stream: str, number: int) -> list[StreamEvent] | None:
        """The events after `number`; None where nothing is known of the stream, or no longer of all of it."""
        events = self._streams.get((owner, stream))
        return None if events is None else whole(events, number)

    def forget(self, owner: str) -> None:
        """Drop every stream of a session."""
        for key in [key for key in self._streams if key[0] == owner]:
            self._drop(key)

    def _drop(self, key: tuple[str, str]) -> None:
        self._size -= sum(map(_weight, self._streams.pop(key)))
        del self._touched[key]


def _weight(event: StreamEvent) -> int:
    return len(event.data) + _ALLOWANCE
