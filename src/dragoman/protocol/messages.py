"""Parameters and results of every method, one struct per shape for all revisions (schema/<revision>.json).

Parameters are decoded, so fields that a request must have are required here. Results are encoded: a field that is
UNSET is not sent, and `result_type`, `meta`, `ttl_ms` and `cache_scope` are filled in by the era (`modern.py`).
"""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

from dragoman.protocol.content import Annotations, ContentBlock, Icon, ResourceContents, Role

LogLevel = Literal["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]
LOG_LEVELS: tuple[LogLevel, ...] = (
    "debug",
    "info",
    "notice",
    "warning",
    "error",
    "critical",
    "alert",
    "emergency",
)
CacheScope = Literal["public", "private"]
_Token = Annotated[str, Meta(max_length=1024)] | Annotated[int, Meta(ge=-(2**53) + 1, le=2**53 - 1)]
_Name = Annotated[str, Meta(max_length=4096)]
_EMPTY = Raw(b"{}")


class Implementation(Struct, rename="camel", omit_defaults=True):
    """The name and version of a client or server; self-reported, for display only."""

    name: str
    version: str
    title: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    website_url: str | UnsetType = UNSET
    icons: list[Icon] | UnsetType = UNSET


class RequestMeta(Struct):
    """What a request's `_meta` may say; the fields of 2026-07-28 are absent in older revisions."""

    protocol_version: str | UnsetType = field(default=UNSET, name="io.modelcontextprotocol/protocolVersion")
    client_capabilities: dict[str, Any] | UnsetType = field(
        default=UNSET, name="io.modelcontextprotocol/clientCapabilities"
    )
    client_info: Implementation | UnsetType = field(default=UNSET, name="io.modelcontextprotocol/clientInfo")
    log_level: str | UnsetType = field(default=UNSET, name="io.modelcontextprotocol/logLevel")
    progress_token: _Token | UnsetType = field(default=UNSET, name="progressToken")


NO_META = RequestMeta()


class Params(Struct):
    """What the parameters of every request may hold."""

    meta: RequestMeta | UnsetType = field(default=UNSET, name="_meta")


class ListParams(Params):
    """Parameters of the four listings."""

    cursor: _Name | UnsetType = UNSET


class RetryParams(Params, rename="camel", kw_only=True):
    """Parameters of the requests that may be retried with answers (2026-07-28, Multi Round-Trip Requests)."""

    input_responses: dict[str, Raw] | UnsetType = UNSET
    request_state: str | UnsetType = UNSET


class TaskMetadata(Struct):
    """What a request of 2025-11-25 says of the task it wants; `ttl` in milliseconds."""

    ttl: int | UnsetType | None = UNSET


class CallToolParams(RetryParams, rename="camel", kw_only=True):
    """Parameters of `tools/call`; the arguments stay raw until the tool's own decoder reads them."""

    name: _Name
    arguments: Raw = _EMPTY
    task: TaskMetadata | UnsetType = UNSET


class ReadResourceParams(RetryParams, rename="camel", kw_only=True):
    """Parameters of `resources/read`."""

    uri: _Name


class GetPromptParams(RetryParams, rename="camel", kw_only=True):
    """Parameters of `prompts/get`."""

    name: _Name
    arguments: dict[str, str] = {}


class InitializeParams(Params, rename="camel", kw_only=True):
    """Parameters of `initialize` (up to 2025-11-25)."""

    protocol_version: str
    capabilities: dict[str, Any] = {}
    client_info: Implementation


class SetLevelParams(Params, kw_only=True):
    """Parameters of `logging/setLevel` (up to 2025-11-25)."""

    level: LogLevel


class ResourceParams(Params, kw_only=True):
    """Parameters of `resources/subscribe` and `resources/unsubscribe` (up to 2025-11-25)."""

    uri: _Name


class NotificationFilter(Struct, rename="camel", omit_defaults=True):
    """Which changes a subscription is about (2026-07-28, Subscriptions)."""

    tools_list_changed: bool = False
    prompts_list_changed: bool = False
    resources_list_changed: bool = False
    resource_subscriptions: list[_Name] = []
    task_ids: list[_Name] = []


class ListenParams(Params, kw_only=True):
    """Parameters of `subscriptions/listen`."""

    notifications: NotificationFilter


class CompletionArgument(Struct):
    """What is being typed: the argument's name and its text so far."""

    name: _Name
    value: str


class CompletionContext(Struct):
    """The arguments that have their values already."""

    arguments: dict[str, str] = {}


class Reference(Struct):
    """What is completed: `ref/prompt` with a name, or `ref/resource` with a URI template."""

    type: Literal["ref/prompt", "ref/resource"]
    name: str | UnsetType = UNSET
    uri: str | UnsetType = UNSET


class CompleteParams(Params, kw_only=True):
    """Parameters of `completion/complete`."""

    ref: Reference
    argument: CompletionArgument
    context: CompletionContext | UnsetType = UNSET


class CancelledParams(Struct, rename="camel"):
    """Parameters of `notifications/cancelled`."""

    request_id: int | str
    reason: str | UnsetType = UNSET


class ProgressParams(Struct, rename="camel"):
    """Parameters of `notifications/progress`."""

    progress_token: int | str
    progress: float
    total: float | UnsetType = UNSET
    message: str | UnsetType = UNSET


class LogParams(Struct, rename="camel"):
    """Parameters of `notifications/message`."""

    level: LogLevel
    data: Any
    logger: str | UnsetType = UNSET


class ToolAnnotations(Struct, rename="camel", omit_defaults=True):
    """Hints on what a tool does (2025-03-26 on); clients must not trust a stranger's.

    Args:
        title: a name for people.
        read_only_hint: it changes nothing.
        destructive_hint: it may delete or overwrite.
        idempotent_hint: calling it again with the same arguments changes nothing more.
        open_world_hint: it reaches beyond what this server holds.
    """

    title: str | UnsetType = UNSET
    read_only_hint: bool | UnsetType = UNSET
    destructive_hint: bool | UnsetType = UNSET
    idempotent_hint: bool | UnsetType = UNSET
    open_world_hint: bool | UnsetType = UNSET


class Execution(Struct, rename="camel"):
    """How a tool runs: whether as a task (2025-11-25)."""

    task_support: Literal["forbidden", "optional", "required"]


class ToolInfo(Struct, rename="camel", kw_only=True):
    """A tool as `tools/list` shows it."""

    name: str
    title: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    input_schema: Any
    output_schema: Any | UnsetType = UNSET
    execution: Execution | UnsetType = UNSET
    annotations: ToolAnnotations | UnsetType = UNSET
    icons: list[Icon] | UnsetType = UNSET
    meta: dict[str, Any] | UnsetType = field(default=UNSET, name="_meta")


class ResourceInfo(Struct, rename="camel", kw_only=True):
    """A resource as `resources/list` shows it; `size` in bytes."""

    uri: str
    name: str
    title: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    mime_type: str | UnsetType = UNSET
    size: int | UnsetType = UNSET
    annotations: Annotations | UnsetType = UNSET
    icons: list[Icon] | UnsetType = UNSET
    meta: dict[str, Any] | UnsetType = field(default=UNSET, name="_meta")


class ResourceTemplateInfo(Struct, rename="camel", kw_only=True):
    """A template as `resources/templates/list` shows it."""

    uri_template: str
    name: str
    title: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    mime_type: str | UnsetType = UNSET
    annotations: Annotations | UnsetType = UNSET
    icons: list[Icon] | UnsetType = UNSET
    meta: dict[str, Any] | UnsetType = field(default=UNSET, name="_meta")


class PromptArgument(Struct, omit_defaults=True):
    """An argument of a prompt; every value is a string on the wire."""

    name: str
    title: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    required: bool | UnsetType = UNSET


class PromptInfo(Struct, rename="camel", kw_only=True):
    """A prompt as `prompts/list` shows it."""

    name: str
    title: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    arguments: list[PromptArgument] | UnsetType = UNSET
    icons: list[Icon] | UnsetType = UNSET
    meta: dict[str, Any] | UnsetType = field(default=UNSET, name="_meta")


class PromptMessage(Struct):
    """One message of a prompt."""

    role: Role
    content: ContentBlock


class Result(Struct, rename="camel", kw_only=True):
    """What every result may hold; the era fills both in."""

    result_type: str | UnsetType = UNSET
    meta: dict[str, Any] | Raw | UnsetType = field(default=UNSET, name="_meta")


class CacheableResult(Result, rename="camel", kw_only=True):
    """A result that a client may keep: milliseconds of freshness, and for whom (2026-07-28, Caching)."""

    ttl_ms: int | UnsetType = UNSET
    cache_scope: CacheScope | UnsetType = UNSET


class CallToolResult(Result, rename="camel", kw_only=True):
    """The result of `tools/call`; structured content is an encoded JSON value."""

    content: list[ContentBlock]
    structured_content: Raw | UnsetType = UNSET
    is_error: bool | UnsetType = UNSET


class ReadResourceResult(CacheableResult, rename="camel", kw_only=True):
    """The result of `resources/read`."""

    contents: list[ResourceContents]


class GetPromptResult(Result, rename="camel", kw_only=True):
    """The result of `prompts/get`."""

    description: str | UnsetType = UNSET
    messages: list[PromptMessage]


class ListToolsResult(CacheableResult, rename="camel", kw_only=True):
    """A page of tools."""

    tools: list[ToolInfo]
    next_cursor: str | UnsetType = UNSET


class ListResourcesResult(CacheableResult, rename="camel", kw_only=True):
    """A page of resources."""

    resources: list[ResourceInfo]
    next_cursor: str | UnsetType = UNSET


class ListResourceTemplatesResult(CacheableResult, rename="camel", kw_only=True):
    """A page of templates."""

    resource_templates: list[ResourceTemplateInfo]
    next_cursor: str | UnsetType = UNSET


class ListPromptsResult(CacheableResult, rename="camel", kw_only=True):
    """A page of prompts."""

    prompts: list[PromptInfo]
    next_cursor: str | UnsetType = UNSET


class InitializeResult(Result, rename="camel", kw_only=True):
    """The result of `initialize` (up to 2025-11-25)."""

    protocol_version: str
    capabilities: dict[str, Any]
    server_info: Implementation
    instructions: str | UnsetType = UNSET


class DiscoverResult(CacheableResult, rename="camel", kw_only=True):
    """The result of `server/discover` (2026-07-28)."""

    supported_versions: list[str]
    capabilities: dict[str, Any]
    instructions: str | UnsetType = UNSET


class Completion(Struct, rename="camel"):
    """Suggestions, at most 100 of them.

    Args:
        values: the suggestions, best first.
        total: how many there are in all.
        has_more: whether there are more than these.
    """

    values: Annotated[list[str], Meta(max_length=100)]
    total: int | UnsetType = UNSET
    has_more: bool | UnsetType = UNSET


class CompleteResult(Result, kw_only=True):
    """The result of `completion/complete`."""

    completion: Completion


class EmptyResult(Result):
    """A result that says only that it is done."""
