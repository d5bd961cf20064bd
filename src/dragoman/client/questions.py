"""What a server asks of a client's user, model and folders, as the handlers of a `Client` see it.

The same objects whether the question came as a request (up to 2025-11-25) or inside a result (2026-07-28 on). What a
handler gives is turned into the answer on the wire here, and held against what was asked.
"""

import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import UNSET, Raw, Struct

from dragoman.client.forms import complaints, defaults_of
from dragoman.client.wire import quote
from dragoman.errors import ClientError, UsageError
from dragoman.protocol.asking import CreateMessageResult, ElicitResult, ListRootsResult, Root, SamplingMessage
from dragoman.protocol.content import TextContent
from dragoman.protocol.messages import ToolInfo
from dragoman.protocol.uri import is_uri

ElicitMode = Literal["form", "url"]


class Elicitation:
    """A question to the user: a form to fill in, or a link to open.

    Before a link is opened, its whole URL and host are shown and the user agrees (Elicitation, Safe URL Handling).

    Args:
        params: the request's parameters.

    Raises:
        ClientError: they are not what the protocol says.
    """

    def __init__(self, params: Mapping[str, Any]) -> None:
        message, mode = params.get("message"), params.get("mode", "form")
        schema, url = params.get("requestedSchema"), params.get("url")
        if not isinstance(message, str) or mode not in ("form", "url"):
            raise ClientError(f"The server asks the user without a message or in the unknown mode {quote(str(mode))}.")
        if mode == "form" and not isinstance(schema, dict):
            raise ClientError("The server asks the user to fill in a form and sends none (requestedSchema).")
        if mode == "url" and not (isinstance(url, str) and is_uri(url)):
            raise ClientError("The server asks the user to open a link and sends none (url).")
        self.message: str = message
        self.mode: ElicitMode = "url" if mode == "url" else "form"
        self.schema: dict[str, Any] = schema if isinstance(schema, dict) and mode == "form" else {}
        self.url: str | None = url if mode == "url" else None

    def accept(self, data: Mapping[str, Any] | None = None) -> ElicitResult:
        """The user said yes; fields that are left out get their defaults.

        Args:
            data: the fields of a form; nothing for a link.

        Raises:
            ClientError: the fields do not fit the form.
        """
        if self.mode == "url":
            if data:
                raise ClientError("A link takes no data with its answer; the user enters it where the link leads.")
            return ElicitResult("accept")
        content = {**defaults_of(self.schema), **(data or {})}
        wrong = complaints(content, self.schema)
        if wrong:
            raise ClientError(f"The answer does not fit the form {quote(self.message)}: {'; '.join(wrong)}.")
        try:
            return ElicitResult("accept", Raw(msgspec.json.encode(content)))
        except (TypeError, ValueError, OverflowError) as error:
            raise ClientError(f"The answer to the form cannot be written as JSON: {error}.") from None

    def decline(self) -> ElicitResult:
        """The user said no."""
        return ElicitResult("decline")

    def cancel(self) -> ElicitResult:
        """The user said neither."""
        return ElicitResult("cancel")

    def defaults(self) -> dict[str, Any]:
        """The fields of the form that have a default, with it."""
        return defaults_of(self.schema)

    def __repr__(self) -> str:
        return f"Elicitation(mode={self.mode!r}, message={self.message!r})"


class SamplingRequest(Struct, rename="camel", kw_only=True):
    """A conversation that the client's model is to continue; the user should see it first (Sampling).

    Args:
        messages: the conversation so far.
        max_tokens: the longest answer, in tokens.
        system_prompt: how the model should behave.
        temperature: from 0.0 on.
        stop_sequences: texts at which to stop.
        model_preferences: hints and priorities for the choice of a model.
        include_context: whose context the server would like to have included.
        tools: what the model may call.
        tool_choice: how it is to use them, such as `{"mode": "required"}`.
        metadata: for the model's provider.
    """

    messages: list[SamplingMessage]
    max_tokens: int
    system_prompt: str | None = None
    temperature: float | None = None
    stop_sequences: list[str] | None = None
    model_preferences: dict[str, Any] | None = None
    include_context: str | None = None
    tools: list[ToolInfo] | None = None
    tool_choice: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None

    @property
    def text(self) -> str:
        """All text of the conversation, a line for each block."""
        blocks = (block for one in self.messages for block in _blocks(one.content))
        return "\n".join(block.text for block in blocks if isinstance(block, TextContent))


