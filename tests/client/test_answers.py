"""What the client answers when a server asks, by request and inside a result."""

import asyncio
import json
import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec import Raw

from dragoman.client.answers import Answers, Handlers, NoAnswer
from dragoman.client.questions import Elicitation, SamplingRequest
from dragoman.client.wire import messages_in
from dragoman.errors import ClientError, ConnectionFault, UsageError
from dragoman.protocol.asking import CreateMessageResult, ElicitResult, InputRequest, Root
from dragoman.protocol.jsonrpc import Message

FORM = {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer", "default": 30}}}
ASK = {"message": "Who?", "requestedSchema": FORM}
SAMPLE = {"messages": [{"role": "user", "content": {"type": "text", "text": "Hi"}}], "maxTokens": 9}


def message(method: str, params: Any = None, request_id: Any = "a") -> Message:
    sent = {"jsonrpc": "2.0", "id": request_id, "method": method} | ({} if params is None else {"params": params})
    (decoded,) = messages_in(json.dumps(sent).encode())
    return decoded


async def replied(answers: Answers, method: str, params: Any = None) -> Any:
    reply = json.loads(await answers.reply(message(method, params)))
    assert (reply.pop("jsonrpc"), reply.pop("id")) == ("2.0", "a")
    return reply


async def test_a_ping_is_answered() -> None:
    assert await replied(Answers(Handlers()), "ping") == {"result": {}}


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("elicitation/create", "This client does not answer elicitation/create 'Who?'; give it on_elicit."),
        ("sampling/createMessage", "This client does not answer sampling/createMessage; give it on_sample."),
        ("roots/list", "This client does not answer roots/list; give it roots."),
        ("tools/call", "This client does not answer tools/call."),
    ],
)
async def test_what_nobody_answers_is_refused_by_name(method: str, words: str) -> None:
    answers = Answers(Handlers())
    params = ASK if method == "elicitation/create" else {}
    assert await replied(answers, method, params) == {"error": {"code": -32601, "message": words}}
    assert not answers.asks(message(method))
    with pytest.raises(NoAnswer, match="does not answer"):
        await answers.answer(method, params)


def test_capabilities_are_declared_for_what_is_answered() -> None:
    assert Answers(Handlers()).capabilities == {}
    everything = Handlers(
        on_elicit=lambda _: None, elicit_modes=("form", "url"), on_sample=lambda _: "", sample_tools=True, roots=()
    )
    declared: dict[str, Any] = {"elicitation": {"form": {}, "url": {}}, "sampling": {"tools": {}}, "roots": {}}
    assert Answers(everything).capabilities == declared
    plain = Handlers(on_elicit=lambda _: None, on_sample=lambda _: "")
    assert Answers(plain).capabilities == {"elicitation": {"form": {}}, "sampling": {}}


@pytest.mark.parametrize("modes", [(), ("form", "video")])
def test_modes_that_there_are_not(modes: Any) -> None:
    with pytest.raises(UsageError, match="'form', 'url' or both"):
        Handlers(on_elicit=lambda _: None, elicit_modes=modes)


def test_roots_are_looked_at_when_they_are_given() -> None:
    with pytest.raises(UsageError, match="https://a"):
        Handlers(roots=("https://a",))


async def test_the_user_is_asked_sync_or_async() -> None:
    def accept(question: Elicitation) -> dict[str, Any]:
        assert (question.message, question.mode) == ("Who?", "form")
        return {"name": "Ada"}

    async def decline(question: Elicitation) -> ElicitResult:
        await asyncio.sleep(0)
        return question.decline()

    accepted = await replied(Answers(Handlers(on_elicit=accept)), "elicitation/create", ASK)
    assert accepted == {"result": {"action": "accept", "content": {"age": 30, "name": "Ada"}}}
    declined = await replied(Answers(Handlers(on_elicit=decline)), "elicitation/create", ASK)
    assert declined == {"result": {"action": "decline"}}
    cancelled = await replied(Answers(Handlers(on_elicit=lambda _: None)), "elicitation/create", ASK)
    assert cancelled == {"result": {"action": "cancel"}}


async def test_the_model_is_asked() -> None:
    async def sample(request: SamplingRequest) -> str:
        return request.text + "!"

    reply = await replied(Answers(Handlers(on_sample=sample, model="m")), "sampling/createMessage", SAMPLE)
    content = {"type": "text", "text": "Hi!"}
    assert reply == {"result": {"role": "assistant", "content": content, "model": "m", "stopReason": "endTurn"}}


async def test_roots_are_paths_uris_or_what_gives_them(tmp_path: Path) -> None:
    answers = Answers(Handlers(roots=(tmp_path, "file:///a", Root("file:///b", "B"))))
    expected = [{"uri": tmp_path.as_uri()}, {"uri": "file:///a"}, {"uri": "file:///b", "name": "B"}]
    assert await replied(answers, "roots/list") == {"result": {"roots": expected}}

    async def roots() -> list[str]:
        return ["file:///c"]

    assert await replied(Answers(Handlers(roots=roots)), "roots/list") == {"result": {"roots": [{"uri": "file:///c"}]}}


async def test_a_mode_that_was_not_offered() -> None:
    answers = Answers(Handlers(on_elicit=lambda question: question.accept()))
    reply = await replied(answers, "elicitation/create", {"mode": "url", "message": "m", "url": "https://a.example"})
    assert reply["error"]["code"] == -32602
    assert "url mode" in reply["error"]["message"]


