"""The event stream of GET, and streams that are taken up again after their connection was lost (up to 2025-11-25)."""

import asyncio
from typing import TYPE_CHECKING, Final

from dragoman.errors import HttpFault
from dragoman.transports.streams import event_id, owner_key, read_event_id

if TYPE_CHECKING:
    from dragoman.server.watch import Change
    from dragoman.store.events import EventStore, StreamEvent
    from dragoman.transports.http import HttpExchange
    from dragoman.transports.sessions import Session

_HANDOVER_SECONDS: Final = 5.0  # how long one that lets a stream go may take to notice


async def listen(exchange: "HttpExchange", session: "Session") -> None:
    """Tell what changes until the client leaves, the session ends or the endpoint closes.

    Raises:
        HttpFault: 409, the session has its event stream already.
    """
    if session.streaming is not None:
        raise HttpFault(409, "This session has its event stream already; close that one first.")

    async def tell(change: "Change") -> None:
        await exchange.notify(change.method, change.params())

    session.streaming = exchange
    try:
        if not exchange.streaming:
            exchange.watch()
            await exchange.open_stream()
        former, session.listening = session.listening, exchange.stream
        if former is not None and former is not exchange.stream and not former.ended:
            former.append(b"", last=True)
        if not exchange.endpoint.closing:
            await session.subscriber.changes(tell)
    finally:
        if session.streaming is exchange:
            session.streaming = None
    leave_open(exchange)
    await exchange.finish_empty(200)


def leave_open(exchange: "HttpExchange") -> None:
    """Let a stream that only a shutdown ends have no end, so that nobody takes it for whole after a restart."""
    if exchange.endpoint.closing and exchange.stream is not None and not exchange.stream.ended:
        exchange.stream.abandon()


async def resume(exchange: "HttpExchange", session: "Session | None", session_id: str, last: bytes) -> None:
    """Tell the events after the last one the client saw, then those to come (Resumability and Redelivery).

    Where the session is gone, as after a restart, what the store kept is told all the same.

    Raises:
        HttpFault: the stream cannot be told whole: 400 where the session goes on, 404 where it is gone.
    """
    place = read_event_id(last.strip().decode("latin-1"))
    name, number = ("", 0) if place is None else place
    replay = _Replay(exchange.endpoint.events, owner_key(session_id, exchange.principal), name, number)
    stream = None if session is None else session.streams.get(name)
    at_its_end = stream is not None and stream.count == number  # nothing to tell again, whatever the store has
    if not at_its_end and (replay.next() is None or (stream is None and not replay.is_whole())):
        raise _lost(replay, session)
    if stream is not None:
        if stream.carrier is not None and stream.carrier.attached:
            await _take_over(stream.carrier, session)
        stream.carrier = exchange
    exchange.watch()
    await exchange.begin_events()
    while exchange.attached and not replay.ended:
        if stream is None or stream.count != replay.number:
            events = replay.next()
            if not events:
                break
            await _tell(exchange, replay, events)
        elif session is not None and session.listening is stream:
            exchange.stream = stream
            await listen(exchange, session)
            return
        elif stream.ended:
            break
        else:
            await stream.grown()
    if exchange.attached:
        await exchange.finish_empty(200)


class _Replay:
    """What a store has of one stream, from one place on.

    Args:
        store: where its events are kept.
        owner: the session, as the store knows it.
        name: the stream.
        number: the last event the client has.
    """

    def __init__(self, store: "EventStore", owner: str, name: str, number: int) -> None:
        self.name = name
        self.number = number
        self.ended = False
        self._store = store
        self._owner = owner

    def next(self) -> "list[StreamEvent] | None":
        """The events the client does not have; None where some are lost."""
        return self._store.after(self._owner, self.name, self.number)

    def is_whole(self) -> bool:
        """Whether the stream's end is kept."""
        events = self._store.after(self._owner, self.name, max(self.number - 1, 0))
        return events is not None and events[-1].last


def _lost(replay: _Replay, session: "Session | None") -> HttpFault:
    if session is not None:
        message = "Nothing is kept of the stream that Last-Event-ID names. Send the request again, with a new id."
        return HttpFault(400, message)
    why = "Nothing is kept of the stream that Last-Event-ID names, and its session has ended"
    if replay.next() is not None:
        why = "The server was restarted before the request was answered, and its session has ended"
    return HttpFault(404, f"{why}. Send 'initialize' to begin a new one, then the request again.")


async def _tell(exchange: "HttpExchange", replay: _Replay, events: "list[StreamEvent]") -> None:
    """Tell what was kept, as long as this connection carries the stream."""
    for event in events:
        if not exchange.attached:
            break
        if event.data:
            await exchange.write_kept(event.data, event_id(replay.name, event.number))
        replay.number, replay.ended = event.number, event.last


async def _take_over(carrier: "HttpExchange", session: "Session | None") -> None:
    """Let go of the connection that carried a stream; the client has given it up."""
    await carrier.detach()
    if session is not None and session.streaming is carrier and carrier.task is not None:
        carrier.left = True
        carrier.cancel()
        await asyncio.wait((carrier.task,), timeout=_HANDOVER_SECONDS)