ElicitOutcome = ElicitResult | Mapping[str, Any] | None
ElicitCallback = Callable[[Elicitation], Awaitable[ElicitOutcome] | ElicitOutcome]
"""Answers a question: with `question.accept(...)` and its like, a mapping to accept, None to cancel."""
SampleOutcome = CreateMessageResult | str
SampleCallback = Callable[[SamplingRequest], Awaitable[SampleOutcome] | SampleOutcome]
"""Continues a conversation: with a text, or with a whole result."""
Folder = str | os.PathLike[str] | Root
RootsCallback = Callable[[], Awaitable[Sequence[Folder]] | Sequence[Folder]]
"""Names the folders and files that servers may work on."""


def read_elicitation(outcome: Any, question: Elicitation) -> ElicitResult:
    """What a handler answered.

    Raises:
        ClientError: it is no answer, or does not fit the form.
    """
    if outcome is None:
        return question.cancel()
    if isinstance(outcome, Mapping):
        return question.accept(outcome)
    if isinstance(outcome, ElicitResult):
        return outcome
    message = f"on_elicit gave {type(outcome).__name__}; give question.accept(...), a mapping of fields, or None."
    raise ClientError(message)


def read_sample(outcome: Any, model: str) -> CreateMessageResult:
    """What a handler's model said.

    Args:
        outcome: what the handler gave.
        model: the name to give where it names none.

    Raises:
        ClientError: it is neither text nor a result.
    """
    if isinstance(outcome, str):
        return CreateMessageResult("assistant", TextContent(outcome), model, "endTurn")
    if isinstance(outcome, CreateMessageResult):
        return outcome
    raise ClientError(f"on_sample gave {type(outcome).__name__}; give text or a CreateMessageResult.")


def read_request(params: Mapping[str, Any], *, tools: bool) -> SamplingRequest:
    """What a server asks of the model.

    Args:
        params: the request's parameters.
        tools: whether the client declared that its model may call tools.

    Raises:
        ClientError: they are not what the protocol says, or use tools that were not offered.
    """
    try:
        request = msgspec.convert(params, SamplingRequest)
    except msgspec.ValidationError as error:
        raise ClientError(f"The server's sampling request is not what the protocol says: {error}.") from None
    if not tools and (request.tools is not None or request.tool_choice is not None):
        raise ClientError("The server wants a model that calls tools, which this client does not offer (sample_tools).")
    return request


def read_roots(folders: Iterable[Folder]) -> ListRootsResult:
    """Folders and files as `file://` URIs (Roots, Root).

    Raises:
        UsageError: one is neither a path nor a `file://` URI.
    """
    return ListRootsResult([_root(folder) for folder in folders])


def _root(folder: Any) -> Root:
    if isinstance(folder, Root):
        uri = folder.uri
    elif isinstance(folder, str | os.PathLike):
        path = os.fspath(folder)
        uri = path if "://" in path else Path(path).absolute().as_uri()
    else:
        raise UsageError(f"A root is a path, a file:// URI or a Root, not {type(folder).__name__}.")
    if not uri.startswith("file://"):
        raise UsageError(f"A root is a path or a file:// URI, not {quote(uri)}.")
    return folder if isinstance(folder, Root) else Root(uri, UNSET)


def _blocks(content: Any) -> Sequence[Any]:
    return content if isinstance(content, list) else [content]
