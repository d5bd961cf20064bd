"""What the revisions from 2026-07-28 on ask beyond the table: metadata on every request, a stamp on every result.

Each request stands alone: nothing here remembers anything between two requests (Base protocol, Statelessness).
"""

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import UNSET, Raw, structs

from dragoman.errors import HeaderMismatch, InvalidParams, UnsupportedRevision
from dragoman.protocol import headers as codec
from dragoman.protocol.messages import LOG_LEVELS, CacheableResult, Implementation, RequestMeta, Result

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragoman.protocol.revisions import Revision

SERVER_INFO: Final = "io.modelcontextprotocol/serverInfo"
SUBSCRIPTION_ID: Final = "io.modelcontextprotocol/subscriptionId"
_VERSION: Final = "io.modelcontextprotocol/protocolVersion"
_CAPABILITIES: Final = "io.modelcontextprotocol/clientCapabilities"
_LONGEST_NAME: Final = 64
_BLANK: Final = b" \t"  # the white space around a field value (RFC 9110, 5.6.3)


def identify(server: Implementation) -> Raw:
    """Encode the `_meta` that identifies the server on every result, once."""
    return Raw(msgspec.json.encode({SERVER_INFO: server}))


def stamp(result: Result, _revision: "Revision", identity: Raw) -> Result:
    """Complete a result: its type, who answered, and caching hints where the revision requires them.

    The result itself is left alone: a function may return the same one again, to a client of the other era.
    """
    meta = identity if result.meta is UNSET else result.meta
    if isinstance(meta, dict):
        meta = msgspec.json.decode(identity) | meta
    result_type = "complete" if result.result_type is UNSET else result.result_type
    if not isinstance(result, CacheableResult):
        return structs.replace(result, result_type=result_type, meta=meta)
    return structs.replace(
        result,
        result_type=result_type,
        meta=meta,
        ttl_ms=0 if result.ttl_ms is UNSET else result.ttl_ms,
        cache_scope="private" if result.cache_scope is UNSET else result.cache_scope,
    )


def check_meta(meta: RequestMeta, known: "Mapping[str, Revision]", supported: list[str]) -> "Revision":
    """Find the revision a request asks for and see that its metadata is whole.

    Raises:
        InvalidParams: a required field is missing, or the log level is none (Base protocol, `_meta`).
        UnsupportedRevision: the version is not one of ours (Versioning).
    """
    version = meta.protocol_version
    if version is UNSET or meta.client_capabilities is UNSET:
        missing = _VERSION if version is UNSET else _CAPABILITIES
        raise InvalidParams(f"params._meta lacks the required field '{missing}'; send it with every request.")
    revision = known.get(version)
    if revision is None:
        raise unsupported(version, supported)
    if meta.log_level is not UNSET and meta.log_level not in LOG_LEVELS:
        raise InvalidParams(f"'{meta.log_level[:_LONGEST_NAME]}' is no log level; use one of {', '.join(LOG_LEVELS)}.")
    return revision


def unsupported(requested: str, supported: list[str]) -> UnsupportedRevision:
    """The answer to a protocol version that is not served."""
    shown = requested[:_LONGEST_NAME]
    data = {"supported": supported, "requested": shown}
    return UnsupportedRevision(f"Unsupported protocol version '{shown}'; see data.supported.", data)


def check_headers(method: str, version: str, named: str | None, headers: "Mapping[bytes, bytes]") -> None:
    """See that the standard headers say what the body says (Streamable HTTP, Server Validation).

    Args:
        method: the body's method.
        version: the body's protocol version.
        named: the name or URI that `Mcp-Name` mirrors, None where the method has none.
        headers: the request's header fields, names in lower case.

    Raises:
        HeaderMismatch: a header is missing, malformed or says otherwise.
    """
    if headers.get(b"mcp-protocol-version", b"").strip(_BLANK) != version.encode():
        raise _mismatch("MCP-Protocol-Version", headers.get(b"mcp-protocol-version"), version)
    if headers.get(b"mcp-method", b"").strip(_BLANK) != method.encode():
        raise _mismatch("Mcp-Method", headers.get(b"mcp-method"), method)
    if named is None:
        return
    sent = headers.get(b"mcp-name")
    if named.isidentifier() and named.isascii() and sent == named.encode():  # such a value stands for itself
        return
    if sent is None or codec.decode_value(sent, "Mcp-Name") != named:
        raise _mismatch("Mcp-Name", sent, named)


def _mismatch(header: str, sent: bytes | None, expected: str) -> HeaderMismatch:
    if sent is None:
        return HeaderMismatch(f"Header mismatch: the required header {header} is missing.")
    shown = sent.decode("latin-1")[:128]
    return HeaderMismatch(f"Header mismatch: {header} says {shown!r}, the body says {expected[:128]!r}.")
