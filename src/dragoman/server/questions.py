"""Questions as values: what is asked, which capability it needs, how its answer is read.

A question is asked with `Context.ask_all`, one or several at a time, the same on every revision.
"""

from collections.abc import Sequence
from typing import Any, Generic, Protocol, TypeVar

import msgspec
from msgspec import UNSET, Raw, Struct

from dragoman.errors import UsageError
from dragoman.protocol.asking import (
    Action,
    CreateMessageResult,
    ElicitResult,
    ListRootsResult,
    Root,
    SamplingMessage,
)
from dragoman.protocol.content import TextContent
from dragoman.protocol.messages import ToolInfo
from dragoman.protocol.revisions import Revision
from dragoman.protocol.uri import is_uri
from dragoman.server.forms import form_of

T = TypeVar("T")


class Question(Protocol):
    """What can be asked."""

    key: str | None
    """What names it on the wire and between two runs of the function; its place among the questions without one."""

    @property
    def method(self) -> str:
        """The method on the wire."""

    @property
    def capability(self) -> tuple[str, ...]:
        """What the client must have declared, step by step."""

    def params(self, revision: Revision) -> dict[str, Any]:
        """The request's parameters on the wire."""

    def read(self, answer: Raw) -> Any:
        """What the function that asks receives; ValueError or MsgspecError when the answer does not fit."""


class Answer(Struct, Generic[T], frozen=True):
    """What became of a form or link.

    Args:
        action: `accept`, `decline` or `cancel`.
        data: what was filled in; None unless accepted.
    """

    action: Action
    data: T | None = None

    @property
    def accepted(self) -> bool:
        """Whether the user said yes."""
        return self.action == "accept"


class Elicit:
    """A form for the user.

    Args:
        message: why it is asked.
        kind: the type of the answer: a flat dataclass, TypedDict, Struct or pydantic model, or a single value.
        key: names the question on the wire; its place among the questions of the call by default.

    Raises:
        UsageError: the type has a field that forms do not have.
    """

    method = "elicitation/create"
    capability = ("elicitation", "form")

    def __init__(self, message: str, kind: Any, *, key: str | None = None) -> None:
        self.key = key
        self._message = message
        self._form = form_of(kind)

    def params(self, revision: Revision) -> dict[str, Any]:
        """The request's parameters; `mode` came with 2025-11-25."""
        mode = {"mode": "form"} if revision.elicitation_modes else {}
        return {**mode, "message": self._message, "requestedSchema": self._form.schema}

    def read(self, answer: Raw) -> Answer[Any]:
        """The user's answer, typed."""
        result = msgspec.json.decode(answer, type=ElicitResult)
        if result.action != "accept":
            return Answer(result.action)
        if result.content is UNSET:
            raise ValueError("the form was accepted without its content")
        return Answer(result.action, self._form.read(result.content))


class Confirm:
    """A yes or no of the user; whatever is not a plain yes is a no.

    Args:
        message: what is to be confirmed.
        key: names the question on the wire; its place among the questions of the call by default.
    """

    method = "elicitation/create"
    capability = ("elicitation", "form")

    def __init__(self, message: str, *, key: str | None = None) -> None:
        self.key = key
        self._message = message

    def params(self, revision: Revision) -> dict[str, Any]:
        """The request's parameters."""
        mode = {"mode": "form"} if revision.elicitation_modes else {}
        field = {"type": "boolean", "title": "Confirm", "description": self._message, "default": False}
        schema = {"type": "object", "properties": {"confirm": field}, "required": ["confirm"]}
        return {**mode, "message": self._message, "requestedSchema": schema}

    def read(self, answer: Raw) -> bool:
        """Whether the user confirmed."""
        result = msgspec.json.decode(answer, type=ElicitResult)
        if result.action != "accept" or result.content is UNSET:
            return False
        return msgspec.json.decode(result.content, type=dict[str, Any]).get("confirm") is True


class Visit:
    """A link for the user to open, for what must not pass through the client (URL mode, 2025-11-25 on).

    Args:
        message: why it should be opened.
        url: where it leads; no user data and no access in it.
        key: names the question on the wire; its place among the questions of the call by default.

    Raises:
        UsageError: it is no URL.
    """

    method = "elicitation/create"
    capability = ("elicitation", "url")

    def __init__(self, message: str, url: str, *, key: str | None = None) -> None:
        if not is_uri(url):
            raise UsageError(f"'{url}' is no URL; begin it with https://.")
        self.key = key
        self._message = message
        self._url = url

    def params(self, revision: Revision) -> dict[str, Any]:
        """The request's parameters; 2025-11-25 wants an id besides."""
        request = {"mode": "url", "message": self._message, "url": self._url}
        return request if revision.modern else {**request, "elicitationId": self._url}

    def read(self, answer: Raw) -> bool:
        """Whether the user agreed to open it; not that they are done there."""
        return msgspec.json.decode(answer, type=ElicitResult).action == "accept"


class Sample:
    """A prompt for the client's model.

    Args:
        messages: a text, or the conversation so far.
        max_tokens: the longest answer, in tokens.
        system_prompt: how the model should behave.
        temperature: from 0.0 on.
        stop_sequences: texts at which to stop.
        preferences: the request's `modelPreferences`.
        tools: what the model may call; what it calls comes back as `ToolUseContent`.
        tool_choice: `auto`, `required` or `none`.
        key: names the question on the wire; its place among the questions of the call by default.
    """

    method = "sampling/createMessage"

    def __init__(
        self,
        messages: str | Sequence[SamplingMessage],
        *,
        max_tokens: int = 1024,
        system_prompt: str | None = None,
        temperature: float | None = None,
        stop_sequences: Sequence[str] = (),
        preferences: dict[str, Any] | None = None,
        tools: Sequence[ToolInfo] = (),
        tool_choice: str | None = None,
        key: str | None = None,
    ) -> None:
        self.key = key
        self.capability = ("sampling", "tools") if tools or tool_choice is not None else ("sampling",)
        if isinstance(messages, str):
            messages = [SamplingMessage("user", TextContent(messages))]
        given = {
            "messages": list(messages),
            "maxTokens": max_tokens,
            "systemPrompt": system_prompt,
            "temperature": temperature,
            "stopSequences": list(stop_sequences) or None,
            "modelPreferences": preferences,
            "tools": list(tools) or None,
            "toolChoice": None if tool_choice is None else {"mode": tool_choice},
        }
        shown = {name: value for name, value in given.items() if value is not None}
        self._params: dict[str, Any] = msgspec.to_builtins(shown)

    def params(self, _revision: Revision) -> dict[str, Any]:
        """The request's parameters."""
        return self._params

    def read(self, answer: Raw) -> CreateMessageResult:
        """What the model said."""
        return msgspec.json.decode(answer, type=CreateMessageResult)


class Roots:
    """The folders and files that the client lets servers work on.

    Args:
        key: names the question on the wire; its place among the questions of the call by default.
    """

    method = "roots/list"
    capability = ("roots",)

    def __init__(self, *, key: str | None = None) -> None:
        self.key = key

    def params(self, _revision: Revision) -> dict[str, Any]:
        """The request's parameters: none."""
        return {}

    def read(self, answer: Raw) -> list[Root]:
        """The roots."""
        return msgspec.json.decode(answer, type=ListRootsResult).roots
