"""METHODS: what the server does for each method, one row each. A new method is a new row.

Which revision has which method is said in `protocol/revisions.py`. A handler takes the exchange and the decoded
parameters and returns a result for the era to stamp, or raw bytes that were stamped before.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import UNSET, Raw

from dragoman.errors import InsufficientScope, InvalidParams, ResourceNotFound
from dragoman.protocol import apps as protocol_apps
from dragoman.protocol import headers
from dragoman.protocol.legacy import negotiate
from dragoman.protocol.messages import (
    CallToolParams,
    CompleteParams,
    CompleteResult,
    DiscoverResult,
    EmptyResult,
    GetPromptParams,
    GetPromptResult,
    InitializeParams,
    InitializeResult,
    ListenParams,
    ListParams,
    Params,
    ReadResourceParams,
    ReadResourceResult,
    ResourceParams,
    Result,
    RetryParams,
    SetLevelParams,
)
from dragoman.protocol.modern import SUBSCRIPTION_ID
from dragoman.protocol.revisions import LATEST_LEGACY, LEGACY, SUPPORTED
from dragoman.protocol.skills import DirectoryParams, SkillParams
from dragoman.protocol.tasks import CHANGED, TaskParams, UpdateTaskParams
from dragoman.server import apps, completions, skill_methods, task_methods
from dragoman.server.exchange import Exchange
from dragoman.server.features import entry_of
from dragoman.server.suggest import nearest
from dragoman.server.watch import Change

Run = Callable[[Exchange, Any], Awaitable[Result | Raw]]


class Method(NamedTuple):
    """One row: how the parameters are decoded, who answers, and whether the answer may be a question first."""

    name: str
    decode: Callable[[Raw], Params]
    run: Run
    may_ask: bool


async def discover(exchange: Exchange, _params: Params) -> Result:
    """`server/discover` (2026-07-28)."""
    server = exchange.server
    instructions = UNSET if server.instructions is None else server.instructions
    return DiscoverResult(
        supported_versions=SUPPORTED,
        capabilities=server.capabilities(exchange.revision),
        instructions=instructions,
        ttl_ms=round(server.limits.fresh_seconds * 1000),
        cache_scope=server.tools.cache_scope,
    )


async def initialize(exchange: Exchange, params: InitializeParams) -> Result:
    """`initialize` (up to 2025-11-25): agree on the revision, which the exchange then holds for its wire to keep."""
    server = exchange.server
    exchange.revision = negotiate(params.protocol_version, LEGACY, LATEST_LEGACY)
    exchange.client_info = params.client_info
    exchange.capabilities = params.capabilities
    return InitializeResult(
        protocol_version=exchange.revision.name,
        capabilities=server.capabilities(exchange.revision),
        server_info=server.info,
        instructions=UNSET if server.instructions is None else server.instructions,
    )


async def set_level(exchange: Exchange, params: SetLevelParams) -> Result:
    """`logging/setLevel` (up to 2025-11-25)."""
    exchange.keep_log_level(params.level)
    return EmptyResult()


async def ping(_exchange: Exchange, _params: Params) -> Result:
    """`ping` (up to 2025-11-25)."""
    return EmptyResult()


async def listen(exchange: Exchange, params: ListenParams) -> Result:
    """`subscriptions/listen` (2026-07-28): the acknowledgement, then changes until the client or the server ends it."""
    server = exchange.server
    subscriber, agreed = server.subscription(params.notifications)
    task_methods.agree(exchange, subscriber, params.notifications, agreed)
    meta = {"_meta": {SUBSCRIPTION_ID: exchange.id}}

    async def tell(change: Change) -> None:
        told = task_methods.notification(exchange, change.task) if change.method == CHANGED else change.params()
        if told is not None:
            await exchange.notify(change.method, {**told, **meta})

    def tell_now(change: Change) -> bool:
        return change.method != CHANGED and exchange.notify_now(change.method, {**change.params(), **meta})

    server.changes.add(subscriber)
    try:
        await exchange.notify("notifications/subscriptions/acknowledged", {"notifications": agreed, **meta})
        await subscriber.changes(tell, exchange.rested, tell_now)
        if exchange.shares_channel:  # no stream closes with the answer there (Cancellation; schema)
            await exchange.notify("notifications/cancelled", {"requestId": exchange.id, "reason": "The server ends."})
    finally:
        server.changes.remove(subscriber)
    return EmptyResult(meta={SUBSCRIPTION_ID: exchange.id})


async def subscribe(exchange: Exchange, params: ResourceParams) -> Result:
    """`resources/subscribe` (up to 2025-11-25)."""
    server, uris = exchange.server, exchange.subscriber().uris
    if not server.has_resource(params.uri):
        raise ResourceNotFound(params.uri)
    if len(uris) >= server.limits.subscribed_resources and params.uri not in uris:
        message = f"This session follows {len(uris)} resources already; unsubscribe from one first."
        raise InvalidParams(message)
    uris.add(params.uri)
    return EmptyResult()


async def unsubscribe(exchange: Exchange, params: ResourceParams) -> Result:
    """`resources/unsubscribe` (up to 2025-11-25)."""
    exchange.subscriber().uris.discard(params.uri)
    return EmptyResult()


async def complete(exchange: Exchange, params: CompleteParams) -> Result:
    """`completion/complete`."""
    return CompleteResult(completion=await completions.complete(exchange, params))


async def list_tools(exchange: Exchange, params: ListParams) -> Raw:
    """`tools/list`; tools that are only for user interfaces are told to who shows these (MCP Apps, Visibility)."""
    server, revision = exchange.server, exchange.revision
    if protocol_apps.EXTENSION in server.declared_extensions() and not protocol_apps.declared(exchange.capabilities):
        page = apps.page_for_models(server, revision, _cursor(params))
        if page is not None:
            return page
    return server.tools.page(revision, server.identity, _cursor(params))


async def list_templates(exchange: Exchange, params: ListParams) -> Raw:
    """`resources/templates/list`."""
    return exchange.server.templates.page(exchange.revision, exchange.server.identity, _cursor(params))


async def list_prompts(exchange: Exchange, params: ListParams) -> Raw:
    """`prompts/list`."""
    return exchange.server.prompts.page(exchange.revision, exchange.server.identity, _cursor(params))


async def list_resources(exchange: Exchange, params: ListParams) -> Raw:
    """`resources/list`: what is registered, then what the templates' listers name."""
    server, revision = exchange.server, exchange.revision
    listers = [template.lister for template in list(server.templates.named.values()) if template.lister is not None]
    if not listers:
        return server.resources.page(revision, server.identity, _cursor(params))
    more = [entry_of(info, revision.entry_fields) for lister in listers for info in await lister(exchange)]
    return server.resources.assemble(revision, server.identity, _cursor(params), more)


