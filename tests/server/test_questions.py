"""Questions as values."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from msgspec import Raw

from dragoman import (
    Answer,
    Confirm,
    Elicit,
    ImageContent,
    Roots,
    Sample,
    SamplingMessage,
    TextContent,
    UsageError,
    Visit,
)
from dragoman.protocol.asking import ToolResultContent, ToolUseContent
from dragoman.protocol.messages import ToolInfo
from dragoman.protocol.revisions import LATEST_LEGACY, LATEST_MODERN, REVISIONS, Revision
from tests.server.clients import EVERY_REVISION

TOOL = ToolInfo(name="look", input_schema={"type": "object"})
WEATHER = [
    SamplingMessage("user", TextContent("What is the weather?")),
    SamplingMessage("assistant", [ToolUseContent("call_1", "look", {"city": "Paris"})]),
    SamplingMessage("user", [ToolResultContent("call_1", [TextContent("18°C")])]),
]
QUESTIONS: list[tuple[Any, str]] = [
    (Elicit("why?", str), "ElicitRequest"),
    (Confirm("sure?"), "ElicitRequest"),
    (Visit("look there", "https://example.com/x"), "ElicitRequest"),
    (Sample("hello"), "CreateMessageRequest"),
    (Sample(WEATHER, tools=[TOOL], tool_choice="auto"), "CreateMessageRequest"),
    (Roots(), "ListRootsRequest"),
]


def raw(value: Any) -> Raw:
    return Raw(msgspec.json.encode(value))


@pytest.mark.parametrize("revision", [LATEST_LEGACY, LATEST_MODERN], ids=lambda revision: revision.name)
@pytest.mark.parametrize(("question", "definition"), QUESTIONS)
def test_every_question_fits_the_official_schema(
    question: Any, definition: str, revision: Revision, shared_data: Path
) -> None:
    document = json.loads((shared_data / "schema" / f"{revision.name}.json").read_text("utf-8"))
    check = jsonschema_rs.validator_for({**document, "$ref": f"#/$defs/{definition}"})
    request = {"jsonrpc": "2.0", "id": 1, "method": question.method, "params": question.params(revision)}
    assert check.is_valid(msgspec.to_builtins(request))


@pytest.mark.parametrize("revision", EVERY_REVISION)
@pytest.mark.parametrize("question", [Elicit("why?", str), Confirm("sure?")])
def test_the_mode_is_said_where_there_are_two(question: Any, revision: str) -> None:
    params = question.params(REVISIONS[revision])
    assert params.get("mode") == ("form" if revision >= "2025-11-25" else None)


def test_a_link_has_an_id_where_the_revision_wants_one() -> None:
    visit = Visit("there", "https://example.com/x")
    expected = {"mode": "url", "message": "there", "url": "https://example.com/x"}
    assert visit.params(LATEST_MODERN) == expected
    assert visit.params(LATEST_LEGACY) == {**expected, "elicitationId": "https://example.com/x"}


@pytest.mark.parametrize(
    ("question", "capability"),
    [
        (Elicit("why?", str), ("elicitation", "form")),
        (Confirm("sure?"), ("elicitation", "form")),
        (Visit("there", "https://example.com"), ("elicitation", "url")),
        (Sample("hello"), ("sampling",)),
        (Sample("hello", tools=[TOOL]), ("sampling", "tools")),
        (Sample("hello", tool_choice="none"), ("sampling", "tools")),
        (Roots(), ("roots",)),
    ],
)
def test_what_the_client_must_have_declared(question: Any, capability: tuple[str, ...]) -> None:
    assert question.capability == capability
    assert question.key is None


def test_a_question_may_have_a_key_of_its_own() -> None:
    for question in (
        Elicit("m", str, key="k"),
        Confirm("m", key="k"),
        Visit("m", "https://e.com", key="k"),
        Sample("m", key="k"),
        Roots(key="k"),
    ):
        assert question.key == "k"


@pytest.mark.parametrize("action", ["decline", "cancel"])
def test_a_form_that_was_not_filled_in(action: Any) -> None:
    answer = Elicit("why?", str).read(raw({"action": action, "content": {"value": "x"}}))
    assert answer == Answer(action)
    assert not answer.accepted
    assert answer.data is None


def test_a_form_that_was_filled_in() -> None:
    answer = Elicit("why?", int).read(raw({"action": "accept", "content": {"value": 3}}))
    assert answer == Answer("accept", 3)
    assert answer.accepted


@pytest.mark.parametrize(
    "answer",
    [
        {"action": "accept"},
        {"action": "accept", "content": None},
        {"action": "accept", "content": {}},
        {"action": "accept", "content": {"value": "x"}},
        {"action": "agree", "content": {"value": 3}},
        {"content": {"value": 3}},
        {},
        [],
        None,
        "accept",
    ],
)
def test_an_answer_that_does_not_fit_the_form(answer: Any) -> None:
    with pytest.raises((ValueError, msgspec.MsgspecError)):
        Elicit("why?", int).read(raw(answer))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"action": "accept", "content": {"confirm": True}}, True),
        ({"action": "accept", "content": {"confirm": False}}, False),
        ({"action": "accept", "content": {"confirm": "yes"}}, False),
        ({"action": "accept", "content": {"confirm": 1}}, False),
        ({"action": "accept", "content": {}}, False),
        ({"action": "accept"}, False),
        ({"action": "decline", "content": {"confirm": True}}, False),
        ({"action": "cancel"}, False),
    ],
)
def test_only_a_plain_yes_is_a_yes(answer: Any, said: bool) -> None:
    assert Confirm("sure?").read(raw(answer)) is said


@pytest.mark.parametrize(("action", "said"), [("accept", True), ("decline", False), ("cancel", False)])
def test_whether_a_link_will_be_opened(action: str, said: bool) -> None:
    assert Visit("there", "https://example.com").read(raw({"action": action})) is said


@pytest.mark.parametrize("url", ["", "example.com", "/path", "//example.com"])
def test_a_link_is_a_url(url: str) -> None:
    with pytest.raises(UsageError, match="is no URL"):
        Visit("there", url)


def test_a_prompt_for_the_model() -> None:
    sample = Sample(
        "hello",
        max_tokens=5,
        system_prompt="be brief",
        temperature=0.0,
        stop_sequences=["."],
        preferences={"speedPriority": 1},
        tools=[TOOL],
        tool_choice="required",
    )
    assert sample.params(LATEST_MODERN) == {
        "messages": [{"role": "user", "content": {"type": "text", "text": "hello"}}],
        "maxTokens": 5,
        "systemPrompt": "be brief",
        "temperature": 0.0,
        "stopSequences": ["."],
        "modelPreferences": {"speedPriority": 1},
        "tools": [{"name": "look", "inputSchema": {"type": "object"}}],
        "toolChoice": {"mode": "required"},
    }
    assert set(Sample("hello").params(LATEST_MODERN)) == {"messages", "maxTokens"}


def test_what_the_model_said() -> None:
    said = Sample("hello").read(
        raw(
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "a"},
                    {"type": "tool_use", "id": "1", "name": "look", "input": {}},
                ],
                "model": "m",
                "stopReason": "toolUse",
            }
        )
    )
    assert (said.text, said.model, said.stop_reason) == ("a", "m", "toolUse")
    assert said.content == [TextContent("a"), ToolUseContent("1", "look", {})]
    picture = Sample("hello").read(
        raw({"role": "assistant", "content": {"type": "image", "data": "", "mimeType": "image/png"}, "model": "m"})
    )
    assert (picture.text, picture.content) == ("", ImageContent("", "image/png"))
    with pytest.raises(msgspec.MsgspecError):
        Sample("hello").read(raw({"role": "assistant"}))


def test_the_roots() -> None:
    (root,) = Roots().read(raw({"roots": [{"uri": "file:///a", "name": "a"}]}))
    assert (root.uri, root.name) == ("file:///a", "a")
    with pytest.raises(msgspec.MsgspecError):
        Roots().read(raw({"roots": ["file:///a"]}))
