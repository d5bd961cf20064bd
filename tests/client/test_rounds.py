"""Requests that take several rounds (Multi Round-Trip Requests), against servers that a test plays."""

import json
from typing import Any

import pytest
from msgspec import Raw

from dragoman.client.answers import Answers, Handlers, NoAnswer
from dragoman.client.caller import Caller, Identity
from dragoman.client.listener import Listener
from dragoman.client.questions import Elicitation
from dragoman.client.rounds import Asking
from dragoman.client.wire import Call
from dragoman.errors import ConnectionFault
from dragoman.protocol.messages import Implementation
from dragoman.protocol.revisions import LATEST_MODERN
from tests.client.test_caller import PlayedWire

FORM = {"type": "object", "properties": {"ok": {"type": "boolean", "default": True}}}
ASKED = {"confirm": {"method": "elicitation/create", "params": {"message": "Sure?", "requestedSchema": FORM}}}
DONE: dict[str, Any] = {"content": []}


def asks(requests: Any = None, state: str | None = None) -> dict[str, Any]:
    value: dict[str, Any] = {"resultType": "input_required"}
    if requests is not None:
        value["inputRequests"] = requests
    if state is not None:
        value["requestState"] = state
    return value


def raw(value: Any) -> Raw:
    return Raw(json.dumps(value).encode())


def accept(question: Elicitation) -> dict[str, Any]:
    return question.defaults()


def asking(*results: Any, rounds: int = 4, on_elicit: Any = accept) -> tuple[Asking, PlayedWire]:
    rest = list(results)

    async def play(call: Call) -> Any:
        return rest.pop(0)

    wire = PlayedWire(play)
    caller = Caller(wire, Listener(None), Identity(Implementation("tester", "1")), 5, None)
    caller.speak(LATEST_MODERN)
    return Asking(caller, Answers(Handlers(on_elicit=on_elicit, roots=("file:///a",))), rounds), wire


def params_of(sent: Any) -> dict[str, Any]:
    return {name: value for name, value in sent["params"].items() if name != "_meta"}


async def test_a_retry_carries_the_answers_and_the_exact_state_under_a_new_id() -> None:
    state = '{"a": 1,\t"b":"\\u00e9 é"}'
    ask, wire = asking(asks(ASKED), DONE)
    result = await ask.finish(raw(asks(ASKED, state)), "tools/call", {"name": "t", "arguments": {}})
    assert json.loads(bytes(result)) == DONE
    first, second = wire.sent
    answered = {"confirm": {"action": "accept", "content": {"ok": True}}}
    common = {"name": "t", "arguments": {}, "inputResponses": answered}
    assert params_of(first) == {**common, "requestState": state}
    assert params_of(second) == common, "no state was given, so none is sent"
    assert first["id"] != second["id"]


async def test_a_state_without_questions_is_sent_back_at_once_and_then_with_pauses() -> None:
    ask, wire = asking(asks(state="2"), asks(state="3"), DONE)
    await ask.finish(raw(asks(state="1")), "prompts/get", {"name": "p"})
    assert [params_of(sent) for sent in wire.sent] == [{"name": "p", "requestState": state} for state in "123"]


async def test_a_question_without_parameters_is_one() -> None:
    ask, wire = asking(DONE)
    await ask.finish(raw(asks({"r": {"method": "roots/list"}})), "resources/read", {"uri": "a://b"})
    assert params_of(wire.sent[0])["inputResponses"] == {"r": {"roots": [{"uri": "file:///a"}]}}


async def test_a_server_that_never_stops_asking() -> None:
    ask, wire = asking(*[asks(ASKED)] * 9, rounds=3)
    with pytest.raises(ConnectionFault, match=r"tools/call: the server still asks after 3 rounds"):
        await ask.finish(raw(asks(ASKED)), "tools/call", {})
    assert len(wire.sent) == 3


async def test_what_nobody_answers_is_named() -> None:
    ask, wire = asking(on_elicit=None)
    with pytest.raises(NoAnswer, match=r"tools/call: .*\(confirm\)\. .*elicitation/create 'Sure\?'; give it on_elicit"):
        await ask.finish(raw(asks(ASKED)), "tools/call", {})
    assert wire.sent == []


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (asks(), "neither why nor with what"),
        (asks({}), "neither why nor with what"),
        (asks({"a": 1}), "no question"),
        (asks({"a": {"params": {}}}), "no question"),
        (asks(state=3), "no question"),  # type: ignore[arg-type]
    ],
)
async def test_what_is_no_question(value: Any, words: str) -> None:
    ask, _ = asking()
    with pytest.raises(ConnectionFault, match=words):
        await ask.finish(raw(value), "tools/call", {})
