"""A tool: a function bound once to its schema, decoder, caller and encoder, and run once per call."""

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
from msgspec import UNSET, Raw, UnsetType

from dragoman.auth.policy import ToolRule
from dragoman.errors import ToolError, UsageError
from dragoman.protocol import headers, legacy
from dragoman.protocol.content import TextContent
from dragoman.protocol.messages import CallToolResult, Execution, ListToolsResult, ToolInfo
from dragoman.protocol.revisions import Revision
from dragoman.secrets import masked
from dragoman.server.context import Context
from dragoman.server.exchange import Exchange
from dragoman.server.features import Listing, entry_of
from dragoman.server.mask import decisive, mask_unforeseen
from dragoman.server.signature import ArgumentsError, Signature

if TYPE_CHECKING:
    from dragoman.server.server import Server

TOOLS: Final = Listing("tool", ListToolsResult, "tools")
TaskSupport = Literal["optional", "required"]
TaskStart = Literal["at_once", "told"]
_NAME: Final = re.compile(r"[A-Za-z0-9_.\-]{1,128}")
_NO_ARGUMENTS: Final = Raw(b"{}")


class Tool:
    """A tool, bound.

    Args:
        info: how listings show it.
        signature: its function, read.
        home: the server that it is registered on, whose threads run it when it is synchronous.
        task: whether a call may or must become a task; None for neither.
        task_start: whether it becomes one at once, or when the function says so with `Context.start_task`.
        rule: who may call it; None where roles alone decide.

    Raises:
        UsageError: the name or a header annotation breaks a rule of the specification (Tools).
    """

    __slots__ = (
        "_call",
        "_context_index",
        "_decode",
        "_encode",
        "_home",
        "_legacy_schema",
        "headers",
        "info",
        "rule",
        "task",
        "task_start",
        "wraps",
    )

    def __init__(
        self,
        info: ToolInfo,
        signature: Signature,
        home: "Server",
        *,
        task: TaskSupport | None = None,
        task_start: TaskStart = "at_once",
        rule: ToolRule | None = None,
    ) -> None:
        check_name("tool", info.name)
        if task is not None:
            info.execution = Execution(task)
        self.info = info
        self.rule = rule
        self.task = task
        self.task_start = task_start
        self.headers = headers.plan(info.input_schema, info.name)
        self._decode = signature.decode
        self._encode: Callable[[Any], CallToolResult] = signature.encode
        self._context_index = signature.context_index
        self._home = home
        self._call: Callable[..., Awaitable[Any]] = (
            signature.call if signature.is_async else home.threads.bind(signature.call)
        )
        # Structured content was an object up to 2025-11-25: any other value is wrapped, and its schema with it.
        output: dict[str, Any] | UnsetType = info.output_schema
        self.wraps = output is not UNSET and output.get("type") != "object"
        self._legacy_schema = UNSET if output is UNSET else legacy.wrap_schema(output)

    @property
    def key(self) -> str:
        """The tool's name."""
        return self.info.name

    def renamed(self, name: str) -> "Tool":
        """The same tool under another name, as a mounted server's tools have."""
        check_name("tool", name)
        copy = object.__new__(Tool)
        for slot in Tool.__slots__:
            setattr(copy, slot, getattr(self, slot))
        copy.info = msgspec.structs.replace(self.info, name=name)
        return copy

    def entry(self, revision: Revision) -> dict[str, Any]:
        """How a listing of this revision shows it."""
        shown = entry_of(self.info, revision.tool_fields)
        if self.wraps and revision.structured == "object":
            shown["outputSchema"] = self._legacy_schema
        return shown

    async def run(self, arguments: Raw, exchange: Exchange) -> CallToolResult:
        """Answer one call: raw arguments in, the result out.

        What the caller did wrong and what the tool refuses become results that the model can read (Tools, Error
        Handling); what nobody foresaw is masked.
        """
        try:
            values = self._decode(arguments)
            if self._context_index is not None:
                index = self._context_index
                values = (*values[:index], Context(exchange, self._home), *values[index:])
            result = self._encode(await self._call(*values))
        except (ToolError, ArgumentsError) as error:
            return failure(error.message)
        except BaseException as error:  # noqa: BLE001 - whatever a tool raises is masked
            return self._failed(error)
        # A value that is no object is wrapped by the stamp of the era; an object only where its schema was.
        structured = result.structured_content
        if self.wraps and exchange.revision.structured == "object" and structured is not UNSET:
            return _wrapped(result, structured) if bytes(structured)[:1] == b"{" else result
        return result

    def _failed(self, error: BaseException) -> CallToolResult:
        cause = decisive(error)
        if isinstance(cause, ToolError):
            return failure(cause.message)
        return failure(mask_unforeseen(cause, f"tool '{self.info.name}'"))


def _wrapped(result: CallToolResult, value: Raw) -> CallToolResult:
    """The result as the wrapped schema promises it; a function may return the same one again, so it is left alone."""
    structured = Raw(legacy.WRAPPER % bytes(value))
    meta = {**result.meta, **legacy.WRAPPED} if isinstance(result.meta, dict) else legacy.WRAPPED
    return msgspec.structs.replace(result, structured_content=structured, meta=meta)


def failure(message: str) -> CallToolResult:
    """The result of a call that failed in a way the model should read; known secrets in it are masked."""
    return CallToolResult(content=[TextContent(masked(message))], is_error=True)


def check_name(noun: str, name: str) -> None:
    """Refuse a name that clients may not accept (Tools, Tool Names)."""
    if not _NAME.fullmatch(name):
        message = f"{noun} name {name!r}: use 1 to 128 of the characters A-Z a-z 0-9 _ - and ."
        raise UsageError(message)
