"""Content blocks: their names on the wire, round trips, and what is left out."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Struct

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
from tests.protocol.definitions import Definitions, always_sent, survives, wire_names

SHAPES = [Annotations, Icon, TextContent, ImageContent, AudioContent, EmbeddedResource, ResourceLink]
NOTES = Annotations(["user"], 0.0, "2026-07-28")
META = {"a": None}


@pytest.fixture(scope="session")
def definitions(shared_data: Path) -> Definitions:
    return Definitions(shared_data)


@pytest.mark.parametrize("shape", SHAPES)
def test_names_are_those_of_the_schema(shape: type[Struct], definitions: Definitions) -> None:
    assert wire_names(shape) == definitions.members(shape.__name__)
    assert always_sent(shape) == definitions.required(shape.__name__)


def test_resource_contents_are_text_or_blob(definitions: Definitions) -> None:
    members = definitions.members("TextResourceContents") | definitions.members("BlobResourceContents")
    assert wire_names(ResourceContents) == members
    assert always_sent(ResourceContents) == definitions.required("ResourceContents")


def test_tags_are_those_of_the_schema(definitions: Definitions) -> None:
    blocks = {choice["$ref"].rpartition("/")[2] for choice in definitions.newest("ContentBlock")["anyOf"]}
    assert {block.__name__ for block in ContentBlock.__args__} == blocks
    for block in ContentBlock.__args__:
        assert block.__struct_config__.tag == definitions.newest(f"{block.__name__}.type")["const"]


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (TextContent(""), {"type": "text", "text": ""}),
        (
            TextContent("t", NOTES, META),
            {
                "type": "text",
                "text": "t",
                "annotations": {"audience": ["user"], "priority": 0.0, "lastModified": "2026-07-28"},
                "_meta": {"a": None},
            },
        ),
        (ImageContent("AA==", "image/png"), {"type": "image", "data": "AA==", "mimeType": "image/png"}),
        (AudioContent("AA==", "audio/wav"), {"type": "audio", "data": "AA==", "mimeType": "audio/wav"}),
        (
            EmbeddedResource(ResourceContents("a:b", "text/plain", text="t")),
            {"type": "resource", "resource": {"uri": "a:b", "mimeType": "text/plain", "text": "t"}},
        ),
        (
            EmbeddedResource(ResourceContents("a:b", blob="AA==", meta=META), NOTES, META),
            {
                "type": "resource",
                "resource": {"uri": "a:b", "blob": "AA==", "_meta": {"a": None}},
                "annotations": {"audience": ["user"], "priority": 0.0, "lastModified": "2026-07-28"},
                "_meta": {"a": None},
            },
        ),
        (ResourceLink("a:b", "b"), {"type": "resource_link", "uri": "a:b", "name": "b"}),
        (
            ResourceLink("a:b", "b", "B", "what", "text/plain", 0, [Icon("data:,")], Annotations(), {}),
            {
                "type": "resource_link",
                "uri": "a:b",
                "name": "b",
                "title": "B",
                "description": "what",
                "mimeType": "text/plain",
                "size": 0,
                "icons": [{"src": "data:,"}],
                "annotations": {},
                "_meta": {},
            },
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_blocks_on_the_wire(value: Any, sent: dict[str, Any]) -> None:
    assert msgspec.to_builtins(value) == sent
    assert survives(value, ContentBlock)
    assert msgspec.convert(sent, ContentBlock) == value


def test_an_icon_on_the_wire() -> None:
    icon = Icon("https://a.example/i", "image/png", ["any"], "light")
    assert msgspec.to_builtins(icon) == {
        "src": "https://a.example/i",
        "mimeType": "image/png",
        "sizes": ["any"],
        "theme": "light",
    }
    assert survives(icon, Icon)


@pytest.mark.parametrize(
    "sent",
    [
        b"{}",
        b'{"type":"text"}',
        b'{"type":"Text","text":"t"}',
        b'{"type":"video","data":""}',
        b'{"type":"text","text":5}',
        b'{"type":"text","text":null}',
        b'{"type":"text","text":"t","annotations":{"audience":["robot"]}}',
        b'{"type":"image","data":"AA=="}',
        b'{"type":"resource","resource":{}}',
        b'{"type":"resource_link","uri":"a:b"}',
        b'{"text":"t"}',
        b'"t"',
    ],
)
def test_what_is_no_block_is_refused(sent: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(sent, type=ContentBlock)


def test_members_of_newer_revisions_are_passed_over() -> None:
    assert msgspec.json.decode(b'{"type":"text","text":"t","mood":"calm"}', type=ContentBlock) == TextContent("t")
