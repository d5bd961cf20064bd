"""What the revisions that open with `initialize` (2024-11-05 to 2025-11-25) ask beyond the table.

Here are the handshake's rule for choosing a version and the ways in which a result made for the newest revision is
told to an older one, losing nothing that can be said in it.
"""

from typing import TYPE_CHECKING, Any

from msgspec import UNSET, Raw, UnsetType

from dragoman.protocol.content import AudioContent, ContentBlock, ImageContent, ResourceLink, TextContent
from dragoman.protocol.messages import CacheableResult, CallToolResult, GetPromptResult, Result

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragoman.protocol.revisions import Revision

WRAPPER = b'{"result":%b}'
"""The object around a value that is none, as structured content was an object up to 2025-11-25."""
WRAPPED = {"dragoman/wrapped": True}
"""The `_meta` that tells our client that `structuredContent.result` is the value itself."""


def negotiate(requested: str, known: "Mapping[str, Revision]", latest: "Revision") -> "Revision":
    """Choose the version of a session: the one asked for if we have it, else our latest (Lifecycle)."""
    return known.get(requested, latest)


def stamp(result: Result, revision: "Revision", _identity: Raw) -> Result:
    """Take from a result what the revision does not know."""
    if isinstance(result, CallToolResult):
        if revision.structured == "none":
            result.structured_content = UNSET
        for place, block in enumerate(result.content):
            if type(block) not in revision.content:
                result.content[place] = _tell(block)
    elif isinstance(result, GetPromptResult):
        for message in result.messages:
            if type(message.content) not in revision.content:
                message.content = _tell(message.content)
    elif isinstance(result, CacheableResult):
        result.ttl_ms = result.cache_scope = UNSET
    return result


def wrap_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a wrapped value; definitions stay at the root, where references look for them."""
    inner = {key: value for key, value in schema.items() if key != "$defs"}
    outer: dict[str, Any] = {"type": "object", "properties": {"result": inner}, "required": ["result"]}
    return outer | {"$defs": schema["$defs"]} if "$defs" in schema else outer


def _tell(block: ContentBlock) -> ContentBlock:
    """Say in text what a block that the revision does not know would have shown."""
    match block:
        case ResourceLink():
            label = block.name if block.title is UNSET else block.title
            return TextContent(f"{label}: {block.uri}")
        case AudioContent() | ImageContent():
            return TextContent(f"({block.mime_type}, {_bytes_of(block.data)} bytes: needs a newer protocol version)")
        case _:
            return block


def _bytes_of(data: str | UnsetType) -> int:
    return 0 if data is UNSET else len(data) * 3 // 4 - data[-2:].count("=")
