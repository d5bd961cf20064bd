"""`notifications/cancelled`: a client takes a request back (Cancellation)."""

from collections.abc import Mapping
from typing import Final

import msgspec

from dragoman.protocol.jsonrpc import Message, RequestId
from dragoman.protocol.messages import CancelledParams
from dragoman.server.exchange import Exchange

_decoder: Final = msgspec.json.Decoder(CancelledParams)


def cancel_named(running: Mapping[RequestId, Exchange], message: Message) -> None:
    """Cancel the request that the notification names; an unknown or malformed one is ignored."""
    try:
        named = _decoder.decode(message.params).request_id
    except (msgspec.MsgspecError, RecursionError):
        return
    exchange = running.get(named)
    if exchange is not None:
        exchange.cancel()
