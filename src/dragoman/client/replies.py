"""What the server's results become for the user: checked once, decoded when asked for.

The one place that knows `resultType`, wrapped values and base64 from the client's side.
"""

import base64
import binascii
from functools import cached_property
from typing import Any, Final, TypeVar

import msgspec
from msgspec import UNSET, Raw, Struct

from dragoman.errors import ClientError, ConnectionFault, ServerFault
from dragoman.protocol.content import ContentBlock, ResourceContents, TextContent
from dragoman.protocol.jsonrpc import ErrorBody, Message
from dragoman.protocol.messages import CallToolResult, Result

ResultType = TypeVar("ResultType", bound=Result)

_COMPLETE: Final = (UNSET, "complete")


class _Kind(Struct, rename="camel"):
    """As much of a result as says whether it is one."""

    result_type: str | None = None
    input_requests: dict[str, Raw] | None = None


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
        ClientError: the server asks for input, which this client does not give.
        ConnectionFault: another shape, or a `resultType` that nobody here knows (Base protocol, ResultType).
    """
    try:
        result = msgspec.json.decode(raw, type=shape)
    except msgspec.ValidationError as error:
        check_complete(raw, method)
        raise ConnectionFault(f"The server's result of {method} is not what the protocol says: {error}.") from None
    if result.result_type not in _COMPLETE:
        check_complete(raw, method)
    return result


def read_any(raw: Raw, method: str) -> Any:
    """Decode a result of any shape; raises what `read` raises for an unfinished one."""
    check_complete(raw, method)
    return _any.decode(raw)


def check_complete(raw: Raw, method: str) -> None:
    """Refuse a result that is not the last word.

    Raises:
        ClientError: the server asks for input.
        ConnectionFault: a `resultType` that nobody here knows.
    """
    try:
        kind = _kind.decode(raw)
    except msgspec.ValidationError:
        return  # not an object: whoever knows the shape complains about it
    if kind.result_type == "input_required":
        asked = ", ".join(kind.input_requests or ()) or "its own state back"
        raise ClientError(
            f"{method}: the server asks questions before it finishes ({asked}); this client has no answers."
        )
    if kind.result_type not in (None, "complete"):
        raise ConnectionFault(f"The server's result of {method} has the unknown resultType '{kind.result_type}'.")


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
