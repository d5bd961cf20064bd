"""A prompt: a function that writes messages, bound once."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from dragoman.errors import InternalFault, InvalidParams, ToolError
from dragoman.protocol.content import ContentBlock, Role, TextContent
from dragoman.protocol.messages import GetPromptResult, ListPromptsResult, PromptInfo, PromptMessage
from dragoman.protocol.revisions import Revision
from dragoman.server.completions import Completers, bind
from dragoman.server.context import Context
from dragoman.server.exchange import Exchange
from dragoman.server.features import Listing, entry_of
from dragoman.server.mask import decisive, mask_unforeseen
from dragoman.server.returns import blocks_of
from dragoman.server.signature import ArgumentsError, Signature
from dragoman.server.tools import check_name

if TYPE_CHECKING:
    from dragoman.server.server import Server

PROMPTS: Final = Listing("prompt", ListPromptsResult, "prompts")


class Message(Struct):
    """One message of a prompt, as a prompt function returns it.

    Args:
        content: text, a content block, or whatever a tool may return as one (`Image`, `Audio`, `File`).
        role: who speaks.
    """

    content: Any
    role: Role = "user"


class Prompt:
    """A prompt, bound.

    Args:
        info: how listings show it.
        signature: its function, read.
        home: the server that it is registered on, whose threads run it when it is synchronous.
        completers: suggest values of arguments.

    Raises:
        UsageError: the name breaks a rule of the specification.
    """

    __slots__ = ("_call", "_context_index", "_decode", "_home", "arguments", "completers", "info")

    def __init__(
        self, info: PromptInfo, signature: Signature, home: "Server", completers: Completers | None = None
    ) -> None:
        check_name("prompt", info.name)
        self.arguments = tuple(parameter.name for parameter in signature.parameters)
        self.completers = bind(f"prompt '{info.name}'", signature.parameters, completers, home)
        self.info = info
        self._decode = signature.decode_strings
        self._context_index = signature.context_index
        self._home = home
        self._call: Callable[..., Awaitable[Any]] = (
            signature.call if signature.is_async else home.threads.bind(signature.call)
        )

    @property
    def key(self) -> str:
        """The prompt's name."""
        return self.info.name

    def renamed(self, name: str) -> "Prompt":
        """The same prompt under another name, as a mounted server's prompts have."""
        check_name("prompt", name)
        copy = object.__new__(Prompt)
        for slot in Prompt.__slots__:
            setattr(copy, slot, getattr(self, slot))
        copy.info = msgspec.structs.replace(self.info, name=name)
        return copy

    def entry(self, revision: Revision) -> dict[str, Any]:
        """How a listing of this revision shows it."""
        return entry_of(self.info, revision.entry_fields)

    async def get(self, arguments: dict[str, str], exchange: Exchange) -> GetPromptResult:
        """Write the messages for these arguments.

        Raises:
            InvalidParams: an argument is missing, unknown or does not fit its type, or the function raised ToolError.
            InternalFault: anything else, masked.
        """
        try:
            values = self._decode(arguments)
            if self._context_index is not None:
                index = self._context_index
                values = (*values[:index], Context(exchange, self._home), *values[index:])
            messages = messages_of(await self._call(*values))
        except ArgumentsError as error:
            raise InvalidParams(error.message) from None
        except BaseException as error:  # noqa: BLE001 - what is not for somebody further up is masked
            cause = decisive(error)
            if isinstance(cause, ToolError):
                raise InvalidParams(cause.message) from None
            raise InternalFault(mask_unforeseen(cause, f"prompt '{self.info.name}'")) from cause
        return GetPromptResult(messages=messages, description=self.info.description)


def messages_of(value: Any) -> list[PromptMessage]:
    """Turn what a function returned into messages: one value is one message of the user, a list is several."""
    messages: list[PromptMessage] = []
    for item in value if isinstance(value, list | tuple) else [value]:
        match item:
            case PromptMessage():
                messages.append(item)
            case Message():
                messages += [PromptMessage(item.role, block) for block in _blocks(item.content)]
            case _:
                messages += [PromptMessage("user", block) for block in _blocks(item)]
    return messages


def _blocks(content: Any) -> list[ContentBlock]:
    return [TextContent(content)] if type(content) is str else blocks_of(content)
