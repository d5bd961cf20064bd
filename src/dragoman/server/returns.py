"""What a function may return beyond plain data: `Image`, `Audio`, `File`, `ToolResult`, content blocks.

The public classes live here, with their way to the content blocks of the protocol. A path is read at the moment of
conversion. How plain data becomes JSON is said in `encoders.py`.
"""

from binascii import b2a_base64
from os import PathLike
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from msgspec import UNSET, UnsetType

from dragoman.protocol.content import (
    Annotations,
    AudioContent,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    ResourceContents,
    ResourceLink,
    TextContent,
)
from dragoman.server import media
from dragoman.server.encoders import ReturnError, text_of

_OCTETS: Final = "application/octet-stream"
BLOCKS: Final = (TextContent, ImageContent, AudioContent, ResourceLink, EmbeddedResource)


class _Media:
    """Bytes of a kind, given or in a file."""

    __slots__ = ("_data", "_path", "annotations", "mime_type")
    _family = ""

    def __init__(
        self,
        data: bytes | bytearray | memoryview | None = None,
        *,
        path: str | PathLike[str] | None = None,
        format: str | None = None,  # noqa: A002 -- the word users know
        mime_type: str | None = None,
        annotations: Annotations | None = None,
    ) -> None:
        if (data is None) == (path is None):
            raise TypeError(f"{type(self).__name__}: give either data= or path=")
        if data is not None and not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError(f"{type(self).__name__}: data is {type(data).__name__}, but must be bytes")
        self._data = data
        self._path = path
        self.mime_type = mime_type or (_said(format, self._family) if format else None)
        self.annotations = annotations

    def _read(self) -> tuple[str, str]:
        """Read the data: as base64 text, and its media type."""
        data = bytes(self._data) if self._data is not None else _contents(self._path)
        found = self.mime_type or media.sniff(data) or (media.type_of_name(str(self._path)) if self._path else None)
        if found is None or (self.mime_type is None and not found.startswith(self._family)):
            name = type(self).__name__
            raise ReturnError(f"{name}: cannot tell what kind of {self._family[:-1]} this is; add mime_type= to it.")
        return _base64(data), found


class Image(_Media):
    """A picture as a result.

    Args:
        data: the picture's bytes; or
        path: the file that holds them, read when the function has returned.
        format: such as "png"; or
        mime_type: such as "image/png". Without either, the first bytes and then the file's name decide.
        annotations: for whom it is.

    Raises:
        TypeError: neither or both of data and path.
    """

    __slots__ = ()
    _family = "image/"

    def block(self) -> ImageContent:
        """Return the picture as a content block (ReturnError: unreadable, or its type cannot be told)."""
        data, mime_type = self._read()
        return ImageContent(data, mime_type, _or_unset(self.annotations))


class Audio(_Media):
    """A sound as a result.

    Args:
        data: the sound's bytes; or
        path: the file that holds them, read when the function has returned.
        format: such as "wav"; or
        mime_type: such as "audio/wav". Without either, the first bytes and then the file's name decide.
        annotations: for whom it is.

    Raises:
        TypeError: neither or both of data and path.
    """

    __slots__ = ()
    _family = "audio/"

    def block(self) -> AudioContent:
        """Return the sound as a content block (ReturnError: unreadable, or its type cannot be told)."""
        data, mime_type = self._read()
        return AudioContent(data, mime_type, _or_unset(self.annotations))


