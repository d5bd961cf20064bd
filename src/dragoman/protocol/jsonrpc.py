"""The JSON-RPC envelope, strictly: bytes to a message and back (JSON-RPC 2.0; Base protocol, Messages).

One decode per message. `params`, `result` and `error` stay raw until the code that knows their shape asks.
Checked here, before anything else sees the bytes: UTF-8, nesting, the version tag, the type and size of an id.
A duplicate key is decided last-wins by the one decoder, so policy and feature see the same object.
"""

from contextlib import suppress
from itertools import accumulate
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from dragoman.errors import Fault, InvalidRequest, ParseFault

RequestId = int | str
_SafeInteger = Annotated[int, Meta(ge=-(2**53) + 1, le=2**53 - 1)]
_ShortText = Annotated[str, Meta(max_length=256)]

_NO_PARAMS: Final = Raw(b"{}")
_STEPS: Final = bytes.maketrans(b"[]{}", b"\x01\xff\x01\xff")  # in and out, +1 and -1 as signed bytes
_FLAT: Final = bytes(byte for byte in range(256) if byte not in b'[]{}"')
_LONGEST_REASON: Final = 200
_LONG: Final = 4096  # bytes from which on searching is faster than counting


class Message(Struct):
    """One JSON-RPC message of any kind, as received.

    A request has a method and an id, a notification a method only, a response an id and `result` or `error`.
    """

    jsonrpc: Literal["2.0"]
    method: _ShortText | UnsetType = UNSET
    id: _SafeInteger | _ShortText | UnsetType = UNSET
    params: Raw = _NO_PARAMS
    result: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET


class _Identified(Struct):
    """As much of a message as its answer needs."""

    id: _SafeInteger | _ShortText | None = None


class ErrorBody(Struct, omit_defaults=True):
    """The `error` member of a response."""

    code: int
    message: str
    data: Any = None


class Response(Struct, tag_field="jsonrpc", tag="2.0"):
    """A successful answer; `result` is any struct, or raw bytes that were encoded before."""

    id: RequestId
    result: Any


class ErrorResponse(Struct, tag_field="jsonrpc", tag="2.0"):
    """An answer that says what went wrong; `id` is left out when the request's could not be read."""

    id: RequestId | UnsetType
    error: ErrorBody


class Notification(Struct, tag_field="jsonrpc", tag="2.0"):
    """A one-way message."""

    method: str
    params: Any


class Request(Struct, tag_field="jsonrpc", tag="2.0"):
    """A message that wants an answer."""

    id: RequestId
    method: str
    params: Any


_decoder: Final = msgspec.json.Decoder(Message)
_identify: Final = msgspec.json.Decoder(_Identified).decode
_encoder: Final = msgspec.json.Encoder()
encode: Final = _encoder.encode


def decode(body: bytes, depth: int) -> Message:
    """Decode one message.

    Args:
        body: the bytes of one JSON value.
        depth: how deep arrays and objects may nest.

    Raises:
        ParseFault: not UTF-8 or not JSON.
        InvalidRequest: JSON, but not one JSON-RPC message, or nested too deep; with its id, where it has one.
    """
    if _opens_more(body, depth) if len(body) > _LONG else body.count(b"{") + body.count(b"[") > depth:
        check_depth(body, depth)
    try:
        if not body.isascii():
            body.decode()
        message = _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        fault = explain(body, error)
        if isinstance(error, msgspec.ValidationError):
            with suppress(msgspec.MsgspecError):  # then its id could not be read
                fault.request_id = _identify(body).id
        raise fault from None
    kinds = (message.method is not UNSET) + (message.result is not UNSET) + (message.error is not UNSET)
    if kinds != 1 or (message.method is UNSET and message.id is UNSET):
        fault = InvalidRequest("Invalid request: a message has a method, or an id and one of result and error.")
        fault.request_id = None if message.id is UNSET else message.id
        raise fault
    return message


def _opens_more(body: bytes, most: int) -> bool:
    """Whether more arrays and objects begin than `most`: a search that ends at the first too many."""
    opened = 0
    for bracket in (b"{", b"["):
        at = body.find(bracket)
        while at >= 0:
            opened += 1
            if opened > most:
                return True
            at = body.find(bracket, at + 1)
    return False


def check_depth(body: bytes, depth: int) -> None:
    """Refuse a body that nests deeper than `depth`, before any recursive parser sees it.

    Strings are cut out, then the depth is a running sum: a few passes at C speed, whatever the body.
    """
    steps = body.replace(b"\\\\", b"").replace(b'\\"', b"").translate(_STEPS, _FLAT).replace(b'""', b"")
    if b'"' in steps:
        steps = b"".join(steps.split(b'"')[::2])
    if max(accumulate(memoryview(steps).cast("b")), default=0) > depth:
        message = f"The message nests arrays or objects deeper than {depth} levels; send a flatter one."
        raise InvalidRequest(message)


def is_batch(body: bytes) -> bool:
    """Whether the body is an array: a batch where the revision has them (2025-03-26), an error elsewhere."""
    return body.lstrip(b" \t\r\n")[:1] == b"["


def split_batch(body: bytes, depth: int, most: int) -> list[bytes]:
    """Take a batch apart into the bytes of its messages (2025-03-26, Base protocol, Batching).

    Raises:
        ParseFault: not UTF-8 or not JSON.
        InvalidRequest: empty, too many messages, or nested too deep.
    """
    check_depth(body, depth + 1)
    try:
        body.decode()
        parts = msgspec.json.decode(body, type=list[Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise explain(body, error) from None
    if not parts:
        raise InvalidRequest("The batch is empty; send at least one message in it.")
    if len(parts) > most:
        raise InvalidRequest(f"The batch has {len(parts)} messages; at most {most} are taken at once.")
    return [bytes(part) for part in parts]


def explain(body: bytes, error: Exception) -> Fault:
    """Say what is wrong with a body that did not decode."""
    if isinstance(error, UnicodeDecodeError):
        return ParseFault(f"Parse error: the message is not UTF-8 (byte {error.start}).")
    if isinstance(error, msgspec.ValidationError):
        if is_batch(body):
            return InvalidRequest("Invalid request: this protocol version has no batches; send one message at a time.")
        reason = str(error)
        shown = reason if len(reason) <= _LONGEST_REASON else reason[:_LONGEST_REASON] + "…"
        return InvalidRequest(f"Invalid request: {shown}.")
    if isinstance(error, RecursionError):
        return InvalidRequest("Invalid request: the message nests too deep; send a flatter one.")
    return ParseFault(f"Parse error: {error}.")


def encode_error(fault: Fault, request_id: RequestId | UnsetType, code: int) -> bytes:
    """Encode the answer to a request that failed.

    Args:
        fault: what went wrong.
        request_id: the request's id, UNSET when no request was read; then the fault may know it.
        code: the code that the revision in force gives this fault.
    """
    if request_id is UNSET and fault.request_id is not None:
        request_id = fault.request_id
    return encode(ErrorResponse(request_id, ErrorBody(code, fault.message, fault.data)))
