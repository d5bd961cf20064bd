"""Server: what there is. Features, connectors and settings; it knows no wire."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack, overload

from msgspec import UNSET, Raw

from dragoman.auth.policy import Access, Kind
from dragoman.errors import InvalidParams, UsageError
from dragoman.limits import Limits
from dragoman.protocol import modern
from dragoman.protocol.content import Icon
from dragoman.protocol.messages import (
    CacheableResult,
    Implementation,
    NotificationFilter,
    PromptArgument,
    PromptInfo,
    ResourceInfo,
    ResourceTemplateInfo,
    ToolInfo,
)
from dragoman.protocol.revisions import Revision
from dragoman.protocol.tasks import CAPABILITIES as TASK_CAPABILITIES
from dragoman.server import watch
from dragoman.server.ask import UsedStates
from dragoman.server.context import Context
from dragoman.server.features import Features, Listing
from dragoman.server.given_schema import with_schema
from dragoman.server.hooks import Hooks
from dragoman.server.lifespan import Attachable, Lifespan, Running
from dragoman.server.mount import attach, mount
from dragoman.server.options import (
    AppOptions,
    PromptOptions,
    ResourceOptions,
    TemplateOptions,
    ToolOptions,
    refuse_unknown,
    rule_of,
)
from dragoman.server.prompts import PROMPTS, Prompt
from dragoman.server.resources import RESOURCES, TEMPLATES, Resource, ResourceTemplate
from dragoman.server.seal import Seal
from dragoman.server.signature import Signature, read_signature
from dragoman.server.tasks import Tasks
from dragoman.server.threads import Threads
from dragoman.server.tools import TOOLS, Tool
from dragoman.server.watch import Change, Changes, Subscriber
from dragoman.store.sqlite import SqliteTasks, state_file
from dragoman.store.tasks import TaskStore
from dragoman.store.used_states import UsedStateStore

if TYPE_CHECKING:
    from os import PathLike

    from dragoman.auth.gate import Gate
    from dragoman.server.apps import Html
    from dragoman.server.skill_shelves import Shelf
    from dragoman.server.skills import Skill
    from dragoman.store.events import EventStore
    from dragoman.transports.http import Endpoint
    from dragoman.transports.public import App

Function = TypeVar("Function", bound=Callable[..., Any])


class Server:
    """An MCP server: register features on it, then run it or mount it.

    Args:
        name: how the server identifies itself.
        version: the version of what it serves.
        title: a name for people.
        instructions: how a model should use this server.
        website_url: where people read about it.
        icons: pictures for user interfaces.
        limits: what requests and sessions may use.
        secrets: what seals state that clients carry, newest first, of at least 32 characters each; the same for all
            processes that serve together. Without one, such state lasts as long as the process.
        tasks: where tasks are kept; a file in the user's state folder by default, opened with the first task.
        lifespan: an async context manager factory, entered before the first request with the server as its
            argument and left after the last; what it yields is `server.state`.
    """

    def __init__(
        self,
        name: str,
        version: str = "0.0.0",
        *,
        title: str | None = None,
        instructions: str | None = None,
        website_url: str | None = None,
        icons: list[Icon] | None = None,
        limits: Limits | None = None,
        secrets: Sequence[str] = (),
        tasks: TaskStore | None = None,
        lifespan: Lifespan | None = None,
    ) -> None:
        self.info = Implementation(name, version, title or UNSET, UNSET, website_url or UNSET, icons or UNSET)
        self.identity: Raw = modern.identify(self.info)
        self.instructions = instructions
        self.describe: Callable[[Server], str | None] | None = None  # instructions for who sees only a part
        self.limits = Limits() if limits is None else limits
        self.tools: Features[Tool] = Features(TOOLS, self.limits.page_size, self.limits.fresh_seconds)
        self.resources: Features[Resource] = Features(RESOURCES, self.limits.page_size, self.limits.fresh_seconds)
        self.templates: Features[ResourceTemplate] = Features(
            TEMPLATES, self.limits.page_size, self.limits.fresh_seconds
        )
        self.prompts: Features[Prompt] = Features(PROMPTS, self.limits.page_size, self.limits.fresh_seconds)
        self.skills: Features[Skill] = Features(Listing("skill", CacheableResult, "skills"), self.limits.page_size)
        self.shelves: list[Shelf] = []
        self.views: dict[str, str] = {}  # by tool, the user interface that hosts show with its results
        self.extensions: dict[str, dict[str, Any]] = {}  # the settings of those that this server declares
        self.changes = Changes()
        for features, method in (
            (self.tools, watch.TOOLS),
            (self.resources, watch.RESOURCES),
            (self.templates, watch.RESOURCES),
            (self.prompts, watch.PROMPTS),
        ):
            features.listeners.append(partial(self.changes.post, Change(method)))
        self.connectors: dict[str, Attachable] = {}
        self.origins: dict[tuple[Kind, str], str] = {}  # by kind and key, the connector that a feature is of
        self.access: Access | None = None  # in a view: who may use what
        self.withheld: Callable[[str], frozenset[str]] | None = None  # in a view: the scopes that a tool's call lacks
        self.mounted: list[Server] = []
        self.hooks = Hooks()
        self.seal = Seal(secrets)
        self.used_states: UsedStateStore = UsedStates()
        self.tasks = Tasks(self, SqliteTasks(state_file(f"{name}-tasks.sqlite3")) if tasks is None else tasks)
        self.state: Any = None  # what the lifespan yielded, while it lasts
        self.threads = Threads(self.limits.threads)
        self._running = Running(self, lifespan)

    def __repr__(self) -> str:
        return f"Server({self.info.name!r}, {self.info.version!r})"

    @overload
    def tool(self, function: Function, /) -> Function: ...
    @overload
    def tool(self, name: str | None = None, /, **options: Unpack[ToolOptions]) -> Callable[[Function], Function]: ...
    def tool(self, function: Any = None, /, **options: Any) -> Any:
        """Register a function as a tool; use it as `@server.tool` or `@server.tool("name", title=...)`.

        The function itself is returned unchanged. See `add_tool`.
        """
        return _register(self.add_tool, function, options)

    def add_tool(self, function: Callable[..., Any], **options: Unpack[ToolOptions]) -> Tool:
        """Register a function as a tool.

        Args:
            function: sync or async; type hints make the schema, the docstring the descriptions.
            options: see `ToolOptions`.

        Raises:
            UsageError: the name is taken or malformed, or a parameter's type cannot come from JSON.
        """
        signature = self._read(function, options, ToolOptions)
        given = options.get("input_schema")
        if given is not None:
            signature = with_schema(signature, given)
        if "ui" in options or "visibility" in options:
            from dragoman.server.apps import bind

            options["meta"] = bind(self, signature.name, options)
        info = ToolInfo(
            **_described(signature, options),
            input_schema=signature.input_schema,
            output_schema=UNSET if signature.output_schema is None else signature.output_schema,
            annotations=options.get("annotations") or UNSET,
        )
        task, start = options.get("task"), options.get("task_start", "at_once")
        tool = Tool(info, signature, self, task=task, task_start=start, rule=rule_of(options))
        self.tools.add(tool)
        return tool

    def resource(self, uri: str, /, **options: Unpack[TemplateOptions]) -> Callable[[Function], Function]:
        """Register a function as the reader of a resource, or of a template where the URI has `{variables}`.

        The function itself is returned unchanged. See `add_resource` and `add_resource_template`.

        Raises:
            UsageError: no URI was given.
        """
        if callable(uri):
            message = "@server.resource needs a URI: write @server.resource('config://settings')."
            raise UsageError(message)
        add: Callable[..., Any] = self.add_resource_template if "{" in uri else self.add_resource

        def register(function: Function) -> Function:
            add(uri, function, **options)
            return function

        return register

    def add_resource(self, uri: str, function: Callable[..., Any], **options: Unpack[ResourceOptions]) -> Resource:
        """Register a function that reads one resource.

        Args:
            uri: the resource's URI.
            function: sync or async; returns text, bytes, `ResourceContents`, a list of those, or a JSON value.
            options: see `ResourceOptions`.

        Raises:
            UsageError: the URI is malformed or taken, or the function has parameters.
        """
        signature = self._read(function, options, ResourceOptions)
        info = ResourceInfo(uri=uri, **_described(signature, options), **_typed(options))
        resource = Resource(info, signature, self)
        self.resources.add(resource)
        return resource

    def add_resource_template(
        self, uri_template: str, function: Callable[..., Any], **options: Unpack[TemplateOptions]
    ) -> ResourceTemplate:
        """Register a function that reads every resource of a shape.

        Args:
            uri_template: `{name}` takes one segment, `{+name}` the rest; both are percent-decoded once.
            function: sync or async; its parameters are the variables.
            options: see `TemplateOptions`.

        Raises:
            UsageError: the template is malformed or taken, or its variables are not the function's parameters.
        """
        signature = self._read(function, options, TemplateOptions)
        info = ResourceTemplateInfo(uri_template=uri_template, **_described(signature, options), **_typed(options))
        template = ResourceTemplate(info, signature, self, options.get("list"), options.get("complete"))
        self.templates.add(template)
        return template

    @overload
    def prompt(self, function: Function, /) -> Function: ...
    @overload
    def prompt(
        self, name: str | None = None, /, **options: Unpack[PromptOptions]
    ) -> Callable[[Function], Function]: ...
    def prompt(self, function: Any = None, /, **options: Any) -> Any:
        """Register a function as a prompt; use it as `@server.prompt` or `@server.prompt("name", title=...)`.

        The function itself is returned unchanged. See `add_prompt`.
        """
        return _register(self.add_prompt, function, options)

    def add_prompt(self, function: Callable[..., Any], **options: Unpack[PromptOptions]) -> Prompt:
        """Register a function as a prompt.

        Args:
            function: sync or async; returns text, a `Message`, a content block, or a list of these.
            options: see `PromptOptions`.

        Raises:
            UsageError: the name is taken or malformed, or a parameter's type cannot come from a string.
        """
        signature = self._read(function, options, PromptOptions)
        arguments = [
            PromptArgument(
                name=parameter.name,
                description=parameter.description or UNSET,
                required=True if parameter.required else UNSET,
            )
            for parameter in signature.parameters
        ]
        info = PromptInfo(**_described(signature, options), arguments=arguments or UNSET)
        prompt = Prompt(info, signature, self, options.get("complete"))
        self.prompts.add(prompt)
        return prompt

    def add_skill(self, folder: "str | PathLike[str]", *, path: str | None = None) -> "list[Skill]":
        """Serve the skill in a folder, or every skill below it, and notice when they change (SEP-2640).

        Args:
            folder: a folder with a `SKILL.md`, or one that such folders are in.
            path: where the skill stands, as in `skill://path/SKILL.md`, ending in its name, which is the default; of
                several skills, what stands before their own paths.

        Raises:
            UsageError: a skill is malformed or too large, a URI is taken, or it is the first and the server runs.
        """
        from dragoman.server.skill_shelves import add_skills

        return add_skills(self, folder, path)

    def add_app(self, uri: str, html: "Html", **options: Unpack[AppOptions]) -> Resource:
        """Register a user interface that hosts show with the results of tools (MCP Apps, SEP-1865).

        Args:
            uri: such as `ui://clock/view.html`; tools name it with `ui=`.
            html: the page as text, the `Path` of the file it is in, or a function that gives it, sync or async.
            options: see `AppOptions`.

        Raises:
            UsageError: the URI is malformed or taken, or an option or the page cannot work.
        """
        from dragoman.server.apps import add_app

        return add_app(self, uri, html, options)

    def _read(self, function: Callable[..., Any], options: Mapping[str, Any], known: Any) -> Signature:
        refuse_unknown(options, known)
        name, description = options.get("name"), options.get("description")
        return read_signature(function, context_type=Context, name=name, description=description)

    def remove_tool(self, name: str) -> None:
        """Remove a tool; UsageError when there is none of this name."""
        self.tools.remove(name)

    def remove_resource(self, uri: str) -> None:
        """Remove a resource or a template; UsageError when there is none of this URI."""
        (self.templates if "{" in uri else self.resources).remove(uri)

    def remove_prompt(self, name: str) -> None:
        """Remove a prompt; UsageError when there is none of this name."""
        self.prompts.remove(name)

    def mount(self, other: "Server", *, prefix: str = "") -> None:
        """Show another server's features as this one's, now and when they change.

        Args:
            other: the server to mount; it runs as part of this one.
            prefix: put before names as `prefix_name` and into URIs as `scheme://prefix/rest`.

        Raises:
            UsageError: a name is taken, the server would contain itself, or it runs and the other has to be started.
        """
        if other.wants_start():
            self._running.refuse_if_on(f"{other!r} cannot be mounted")
        mount(self, other, prefix)

    def connect(self, connector: Attachable) -> None:
        """Attach a connector; it starts and closes with the server.

        Raises:
            UsageError: a connector of this name is attached already, a feature's name is taken, or the server runs.
        """
        self._running.refuse_if_on(f"connector '{connector.name}' cannot be attached")
        if connector.name in self.connectors:
            message = f"connector '{connector.name}' exists already; give one of the two another name."
            raise UsageError(message)
        attach(self, connector)

    def wants_start(self) -> bool:
        """Whether there is something to start: a lifespan, a connector, or a mounted server that wants it."""
        return self._running.has_lifespan or bool(self.connectors) or any(other.wants_start() for other in self.mounted)

    def capabilities(self, revision: Revision) -> dict[str, Any]:
        """What the server declares: a capability for each kind of feature it has (Capabilities)."""
        return _capabilities(self, revision)

    def declared_extensions(self) -> dict[str, dict[str, Any]]:
        """The settings of every extension that this server and those mounted on it declare, by name."""
        declared = [other.declared_extensions() for other in self.mounted]
        return {name: settings for each in (*declared, self.extensions) for name, settings in each.items()}

    def has_tasks(self) -> bool:
        """Whether a tool may become a task."""
        return any(tool.task is not None for tool in self.tools.named.values())

    def has_resource(self, uri: str) -> bool:
        """Whether a resource, template or skill answers to this URI."""
        if uri in self.resources.named:
            return True
        if any(skill.holds(uri) for skill in self.skills.named.values()):
            return self.access is None or not self.access.denies(uri)
        return any(template.template.match(uri) is not None for template in self.templates.named.values())

    def subscription(self, wanted: NotificationFilter) -> tuple[Subscriber, NotificationFilter]:
        """A subscriber for what a client wants and this server offers, and what that is (Acknowledgment).

        Raises:
            InvalidParams: it names more resources than one subscription may.
        """
        return _subscription(self, wanted)

    def notify_resource_updated(self, uri: str) -> None:
        """Tell whoever subscribed to a resource that it changed; from any thread."""
        self.changes.post(Change(watch.UPDATED, uri))

    def notify_resources_changed(self) -> None:
        """Tell clients that the list of resources changed, as when a template lists others now; from any thread."""
        self.changes.post(Change(watch.RESOURCES))

    def has_resources(self) -> bool:
        """Whether there is a resource or template."""
        return bool(self.resources.named or self.templates.named)

    async def start(self) -> None:
        """Get ready to serve: enter the lifespan, start the connectors. Every call wants a `close`."""
        await self._running.start()

    async def close(self) -> None:
        """Undo one `start`; the last one closes the connectors and leaves the lifespan."""
        await self._running.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()

    def asgi(
        self,
        path: str = "/mcp",
        *,
        allowed_hosts: Iterable[str] = (),
        allowed_origins: Iterable[str] = (),
        events: "EventStore | None" = None,
        sse: tuple[str, str] | None = None,
        home: str | None = None,
        gate: "Gate | None" = None,
        routes: "Mapping[str, App] | None" = None,
    ) -> "Endpoint":
        """The server as an ASGI application, to run on any ASGI server or to mount in Starlette or FastAPI.

        Args:
            path: where the endpoint is; requests elsewhere are answered with 404.
            allowed_hosts: values of the Host header to accept besides loopback names, such as `mcp.example.com`.
            allowed_origins: values of the Origin header to accept besides loopback ones.
            events: where the events of streams are kept for clients that lose their connection (revisions up to
                2025-11-25): in memory, or `SqliteEvents` to survive a restart.
            sse: the two routes of the HTTP+SSE transport of 2024-11-05, such as `("/sse", "/messages")`; None for off.
            home: the URL at which other processes behind the same balancer reach this one, so that they can send on the
                requests of its sessions; it needs `secrets`.
            gate: who lets requests in; None lets everybody in.
            routes: by path, ASGI applications that anybody may ask, such as the metadata of where to sign in.
        """
        from dragoman.transports.http import Endpoint

        return Endpoint(
            self,
            path,
            allowed_hosts=allowed_hosts,
            allowed_origins=allowed_origins,
            events=events,
            sse=sse,
            home=home,
            gate=gate,
            routes=routes,
        )

    def run(self, transport: str = "stdio", *, host: str = "127.0.0.1", port: int = 8000, path: str = "/mcp") -> None:
        """Serve until told to stop.

        Args:
            transport: `stdio` or `http`.
            host: the address to listen on (http).
            port: the port to listen on (http).
            path: where the endpoint is (http).

        Raises:
            UsageError: an unknown transport, or the port is taken.
        """
        if transport == "stdio":
            from dragoman.transports.stdio import run_stdio

            run_stdio(self)
        elif transport == "http":
            from dragoman.transports.uvicorn import run_http

            run_http(self, host=host, port=port, path=path)
        else:
            raise UsageError(f"transport '{transport}': use 'stdio' or 'http'.")


def _register(add: Callable[..., Any], function: Any, options: dict[str, Any]) -> Any:
    """Serve both ways to write a decorator: bare, and with a name or options."""
    if callable(function):
        add(function, **options)
        return function

    def register(decorated: Function) -> Function:
        add(decorated, **{"name": function, **options})
        return decorated

    return register


def _described(signature: Signature, options: Mapping[str, Any]) -> dict[str, Any]:
    """What every listing entry says."""
    return {
        "name": signature.name,
        "title": options.get("title") or UNSET,
        "description": signature.description or UNSET,
        "icons": options.get("icons") or UNSET,
        "meta": options.get("meta") or UNSET,
    }


def _typed(options: Mapping[str, Any]) -> dict[str, Any]:
    """What the entries of resources and templates say besides."""
    return {
        "mime_type": options.get("mime_type") or UNSET,
        "annotations": options.get("annotations") or UNSET,
    }


def _capabilities(server: Server, revision: Revision) -> dict[str, Any]:
    """A capability for each kind of feature that a server has."""
    changes = {"listChanged": True}
    completes = any(prompt.completers for prompt in server.prompts.named.values())
    completes = completes or any(template.completers for template in server.templates.named.values())
    offered: Iterable[tuple[str, dict[str, Any], Any]] = (
        ("completions", {}, completes and revision.name != "2024-11-05"),
        ("logging", {}, True),
        ("prompts", changes, server.prompts.named),
        ("resources", {"subscribe": True, **changes}, server.has_resources()),
        ("tools", changes, server.tools.named),
    )
    shown = {name: capability for name, capability, present in offered if present}
    if server.has_tasks():
        shown.update(TASK_CAPABILITIES.get(revision.tasks, {}))
    extensions = {**shown.get("extensions", {}), **server.declared_extensions()}
    return {**shown, "extensions": extensions} if extensions else shown


def _subscription(server: Server, wanted: NotificationFilter) -> tuple[Subscriber, NotificationFilter]:
    """What a client wants, as far as a server offers it."""
    if len(wanted.resource_subscriptions) > server.limits.subscribed_resources:
        message = f"One subscription may name {server.limits.subscribed_resources} resources; open several."
        raise InvalidParams(message)
    agreed = NotificationFilter(
        tools_list_changed=wanted.tools_list_changed and bool(server.tools.named),
        prompts_list_changed=wanted.prompts_list_changed and bool(server.prompts.named),
        resources_list_changed=wanted.resources_list_changed and server.has_resources(),
        resource_subscriptions=[uri for uri in wanted.resource_subscriptions if server.has_resource(uri)],
    )
    methods = (
        (watch.TOOLS, agreed.tools_list_changed),
        (watch.PROMPTS, agreed.prompts_list_changed),
        (watch.RESOURCES, agreed.resources_list_changed),
    )
    return Subscriber((name for name, on in methods if on), agreed.resource_subscriptions), agreed
