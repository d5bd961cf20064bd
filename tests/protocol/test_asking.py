"""Questions to the client and their answers: names against the schemas, round trips, what is refused."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Raw, Struct

from dragoman.protocol.asking import (
    CreateMessageResult,
    ElicitResult,
    InputRequest,
    InputRequiredResult,
    ListRootsResult,
    Root,
    SamplingMessage,
    ToolResultContent,
    ToolUseContent,
)
from dragoman.protocol.content import AudioContent, ImageContent, TextContent
from tests.protocol.definitions import Definitions, always_sent, survives, wire_names

ERA = {"resultType"}  # filled in by the era
LEFT_OUT = {"_meta"}  # of what only comes in: nothing of theirs is read


@pytest.fixture(scope="session")
def definitions(shared_data: Path) -> Definitions:
    return Definitions(shared_data)


@pytest.mark.parametrize(
    "shape",
    [
        CreateMessageResult,
        ElicitResult,
        InputRequiredResult,
        ListRootsResult,
        Root,
        SamplingMessage,
        ToolResultContent,
        ToolUseContent,
    ],
)
def test_names_are_those_of_the_schema(shape: type[Struct], definitions: Definitions) -> None:
    assert wire_names(shape) - LEFT_OUT == definitions.members(shape.__name__) - LEFT_OUT
    assert always_sent(shape) == definitions.required(shape.__name__) - ERA


def test_the_questions_are_those_of_the_schema(definitions: Definitions) -> None:
    for choice in definitions.newest("InputRequest")["anyOf"]:
        name = choice["$ref"].rpartition("/")[2]
        assert wire_names(InputRequest) == definitions.members(name)


@pytest.mark.parametrize(
    "value",
    [
        InputRequest("roots/list", {}),
        InputRequiredResult(input_requests={"a": InputRequest("roots/list", {})}, request_state="s"),
        ElicitResult("accept", Raw(b'{"a":1}')),
        ElicitResult("decline"),
        SamplingMessage("user", TextContent("t")),
        SamplingMessage("assistant", [TextContent("t"), ToolUseContent("1", "t", {"a": 1}, {})]),
        SamplingMessage("user", [ToolResultContent("1", [TextContent("t")], {"a": 1}, is_error=False)]),
        CreateMessageResult("assistant", TextContent("t"), "m", "endTurn"),
        CreateMessageResult("assistant", [ImageContent("AA==", "image/png"), AudioContent("AA==", "audio/wav")], "m"),
        ListRootsResult([Root("file:///a", "A"), Root("file:///b")]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_round_trips(value: Any) -> None:
    assert survives(value, type(value))


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (TextContent("a"), "a"),
        ([TextContent("a"), ToolUseContent("1", "t", {}), TextContent("b")], "ab"),
        (ImageContent("AA==", "image/png"), ""),
        ([], ""),
    ],
)
def test_the_text_of_what_a_model_said(content: Any, text: str) -> None:
    assert CreateMessageResult("assistant", content, "m").text == text


@pytest.mark.parametrize(
    ("shape", "sent"),
    [
        (ElicitResult, b'{"action":"maybe"}'),
        (ElicitResult, b"{}"),
        (CreateMessageResult, b'{"role":"system","content":{"type":"text","text":"t"},"model":"m"}'),
        (CreateMessageResult, b'{"role":"user","content":{"type":"resource_link","uri":"a:b","name":"b"},"model":"m"}'),
        (CreateMessageResult, b'{"role":"user","content":"t","model":"m"}'),
        (ListRootsResult, b'{"roots":[{"name":"a"}]}'),
        (ListRootsResult, b'{"roots":null}'),
    ],
)
def test_what_is_refused(shape: type[Struct], sent: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(sent, type=shape)
