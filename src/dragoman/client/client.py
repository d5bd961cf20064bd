"""`dragoman.Client`: one way to use a server, whatever wire and revision lie between.

Tests and the command line use it. It knows the methods of the protocol; how bytes travel is the wire's, how a
revision is found is `probe.py`'s, what results become is `replies.py`'s.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, NotRequired, Self, TypedDict, TypeVar, Unpack

from msgspec import Raw

from dragoman.client.caller import Caller
from dragoman.client.listener import Listener, LogCallback, ProgressCallback
from dragoman.client.mirror import Mirror
from dragoman.client.probe import AUTO, Agreement, RevisionName, agree, initialize
from dragoman.client.replies import ResourceReply, ToolReply, read, read_any
from dragoman.client.wire import Wire
from dragoman.errors import ConnectionFault, HeaderMismatch, ServerFault, ToolCallError, UsageError
from dragoman.protocol.messages import (
    CallToolResult,
    DiscoverResult,
    EmptyResult,
    GetPromptResult,
    Implementation,
    ListPromptsResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    LogLevel,
    PromptInfo,
    ReadResourceResult,
    ResourceInfo,
    ResourceTemplateInfo,
    ToolInfo,
)
from dragoman.protocol.revisions import REVISIONS

if TYPE_CHECKING:
    from dragoman.server.server import Server

logger: Final = logging.getLogger("dragoman.client")

PAGES: Final = 1000
"""The most pages of one listing that are fetched before the server counts as endless."""

_Page = TypeVar("_Page", ListToolsResult, ListResourcesResult, ListResourceTemplatesResult, ListPromptsResult)
_PROCESS_OPTIONS: Final = frozenset({"env", "cwd", "on_stderr", "response_bytes"})
_HTTP_OPTIONS: Final = frozenset({"headers", "response_bytes"})


class WireOptions(TypedDict):
    """What only some wires take.

    Args:
        headers: HTTP: header fields for every request.
        response_bytes: HTTP and commands: the largest message taken, bytes; 64 MiB unless given.
        env: commands: variables to add to this process's environment.
        cwd: commands: the directory to start in.
        on_stderr: commands: receives each line of the server's stderr, which is passed on otherwise.
    """

    headers: NotRequired[Mapping[str, str]]
    response_bytes: NotRequired[int]
    env: NotRequired[Mapping[str, str]]
    cwd: NotRequired[str | os.PathLike[str]]
    on_stderr: NotRequired[Callable[[str], None]]


class Client:
    """A connection to an MCP server, open inside `async with`.

    Calls may run concurrently. A callback that raises is logged; the call it belongs to goes on.

    Args:
        target: a `Server`, a URL such as `http://127.0.0.1:8000/mcp`, or a command as a list of strings.
        name: what this client calls itself.
        version: its version.
        timeout: seconds a request may take, None for no limit.
        revision: the protocol revision to speak; `auto` takes the newest that both sides know.
        on_log: receives the server's log messages.
        log_level: the lowest level to receive.
        on_progress: receives the progress of every call that does not bring its own callback.
        options: `headers`, `response_bytes`, `env`, `cwd`, `on_stderr`: see `WireOptions`.

    Raises:
        UsageError: the target or an option cannot work.
    """

    def __init__(
        self,
        target: "Server | str | Sequence[str]",
        *,
        name: str = "dragoman",
        version: str = "0.1.0",
        timeout: float | None = 30.0,
        revision: RevisionName = "auto",
        on_log: LogCallback | None = None,
        log_level: LogLevel = "info",
        on_progress: ProgressCallback | None = None,
        **options: Unpack[WireOptions],
    ) -> None:
        if revision != AUTO and revision not in REVISIONS:
            raise UsageError(f"There is no revision '{revision}'; use 'auto' or one of {', '.join(REVISIONS)}.")
        self._listener = Listener(on_log)
        self._wire = make_wire(target, self._listener, options)
        wanted = log_level if on_log is not None else None
        self._caller = Caller(self._wire, self._listener, Implementation(name, version), timeout, wanted)
        self._caller.renew = self._renew
        self._wanted = revision
        self._log_level = wanted
        self._on_progress = on_progress
        self._agreement: Agreement | None = None
        self._mirror = Mirror()
        self._renewal = asyncio.Lock()
        self._renewed: set[str] = set()  # sessions that ended and were replaced

    async def __aenter__(self) -> Self:
        if self._agreement is not None:
            raise UsageError("This client is already connected; use another one for a second connection.")
        try:
            await self._wire.open()
            self._agreement = await agree(self._caller, self._wanted)
            await self._ask_for_logs(self._agreement)
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._close()

    @property
    def revision(self) -> str:
        """The protocol revision in force."""
        return self._agreed.revision.name

    @property
    def server_info(self) -> Implementation | None:
        """The server's name and version, for display; newer servers need not say."""
        return self._agreed.server_info

    @property
    def capabilities(self) -> dict[str, Any]:
        """What the server says it can do."""
        return self._agreed.capabilities

    @property
    def instructions(self) -> str | None:
        """How the server wants to be used, for the model."""
        return self._agreed.instructions

    async def list_tools(self) -> list[ToolInfo]:
        """Fetch all tools.

        Over HTTP, a tool whose `x-mcp-header` annotations break the rules is left out and logged (Streamable HTTP,
        Schema Extension).

        Raises:
            ServerFault: the server refuses.
            ConnectionFault: no usable answer, or a listing without end.
        """
        tools = [tool for page in await self._pages("tools/list", ListToolsResult) for tool in page.tools]
        if self._wire.mirrors and self._agreed.revision.modern:
            return self._mirror.learn(tools)
        return tools

    async def list_resources(self) -> list[ResourceInfo]:
        """Fetch all resources; raises what `list_tools` raises."""
        pages = await self._pages("resources/list", ListResourcesResult)
        return [resource for page in pages for resource in page.resources]

    async def list_resource_templates(self) -> list[ResourceTemplateInfo]:
        """Fetch all resource templates; raises what `list_tools` raises."""
        pages = await self._pages("resources/templates/list", ListResourceTemplatesResult)
        return [template for page in pages for template in page.resource_templates]

    async def list_prompts(self) -> list[PromptInfo]:
        """Fetch all prompts; raises what `list_tools` raises."""
        return [prompt for page in await self._pages("prompts/list", ListPromptsResult) for prompt in page.prompts]

    async def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,  # noqa: ASYNC109  (the limit cancels on the wire, which callers cannot do)
        on_progress: ProgressCallback | None = None,
        raise_on_error: bool = True,
    ) -> ToolReply:
        """Call a tool.

        Args:
            name: the tool's name.
            arguments: its arguments, anything that can be written as JSON.
            timeout: seconds until the call is cancelled; None for the client's limit, `math.inf` for none.
            on_progress: hears the call's progress.
            raise_on_error: whether a failure of the tool is raised.

        Raises:
            ToolCallError: the tool failed; the message is what it said.
            ServerFault: the server refuses, for example because there is no such tool.
            ConnectionFault: no usable answer.
            RequestTimeout: not in time; the call was cancelled.
        """
        given: Mapping[str, Any] = {} if arguments is None else arguments
        params = {"name": name, "arguments": given}
        progress = on_progress or self._on_progress
        try:
            raw = await self._agreed_caller.ask(
                "tools/call",
                params,
                timeout=timeout,
                on_progress=progress,
                mirrored=self._mirror.headers(name, given),
            )
        except ServerFault as fault:
            if fault.code != HeaderMismatch.code or not self._wire.mirrors:
                raise
            raw = await self._call_again(fault, params, timeout, progress)
        reply = ToolReply(read(raw, CallToolResult, "tools/call"))
        if reply.is_error and raise_on_error:
            raise ToolCallError(reply.text or f"The tool '{name}' failed without saying why.")
        return reply

    async def read_resource(self, uri: str) -> list[ResourceReply]:
        """Read a resource; raises ServerFault when there is none, ConnectionFault without a usable answer."""
        raw = await self._agreed_caller.ask("resources/read", {"uri": uri}, on_progress=self._on_progress)
        return [ResourceReply(part) for part in read(raw, ReadResourceResult, "resources/read").contents]

    async def get_prompt(self, name: str, arguments: Mapping[str, str] | None = None) -> GetPromptResult:
        """Fetch a prompt's messages; raises ServerFault when there is none, ConnectionFault without a usable answer."""
        params = {"name": name, "arguments": dict(arguments or {})}
        raw = await self._agreed_caller.ask("prompts/get", params, on_progress=self._on_progress)
        return read(raw, GetPromptResult, "prompts/get")

    async def ping(self) -> None:
        """See that the server answers: with `ping`, or `server/discover` where the revision has no ping."""
        if self._agreed.revision.modern:
            read(await self._caller.ask("server/discover", {}), DiscoverResult, "server/discover")
        else:
            read(await self._caller.ask("ping", {}), EmptyResult, "ping")

    async def request(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,  # noqa: ASYNC109  (see call_tool)
    ) -> Any:
        """Send any request and return its result as Python objects.

        Raises:
            ServerFault: the server answered with an error.
            ConnectionFault: no usable answer.
        """
        return read_any(await self._agreed_caller.ask(method, params or {}, timeout=timeout), method)

    async def notify(self, method: str, params: Mapping[str, Any] | None = None) -> None:
        """Send any notification; raises ConnectionFault when it cannot be delivered."""
        await self._agreed_caller.tell(method, params or {})

    @property
    def _agreed(self) -> Agreement:
        if self._agreement is None:
            raise UsageError("The client is not connected; use it inside 'async with Client(...) as client:'.")
        return self._agreement

    @property
    def _agreed_caller(self) -> Caller:
        if self._agreement is None:
            raise UsageError("The client is not connected; use it inside 'async with Client(...) as client:'.")
        return self._caller

    async def _pages(self, method: str, shape: type[_Page]) -> list[_Page]:
        """Follow the cursors of a listing; one that comes twice, or too many, would never end (Pagination)."""
        pages: list[_Page] = []
        seen: set[str] = set()
        params: dict[str, Any] = {}
        while len(pages) < PAGES:
            page = read(await self._agreed_caller.ask(method, params), shape, method)
            pages.append(page)
            if not isinstance(page.next_cursor, str):
                return pages
            if page.next_cursor in seen:
                raise ConnectionFault(f"{method} does not end: the server gave the same cursor twice.")
            seen.add(page.next_cursor)
            params = {"cursor": page.next_cursor}
        raise ConnectionFault(f"{method} does not end: {PAGES} pages came and the server names another.")

    async def _call_again(
        self,
        fault: ServerFault,
        params: dict[str, Any],
        timeout: float | None,  # noqa: ASYNC109  (see call_tool)
        on_progress: ProgressCallback | None,
    ) -> Raw:
        """Learn the tools' headers and repeat a call that lacked some (Streamable HTTP, Client Behavior)."""
        before = self._mirror.headers(params["name"], params["arguments"])
        await self.list_tools()
        headers = self._mirror.headers(params["name"], params["arguments"])
        if headers == before:
            raise fault
        return await self._caller.ask("tools/call", params, timeout=timeout, on_progress=on_progress, mirrored=headers)

    async def _ask_for_logs(self, agreement: Agreement) -> None:
        """Older servers are told once which log messages are wanted; newer ones read it from every request."""
        if self._log_level is None or agreement.revision.modern:
            return
        await self._wire.listen()
        if "logging" not in agreement.capabilities:
            return
        try:
            await self._caller.ask("logging/setLevel", {"level": self._log_level})
        except ServerFault as fault:
            logger.warning("The server offers log messages but does not take a level: %s", fault)

    async def _renew(self, ended: str) -> None:
        """Open a new session in place of one the server forgot (2025-11-25, Session Management)."""
        async with self._renewal:
            if ended in self._renewed:
                return
            self._agreement = await initialize(self._caller, self._agreed.revision, exact=False)
            self._renewed.add(ended)
            await self._ask_for_logs(self._agreement)

    async def _close(self) -> None:
        self._agreement = None
        await self._wire.close()


