"""Every error Dragoman raises on purpose, in one tree.

DragomanError
├── Fault                      a request that is answered with a JSON-RPC error
│   ├── ParseFault             -32700  400  the client's: not JSON
│   ├── InvalidRequest         -32600  400  the client's: JSON, but no request
│   ├── MethodNotFound         -32601  404  the client's
│   ├── InvalidParams          -32602  400  the client's
│   │   ├── ResourceNotFound   -32602  400  the client's (-32002 before 2026-07-28)
│   │   └── InsufficientScope  -32602  403  the client's: its credential was not given for this
│   ├── InternalFault          -32603  500  ours, masked; the log has the rest
│   ├── StoredFault                         what a task ended with, told again
│   ├── HeaderMismatch         -32020  400  the client's: headers and body disagree
│   ├── TooMany                429     429  the client's: a quota is used up; when it may come back
│   ├── MissingCapability      -32021  400  the client's: it did not declare what the request needs
│   └── UnsupportedRevision    -32022  400  the client's
├── HttpFault                  refused before a message was read: an HTTP status and one sentence
├── ToolError                  shown to the model as the result of its tool call
├── UsageError                 a setting, target or registration that cannot work; the command line exits with 2
│   └── SettingsError          a value among settings, found by its key
└── ClientError                what `dragoman.Client` raises
    ├── ServerFault            the server answered with a JSON-RPC error
    ├── ToolCallError          the server answered that the tool failed
    └── ConnectionFault        no usable answer: refused, closed, not MCP
        └── RequestTimeout     not in time; the request was cancelled

The fault decides the class: a class names whose mistake it is, the JSON-RPC code and the HTTP status that
the 2026-07-28 revision gives it. Nothing outside this file subclasses `Fault`.
"""

import math
import re
from collections.abc import Iterable
from typing import Any, ClassVar, Final

# What moves a cursor or turns text around: controls but for line feed and tab, and the marks of direction.
_UNSEEN: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class DragomanError(Exception):
    """Anything Dragoman raises on purpose."""


class Fault(DragomanError):
    """A request that is answered with a JSON-RPC error.

    Args:
        message: one sentence for the client: what is wrong and what to do.
        data: the error's `data` member, any JSON value; left out when None.

    `request_id` is the id of a request that was refused as a whole, where it could be read all the same. `headers` are
    HTTP header fields for the answer; a fault that has some keeps its HTTP status in every revision.
    """

    code: ClassVar[int] = -32603
    status: ClassVar[int] = 500
    request_id: int | str | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()

    def __init__(self, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.message = message
        self.data = data


class ParseFault(Fault):
    """The body is not JSON (JSON-RPC 2.0, section 5.1)."""

    code = -32700
    status = 400


class InvalidRequest(Fault):
    """The body is JSON but not a JSON-RPC message this revision allows."""

    code = -32600
    status = 400


class MethodNotFound(Fault):
    """The revision in force has no such method."""

    code = -32601
    status = 404


class InvalidParams(Fault):
    """The method's parameters are missing, of the wrong type or name nothing known."""

    code = -32602
    status = 400


class ResourceNotFound(InvalidParams):
    """No resource answers to this URI, or the caller may not know that one does.

    Args:
        uri: the URI as the client sent it.
    """

    def __init__(self, uri: str) -> None:
        super().__init__("Resource not found", {"uri": uri})
        self.uri = uri


class InsufficientScope(InvalidParams):
    """The caller's credential lacks scopes that the request needs (Authorization, Scope Challenge Handling).

    Args:
        scopes: all that it needs.
    """

    status = 403

    def __init__(self, scopes: Iterable[str]) -> None:
        self.scopes = tuple(sorted(scopes))
        super().__init__(f"This needs a credential with more scopes: {' '.join(self.scopes)}.")


class StoredFault(Fault):
    """A fault of earlier, told again: what a task ended with.

    Args:
        code: its JSON-RPC code.
        message: its sentence.
        data: its `data` member.
    """

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message, data)
        self.code = code  # type: ignore[misc]  # of this one fault, not of its class


class InternalFault(Fault):
    """Ours: the client learns a reference id, the log has the rest."""


class HeaderMismatch(Fault):
    """An HTTP header is missing, malformed or says otherwise than the body (Streamable HTTP, Server Validation)."""

    code = -32020
    status = 400


class TooMany(Fault):
    """The caller has used up a quota (RFC 6585, 4); the code is our own, outside the reserved range (Error Codes).

    Args:
        message: which one, and what to do.
        wait: the seconds after which it may come back.
    """

    code = 429
    status = 429

    def __init__(self, message: str, wait: float) -> None:
        seconds = max(1, math.ceil(wait))
        super().__init__(f"{message} Come back in {seconds} s.", {"retryAfter": seconds})
        self.headers = ((b"retry-after", b"%d" % seconds),)


class MissingCapability(Fault):
    """The request needs a client capability that the client did not declare (Base protocol, `_meta`)."""

    code = -32021
    status = 400


class UnsupportedRevision(Fault):
    """The requested protocol version is not one of ours (Versioning, Protocol Version Negotiation)."""

    code = -32022
    status = 400


class HttpFault(DragomanError):
    """A request refused before a message was read from it.

    Args:
        status: the HTTP status.
        message: one sentence for the client.
        headers: header fields to add to the answer.
    """

    def __init__(self, status: int, message: str, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers


class ToolError(DragomanError):
    """A failure that the model should read: it becomes the tool's result, marked as an error.

    Args:
        message: what went wrong and what the model may do about it.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class UsageError(DragomanError):
    """A setting, target or registration that cannot work; says what to change."""


class SettingsError(UsageError):
    """A value among settings that cannot work.

    Args:
        problem: one sentence: what is wrong and what to do.
        key: where the value stands, as TOML writes it, such as `connectors.shop.max_rows`; empty for the whole.
        path: the same as names and numbers, counted from where reading began.
    """

    def __init__(self, problem: str, key: str = "", path: tuple[str | int, ...] = ()) -> None:
        super().__init__(f"{key}: {problem}" if key else problem)
        self.problem = problem
        self.key = key
        self.path = path


class ClientError(DragomanError):
    """Anything `dragoman.Client` raises; as text, control characters in what a server said are escaped."""

    def __str__(self) -> str:
        return _UNSEEN.sub(lambda found: repr(found[0])[1:-1], super().__str__())


class ServerFault(ClientError):
    """The server answered with a JSON-RPC error.

    Args:
        code: the JSON-RPC error code.
        message: the server's sentence.
        data: the error's `data` member, or None.
    """

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(f"{message} (code {code})")
        self.code = code
        self.message = message
        self.data = data


class ToolCallError(ClientError):
    """The server answered that the tool failed; the message is what the tool said."""


class ConnectionFault(ClientError):
    """No usable answer: refused, closed, timed out, or what answers is not MCP."""


class RequestTimeout(ConnectionFault, TimeoutError):
    """The server did not answer in time; the request was cancelled."""
