"""The table of revisions, cell by cell against the official schemas, and what is sent against each of them."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from msgspec import Raw, structs

from dragoman.errors import Fault, InvalidParams, MethodNotFound, ResourceNotFound
from dragoman.protocol import asking, legacy, modern
from dragoman.protocol import messages as wire
from dragoman.protocol.content import (
    Annotations,
    AudioContent,
    ContentBlock,
    EmbeddedResource,
    Icon,
    ImageContent,
    ResourceContents,
    ResourceLink,
    TextContent,
)
from dragoman.protocol.revisions import (
    LATEST_LEGACY,
    LATEST_MODERN,
    LEGACY,
    MODERN,
    REVISIONS,
    SUPPORTED,
    WITHOUT_HEADER,
    Revision,
)

# What the schemas have and this table does not: a row that is not needed fails.
NOT_OFFERED = {
    "2025-11-25": {"notifications/tasks/status"},  # of tasks on the client's side, which this server never begins
}
# What this table has and the schemas do not: of an extension, with a document of its own.
TASKS = {"tasks/get", "tasks/update", "tasks/cancel"}
SKILLS = {"skills/list", "skills/get", "resources/directory/read"}
EXTENSIONS = dict.fromkeys(REVISIONS, SKILLS) | {"2026-07-28": SKILLS | TASKS}

# Streamable HTTP, Standard Request Headers: the requests that Mcp-Name is required for.
NAMED = {"tools/call": "CallTool", "resources/read": "ReadResource", "prompts/get": "GetPrompt"}
BY_NAME = [pytest.param(revision, id=name) for name, revision in REVISIONS.items()]


class Schema:
    """The official schema of one revision."""

    def __init__(self, folder: Path, name: str) -> None:
        self.document = json.loads((folder / "schema" / f"{name}.json").read_text("utf-8"))
        self.keyword = "$defs" if "$defs" in self.document else "definitions"
        self.definitions: dict[str, Any] = self.document[self.keyword]

    def methods(self, union: str) -> set[str]:
        """The method names of a union of messages."""
        node = self.definitions[union]
        names = [choice["$ref"].rpartition("/")[2] for choice in node.get("anyOf", [node]) if "$ref" in choice]
        found = [self.definitions[name] for name in names] or [node]
        return {message["properties"]["method"]["const"] for message in found}

    def fields(self, definition: str) -> set[str]:
        """The members that a definition names."""
        return set(self.definitions[definition]["properties"])

    def problems(self, definition: str, value: Any) -> list[str]:
        """Where a value breaks a definition."""
        validator = jsonschema_rs.validator_for(
            {
                "$schema": self.document["$schema"],
                "$ref": f"#/{self.keyword}/{definition}",
                self.keyword: self.definitions,
            }
        )
        return [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(value)]


@pytest.fixture
def schema(shared_data: Path, revision: Revision) -> Schema:
    return Schema(shared_data, revision.name)


def test_every_published_revision_has_its_row(shared_data: Path) -> None:
    assert list(REVISIONS) == sorted(path.stem for path in (shared_data / "schema").glob("*.json"))


def test_the_rows_by_era() -> None:
    assert REVISIONS == {**LEGACY, **MODERN}
    assert list(MODERN) == ["2026-07-28"]
    assert LATEST_MODERN.name == max(MODERN)
    assert LATEST_LEGACY.name == max(LEGACY) == "2025-11-25"
    assert list(REVISIONS) == SUPPORTED[::-1] == sorted(SUPPORTED)
    assert WITHOUT_HEADER.name == "2025-03-26"
    for revision in REVISIONS.values():
        assert revision.modern is (revision.name in MODERN)
        assert revision.stamp is (modern.stamp if revision.modern else legacy.stamp)


@pytest.mark.parametrize("revision", BY_NAME)
def test_requests_and_notifications(revision: Revision, schema: Schema) -> None:
    extra, missing = EXTENSIONS[revision.name], NOT_OFFERED.get(revision.name, set())
    assert not extra & schema.methods("ClientRequest")
    assert revision.methods == schema.methods("ClientRequest") | extra
    assert missing <= schema.methods("ClientNotification")
    assert revision.notifications == schema.methods("ClientNotification") - missing


@pytest.mark.parametrize("revision", BY_NAME)
def test_batches(revision: Revision, schema: Schema) -> None:
    assert revision.batches is ("JSONRPCBatchRequest" in schema.definitions)


@pytest.mark.parametrize("revision", BY_NAME)
def test_content_blocks(revision: Revision, schema: Schema) -> None:
    union = schema.definitions.get("ContentBlock") or schema.definitions["PromptMessage"]["properties"]["content"]
    known = {choice["$ref"].rpartition("/")[2] for choice in union["anyOf"]}
    assert {block.__name__ for block in revision.content} == known


@pytest.mark.parametrize("revision", BY_NAME)
def test_listing_entries(revision: Revision, schema: Schema) -> None:
    assert revision.tool_fields == schema.fields("Tool")
    others = schema.fields("Resource") | schema.fields("ResourceTemplate") | schema.fields("Prompt")
    assert revision.entry_fields == others


@pytest.mark.parametrize("revision", BY_NAME)
def test_structured_content(revision: Revision, schema: Schema) -> None:
    node = schema.definitions["CallToolResult"]["properties"].get("structuredContent")
    if node is None:
        assert revision.structured == "none"
    else:
        assert revision.structured == ("object" if node.get("type") == "object" else "any")


@pytest.mark.parametrize("revision", BY_NAME)
def test_progress_and_elicitation(revision: Revision, schema: Schema) -> None:
    params = schema.definitions.get("ProgressNotificationParams")
    if params is None:
        params = schema.definitions["ProgressNotification"]["properties"]["params"]
    assert revision.progress_message is ("message" in params["properties"])
    assert revision.elicitation_modes is ("ElicitRequestURLParams" in schema.definitions)


@pytest.mark.parametrize("revision", BY_NAME)
def test_named_headers_mirror_parameters_that_exist(revision: Revision, schema: Schema) -> None:
    assert bool(revision.name_sources) is revision.modern
    core = {method: source for method, source in revision.name_sources.items() if method in NAMED}
    assert core == (dict.fromkeys(NAMED, "name") | {"resources/read": "uri"} if revision.modern else {})
    assert all(source in schema.fields(f"{NAMED[method]}RequestParams") for method, source in core.items())
    assert revision.name_sources.keys() - NAMED.keys() <= EXTENSIONS[revision.name]


@pytest.mark.parametrize("revision", BY_NAME)
def test_tasks(revision: Revision, schema: Schema) -> None:
    if "CreateTaskResult" in schema.definitions:
        assert revision.tasks == "requested"
    else:
        assert revision.tasks == ("extension" if revision.methods >= TASKS else "none")


@pytest.mark.parametrize("revision", BY_NAME)
def test_error_codes(revision: Revision, schema: Schema) -> None:
    assert revision.code_of(ResourceNotFound("a://b")) == (-32602 if revision.modern else -32002)
    assert revision.code_of(InvalidParams("m")) == -32602
    assert revision.code_of(MethodNotFound("m")) == -32601


@pytest.mark.parametrize("revision", [pytest.param(revision, id=name) for name, revision in MODERN.items()])
def test_the_codes_of_the_schema_are_those_of_the_faults(revision: Revision, schema: Schema) -> None:
    codes = {"HEADER_MISMATCH", "MISSING_REQUIRED_CLIENT_CAPABILITY", "UNSUPPORTED_PROTOCOL_VERSION"}
    text = json.dumps({name: body for name, body in schema.definitions.items() if name.endswith("Error")})
    defined = {fault.code for fault in Fault.__subclasses__() if -32099 <= fault.code <= -32020}
    assert len(codes) == len(defined)
    assert all(f'"const": {code}' in text for code in defined)


ICON = Icon("https://a.example/i.png", "image/png", ["48x48"], "dark")
NOTES = Annotations(["user", "assistant"], 0.5, "2026-07-28T00:00:00Z")
META = {"com.example/a": [1]}
IDENTITY = modern.identify(wire.Implementation("server", "1", "Server", "what it is", "https://a.example", [ICON]))
CONTENTS = [
    ResourceContents("a://text", "text/plain", text="t", meta=META),
    ResourceContents("a://blob", "image/png", blob="AAAA", meta=META),
    ResourceContents("a://bare", text=""),
]
BLOCKS: list[ContentBlock] = [
    TextContent("t"),
    TextContent("t", NOTES, META),
    ImageContent("AAAA", "image/png", NOTES, META),
    AudioContent("AAA=", "audio/wav", NOTES, META),
    ResourceLink("a://b", "b"),
    ResourceLink("a://b", "b", "B", "what", "text/plain", 7, [ICON], NOTES, META),
    *[EmbeddedResource(contents, NOTES, META) for contents in CONTENTS],
]
OBJECT = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
TOOLS = [
    wire.ToolInfo(name="bare", input_schema={"type": "object"}),
    wire.ToolInfo(
        name="full",
        title="Full",
        description="what",
        input_schema=OBJECT,
        output_schema=OBJECT,
        annotations=wire.ToolAnnotations("T", read_only_hint=True, destructive_hint=False, open_world_hint=True),
        icons=[ICON],
        meta=META,
    ),
]
RESOURCES = [
    wire.ResourceInfo(uri="a://b", name="b"),
    wire.ResourceInfo(
        uri="a://c",
        name="c",
        title="C",
        description="what",
        mime_type="text/plain",
        size=7,
        annotations=NOTES,
        icons=[ICON],
        meta=META,
    ),
]
TEMPLATES = [
    wire.ResourceTemplateInfo(uri_template="a://{b}", name="b"),
    wire.ResourceTemplateInfo(
        uri_template="a://{c}",
        name="c",
        title="C",
        description="what",
        mime_type="text/plain",
        annotations=NOTES,
        icons=[ICON],
        meta=META,
    ),
]
PROMPTS = [
    wire.PromptInfo(name="bare"),
    wire.PromptInfo(
        name="full",
        title="Full",
        description="what",
        arguments=[wire.PromptArgument("a"), wire.PromptArgument("b", "B", "what", required=True)],
        icons=[ICON],
        meta=META,
    ),
]
RESULTS: dict[str, list[wire.Result]] = {
    "CallToolResult": [
        wire.CallToolResult(content=[]),
        wire.CallToolResult(content=BLOCKS, structured_content=Raw(b'{"a":1}'), is_error=False, meta=META),
        wire.CallToolResult(content=[TextContent("no")], is_error=True),
        *[wire.CallToolResult(content=[], structured_content=Raw(raw)) for raw in (b"[1]", b'"a"', b"null", b"{}")],
        wire.CallToolResult(content=[], structured_content=Raw(b"5"), meta=META),
    ],
    "ReadResourceResult": [
        wire.ReadResourceResult(contents=CONTENTS),
        wire.ReadResourceResult(contents=CONTENTS, ttl_ms=60_000, cache_scope="public", meta=META),
    ],
    "GetPromptResult": [
        wire.GetPromptResult(messages=[]),
        wire.GetPromptResult(
            description="what",
            messages=[wire.PromptMessage(role, block) for role in ("user", "assistant") for block in BLOCKS],
        ),
    ],
    "EmptyResult": [wire.EmptyResult(), wire.EmptyResult(meta=META)],
    "CompleteResult": [wire.CompleteResult(completion=wire.Completion(["a"], 1, has_more=False))],
    "InitializeResult": [
        wire.InitializeResult(
            protocol_version="2025-11-25",
            capabilities={"tools": {"listChanged": True}, "logging": {}},
            server_info=wire.Implementation("server", "1"),
            instructions="how",
        ),
    ],
    "DiscoverResult": [
        wire.DiscoverResult(supported_versions=SUPPORTED, capabilities={"tools": {}}, instructions="how"),
        wire.DiscoverResult(supported_versions=[], capabilities={}, ttl_ms=0, cache_scope="public"),
    ],
    "InputRequiredResult": [
        asking.InputRequiredResult(
            input_requests={"a": asking.InputRequest("roots/list", {})},
            request_state="sealed",
            result_type="input_required",
        ),
    ],
}
LISTINGS: dict[str, tuple[type[wire.CacheableResult], str, list[Any]]] = {
    "ListToolsResult": (wire.ListToolsResult, "tools", TOOLS),
    "ListResourcesResult": (wire.ListResourcesResult, "resources", RESOURCES),
    "ListResourceTemplatesResult": (wire.ListResourceTemplatesResult, "resource_templates", TEMPLATES),
    "ListPromptsResult": (wire.ListPromptsResult, "prompts", PROMPTS),
}


def sent(result: wire.Result, revision: Revision) -> Any:
    """What a client of this revision reads."""
    return msgspec.json.decode(msgspec.json.encode(revision.stamp(result, revision, IDENTITY)))


@pytest.mark.parametrize("revision", BY_NAME)
def test_results_are_what_the_schema_says(revision: Revision, schema: Schema) -> None:
    checked = RESULTS.keys() & schema.definitions.keys()
    eras = {"InitializeResult"} if revision.modern else {"DiscoverResult", "InputRequiredResult"}
    assert checked == RESULTS.keys() - eras
    for definition in checked:
        for result in RESULTS[definition]:
            assert schema.problems(definition, sent(result, revision)) == []


@pytest.mark.parametrize("revision", BY_NAME)
def test_a_result_may_be_sent_again(revision: Revision) -> None:
    for results in RESULTS.values():
        for result in results:
            before = msgspec.json.encode(result)
            first = sent(result, revision)
            assert msgspec.json.encode(result) == before
            for other in REVISIONS.values():
                sent(result, other)
            assert sent(result, revision) == first


@pytest.mark.parametrize("revision", BY_NAME)
@pytest.mark.parametrize("definition", LISTINGS)
def test_listings_are_what_the_schema_says(definition: str, revision: Revision, schema: Schema) -> None:
    kind, member, entries = LISTINGS[definition]
    fields = revision.tool_fields if member == "tools" else revision.entry_fields
    named = schema.fields(definition.removeprefix("List").removesuffix("sResult"))
    shown = [{key: value for key, value in msgspec.to_builtins(entry).items() if key in fields} for entry in entries]
    assert all(set(entry) <= named for entry in shown)
    members: dict[str, Any] = {member: shown, "next_cursor": "c"}
    result = sent(kind(**members), revision)
    assert schema.problems(definition, result) == []
    assert set(result) <= schema.fields(definition)


@pytest.mark.parametrize("revision", BY_NAME)
def test_nothing_is_sent_that_the_revision_does_not_name(revision: Revision, schema: Schema) -> None:
    for definition, results in RESULTS.items():
        if definition not in schema.definitions or "properties" not in schema.definitions[definition]:
            continue
        for result in results:
            assert set(sent(result, revision)) <= schema.fields(definition)


def test_rows_do_not_change() -> None:
    with pytest.raises(AttributeError):
        LATEST_MODERN.batches = True  # type: ignore[misc]
    assert structs.replace(LATEST_MODERN) == LATEST_MODERN
