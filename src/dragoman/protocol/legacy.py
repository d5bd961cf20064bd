"""What the revisions that open with `initialize` (2024-11-05 to 2025-11-25) ask beyond the table.

Here are the handshake's rule for choosing a version and the ways in which a result made for the newest revision is
told to an older one, losing nothing that can be said in it.
"""

from typing import TYPE_CHECKING, Any

from msgspec import UNSET, Raw, structs

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
    """Tell a result without what the revision does not know.

    The result itself is left alone: a function may return the same one again, to a client of another revision.
    """
    if isinstance(result, CallToolResult):
        content, structured, meta = result.content, result.structured_content, result.meta
        for place, block in enumerate(content):
            if type(block) not in revision.content:
                content = [*content[:place], _tell(block), *content[place + 1 :]]
        if revision.structured == "none":
            structured = UNSET
        elif structured is not UNSET and bytes(structured)[:1] != b"{":
            structured = Raw(WRAPPER % bytes(structured))
            meta = {**meta, **WRAPPED} if isinstance(meta, dict) else WRAPPED
        return structs.replace(result, result_type=UNSET, content=content, structured_content=structured, meta=meta)
    if isinstance(result, GetPromptResult):
        messages = list(result.messages)
        for place, message in enumerate(messages):
            if type(message.content) not in revision.content:
                messages[place] = structs.replace(message, content=_tell(message.content))
        return structs.replace(result, result_type=UNSET, messages=messages)
    if isinstance(result, CacheableResult):
        return structs.replace(result, result_type=UNSET, ttl_ms=UNSET, cache_scope=UNSET)
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
            return TextContent(f"{label}: {block.uri}", block.annotations)
        case AudioContent() | ImageContent():
            size = len(block.data) * 3 // 4 - block.data[-2:].count("=")
            words = f"({block.mime_type}, {size} bytes: needs a newer protocol version)"
            return TextContent(words, block.annotations)
        case _:
            return block