def make_wire(target: Any, listener: Listener, options: WireOptions) -> Wire:
    """Choose the wire for a target; each is loaded only when it is used.

    Raises:
        UsageError: the target is none, or an option does not go with it.
    """
    if isinstance(target, str):
        if not target.lower().startswith(("http://", "https://")):
            message = f"'{target[:200]}' is no URL: write http://host:port/path, or a command as a list of strings."
            raise UsageError(message)
        _check_options(options, _HTTP_OPTIONS, "a URL")
        from dragoman.client.http import HttpWire

        return HttpWire(target, listener, **options)  # type: ignore[misc]
    if isinstance(target, list | tuple):
        _check_options(options, _PROCESS_OPTIONS, "a command")
        from dragoman.client.stdio import StdioWire

        return StdioWire(target, listener, **options)  # type: ignore[misc]
    _check_options(options, frozenset(), "a Server")
    from dragoman.client.memory import MemoryWire

    return MemoryWire(target, listener)


def _check_options(options: WireOptions, known: frozenset[str], target: str) -> None:
    foreign = sorted(options.keys() - known)
    if foreign:
        takes = f"it takes {', '.join(sorted(known))}" if known else "it takes none"
        raise UsageError(f"The option {', '.join(foreign)} does not go with {target}; {takes}.")
