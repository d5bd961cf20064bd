"""What results carry: text, images, audio, resources (schema: ContentBlock, ResourceContents, Annotations).

One struct per shape for all revisions. Python names are snake case, wire names camel case; a field that is
UNSET is not sent. Which shapes a revision knows is said in `revisions.py`, not here.
"""

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType, field

Role = Literal["user", "assistant"]


class Annotations(Struct, rename="camel", omit_defaults=True):
    """Hints on who a piece of content is for.

    Args:
        audience: who should see it.
        priority: from 0.0, optional, to 1.0, effectively required.
        last_modified: an ISO 8601 time.
    """

    audience: list[Role] | UnsetType = UNSET
    priority: float | UnsetType = UNSET
    last_modified: str | UnsetType = UNSET


class Icon(Struct, rename="camel", omit_defaults=True):
    """A picture for user interfaces.

    Args:
        src: an `https:` or `data:` URI.
        mime_type: the picture's type.
        sizes: such as `["48x48"]` or `["any"]`.
        theme: the background it is made for.
    """

    src: str
    mime_type: str | UnsetType = UNSET
    sizes: list[str] | UnsetType = UNSET
    theme: Literal["light", "dark"] | UnsetType = UNSET


class TextContent(Struct, rename="camel", tag_field="type", tag="text"):
    """Text for the model."""

    text: str
    annotations: Annotations | UnsetType = UNSET
    meta: dict[str, Any] | UnsetType = field(default=UNSET, name="_meta")


class ImageContent(Struct, rename="camel", tag_field="type", tag="image"):
    """A picture, as base64 text."""

    data: str
    mime_type: str
    annotations: Annotations | UnsetType = UNSET
    meta: dict[str, Any] | UnsetType = field(default=UNSET, name="_meta")


class AudioContent(Struct, rename="camel", tag_field="type", tag="audio"):
    """A sound, as base64 text (2025-03-26 on)."""

    data: str
    mime_type: str
    annotations: Annotations | UnsetType = UNSET
    meta: dict[str, Any] | UnsetType = field(default=UNSET, name="_meta")


class ResourceContents(Struct, rename="camel"):
    """What a resource holds: `text`, or `blob` as base64 text, never both."""

    uri: str
    mime_type: str | UnsetType = UNSET
    text: str | UnsetType = UNSET
    blob: str | UnsetType = UNSET
    meta: dict[str, Any] | UnsetType = field(default=UNSET, name="_meta")


class EmbeddedResource(Struct, rename="camel", tag_field="type", tag="resource"):
    """A resource's contents inside a result."""

    resource: ResourceContents
    annotations: Annotations | UnsetType = UNSET
    meta: dict[str, Any] | UnsetType = field(default=UNSET, name="_meta")


class ResourceLink(Struct, rename="camel", tag_field="type", tag="resource_link"):
    """A pointer to a resource that the client may read (2025-06-18 on)."""

    uri: str
    name: str
    title: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    mime_type: str | UnsetType = UNSET
    size: int | UnsetType = UNSET
    icons: list[Icon] | UnsetType = UNSET
    annotations: Annotations | UnsetType = UNSET
    meta: dict[str, Any] | UnsetType = field(default=UNSET, name="_meta")


ContentBlock = TextContent | ImageContent | AudioContent | ResourceLink | EmbeddedResource
"""Any piece of content a tool result or prompt message may hold."""
