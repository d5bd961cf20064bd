"""What the server's results become for the user: checked once, decoded when asked for.

The one place that knows `resultType`, wrapped values and base64 from the client's side.
"""

import base64
import binascii
from functools import cached_property
from typing import Any, Final, TypeVar

import msgspec
from msgspec import UNSET, Raw, Struct

from dragoman.errors import ClientError, ConnectionFault, ServerFault, ToolCallError
from dragoman.protocol.content import ContentBlock, ResourceContents, TextContent
from dragoman.protocol.jsonrpc import ErrorBody, Message
from dragoman.protocol.messages import CallToolResult, Result

ResultType = TypeVar("ResultType", bound=Result)

_COMPLETE: Final = (UNSET, "complete")


# What may itself be or hold null, so that an absent value and null are two things there.
_OPAQUE: Final = frozenset({"structuredContent", "_meta", "inputSchema", "outputSchema", "data"})


class Unfinished(ClientError):
    """A result that is not the last word: the server asks something, or has made a task of the call.

    Args:
        message: who does what.
        raw: the result as received.
        kind: its `resultType`: `input_required` or `task`.
    """

    def __init__(self, message: str, raw: Raw, kind: str) -> None:
        super().__init__(message)
        self.raw = raw
        self.kind = kind


class _Kind(Struct, rename="camel"):
    """As much of a result as says whether it is one."""

    result_type: str | None = None
    input_requests: dict[str, Raw] | None = None
    task_id: str | None = None


_error: Final = msgspec.json.Decoder(ErrorBody)
_kind: Final = msgspec.json.Decoder(_Kind)
_any: Final = msgspec.json.Decoder()


def result_of(message: Message, method: str) -> Raw:
    """The result a response carries.

    Raises:
        ServerFault: the response is an error.
        ConnectionFault: it is neither, or a malformed error.
    """
    if message.error is UNSET:
        if message.result is UNSET:
            raise ConnectionFault(f"The server answered {method} with neither a result nor an error.")
        return message.result
    try:
        body = _error.decode(message.error)
    except msgspec.ValidationError as error:
        raise ConnectionFault(f"The server answered {method} with a malformed error: {error}.") from None
    raise ServerFault(body.code, body.message, body.data)


def read(raw: Raw, shape: type[ResultType], method: str) -> ResultType:
    """Decode a result.

    Args:
        raw: the result as received.
        shape: what the method's result looks like.
        method: the method, for errors.

    Raises:
        Unfinished: the server asks something first, or made a task of the call.
        ConnectionFault: another shape, or a `resultType` that nobody here knows (Base protocol, ResultType).
    """
    try:
        result = msgspec.json.decode(raw, type=shape)
    except msgspec.ValidationError as error:
        check_complete(raw, method)
        result = _read_with_nulls(raw, shape, method, error)
    if result.result_type not in _COMPLETE:
        check_complete(raw, method)
    return result


def read_any(raw: Raw, method: str) -> Any:
    """Decode a result of any shape; raises what `read` raises for an unfinished one."""
    check_complete(raw, method)
    return _any.decode(raw)


def kind_of(raw: Raw) -> str | None:
    """The `resultType` of a result; None when it has none or is no object."""
    try:
        return _kind.decode(raw).result_type
    except msgspec.ValidationError:
        return None  # whoever knows the shape complains about it


def check_complete(raw: Raw, method: str) -> None:
    """Refuse a result that is not the last word.

    Raises:
        Unfinished: the server asks something first, or made a task of the call.
        ConnectionFault: a `resultType` that nobody here knows.
    """
    try:
        kind = _kind.decode(raw)
    except msgspec.ValidationError:
        return  # not an object: whoever knows the shape complains about it
    if kind.result_type == "input_required":
        asked = ", ".join(kind.input_requests or ()) or "its own state back"
        raise Unfinished(f"{method}: the server asks before it finishes ({asked}).", raw, kind.result_type)
    if kind.result_type == "task":
        raise Unfinished(f"{method}: the server made a task of it ({kind.task_id}).", raw, kind.result_type)
    if kind.result_type not in (None, "complete"):
        raise ConnectionFault(f"The server's result of {method} has the unknown resultType '{kind.result_type}'.")


