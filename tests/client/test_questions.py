"""Questions as handlers see them, and what becomes of their answers."""

import json
from pathlib import Path
from typing import Any

import pytest

from dragoman.client.questions import Elicitation, read_elicitation, read_request, read_roots, read_sample
from dragoman.errors import ClientError, UsageError
from dragoman.protocol.asking import CreateMessageResult, ElicitResult, Root, ToolUseContent
from dragoman.protocol.content import TextContent

SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "default": 30}},
    "required": ["name"],
}


def form(**params: Any) -> Elicitation:
    return Elicitation({"message": "Who?", "requestedSchema": SCHEMA, **params})


def content(result: ElicitResult) -> Any:
    return json.loads(bytes(result.content))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "without a message"),
        ({"message": "m", "mode": "video"}, "unknown mode 'video'"),
        ({"message": "m"}, "fill in a form and sends none"),
        ({"message": "m", "mode": "url"}, "open a link and sends none"),
        ({"message": "m", "mode": "url", "url": "not a link"}, "open a link and sends none"),
    ],
)
def test_what_is_no_question(params: Any, words: str) -> None:
    with pytest.raises(ClientError, match=words):
        Elicitation(params)


def test_a_form() -> None:
    question = form()
    assert (question.message, question.mode, question.url) == ("Who?", "form", None)
    assert question.schema == SCHEMA
    assert question.defaults() == {"age": 30}
    assert repr(question) == "Elicitation(mode='form', message='Who?')"
    assert content(question.accept({"name": "Ada"})) == {"name": "Ada", "age": 30}
    assert content(question.accept({"name": "Ada", "age": 3})) == {"name": "Ada", "age": 3}
    assert question.decline() == ElicitResult("decline")
    assert question.cancel() == ElicitResult("cancel")
    with pytest.raises(ClientError, match=r"does not fit the form 'Who\?': 'name' is missing\."):
        question.accept()


def test_a_link() -> None:
    question = Elicitation({"message": "m", "mode": "url", "url": "https://a.example", "requestedSchema": SCHEMA})
    assert (question.mode, question.url, question.schema) == ("url", "https://a.example", {})
    assert question.accept() == ElicitResult("accept")
    with pytest.raises(ClientError, match="takes no data"):
        question.accept({"a": 1})


def test_what_cannot_be_written() -> None:
    question = Elicitation({"message": "m", "requestedSchema": {"properties": {"x": {}}}})
    with pytest.raises(ClientError, match="cannot be written as JSON"):
        question.accept({"x": object()})


def test_what_a_handler_gives() -> None:
    question = form()
    assert read_elicitation(None, question) == ElicitResult("cancel")
    assert content(read_elicitation({"name": "Ada"}, question))["name"] == "Ada"
    assert read_elicitation(question.decline(), question) == ElicitResult("decline")
    with pytest.raises(ClientError, match="on_elicit gave bool"):
        read_elicitation(True, question)


def test_what_a_model_gives() -> None:
    assert read_sample("hi", "m") == CreateMessageResult("assistant", TextContent("hi"), "m", "endTurn")
    whole = CreateMessageResult("assistant", TextContent("hi"), "other")
    assert read_sample(whole, "m") is whole
    with pytest.raises(ClientError, match="on_sample gave int"):
        read_sample(3, "m")


def test_a_sampling_request() -> None:
    block = {"type": "tool_use", "id": "1", "name": "t", "input": {}}
    messages = [
        {"role": "user", "content": {"type": "text", "text": "one"}},
        {"role": "assistant", "content": [block, {"type": "text", "text": "two"}]},
    ]
    request = read_request({"messages": messages, "maxTokens": 5, "systemPrompt": "s", "temperature": 0}, tools=False)
    assert (request.max_tokens, request.system_prompt, request.temperature) == (5, "s", 0)
    assert request.text == "one\ntwo"
    assert isinstance(request.messages[1].content, list)
    assert isinstance(request.messages[1].content[0], ToolUseContent)


@pytest.mark.parametrize("params", [{}, {"messages": [], "maxTokens": "many"}])
def test_what_is_no_sampling_request(params: Any) -> None:
    with pytest.raises(ClientError, match="not what the protocol says"):
        read_request(params, tools=True)


@pytest.mark.parametrize("extra", [{"tools": []}, {"toolChoice": {"mode": "auto"}}])
def test_tools_must_have_been_offered(extra: Any) -> None:
    params = {"messages": [], "maxTokens": 1, **extra}
    assert read_request(params, tools=True).messages == []
    with pytest.raises(ClientError, match="does not offer"):
        read_request(params, tools=False)


def test_roots(tmp_path: Path) -> None:
    roots = read_roots([str(tmp_path / "a b"), "file:///x", Root("file:///y")]).roots
    assert [root.uri for root in roots] == [(tmp_path / "a b").as_uri(), "file:///x", "file:///y"]
    for wrong in ("https://a", Root("a")):
        with pytest.raises(UsageError, match="a path or a file:// URI"):
            read_roots([wrong])
    with pytest.raises(UsageError, match="not int"):
        read_roots([3])  # type: ignore[list-item]
