"""Event streams that outlive their connection (2025-11-25, Resumability and Redelivery).

A stream belongs to one session and one request (or to the session's GET). Its events are numbered and kept, so a client
that lost the connection, or was told to come back later, takes the stream up again where it was. An event is never
told on another stream than its own.
"""

import asyncio
from typing import TYPE_CHECKING, Final

from dragoman.auth.principal import Principal
from dragoman.server.ask import digest_of
from dragoman.server.mask import mask
from dragoman.store.events import EventStore, StreamEvent

if TYPE_CHECKING:
    from dragoman.transports.http import HttpExchange

_DASH: Final = "-"
_DIGITS: Final = 9


class Stream:
    """A stream that is being written.

    Args:
        owner: the session, as the store knows it (`owner_key`).
        name: tells it from the session's other streams.
        store: where its events are kept.
    """

    def __init__(self, owner: str, name: str, store: EventStore) -> None:
        self.owner = owner
        self.name = name
        self.ended = False
        self.carrier: HttpExchange | None = None  # the connection that carries it, which may be lost already
        self.count = 0  # the number of its newest event
        self._store = store
        self._kept = True
        self._followers: list[asyncio.Future[None]] = []  # connections that wait for the next event

    def append(self, data: bytes, *, last: bool = False) -> str:
        """Keep an event and give its id; a stream that the store cannot keep goes on where it is carried."""
        self.count += 1
        self.ended = self.ended or last
        if self._kept:
            try:
                self._store.append(self.owner, self.name, StreamEvent(self.count, data, last))
            except Exception as error:  # noqa: BLE001 - whatever a store raises; said in the log
                self._kept = False
                mask(error, "the store of events: a stream can no longer be taken up again")
        self.wake()
        return event_id(self.name, self.count)

    def abandon(self) -> None:
        """Keep nothing more: who follows gets no end, because the stream has none."""
        self.ended = True
        self._kept = False
        self.wake()

    def wake(self) -> None:
        """Let the connections that wait look again."""
        followers, self._followers = self._followers, []
        for follower in followers:
            if not follower.done():
                follower.set_result(None)

    async def grown(self) -> None:
        """Wait until there is something to look at."""
        follower: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._followers.append(follower)
        await follower


def owner_key(session_id: str, owner: Principal) -> str:
    """What streams are kept under: whoever takes one up must name the session and be its owner (P10)."""
    return digest_of([session_id, owner.identity])


def event_id(stream: str, number: int) -> str:
    """The id of an event; it says which stream it is of."""
    return f"{stream}{_DASH}{number}"


def read_event_id(text: str) -> tuple[str, int] | None:
    """The stream and place that an id names; None for what is no id of ours."""
    stream, dash, number = text.rpartition(_DASH)
    is_number = number.isascii() and number.isdigit() and len(number) <= _DIGITS
    return (stream, int(number)) if dash and stream and is_number else None
