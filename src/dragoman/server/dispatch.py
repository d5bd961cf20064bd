"""The hot path and nothing else: accept a message, serve it.

The order of a request is: envelope decoded by the wire, `accept` (method, parameters), the era's checks by the wire,
`serve` (run, stamp, encode). Whatever is raised here is answered at the wire's one border.
"""

from typing import TYPE_CHECKING, Any, Final, cast

import msgspec
from msgspec import UNSET, Raw

from dragoman.errors import InvalidParams, MethodNotFound
from dragoman.protocol import jsonrpc
from dragoman.protocol.jsonrpc import Message, RequestId
from dragoman.protocol.messages import NO_META, Params, RequestMeta
from dragoman.protocol.revisions import Revision
from dragoman.server.ask import Pause, resume
from dragoman.server.methods import METHODS, Method
from dragoman.server.suggest import nearest

if TYPE_CHECKING:
    from dragoman.server.exchange import Exchange

_LONGEST_REASON: Final = 200


def accept(revision: Revision, message: Message) -> tuple[Method, Params]:
    """Find the row of a request's method and decode its parameters, once.

    Raises:
        MethodNotFound: the revision has no such method.
        InvalidParams: the parameters are not what the method takes.
    """
    name = cast("str", message.method)
    if name not in revision.methods:
        close = nearest(name, revision.methods)
        hint = f" Did you mean '{close}'?" if close else ""
        raise MethodNotFound(f"Method {name[:128]!r} is not part of protocol version {revision.name}.{hint}")
    method = METHODS[name]
    try:
        return method, method.decode(message.params)
    except (msgspec.MsgspecError, RecursionError) as error:
        reason = " ".join(str(error).split())[:_LONGEST_REASON]  # it may quote what was sent
        raise InvalidParams(f"Invalid parameters of '{name}': {reason}.") from None


def meta_of(params: Params) -> RequestMeta:
    """The request's metadata, empty where it sent none."""
    return NO_META if params.meta is UNSET else params.meta


async def serve(exchange: "Exchange", method: Method, params: Any) -> bytes:
    """Run an accepted request and encode its answer."""
    exchange.method, exchange.params = method, params
    try:
        if method.may_ask and exchange.revision.modern:
            exchange.asks_by_retry = True
            if params.request_state is not UNSET:
                resume(exchange, params)
        hooked = exchange.server.hooks.run
        result = await (method.run(exchange, params) if hooked is None else hooked(exchange, method, params))
    except Pause as pause:
        result = pause.result
    finally:
        exchange.answered = True
    if type(result) is not Raw:
        revision = exchange.revision
        result = revision.stamp(result, revision, exchange.server.identity)
    return jsonrpc.encode(jsonrpc.Response(cast("RequestId", exchange.id), result))
