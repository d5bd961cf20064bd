"""The event stream of GET, and streams that are taken up again after their connection was lost (up to 2025-11-25)."""

from typing import TYPE_CHECKING

from dragoman.errors import HttpFault
from dragoman.transports.streams import event_id, read_event_id

if TYPE_CHECKING:
    from dragoman.server.watch import Change
    from dragoman.transports.http import HttpExchange
    from dragoman.transports.sessions import Session


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
            await exchange.open_stream()
            exchange.watch()
        session.listening = exchange.stream
        if not exchange.endpoint.closing:
            await session.subscriber.changes(tell)
    finally:
        if session.streaming is exchange:
            session.streaming = None
    await exchange.finish_empty(200)


async def resume(exchange: "HttpExchange", session: "Session | None", session_id: str, last: bytes) -> None:
    """Tell the events after the last one the client saw, then those to come (Resumability and Redelivery).

    Where the session is gone, as after a restart, what the store kept is told all the same.

    Raises:
        HttpFault: 404, nothing is known of that stream in this session.
    """
    place = read_event_id(last.strip().decode("latin-1"))
    name, number = ("", 0) if place is None else place
    kept = exchange.endpoint.events.after(session_id, name, number)
    stream = None if session is None else session.streams.get(name)
    if kept is None:
        message = "Nothing is kept of the stream that Last-Event-ID names. Send the request again, with a new id."
        raise HttpFault(404, message)
    exchange.stream = stream
    if stream is not None and stream.carrier is not None and stream.carrier.attached:
        await _take_over(stream.carrier, session)
    await exchange.open_stream()
    exchange.watch()
    number, ended = await _tell(exchange, name, number, session_id)
    while stream is not None and not ended and not exchange.endpoint.closing:
        if session is not None and session.listening is stream:
            await listen(exchange, session)
            return
        if stream.count == number:
            await stream.grown()
        number, ended = await _tell(exchange, name, number, session_id)
    exchange.stream = None
    await exchange.finish_empty(200)


async def _tell(exchange: "HttpExchange", name: str, number: int, session_id: str) -> tuple[int, bool]:
    """Tell what is kept after an event; gives the last one told, and whether the stream ended with it."""
    for event in exchange.endpoint.events.after(session_id, name, number) or ():
        if event.data:
            await exchange.write_kept(event.data, event_id(name, event.number))
        number = event.number
        if event.last:
            return number, True
    return number, False


async def _take_over(carrier: "HttpExchange", session: "Session | None") -> None:
    """Let go of the connection that carried a stream; the client has given it up."""
    if session is not None and session.streaming is carrier:
        session.streaming = None
        carrier.left = True
        carrier.cancel()
    else:
        await carrier.detach()
