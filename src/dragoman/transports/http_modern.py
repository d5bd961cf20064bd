"""HTTP from 2026-07-28 on: each request stands alone (Streamable HTTP).

`is_modern` decides the era of a request; `serve` answers one of this era. Nothing here outlives a request.
"""

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import UNSET, Raw

from dragoman.errors import HeaderMismatch, InvalidRequest
from dragoman.protocol import modern
from dragoman.protocol.jsonrpc import Message
from dragoman.protocol.messages import NO_META, Params, RequestMeta
from dragoman.protocol.revisions import LATEST_MODERN, LEGACY, MODERN, SUPPORTED
from dragoman.server import dispatch
from dragoman.transports.guards import Headers

if TYPE_CHECKING:
    from dragoman.transports.http import HttpExchange

_MODERN: Final = {name.encode(): revision for name, revision in MODERN.items()}
_LEGACY: Final = frozenset(name.encode() for name in LEGACY)
_MARK: Final = b'"io.modelcontextprotocol/protocolVersion"'
_meta_decoder: Final = msgspec.json.Decoder(Params)


def is_modern(message: Message, headers: Headers) -> bool:
    """Whether a request carries its own metadata, by its header or, without one, by its `_meta`.

    Raises:
        UnsupportedRevision: the header names a version that is not served.
        HeaderMismatch: it does, and the body names another.
    """
    sent = headers.get(b"mcp-protocol-version", b"").strip()
    if message.method != "initialize" and sent:
        if sent in _MODERN:
            return True
        if sent in _LEGACY and _MARK not in bytes(message.params):
            return False
    named = peek(message.params).protocol_version
    if not sent or message.method == "initialize":
        return named is not UNSET
    if named is not UNSET and named.encode() != sent:
        raise HeaderMismatch("Header mismatch: MCP-Protocol-Version and the body name different versions.")
    if sent in _LEGACY:
        return False
    raise modern.unsupported(sent.decode("latin-1"), SUPPORTED)


def peek(params: Raw) -> RequestMeta:
    """The metadata of raw parameters, where there is a protocol version in it."""
    if _MARK not in bytes(params):
        return NO_META
    try:
        meta = _meta_decoder.decode(params).meta
    except (msgspec.MsgspecError, RecursionError):
        return NO_META
    return NO_META if meta is UNSET else meta


async def serve(exchange: "HttpExchange", message: Message, headers: Headers) -> None:
    """Answer one request or notification.

    Raises:
        Fault: what is wrong with it.
    """
    if message.method is UNSET:
        raise InvalidRequest("This protocol version takes no responses from clients; retry the request instead.")
    if message.id is UNSET:
        await exchange.finish_empty(202)
        return
    method, params = dispatch.accept(LATEST_MODERN, message)
    meta = NO_META if params.meta is UNSET else params.meta
    if meta.protocol_version is not UNSET and meta.protocol_version not in MODERN:
        # That the header says otherwise comes before what the version is (Protocol Version Header).
        modern.check_headers(message.method, meta.protocol_version, None, headers)
    revision = modern.check_meta(meta, MODERN, SUPPORTED)
    source = revision.name_sources.get(message.method)
    modern.check_headers(message.method, revision.name, getattr(params, source) if source else None, headers)
    exchange.revision = revision
    exchange.progress_token = meta.progress_token
    exchange.log_level = meta.log_level
    exchange.client_info = meta.client_info
    exchange.capabilities = meta.client_capabilities
    exchange.mirrored = headers
    exchange.watched = True
    await exchange.finish(await dispatch.serve(exchange, method, params))
