"""What the client asks of a wire, and what a wire says when there is no usable answer.

A wire carries one encoded request and gives back its response; messages that come before the response go to the
`Listener` in the task that asked. It knows bytes, the revision in force and how its transport cancels; what the
messages mean is known above it.
"""

from collections.abc import Mapping
from typing import Any, Final, Protocol

import msgspec
from msgspec import Raw, Struct

from dragoman.errors import ConnectionFault
from dragoman.protocol import jsonrpc
from dragoman.protocol.jsonrpc import ErrorBody, Message
from dragoman.protocol.revisions import Revision

DEPTH: Final = 256
"""How deep a server's messages may nest."""

RESPONSE_BYTES: Final = 64 * 2**20
"""The largest message taken from a server unless told otherwise."""

UNCANCELLED: Final = frozenset({"initialize", "server/discover"})
"""Requests that are never cancelled: the first by law (Lifecycle), the second may mean nothing to the server."""


class Call(Struct, frozen=True):
    """One request on its way.

    Args:
        id: unique on this connection.
        method: the method's name.
        params: the parameters before encoding, for the headers that mirror them.
        body: the encoded message.
        mirrored: `Mcp-Param-*` headers, for wires that have headers.
    """

    id: int
    method: str
    params: Mapping[str, Any]
    body: bytes
    mirrored: Mapping[str, str]


class Wire(Protocol):
    """One connection to one server."""

    revision: Revision | None
    """The revision in force; None until a handshake agreed on one."""
    mirrors: bool
    """Whether parameters are mirrored into headers."""
    silence_seconds: float | None
    """How long a first request may go unanswered before the server counts as older; None: it answers always."""

    async def open(self) -> None:
        """Connect, as far as the transport connects before the first message."""

    async def exchange(self, call: Call) -> Message:
        """Send a request and return its response; when cancelled, tell the server so."""

    async def notify(self, method: str, body: bytes) -> None:
        """Send a message that has no answer."""

    async def restart(self) -> None:
        """Connect again after the server ended."""

    async def fall_back(self) -> bool:
        """Go over to the transport of 2024-11-05, where the server has it and not the newer one."""

    async def listen(self, *, ready: bool = False) -> None:
        """Receive also what belongs to no request, where that takes a stream of its own.

        Args:
            ready: whether to wait until the stream is there.
        """

    async def close(self) -> None:
        """End the connection; calls in flight fail."""


class Refusal(ConnectionFault):
    """The server answered, but not with a JSON-RPC message: an HTTP error, a web page.

    Args:
        message: what it did.
        status: the HTTP status of an error; None where the answer was no error.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class ServerEnded(ConnectionFault):
    """The server process ended or closed its output."""


class SessionEnded(ConnectionFault):
    """The server no longer knows the session.

    Args:
        session: the id it does not know.
    """

    def __init__(self, session: str) -> None:
        super().__init__("The server ended the session.")
        self.session = session


def quote(text: str | bytes, most: int = 200) -> str:
    """A piece of foreign text fit for an error sentence: short, one line, nothing that moves a cursor."""
    shown = text.decode(errors="replace") if isinstance(text, bytes) else text
    return repr(shown if len(shown) <= most else shown[:most] + "…")


def messages_in(body: bytes) -> list[Message]:
    """Decode one message, or the messages of a batch (2025-03-26).

    Raises:
        Fault: not JSON, or no JSON-RPC message.
    """
    if not jsonrpc.is_batch(body):
        return [jsonrpc.decode(body, DEPTH)]
    return [jsonrpc.decode(part, DEPTH) for part in jsonrpc.split_batch(body, DEPTH, 1000)]


class _Failure(Struct):
    """An error whose id is null, absent or anything: the server could not read the request."""

    error: ErrorBody


def error_for(call_id: int, body: bytes) -> Message | None:
    """Take a body as the error of a request, whatever id it has; None when it carries no error."""
    try:
        failure = msgspec.json.decode(body, type=_Failure)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return Message(jsonrpc="2.0", id=call_id, error=Raw(msgspec.json.encode(failure.error)))


def is_response(message: Message) -> bool:
    """Whether a message answers a request."""
    return not isinstance(message.method, str)
