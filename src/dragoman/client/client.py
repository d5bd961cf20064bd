"""`dragoman.Client`: one way to use a server, whatever wire and revision lie between.

Tests and the command line use it. It knows the methods of the protocol; how bytes travel is the wire's, how a
revision is found is `probe.py`'s, what results become is `replies.py`'s, what the server asks is `answers.py`'s.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, Unpack

from msgspec import Raw

from dragoman.client.cache import Cache
from dragoman.client.caller import Caller, Identity
from dragoman.client.calls import Calls
from dragoman.client.changes import Wanted
from dragoman.client.listener import Listener, LogCallback, ProgressCallback
from dragoman.client.mirror import Mirror
from dragoman.client.options import ClientOptions, WireOptions, take_handlers
from dragoman.client.probe import AUTO, Agreement, RevisionName, agree, initialize
from dragoman.client.replies import ResourceReply, ToolReply, Unfinished, check_complete, read, read_any, reply_or_raise
from dragoman.client.rounds import ROUNDS, Asking
from dragoman.client.skills import LoadedSkill, SkillEntry, SkillPage, Skills, entries_of
from dragoman.client.subscription import Subscription
from dragoman.client.tasks import (
    TaskHandle,
)
from dragoman.client.wire import Wire
from dragoman.errors import (
    ConnectionFault,
    ServerFault,
    UsageError,
)
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
from dragoman.protocol.tasks import EXTENSION

if TYPE_CHECKING:
    from dragoman.server.server import Server

logger: Final = logging.getLogger("dragoman.client")

PAGES: Final = 1000
"""The most pages of one listing that are fetched before the server counts as endless."""

_Page = TypeVar(
    "_Page", ListToolsResult, ListResourcesResult, ListResourceTemplatesResult, ListPromptsResult, SkillPage
)
_PROCESS_OPTIONS: Final = frozenset({"env", "cwd", "on_stderr", "response_bytes"})
_HTTP_OPTIONS: Final = frozenset({"auth", "headers", "response_bytes"})


class Client:
    """A connection to an MCP server, open inside `async with`.

    Calls may run concurrently. A callback that only watches and raises is logged; the call it belongs to goes on.

    Args:
        target: a `Server`, a URL such as `http://127.0.0.1:8000/mcp`, or a command as a list of strings.
        name: what this client calls itself.
        version: its version.
        timeout: seconds a request may take, None for no limit.
        revision: the protocol revision to speak; `auto` takes the newest that both sides know.
        on_log: receives the server's log messages.
        log_level: the lowest level to receive.
        on_progress: receives the progress of every call that does not bring its own callback.
        options: what is answered (`on_elicit`, `on_sample`, `roots` ...): see `ClientOptions`; what only some wires
            take (`auth`, `headers`, `response_bytes`, `env`, `cwd`, `on_stderr`): see `WireOptions`.

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
        **options: Unpack[ClientOptions],
    ) -> None:
        if revision != AUTO and revision not in REVISIONS:
            raise UsageError(f"There is no revision '{revision}'; use 'auto' or one of {', '.join(REVISIONS)}.")
        rounds = options.pop("rounds", ROUNDS)
        self._cache = Cache(on=options.pop("cache", True))
        extensions = {name: dict(settings) for name, settings in options.pop("extensions", {}).items()}
        self._listener = Listener(on_log, take_handlers(options, name))
        self._wire = make_wire(target, self._listener, options)
        wanted = log_level if on_log is not None else None
        capabilities: dict[str, Any] = dict(self._listener.answers.capabilities)
        if extensions:
            capabilities["extensions"] = extensions
        identity = Identity(Implementation(name, version), capabilities, {"extensions": {EXTENSION: {}, **extensions}})
        self._caller = Caller(self._wire, self._listener, identity, timeout, wanted)
        self._caller.renew = self._renew
        self._listener.answers.patience = self._caller.patience
        self._listener.changes.on_change = self._cache.heed
        self._asking = Asking(self._caller, self._listener.answers, rounds)
        self._mirror = Mirror()
        self._calls = Calls(self._caller, self._asking, self._mirror, lambda: self._agreed, self._relearn)
        self._skills = Skills(self._complete, lambda: self._agreed.capabilities)
        self._wanted = revision
        self._log_level = wanted
        self._on_progress = on_progress
        self._agreement: Agreement | None = None
        self._renewal = asyncio.Lock()
        self._renewed: set[str] = set()  # sessions that ended and were replaced

    async def __aenter__(self) -> Self:
        if self._agreement is not None:
            raise UsageError("This client is already connected; use another one for a second connection.")
        try:
            await self._wire.open()
            self._agreement = await agree(self._caller, self._wanted)
            await self._begin_listening(self._agreement)
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
        task: bool = False,
    ) -> ToolReply:
        """Call a tool, answer what it asks, and wait for it where it becomes a task.

        Args:
            name: the tool's name.
            arguments: its arguments, anything that can be written as JSON.
            timeout: seconds until the call is cancelled, answers not counted; None for the client's limit, `math.inf`
                for none. Where the server asks, each round has as long; a task has as long again.
            on_progress: hears the call's progress; of a task, what it is doing, as numbered messages.
            raise_on_error: whether a failure of the tool is raised.
            task: ask for a task (2025-11-25, where the server has them; later it is the server who decides).

        Raises:
            ToolCallError: the tool failed; the message is what it said.
            ServerFault: the server refuses, for example because there is no such tool.
            ClientError: the server asks what nobody here answers, or an answer does not fit.
            ConnectionFault: no usable answer.
            RequestTimeout: not in time; the call was cancelled.
        """
        given: Mapping[str, Any] = {} if arguments is None else arguments
        params: dict[str, Any] = {"name": name, "arguments": given}
        progress = on_progress or self._on_progress
        if task and self._calls.requests_tasks:
            requested = await self._calls.request_task(params, progress)
            return await self._calls.follow(requested, name, timeout, progress, raise_on_error)
        try:
            raw = await self._agreed_caller.ask(
                "tools/call",
                params,
                timeout=timeout,
                on_progress=progress,
                mirrored=self._mirror.headers(name, given),
            )
            result = read(raw, CallToolResult, "tools/call")
        except (ServerFault, Unfinished) as first:
            finished = await self._calls.finish(first, params, timeout, progress)
            if isinstance(finished, TaskHandle):
                return await self._calls.follow(finished, name, timeout, progress, raise_on_error)
            result = read(finished, CallToolResult, "tools/call")
        return reply_or_raise(result, name, raise_on_error)

    async def start_task(self, name: str, arguments: Mapping[str, Any] | None = None) -> TaskHandle:
        """Call a tool and do not wait where it becomes a task; what it asks before that is answered.

        Args:
            name: the tool's name.
            arguments: its arguments.

        Returns:
            The task. Its `task_id` is None when the server answered at once; `result()` gives the answer then.

        Raises:
            ClientError: the revision or the server has no tasks; what `call_tool` raises.
        """
        params: dict[str, Any] = {"name": name, "arguments": arguments or {}}
        if self._calls.requests_tasks:
            return await self._calls.request_task(params, self._on_progress)
        dialect = self._calls.dialect()
        mirrored = self._mirror.headers(name, params["arguments"])
        try:
            raw = await self._agreed_caller.ask("tools/call", params, mirrored=mirrored)
            read(raw, CallToolResult, "tools/call")
        except (ServerFault, Unfinished) as first:
            finished = await self._calls.finish(first, params, None, self._on_progress)
            if isinstance(finished, TaskHandle):
                return finished
            raw = finished
        return TaskHandle(self._caller, dialect, None, raw)

    def task(self, task_id: str) -> TaskHandle:
        """A task of before, by its id; nothing is asked yet.

        Args:
            task_id: what `TaskHandle.task_id` was.

        Raises:
            ClientError: the revision or the server has no tasks.
        """
        return TaskHandle(self._caller, self._calls.dialect(), task_id)

    def listen(
        self,
        *,
        tools: bool = False,
        prompts: bool = False,
        resources: bool = False,
        uris: Iterable[str] = (),
        task_ids: Iterable[str] = (),
    ) -> Subscription:
        """Follow changes: `async with client.listen(tools=True) as changes: async for change in changes: ...`.

        Args:
            tools: whether to follow the list of tools.
            prompts: the list of prompts.
            resources: the lists of resources and of their templates.
            uris: resources to follow.
            task_ids: tasks to follow.

        Raises:
            ServerFault: the server refuses, when the block is entered.
            ConnectionFault: the connection broke; raised by the iteration.
        """
        lists = {"tools": tools, "prompts": prompts, "resources": resources}
        kinds = frozenset(kind for kind, wanted in lists.items() if wanted)
        wanted = Wanted(kinds, frozenset(uris), frozenset(task_ids))
        return Subscription(self._agreed_caller, self._listener.changes, wanted, self._agreed.capabilities)

    async def read_resource(self, uri: str) -> list[ResourceReply]:
        """Read a resource; raises ServerFault when there is none, ConnectionFault without a usable answer."""
        caller = self._agreed_caller
        raw = self._cache.get("resources/read", uri)
        if raw is None:
            raw = await caller.ask("resources/read", {"uri": uri}, on_progress=self._on_progress)
            try:
                result = read(raw, ReadResourceResult, "resources/read")
            except Unfinished as first:
                raw = await self._answer(first, "resources/read", {"uri": uri})
                result = read(raw, ReadResourceResult, "resources/read")
            else:
                self._cache.put("resources/read", uri, raw)
        else:
            result = read(raw, ReadResourceResult, "resources/read")
        return [ResourceReply(part) for part in result.contents]

    async def get_prompt(self, name: str, arguments: Mapping[str, str] | None = None) -> GetPromptResult:
        """Fetch a prompt's messages; raises ServerFault when there is none, ConnectionFault without a usable answer."""
        params = {"name": name, "arguments": dict(arguments or {})}
        return read(await self._complete("prompts/get", params), GetPromptResult, "prompts/get")

    async def list_skills(self) -> list[SkillEntry]:
        """Fetch the entries of the skills that the server lists, and no file; raises what `list_tools` raises."""
        self._skills.check_offered()
        return entries_of(await self._pages("skills/list", SkillPage))

    async def load_skill(self, skill: str | SkillEntry, *, dynamic: bool = False) -> LoadedSkill:
        """Read a skill's `SKILL.md` and see that it is what its entry says; its files are read later, one by one.

        Args:
            skill: the URI of its `SKILL.md`, listed or not, whose entry is fetched now; or the entry that was approved.
            dynamic: whether a skill may be loaded that is made on demand, of which nothing can be verified.

        Raises:
            ClientError: size, digest or front matter differ, or the entry is invalid; what `list_tools` raises.
        """
        return await self._skills.load(skill, dynamic=dynamic)

    def forget(self) -> None:
        """Drop every result that was kept because it is fresh: what is asked next comes from the server."""
        self._cache.forget()

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
            cursor = params.get("cursor")
            raw = self._cache.get(method, cursor)
            if raw is None:
                raw = await self._agreed_caller.ask(method, params)
                self._cache.put(method, cursor, raw)
            page = read(raw, shape, method)
            pages.append(page)
            if not isinstance(page.next_cursor, str):
                return pages
            if page.next_cursor in seen:
                raise ConnectionFault(f"{method} does not end: the server gave the same cursor twice.")
            seen.add(page.next_cursor)
            params = {"cursor": page.next_cursor}
        raise ConnectionFault(f"{method} does not end: {PAGES} pages came and the server names another.")

    async def _complete(self, method: str, params: Mapping[str, Any]) -> Raw:
        """Send a request and answer what the server asks before it gives the result."""
        raw = await self._agreed_caller.ask(method, params, on_progress=self._on_progress)
        try:
            check_complete(raw, method)
        except Unfinished as first:
            return await self._answer(first, method, params)
        return raw

    async def _answer(self, first: Unfinished, method: str, params: Mapping[str, Any]) -> Raw:
        """Answer what the server asks before it gives a resource or a prompt."""
        if first.kind != "input_required" or not self._agreed.revision.modern:
            raise ConnectionFault(f"{first} The protocol does not let it do that here.") from None
        return await self._asking.finish(first.raw, method, params, on_progress=self._on_progress)

    async def _relearn(self) -> None:
        """List the tools anew, whatever is kept of them."""
        self._cache.forget("tools/list")
        await self.list_tools()

    async def _begin_listening(self, agreement: Agreement) -> None:
        """Hear what an older server says of itself: log messages of a level told once, and its questions."""
        if agreement.revision.modern:
            return
        if self._log_level is not None or self._listener.answers.capabilities:
            await self._wire.listen(ready=True)  # what a server has to say before the stream is there is lost
        if self._log_level is None or "logging" not in agreement.capabilities:
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
            self._cache.forget()
            await self._begin_listening(self._agreement)
            for uri in list(self._listener.changes.uris):
                await self._caller.ask("resources/subscribe", {"uri": uri})

    async def _close(self) -> None:
        self._agreement = None
        await self._listener.answers.close()
        await self._wire.close()
        self._listener.changes.end(ConnectionFault("The connection was closed."))
        self._cache.forget()


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
