"""Up to 2025-11-25: the choice of a version, and what a newer result becomes for an older client."""

import json
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from msgspec import UNSET, Raw, structs

from dragoman.protocol import legacy
from dragoman.protocol.content import (
    Annotations,
    AudioContent,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    ResourceContents,
    ResourceLink,
    TextContent,
)
from dragoman.protocol.messages import (
    CallToolResult,
    EmptyResult,
    GetPromptResult,
    ListToolsResult,
    PromptMessage,
    ReadResourceResult,
)
from dragoman.protocol.revisions import LATEST_LEGACY, LEGACY, REVISIONS, Revision

IDENTITY = Raw(b'{"who":"server"}')
NOTES = Annotations(["user"], 1.0)
FIRST, SECOND, THIRD, FOURTH = LEGACY.values()


def stamped(result: Any, revision: Revision) -> Any:
    return json.loads(msgspec.json.encode(legacy.stamp(result, revision, IDENTITY)))


@pytest.mark.parametrize("name", LEGACY)
def test_a_known_version_is_agreed_on(name: str) -> None:
    assert legacy.negotiate(name, LEGACY, LATEST_LEGACY) is REVISIONS[name]


@pytest.mark.parametrize("name", ["2026-07-28", "1.0", "", "2099-01-01", "2025-11-25 "])
def test_any_other_version_is_answered_with_our_latest(name: str) -> None:
    assert legacy.negotiate(name, LEGACY, LATEST_LEGACY) is LATEST_LEGACY


@pytest.mark.parametrize("revision", LEGACY.values(), ids=list(LEGACY))
def test_what_belongs_to_the_newer_era_is_not_sent(revision: Revision) -> None:
    newer: dict[str, Any] = {"result_type": "complete"}
    caching: dict[str, Any] = {"ttl_ms": 5, "cache_scope": "public", **newer}
    assert stamped(EmptyResult(), revision) == {}
    assert stamped(EmptyResult(meta={"a": 1}), revision) == {"_meta": {"a": 1}}
    assert stamped(CallToolResult(content=[], **newer), revision) == {"content": []}
    assert stamped(GetPromptResult(messages=[], **newer), revision) == {"messages": []}
    assert stamped(ListToolsResult(tools=[], **caching), revision) == {"tools": []}
    assert stamped(ReadResourceResult(contents=[], **caching), revision) == {"contents": []}


LINK = ResourceLink("a://b", "b", annotations=NOTES)
SOUND = AudioContent("AAAA", "audio/wav", NOTES)
KNOWN_TO_ALL: list[ContentBlock] = [
    TextContent("t", NOTES, {"a": 1}),
    ImageContent("AAAA", "image/png"),
    EmbeddedResource(ResourceContents("a://b", text="t")),
]
LINK_TOLD = {"type": "text", "text": "b: a://b", "annotations": {"audience": ["user"], "priority": 1.0}}
SOUND_TOLD = {
    "type": "text",
    "text": "(audio/wav, 3 bytes: needs a newer protocol version)",
    "annotations": {"audience": ["user"], "priority": 1.0},
}


@pytest.mark.parametrize(
    ("revision", "told"),
    [
        (FIRST, [LINK_TOLD, SOUND_TOLD]),
        (SECOND, [LINK_TOLD, msgspec.to_builtins(SOUND)]),
        (THIRD, [msgspec.to_builtins(LINK), msgspec.to_builtins(SOUND)]),
        (FOURTH, [msgspec.to_builtins(LINK), msgspec.to_builtins(SOUND)]),
    ],
)
def test_blocks_that_a_revision_does_not_know_are_told_in_text(revision: Revision, told: list[Any]) -> None:
    blocks: list[ContentBlock] = [LINK, *KNOWN_TO_ALL, SOUND]
    expected = [told[0], *map(msgspec.to_builtins, KNOWN_TO_ALL), told[1]]
    assert stamped(CallToolResult(content=list(blocks)), revision)["content"] == expected
    prompt = GetPromptResult(messages=[PromptMessage("assistant", block) for block in blocks], description="what")
    assert stamped(prompt, revision) == {
        "description": "what",
        "messages": [{"role": "assistant", "content": content} for content in expected],
    }