class File:
    """A file as a result: an embedded resource.

    Args:
        data: the contents, bytes or text; or
        path: the file that holds them, read when the function has returned.
        name: what the client calls it; the path's last part by default.
        mime_type: by default the first bytes and then the name decide.
        uri: the resource's URI; `file:///<name>` by default, which tells the client nothing of the path.
        annotations: for whom it is.

    Raises:
        TypeError: neither or both of data and path.
    """

    __slots__ = ("_data", "_path", "annotations", "mime_type", "name", "uri")

    def __init__(
        self,
        data: bytes | bytearray | memoryview | str | None = None,
        *,
        path: str | PathLike[str] | None = None,
        name: str | None = None,
        mime_type: str | None = None,
        uri: str | None = None,
        annotations: Annotations | None = None,
    ) -> None:
        if (data is None) == (path is None):
            raise TypeError("File: give either data= or path=")
        self._data = data
        self._path = path
        self.name = name or (Path(path).name if path is not None else "file")
        self.mime_type = mime_type
        self.uri = uri or f"file:///{quote(self.name, safe='')}"
        self.annotations = annotations

    def block(self) -> EmbeddedResource:
        """Return the file as a content block; text of a text type stays text (ReturnError: unreadable)."""
        annotations = _or_unset(self.annotations)
        named = self.mime_type or media.type_of_name(self.name)
        if isinstance(self._data, str):
            contents = ResourceContents(self.uri, named or "text/plain", text=self._data)
            return EmbeddedResource(contents, annotations)
        data = bytes(self._data) if self._data is not None else _contents(self._path)
        mime_type = self.mime_type or media.sniff(data) or named or _OCTETS
        if media.is_text(mime_type):
            try:
                return EmbeddedResource(ResourceContents(self.uri, mime_type, text=data.decode()), annotations)
            except UnicodeDecodeError:
                pass  # a text in another encoding: its bytes say what it is
        return EmbeddedResource(ResourceContents(self.uri, mime_type, blob=_base64(data)), annotations)


class ToolResult:
    """A result with nothing left to chance.

    Args:
        content: what the model sees: text, a content block, `Image`, `Audio`, `File`, or a list of these; None shows
            the structured value as JSON text.
        structured: data for the client's program; must fit the tool's output schema if it has one. None is none.
        is_error: whether the model should read this as a failure.
        meta: the result's `_meta`.
    """

    __slots__ = ("content", "is_error", "meta", "structured")

    def __init__(
        self,
        content: Any = None,
        structured: Any = None,
        *,
        is_error: bool = False,
        meta: dict[str, Any] | None = None,
    ) -> None:
        self.content = content
        self.structured = structured
        self.is_error = is_error
        self.meta = meta


CONTENT: Final[frozenset[type]] = frozenset(
    {*BLOCKS, ResourceContents, Image, Audio, File, bytes, bytearray, memoryview}
)
"""The types that make a list of results several blocks instead of data."""


def blocks_of(value: Any) -> list[ContentBlock]:
    """Turn a returned value into content blocks.

    Text is one block, None is none, bytes are an embedded resource, blocks stay as they are; a list or tuple that
    holds any of `Image`, `Audio`, `File`, bytes or a block is several; anything else is one block of JSON text.

    Raises:
        ReturnError: it cannot be read or has no JSON.
    """
    if value is None:
        return []
    if isinstance(value, list | tuple) and not CONTENT.isdisjoint(map(type, value)):
        return [block for item in value if item is not None for block in blocks_of(item)]
    return [_block(value)]


def _block(value: Any) -> ContentBlock:
    if isinstance(value, BLOCKS):
        return value
    if isinstance(value, Image | Audio | File):
        return value.block()
    if isinstance(value, ResourceContents):
        return EmbeddedResource(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return File(bytes(value), name="data", mime_type=_OCTETS).block()
    return TextContent(text_of(value))


def text_blocks(content: Any, text: str) -> list[ContentBlock]:
    """Return the blocks of a `ToolResult`; a list there is always several, each item its own block.

    Args:
        content: what the author gave.
        text: what is shown when that is None; none when empty.
    """
    if content is None:
        return [TextContent(text)] if text else []
    if isinstance(content, list | tuple):
        return [block for item in content for block in blocks_of(item)]
    return blocks_of(content)


def _said(name: str, family: str) -> str:
    return media.type_of_format(name) or family + name.lstrip(".").casefold()


def _contents(path: str | PathLike[str] | None) -> bytes:
    try:
        return Path(path or "").read_bytes()
    except OSError as error:
        raise ReturnError(f"The file to return cannot be read: {error}.") from error


def _base64(data: bytes) -> str:
    return b2a_base64(data, newline=False).decode("ascii")


def _or_unset(annotations: Annotations | None) -> Annotations | UnsetType:
    return UNSET if annotations is None else annotations
