"""Messages that want no answer: a client's notifications, and its answers to questions of ours."""

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import UNSET

from dragoman.protocol.jsonrpc import Message
from dragoman.protocol.messages import CancelledParams

if TYPE_CHECKING:
    from dragoman.transports.sessions import Session

_cancelled: Final = msgspec.json.Decoder(CancelledParams)


def take(session: "Session", message: Message) -> None:
    """Act on a notification or an answer; one that names nothing known is ignored (Cancellation, Error Handling)."""
    if message.method is UNSET:
        future = session.waiting.get(message.id)  # type: ignore[arg-type]
        if future is not None and not future.done():
            future.set_result(message)
    elif message.method == "notifications/cancelled":
        _cancel(session, message)


def _cancel(session: "Session", message: Message) -> None:
    try:
        named = _cancelled.decode(message.params).request_id
    except (msgspec.MsgspecError, RecursionError):
        return
    exchange = session.in_flight.get(named)
    if exchange is not None:
        exchange.cancel()
