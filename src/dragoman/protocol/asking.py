"""What a server may ask of a client, and what comes back: elicitation, sampling, roots (Client features; MRTR).

Up to 2025-11-25 these are requests of the server; from 2026-07-28 on they travel inside an `InputRequiredResult`.
"""

from typing import Any, Literal

from msgspec import UNSET, Raw, Struct, UnsetType, field

from dragoman.protocol.content import AudioContent, ContentBlock, ImageContent, Role, TextContent
from dragoman.protocol.messages import Result

Action = Literal["accept", "decline", "cancel"]


class InputRequest(Struct):
    """One question, as `inputRequests` carries it."""

    method: str
    params: dict[str, Any]


class InputRequiredResult(Result, rename="camel", kw_only=True):
    """A result that asks before it answers (2026-07-28, Multi Round-Trip Requests)."""

    input_requests: dict[str, InputRequest] | UnsetType = UNSET
    request_state: str | UnsetType = UNSET


class ElicitResult(Struct):
    """What the user did with a form or a link."""

    action: Action
    content: Raw | UnsetType = UNSET


class ToolUseContent(Struct, tag_field="type", tag="tool_use"):
    """A model that wants a tool called (sampling with tools, 2025-11-25 on)."""

    id: str
    name: str
    input: dict[str, Any]
    meta: dict[str, Any] | UnsetType = field(default=UNSET, name="_meta")


class ToolResultContent(Struct, rename="camel", tag_field="type", tag="tool_result"):
    """What a tool that a model wanted called gave."""

    tool_use_id: str
    content: list[ContentBlock]
    structured_content: Any | UnsetType = UNSET
    is_error: bool | UnsetType = UNSET
    meta: dict[str, Any] | UnsetType = field(default=UNSET, name="_meta")


SampledBlock = TextContent | ImageContent | AudioContent | ToolUseContent | ToolResultContent


class SamplingMessage(Struct):
    """One message of a conversation that a model is to continue."""

    role: Role
    content: SampledBlock | list[SampledBlock]


class CreateMessageResult(Struct, rename="camel"):
    """What the client's model said.

    Args:
        role: who speaks.
        content: one block, or several where tools are in play.
        model: the model's name.
        stop_reason: why it stopped, such as `endTurn`, `maxTokens`, `toolUse`.
    """

    role: Role
    content: SampledBlock | list[SampledBlock]
    model: str
    stop_reason: str | UnsetType = UNSET

    @property
    def text(self) -> str:
        """The text of all text blocks."""
        blocks = self.content if isinstance(self.content, list) else [self.content]
        return "".join(block.text for block in blocks if isinstance(block, TextContent))


class Root(Struct, omit_defaults=True):
    """A folder or file the client lets servers work on."""

    uri: str
    name: str | UnsetType = UNSET


class ListRootsResult(Struct):
    """All roots of a client."""

    roots: list[Root]
