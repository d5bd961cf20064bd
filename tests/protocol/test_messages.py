"""Parameters and results: their names on the wire against the schemas, round trips, and what is refused."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import UNSET, Raw, Struct

from dragoman.protocol import messages
from dragoman.protocol.content import TextContent
from dragoman.protocol.messages import (
    LOG_LEVELS,
    NO_META,
    CallToolParams,
    CallToolResult,
    CancelledParams,
    CompleteParams,
    CompleteResult,
    Completion,
    DiscoverResult,
    EmptyResult,
    GetPromptParams,
    Implementation,
    InitializeParams,
    ListenParams,
    ListParams,
    ListToolsResult,
    LogParams,
    NotificationFilter,
    Params,
    ProgressParams,
    PromptInfo,
    PromptMessage,
    ReadResourceParams,
    RequestMeta,
    SetLevelParams,
    ToolAnnotations,
    ToolInfo,
)
from tests.protocol.definitions import Definitions, always_sent, survives, wire_names

# Struct: its definition in the schemas, where the name is another.
DEFINITION = {
    "RequestMeta": "RequestMetaObject",
    "Params": "RequestParams",
    "ListParams": "PaginatedRequestParams",
    "RetryParams": "InputResponseRequestParams",
    "CallToolParams": "CallToolRequestParams",
    "ReadResourceParams": "ReadResourceRequestParams",
    "GetPromptParams": "GetPromptRequestParams",
    "InitializeParams": "InitializeRequestParams",
    "SetLevelParams": "SetLevelRequestParams",
    "ResourceParams": "SubscribeRequestParams",
    "NotificationFilter": "SubscriptionFilter",
    "ListenParams": "SubscriptionsListenRequestParams",
    "CompletionArgument": "CompleteRequestParams.argument",
    "CompletionContext": "CompleteRequestParams.context",
    "CompleteParams": "CompleteRequestParams",
    "CancelledParams": "CancelledNotificationParams",
    "ProgressParams": "ProgressNotificationParams",
    "LogParams": "LoggingMessageNotificationParams",
    "Execution": "ToolExecution",
    "ToolInfo": "Tool",
    "ResourceInfo": "Resource",
    "ResourceTemplateInfo": "ResourceTemplate",
    "PromptInfo": "Prompt",
    "Completion": "CompleteResult.completion",
    "EmptyResult": "Result",
}
# Members of a definition that a struct leaves out, with the reason.
LEFT_OUT = {
    "CancelledParams": {"_meta"},  # nothing of ours stands in it, and nothing of theirs is read
    "ProgressParams": {"_meta"},
    "LogParams": {"_meta"},
}
# Members that a struct has and its newest definition has not, with the reason.
OLDER = {
    "InitializeResult": {"resultType"},  # of every result, never sent in that era
    "CallToolParams": {"task"},  # 2025-11-25, Tasks
    "ToolInfo": {"execution"},  # 2025-11-25, Tasks; shown by that revision alone
    "NotificationFilter": {"taskIds"},  # of the extension for tasks
}
# Members that requests must have by the schema and that we do without, with the reason.
LENIENT = {
    "Params": {"_meta"},  # older revisions have none; that it is whole is checked by the era
    "ListParams": {"_meta"},
    "RetryParams": {"_meta"},
    "CallToolParams": {"_meta"},
    "ReadResourceParams": {"_meta"},
    "GetPromptParams": {"_meta"},
    "CompleteParams": {"_meta"},
    "ListenParams": {"_meta"},
    "ResourceParams": {"_meta"},
    "RequestMeta": {
        "io.modelcontextprotocol/protocolVersion",
        "io.modelcontextprotocol/clientCapabilities",
        "io.modelcontextprotocol/clientInfo",
    },
    "InitializeParams": {"capabilities"},  # a client without any may forget to say so
}
# Members that may be left out by the schema and that we always send, with the reason.
ALWAYS = {
    "Execution": {"taskSupport"},  # what it is sent for
}
ERA = {"resultType", "ttlMs", "cacheScope"}  # filled in by the era


def own(kind: type[Struct]) -> list[type[Struct]]:
    """The structs of the module under test."""
    return [
        shape
        for shape in vars(messages).values()
        if isinstance(shape, type) and issubclass(shape, kind) and shape.__module__ == messages.__name__
    ]


@pytest.fixture(scope="session")
def definitions(shared_data: Path) -> Definitions:
    return Definitions(shared_data)


@pytest.mark.parametrize("shape", [shape for shape in own(Struct) if shape.__name__ != "Reference"])
def test_names_are_those_of_the_schema(shape: type[Struct], definitions: Definitions) -> None:
    name = shape.__name__
    definition = DEFINITION.get(name, name)
    assert wire_names(shape) - OLDER.get(name, set()) == members(definitions, definition) - LEFT_OUT.get(name, set())
    asked = set(definitions.newest(definition).get("required", ())) - ERA - LENIENT.get(name, set())
    assert always_sent(shape) == asked | ALWAYS.get(name, set())


def members(definitions: Definitions, name: str) -> set[str]:
    return set(definitions.newest(name)["properties"])


def test_references_are_those_of_the_schema(definitions: Definitions) -> None:
    both = definitions.members("PromptReference") | definitions.members("ResourceTemplateReference")
    assert wire_names(messages.Reference) | {"title"} == both  # a title is for people and decides nothing


def test_log_levels_are_those_of_the_schema_mildest_first(definitions: Definitions) -> None:
    assert set(LOG_LEVELS) == set(definitions.newest("LoggingLevel")["enum"])
    assert LOG_LEVELS[0] == "debug"
    assert LOG_LEVELS[-1] == "emergency"


def decode(shape: Any, sent: bytes) -> Any:
    return msgspec.json.decode(sent, type=shape)


META = RequestMeta(
    protocol_version="2026-07-28",
    client_capabilities={"roots": {}},
    client_info=Implementation("c", "1"),
    log_level="info",
    progress_token="t",
)


@pytest.mark.parametrize(
    "value",
    [
        NO_META,
        META,
        Params(),
        Params(meta=META),
        ListParams(cursor="c"),
        CallToolParams(name="t", arguments=Raw(b'{"a":[1]}'), meta=META),
        CallToolParams(name="t", arguments=Raw(b"{}"), input_responses={"a": Raw(b"[1]")}, request_state="s"),
        ReadResourceParams(uri="a:b"),
        GetPromptParams(name="p", arguments={"a": "b"}),
        InitializeParams(protocol_version="2025-11-25", client_info=Implementation("c", "1")),
        SetLevelParams(level="warning"),
        ListenParams(notifications=NotificationFilter(tools_list_changed=True, resource_subscriptions=["a:b"])),
        CompleteParams(ref=messages.Reference("ref/prompt", name="p"), argument=messages.CompletionArgument("a", "b")),
        CancelledParams("x", "too slow"),
        ProgressParams(1, 0.5, 2.0, "half"),
        LogParams("error", {"a": [1]}, "l"),
        ToolInfo(name="t", input_schema={"type": "object"}, annotations=ToolAnnotations(read_only_hint=False)),
        PromptInfo(name="p", arguments=[]),
        PromptMessage("user", TextContent("t")),
        CallToolResult(content=[TextContent("t")], structured_content=Raw(b"[1]"), is_error=True, meta={"a": 1}),
        ListToolsResult(tools=[ToolInfo(name="t", input_schema={})], next_cursor="c", ttl_ms=0, cache_scope="public"),
        DiscoverResult(supported_versions=["2026-07-28"], capabilities={}),
        CompleteResult(completion=Completion(["a"], 1, has_more=False)),
        EmptyResult(result_type="complete"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_round_trips(value: Any) -> None:
    assert survives(value, type(value))


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (EmptyResult(), {}),
        (CancelledParams(7), {"requestId": 7}),
        (ProgressParams("t", 1.0), {"progressToken": "t", "progress": 1.0}),
        (LogParams("info", None), {"level": "info", "data": None}),
        (CallToolResult(content=[]), {"content": []}),
        (CallToolResult(content=[], is_error=False), {"content": [], "isError": False}),
        (
            ToolInfo(name="t", input_schema={}, annotations=ToolAnnotations(destructive_hint=False)),
            {"name": "t", "inputSchema": {}, "annotations": {"destructiveHint": False}},
        ),
        (NotificationFilter(prompts_list_changed=True), {"promptsListChanged": True}),
    ],
    ids=repr,
)
def test_what_is_unset_is_not_sent(value: Any, sent: dict[str, Any]) -> None:
    assert msgspec.to_builtins(value) == sent


def test_arguments_stay_raw_and_may_be_left_out() -> None:
    assert bytes(decode(CallToolParams, b'{"name":"t"}').arguments) == b"{}"
    assert bytes(decode(CallToolParams, b'{"name":"t","arguments":{"a" : 1.50}}').arguments) == b'{"a" : 1.50}'


def test_metadata_of_others_is_passed_over() -> None:
    params = decode(
        Params, b'{"_meta":{"traceparent":"00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01","a/b":[1]}}'
    )
    assert params.meta == NO_META
    assert decode(Params, b'{"_META":{"progressToken":1},"_meta":{}}').meta.progress_token is UNSET


@pytest.mark.parametrize("token", ['"t"', '""', "0", "-1", "9007199254740991", '"' + "t" * 1024 + '"'])
def test_progress_tokens(token: str) -> None:
    sent = f'{{"_meta":{{"progressToken":{token}}}}}'.encode()
    assert decode(Params, sent).meta.progress_token == msgspec.json.decode(token)


@pytest.mark.parametrize(
    "token",
    ["null", "true", "1.0", "1.5", "[]", "{}", "9007199254740992", '"' + "t" * 1025 + '"'],
    ids=lambda t: t[:20],
)
def test_no_progress_tokens(token: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="progressToken"):
        decode(Params, f'{{"_meta":{{"progressToken":{token}}}}}'.encode())


@pytest.mark.parametrize(
    ("shape", "sent"),
    [
        (Params, b"[]"),
        (Params, b"null"),
        (Params, b'{"_meta":null}'),
        (Params, b'{"_meta":[]}'),
        (Params, b'{"_meta":{"io.modelcontextprotocol/protocolVersion":5}}'),
        (Params, b'{"_meta":{"io.modelcontextprotocol/clientCapabilities":[]}}'),
        (Params, b'{"_meta":{"io.modelcontextprotocol/clientInfo":{"name":"c"}}}'),
        (ListParams, b'{"cursor":5}'),
        (ListParams, b'{"cursor":null}'),
        (ListParams, b'{"cursor":"%b"}' % (b"c" * 4097)),
        (CallToolParams, b"{}"),
        (CallToolParams, b'{"Name":"t"}'),
        (CallToolParams, b'{"name":["t"]}'),
        (CallToolParams, b'{"name":"%b"}' % (b"t" * 4097)),
        (CallToolParams, b'{"name":"t","inputResponses":[]}'),
        (CallToolParams, b'{"name":"t","requestState":{}}'),
        (ReadResourceParams, b'{"uri":null}'),
        (ReadResourceParams, b'{"uri":"%b"}' % (b"u" * 4097)),
        (GetPromptParams, b'{"name":"p","arguments":{"a":1}}'),
        (GetPromptParams, b'{"name":"p","arguments":[]}'),
        (InitializeParams, b'{"protocolVersion":"2025-11-25"}'),
        (InitializeParams, b'{"protocolVersion":1,"clientInfo":{"name":"c","version":"1"}}'),
        (SetLevelParams, b'{"level":"loud"}'),
        (SetLevelParams, b'{"level":"INFO"}'),
        (CancelledParams, b"{}"),
        (CancelledParams, b'{"requestId":null}'),
        (CancelledParams, b'{"requestId":1.5}'),
        (CompleteParams, b'{"ref":{"type":"ref/tool"},"argument":{"name":"a","value":"b"}}'),
        (Completion, b'{"values":[%b"a"]}' % (b'"a",' * 100)),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else repr(value[:60]),
)
def test_what_is_refused(shape: type[Struct], sent: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        decode(shape, sent)


def test_parameters_are_not_shared_between_requests() -> None:
    first, second = decode(GetPromptParams, b'{"name":"p"}'), decode(GetPromptParams, b'{"name":"p"}')
    first.arguments["a"] = "b"
    assert second.arguments == {}
    one, other = decode(InitializeParams, INITIALIZE), decode(InitializeParams, INITIALIZE)
    one.capabilities["roots"] = {}
    assert other.capabilities == {}


INITIALIZE = b'{"protocolVersion":"2025-11-25","clientInfo":{"name":"c","version":"1"}}'