def _read_with_nulls(raw: Raw, shape: type[ResultType], method: str, error: Exception) -> ResultType:
    """Decode a result whose server writes null where the schema wants nothing.

    Raises:
        ConnectionFault: that is not what is wrong with it.
    """
    try:
        return msgspec.json.decode(msgspec.json.encode(_without_nulls(_any.decode(raw))), type=shape)
    except msgspec.ValidationError:
        message = f"The server's result of {method} is not what the protocol says: {error}."
        raise ConnectionFault(message) from None


def _without_nulls(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: item if name in _OPAQUE else _without_nulls(item) for name, item in value.items() if item is not None}


class ToolReply:
    """What a tool returned.

    Args:
        result: the result as received.
    """

    def __init__(self, result: CallToolResult) -> None:
        self._result = result

    @property
    def content(self) -> list[ContentBlock]:
        """The content blocks, for the model."""
        return self._result.content

    @property
    def text(self) -> str:
        """The text blocks, joined by line feeds; empty when there are none."""
        return "\n".join(block.text for block in self._result.content if isinstance(block, TextContent))

    @property
    def is_error(self) -> bool:
        """Whether the tool says that it failed."""
        return self._result.is_error is True

    @property
    def meta(self) -> dict[str, Any]:
        """The result's `_meta`; empty when there is none."""
        return self._result.meta if isinstance(self._result.meta, dict) else {}

    @cached_property
    def structured(self) -> Any:
        """The structured content as Python objects, as sent; None when there is none."""
        raw = self._result.structured_content
        return None if raw is UNSET else _any.decode(raw)

    @cached_property
    def data(self) -> Any:
        """The value the tool returned.

        That is the structured content, taken out of the object a server says it wrapped it in; without any, the
        text when the content is one text block; else None.
        """
        if self._result.structured_content is UNSET:
            content = self._result.content
            return content[0].text if len(content) == 1 and isinstance(content[0], TextContent) else None
        value = self.structured
        if isinstance(value, dict) and value.keys() == {"result"} and self._is_wrapped():
            return value["result"]
        return value

    def __repr__(self) -> str:
        return f"ToolReply(data={self.data!r}, is_error={self.is_error})"

    def _is_wrapped(self) -> bool:
        """Whether the server says so: Dragoman's own mark, or FastMCP's."""
        meta = self.meta
        foreign = meta.get("fastmcp")
        return meta.get("dragoman/wrapped") is True or (
            isinstance(foreign, dict) and foreign.get("wrap_result") is True
        )


class ResourceReply:
    """One piece of what a resource holds.

    Args:
        contents: the contents as received.
    """

    def __init__(self, contents: ResourceContents) -> None:
        self._contents = contents

    @property
    def uri(self) -> str:
        """Where it comes from."""
        return self._contents.uri

    @property
    def mime_type(self) -> str | None:
        """Its type, when the server says."""
        return self._contents.mime_type or None

    @property
    def text(self) -> str | None:
        """Its text; None when it is binary."""
        return None if self._contents.text is UNSET else self._contents.text

    @property
    def meta(self) -> dict[str, Any]:
        """Its `_meta`; empty when there is none."""
        return self._contents.meta or {}

    @cached_property
    def data(self) -> bytes:
        """Its bytes: the text in UTF-8, or the decoded blob.

        Raises:
            ConnectionFault: the blob is not base64.
        """
        if self._contents.text is not UNSET:
            return self._contents.text.encode()
        try:
            return base64.b64decode(self._contents.blob or "", validate=True)
        except (binascii.Error, ValueError) as error:
            raise ConnectionFault(f"The blob of {self.uri} is not valid base64: {error}.") from None

    def __repr__(self) -> str:
        return f"ResourceReply(uri={self.uri!r}, mime_type={self.mime_type!r})"


def reply_or_raise(result: CallToolResult, name: str, raise_on_error: bool) -> ToolReply:  # noqa: FBT001
    """What a tool returned.

    Args:
        result: the result as received.
        name: what was called, for the error.
        raise_on_error: whether a failure of the tool is raised.

    Raises:
        ToolCallError: the tool failed.
    """
    reply = ToolReply(result)
    if raise_on_error and result.is_error is True:
        raise ToolCallError(reply.text or f"The tool '{name}' failed without saying why.")
    return reply