def test_a_link_is_told_by_its_title() -> None:
    content = stamped(CallToolResult(content=[ResourceLink("a://b", "b", "The B")]), FIRST)["content"]
    assert content == [{"type": "text", "text": "The B: a://b"}]


@pytest.mark.parametrize(("data", "size"), [("", 0), ("AA==", 1), ("AAA=", 2), ("AAAA", 3), ("AAAAAA==", 4)])
def test_a_sound_is_told_by_its_size(data: str, size: int) -> None:
    (block,) = stamped(CallToolResult(content=[AudioContent(data, "audio/wav")]), FIRST)["content"]
    assert block["text"].startswith(f"(audio/wav, {size} bytes:")


def test_a_picture_is_told_alike_and_what_cannot_be_told_stays() -> None:
    nothing = structs.replace(FIRST, content=frozenset())
    result = CallToolResult(content=[ImageContent("AAAA", "image/png"), TextContent("t")])
    assert stamped(result, nothing)["content"] == [
        {"type": "text", "text": "(image/png, 3 bytes: needs a newer protocol version)"},
        {"type": "text", "text": "t"},
    ]


OBJECT = Raw(b'{"a":1}')


@pytest.mark.parametrize("revision", [FIRST, SECOND])
def test_structured_content_begins_with_2025_06_18(revision: Revision) -> None:
    assert stamped(CallToolResult(content=[], structured_content=OBJECT), revision) == {"content": []}


@pytest.mark.parametrize("revision", [THIRD, FOURTH])
@pytest.mark.parametrize("value", [[1], "a", 5, None, True, []])
def test_structured_content_that_is_no_object_is_wrapped(value: Any, revision: Revision) -> None:
    raw = Raw(msgspec.json.encode(value))
    assert stamped(CallToolResult(content=[], structured_content=raw, meta={"b": 2}), revision) == {
        "content": [],
        "structuredContent": {"result": value},
        "_meta": {"b": 2, "dragoman/wrapped": True},
    }
    bare = CallToolResult(content=[], structured_content=raw)
    assert stamped(bare, revision)["_meta"] == legacy.WRAPPED


@pytest.mark.parametrize("revision", [THIRD, FOURTH])
def test_an_object_stays_as_it_is(revision: Revision) -> None:
    assert stamped(CallToolResult(content=[], structured_content=OBJECT), revision) == {
        "content": [],
        "structuredContent": {"a": 1},
    }


@pytest.mark.parametrize("revision", LEGACY.values(), ids=list(LEGACY))
def test_the_result_itself_is_left_alone(revision: Revision) -> None:
    call = CallToolResult(content=[LINK, SOUND], structured_content=Raw(b"[1]"), result_type="complete")
    prompt = GetPromptResult(messages=[PromptMessage("user", LINK)])
    legacy.stamp(call, revision, IDENTITY)
    legacy.stamp(prompt, revision, IDENTITY)
    assert call.content == [LINK, SOUND]
    assert (call.structured_content, call.meta, call.result_type) == (Raw(b"[1]"), UNSET, "complete")
    assert prompt.messages == [PromptMessage("user", LINK)]


@pytest.mark.parametrize(
    ("schema", "valid", "invalid"),
    [
        ({"type": "array", "items": {"type": "integer"}}, [1, 2], ["a"]),
        ({"type": "string"}, "a", 1),
        ({"$ref": "#/$defs/A", "$defs": {"A": {"type": "integer"}}}, 1, "a"),
        ({"type": "array", "items": {"$ref": "#/$defs/A"}, "$defs": {"A": {"enum": ["x"]}}}, ["x"], ["y"]),
        ({}, 5, UNSET),
    ],
)
def test_the_schema_of_a_wrapped_value_holds_for_it(schema: dict[str, Any], valid: Any, invalid: Any) -> None:
    before = json.dumps(schema)
    wrapped = legacy.wrap_schema(schema)
    assert wrapped["type"] == "object"
    assert json.dumps(schema) == before
    assert jsonschema_rs.is_valid(wrapped, json.loads(legacy.WRAPPER % msgspec.json.encode(valid)))
    assert not jsonschema_rs.is_valid(wrapped, {})
    if invalid is not UNSET:
        assert not jsonschema_rs.is_valid(wrapped, json.loads(legacy.WRAPPER % msgspec.json.encode(invalid)))
