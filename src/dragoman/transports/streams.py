"""Event streams that outlive their connection (2025-11-25, Resumability and Redelivery).

A stream belongs to one session and one request (or to the session's GET). Its events are numbered and kept, so a client
that lost the connection, or was told to come back later, takes the stream up again where it was. An event is never
told on another stream than its own.
"""

import asyncio
from typing import TYPE_CHECKING, Final

from dragoman.store.events import EventStore, StreamEvent

if TYPE_CHECKING:
    from dragoman.transports.http import HttpExchange

_DASH: Final = "-"
_DIGITS: Final = 9


class Stream:
    """A stream that is being written.

    Args:
        owner: the session's id.
        name: tells it from the session's other streams.
        store: where its events are kept.
    """

    def __init__(self, owner: str, name: str, store: EventStore) -> None:
        self.owner = owner
        self.name = name
        self.ended = False
        self.carrier: HttpExchange | None = None  # the connection that carries it, which may be lost already
        self._store = store
        self.count = 0  # the number of its newest event
        self._followers: list[asyncio.Future[None]] = []  # connections that wait for the next event

    def append(self, data: bytes, *, last: bool = False) -> str:
        """Keep an event and give its id."""
        self.count += 1
        self.ended = last
        self._store.append(self.owner, self.name, StreamEvent(self.count, data, last))
        followers, self._followers = self._followers, []
        for follower in followers:
            if not follower.done():
                follower.set_result(None)
        return event_id(self.name, self.count)

    async def grown(self) -> None:
        """Wait for the next event."""
        follower: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._followers.append(follower)
        await follower


def event_id(stream: str, number: int) -> str:
    """The id of an event; it says which stream it is of."""
    return f"{stream}{_DASH}{number}"


def read_event_id(text: str) -> tuple[str, int] | None:
    """The stream and place that an id names; None for what is no id of ours."""
    stream, dash, number = text.rpartition(_DASH)
    return (stream, int(number)) if dash and stream and number.isdigit() and len(number) <= _DIGITS else None