async def call_tool(exchange: Exchange, params: CallToolParams) -> Result:
    """`tools/call`."""
    tools = exchange.server.tools.named
    tool = tools.get(params.name)
    if tool is None:
        withheld = exchange.server.withheld
        if withheld is not None and (scopes := withheld(params.name)):
            raise InsufficientScope(scopes)
        raise InvalidParams(_unknown("tool", params.name, tools))
    if tool.rule is not None and not tool.rule.allows(exchange.principal, _decoded(params.arguments)):
        others = {name: one for name, one in tools.items() if name != params.name}  # it is not there for this call
        raise InvalidParams(_unknown("tool", params.name, others))
    if tool.headers and exchange.mirrored is not None:
        headers.check(tool.headers, params.arguments, exchange.mirrored)
    if tool.task is not None or params.task is not UNSET:
        return await task_methods.call(exchange, tool, params)
    return await tool.run(params.arguments, exchange)


async def read_resource(exchange: Exchange, params: ReadResourceParams) -> ReadResourceResult:
    """`resources/read`: a registered URI first, then the templates in the order they were added, then the skills."""
    server, uri = exchange.server, params.uri
    resource = server.resources.named.get(uri)
    if resource is not None:
        return await resource.reader.read(uri, {}, exchange)
    for template in list(server.templates.named.values()):
        variables = template.template.match(uri)
        if variables is not None:
            return await template.reader.read(uri, variables, exchange)
    of_skill = await skill_methods.read(server, uri)
    if of_skill is None:
        raise ResourceNotFound(uri)
    return of_skill


async def get_prompt(exchange: Exchange, params: GetPromptParams) -> GetPromptResult:
    """`prompts/get`."""
    prompts = exchange.server.prompts.named
    prompt = prompts.get(params.name)
    if prompt is None:
        raise InvalidParams(_unknown("prompt", params.name, prompts))
    return await prompt.get(params.arguments, exchange)


def _decoded(arguments: Raw) -> dict[str, Any]:
    try:
        return msgspec.json.decode(arguments, type=dict[str, Any])
    except msgspec.MsgspecError:
        raise InvalidParams("'arguments' must be an object.") from None


def _cursor(params: ListParams) -> str | None:
    return None if params.cursor is UNSET else params.cursor


def _unknown(noun: str, name: str, known: Mapping[str, Any]) -> str:
    close = nearest(name, known)
    hint = f"Did you mean '{close}'?" if close else f"List the {noun}s to see what there is."
    return f"Unknown {noun}: {name[:128]!r}. {hint}"


def _row(name: str, params: type[Params], run: Run) -> Method:
    return Method(name, msgspec.json.Decoder(params).decode, run, issubclass(params, RetryParams))


_ROWS: Final = (
    _row("server/discover", Params, discover),
    _row("initialize", InitializeParams, initialize),
    _row("ping", Params, ping),
    _row("logging/setLevel", SetLevelParams, set_level),
    _row("subscriptions/listen", ListenParams, listen),
    _row("resources/subscribe", ResourceParams, subscribe),
    _row("resources/unsubscribe", ResourceParams, unsubscribe),
    _row("tasks/get", TaskParams, task_methods.get),
    _row("tasks/update", UpdateTaskParams, task_methods.update),
    _row("tasks/cancel", TaskParams, task_methods.cancel),
    _row("tasks/result", TaskParams, task_methods.result),
    _row("tasks/list", ListParams, task_methods.list_),
    _row("completion/complete", CompleteParams, complete),
    _row("tools/list", ListParams, list_tools),
    _row("tools/call", CallToolParams, call_tool),
    _row("resources/list", ListParams, list_resources),
    _row("resources/templates/list", ListParams, list_templates),
    _row("resources/read", ReadResourceParams, read_resource),
    _row("resources/directory/read", DirectoryParams, skill_methods.read_directory),
    _row("skills/list", ListParams, skill_methods.list_),
    _row("skills/get", SkillParams, skill_methods.get),
    _row("prompts/list", ListParams, list_prompts),
    _row("prompts/get", GetPromptParams, get_prompt),
)

METHODS: Final[Mapping[str, Method]] = {row.name: row for row in _ROWS}