async def test_failures_here_are_told_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    def break_down(_: Elicitation) -> None:
        raise RuntimeError("the password is swordfish")

    reply = await replied(Answers(Handlers(on_elicit=break_down)), "elicitation/create", ASK)
    assert reply == {"error": {"code": -32603, "message": "The client could not answer; see its log."}}
    assert "swordfish" in caplog.text
    caplog.clear()
    reply = await replied(Answers(Handlers(on_elicit=lambda _: {"age": "old"})), "elicitation/create", ASK)
    assert reply["error"]["code"] == -32602
    assert "'age' takes a number, not str" in reply["error"]["message"]
    assert "is not answered" in caplog.text
    reply = await replied(Answers(Handlers(roots=lambda: ["https://a"])), "roots/list")
    assert reply["error"] == {"code": -32603, "message": "A root is a path or a file:// URI, not 'https://a'."}
    reply = await replied(Answers(Handlers(roots=())), "roots/list", [])
    assert reply["error"]["code"] == -32602


async def test_all_questions_are_answered_at_once() -> None:
    both = asyncio.Barrier(2)

    async def elicit(_: Elicitation) -> dict[str, Any]:
        await both.wait()
        return {"name": "Ada"}

    async def sample(_: SamplingRequest) -> CreateMessageResult | str:
        await both.wait()
        return "text"

    answers = Answers(Handlers(on_elicit=elicit, on_sample=sample))
    thinking: list[str] = []

    @contextmanager
    def patience() -> Iterator[None]:
        thinking.append("begin")
        yield
        thinking.append("end")

    def patient() -> AbstractContextManager[None]:
        return patience()

    answers.patience = patient
    async with asyncio.timeout(5):
        given = await answers.answer_all(
            {"a": InputRequest("elicitation/create", ASK), "b": InputRequest("sampling/createMessage", SAMPLE)}
        )
    assert given["a"] == ElicitResult("accept", Raw(b'{"age":30,"name":"Ada"}'))
    assert given["b"].text == "text"
    assert thinking == ["begin", "end"]


async def test_one_failure_takes_the_other_questions_back() -> None:
    ended = asyncio.Event()

    async def elicit(_: Elicitation) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    asked = {"a": InputRequest("elicitation/create", ASK), "b": InputRequest("roots/list", {})}
    with pytest.raises(NoAnswer, match="roots"):
        await Answers(Handlers(on_elicit=elicit)).answer_all(asked)
    assert ended.is_set()


async def test_requests_are_answered_in_tasks_of_their_own(caplog: pytest.LogCaptureFixture) -> None:
    sent: list[Any] = []
    going = asyncio.Event()

    async def elicit(_: Elicitation) -> dict[str, Any]:
        await going.wait()
        return {"name": "Ada"}

    async def send(body: bytes) -> None:
        sent.append(json.loads(body))

    answers = Answers(Handlers(on_elicit=elicit))
    answers.begin(message("elicitation/create", ASK, 1), send)
    answers.begin(message("elicitation/create", ASK, 1), send)
    assert "twice under the id 1" in caplog.text
    answers.begin(message("ping", None, 2), send)
    await asyncio.sleep(0.01)
    assert [one["id"] for one in sent] == [2]
    going.set()
    await asyncio.sleep(0.01)
    assert [one["id"] for one in sent] == [2, 1]
    assert sent[1]["result"]["action"] == "accept"


async def test_a_server_may_take_its_question_back() -> None:
    ended = asyncio.Event()

    async def elicit(_: Elicitation) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    async def send(body: bytes) -> None:
        raise AssertionError(body)

    answers = Answers(Handlers(on_elicit=elicit))
    answers.begin(message("elicitation/create", ASK, 7), send)
    await asyncio.sleep(0)
    assert not answers.take_back(messages_in(b'{"jsonrpc":"2.0","method":"notifications/message"}')[0])
    cancelled = b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%b}}'
    assert not answers.take_back(messages_in(cancelled % b"8")[0])
    assert not answers.take_back(messages_in(cancelled % b"[]")[0])
    assert answers.take_back(messages_in(cancelled % b"7")[0])
    async with asyncio.timeout(5):
        await ended.wait()


async def test_closing_stops_answering() -> None:
    ended = asyncio.Event()

    async def elicit(_: Elicitation) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    async def send(body: bytes) -> None:
        raise AssertionError(body)

    answers = Answers(Handlers(on_elicit=elicit))
    answers.begin(message("elicitation/create", ASK, 7), send)
    await asyncio.sleep(0)
    await answers.close()
    assert ended.is_set()


async def test_an_answer_that_is_not_taken_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def send(body: bytes) -> None:
        raise ConnectionFault("gone")

    with caplog.at_level(logging.WARNING):
        answers = Answers(Handlers())
        answers.begin(message("ping"), send)
        await asyncio.sleep(0.01)
    assert "did not take the answer to its ping: gone" in caplog.text


async def test_a_server_cannot_ask_without_end() -> None:
    sent: list[Any] = []

    async def elicit(_: Elicitation) -> None:
        await asyncio.sleep(60)

    async def send(body: bytes) -> None:
        sent.append(json.loads(body))

    answers = Answers(Handlers(on_elicit=elicit))
    for number in range(70):
        answers.begin(message("elicitation/create", ASK, number), send)
    await asyncio.sleep(0.01)
    assert sent
    assert {one["error"]["code"] for one in sent} == {-32603}
    await answers.close()


def test_no_answer_is_a_client_error() -> None:
    assert issubclass(NoAnswer, ClientError)


async def test_more_questions_than_anybody_answers() -> None:
    many = {str(number): InputRequest("roots/list", {}) for number in range(65)}
    with pytest.raises(ConnectionFault, match="asks 65 questions at one time; at most 64"):
        await Answers(Handlers(roots=())).answer_all(many)
