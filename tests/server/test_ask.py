"""Asking the client in the middle of a call, on every revision."""

import asyncio
import dataclasses
import json
import secrets
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Raw

from dragoman import Confirm, Context, Elicit, Limits, Principal, Roots, Sample, Server, ToolError, Visit
from dragoman.protocol.messages import ToolInfo
from dragoman.server.ask import UsedStates, digest_of, request_digest
from dragoman.server.exchange import Exchange
from tests.server.clients import ERAS, EVERY_REVISION, MODERN, Talker, accept, settle

SECRET, OTHER = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
LEGACY = "2025-11-25"


@dataclasses.dataclass
class Trip:
    to: str
    nights: int = 1


def serve(function: Callable[..., Any], **options: Any) -> Server:
    server = Server("ask", **options)
    server.add_tool(function, name="it")
    return server


async def book(context: Context) -> str:
    answer = await context.elicit("Where to?", Trip)
    return f"{answer.action} {answer.data}"


async def sure(context: Context, what: str = "") -> str:
    return "yes" if await context.confirm(f"Sure {what}?") else "no"


def yes(_method: str, _params: dict[str, Any]) -> Any:
    return accept(confirm=True)


@pytest.mark.parametrize("revision", ERAS)
@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (accept(to="Rome"), "accept Trip(to='Rome', nights=1)"),
        (accept(to="Rome", nights=2), "accept Trip(to='Rome', nights=2)"),
        ({"action": "decline"}, "decline None"),
        ({"action": "cancel"}, "cancel None"),
    ],
)
async def test_an_answer_comes_back_typed(revision: str, answer: Any, text: str) -> None:
    talker = Talker(serve(book), revision, script=lambda *_: answer)
    assert await talker.text("it") == text
    ((method, params),) = talker.asked
    assert method == "elicitation/create"
    assert params["message"] == "Where to?"
    assert params["requestedSchema"]["required"] == ["to"]


async def test_a_question_ends_the_call_with_a_key_and_a_state() -> None:
    result = await Talker(serve(book)).call("it")
    assert result["resultType"] == "input_required"
    assert list(result["inputRequests"]) == ["q0"]
    assert result["inputRequests"]["q0"]["method"] == "elicitation/create"
    assert isinstance(result["requestState"], str)
    assert {"ttlMs", "cacheScope", "content"}.isdisjoint(result)


@pytest.mark.parametrize("revision", ERAS)
async def test_several_questions_one_after_the_other(revision: str) -> None:
    runs: list[int] = []

    async def it(context: Context) -> list[Any]:
        runs.append(1)
        first = await context.elicit("first", str)
        second = await context.elicit(f"second after {first.data}", int)
        return [first.data, second.data, await context.confirm("third")]

    answers = {"first": accept(value="a"), "second after a": accept(value=2), "third": accept(confirm=True)}
    talker = Talker(serve(it), revision, script=lambda _, params: answers[params["message"]])
    assert await talker.text("it") == '["a",2,true]'
    assert [params["message"] for _, params in talker.asked] == list(answers)
    assert len(runs) == (4 if revision == MODERN else 1)


@pytest.mark.parametrize("revision", ERAS)
async def test_several_questions_at_once(revision: str) -> None:
    async def it(context: Context) -> list[Any]:
        name, agreed, opened, said, roots = await context.ask_all(
            Elicit("name", str, key="name"),
            Confirm("sure"),
            Visit("there", "https://example.com/x"),
            Sample("hello", tools=[ToolInfo(name="look", input_schema={"type": "object"})]),
            Roots(),
        )
        return [name.data, agreed, opened, said.text, [root.uri for root in roots]]

    def script(method: str, params: dict[str, Any]) -> Any:
        if method == "sampling/createMessage":
            assert params["tools"] == [{"name": "look", "inputSchema": {"type": "object"}}]
            return {"role": "assistant", "content": [{"type": "text", "text": "hi"}], "model": "m"}
        if method == "roots/list":
            return {"roots": [{"uri": "file:///a"}]}
        return {
            "name": accept(value="ada"),
            "sure": accept(confirm=True),
            "there": {"action": "accept"},
        }[params["message"]]

    talker = Talker(serve(it), revision, script=script)
    if revision == MODERN:
        first = await talker.call("it")
        assert list(first["inputRequests"]) == ["name", "q1", "q2", "q3", "q4"]
    assert await talker.text("it") == '["ada",true,true,"hi",["file:///a"]]'
    assert len(talker.asked) == 5, "all in one round"


async def test_what_is_missing_is_asked_again_and_only_that() -> None:
    async def it(context: Context) -> list[Any]:
        return [answer.data for answer in await context.ask_all(*(Elicit(name, str) for name in "abc"))]

    talker = Talker(serve(it))
    call: dict[str, Any] = {"name": "it", "arguments": {}}
    first = await talker.result("tools/call", call)
    answers = {"q1": accept(value="B"), "q99": accept(value="?"), "unknown": 7}
    second = await talker.result(
        "tools/call", {**call, "inputResponses": answers, "requestState": first["requestState"]}
    )
    assert list(second["inputRequests"]) == ["q0", "q2"]
    third = await talker.result("tools/call", {**call, "requestState": second["requestState"]})
    assert list(third["inputRequests"]) == ["q0", "q2"]
    answers = {"q0": accept(value="A"), "q2": accept(value="C"), "q1": accept(value="not asked any more")}
    last = await talker.result("tools/call", {**call, "inputResponses": answers, "requestState": third["requestState"]})
    assert last["structuredContent"] == ["A", "B", "C"]


@pytest.mark.parametrize(
    "wrong", [accept(nights=1), accept(to="Rome", nights="many"), {"action": "accept"}, {}, [], 7, "x", accept(to=None)]
)
async def test_an_answer_that_does_not_fit_is_asked_for_again(wrong: Any) -> None:
    answers = iter([wrong, wrong, accept(to="Rome")])
    talker = Talker(serve(book), script=lambda *_: next(answers))
    assert await talker.text("it") == "accept Trip(to='Rome', nights=1)"
    assert len(talker.asked) == 3
    assert talker.asked[0] == talker.asked[2]


@pytest.mark.parametrize("wrong", [accept(nights=1), {}, [], 7])
async def test_an_older_clients_answer_that_does_not_fit_fails_the_call(wrong: Any) -> None:
    talker = Talker(serve(book), LEGACY, script=lambda *_: wrong)
    assert "does not fit the question" in await talker.refusal("it")


async def test_a_question_asked_in_another_order_is_an_error_that_says_so() -> None:
    messages = iter(["first", "second"])

    async def it(context: Context) -> bool:
        return await context.confirm(next(messages))

    talker = Talker(serve(it), script=yes)
    assert "must ask in the same order each time" in await talker.refusal("it")


async def test_two_questions_with_one_key_are_the_authors_mistake(caplog: pytest.LogCaptureFixture) -> None:
    async def it(context: Context) -> list[Any]:
        return await context.ask_all(Confirm("a", key="k"), Confirm("b", key="k"))

    assert "Internal error" in await Talker(serve(it), script=yes).refusal("it")
    assert "Two questions of one call have the key 'k'" in caplog.text


async def test_a_key_that_looks_like_a_place_takes_no_other_questions_place() -> None:
    async def it(context: Context) -> list[Any]:
        return await context.ask_all(Confirm("a", key="q1"), Confirm("b"), Confirm("c"))

    talker = Talker(serve(it), script=yes)
    assert list((await talker.call("it"))["inputRequests"]) == ["q1", "q2", "q3"]
    assert await talker.text("it") == "[true,true,true]"


async def test_no_questions_have_no_answers() -> None:
    async def it(context: Context) -> list[Any]:
        return await context.ask_all()

    for revision in ERAS:
        assert await Talker(serve(it), revision).text("it") == "[]"


@pytest.mark.parametrize("revision", ERAS)
@pytest.mark.parametrize("is_async", [True, False])
async def test_once_is_done_once_in_all_rounds_and_always_gives_the_same(revision: str, is_async: bool) -> None:
    calls: list[int] = []
    seen: list[Any] = []

    def work() -> Any:
        calls.append(1)
        return {"pair": (1, 2), "number": len(calls)}

    async def slow() -> Any:
        await asyncio.sleep(0)
        return work()

    async def it(context: Context) -> str:
        function = slow if is_async else work
        seen.extend([await context.once("work", function), await context.once("work", function)])
        await context.once("other", lambda: None)
        await context.confirm("sure?")
        await context.confirm("really?")
        return "done"

    assert await Talker(serve(it), revision, script=yes).text("it") == "done"
    assert len(calls) == 1
    assert seen == [{"pair": [1, 2], "number": 1}] * (6 if revision == MODERN else 2)


@pytest.mark.parametrize("value", [object(), {1: {2: object()}}, float, b"\xff".decode("latin-1").encode("utf-8")])
async def test_what_is_kept_must_be_json(value: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def it(context: Context) -> str:
        return str(await context.once("work", lambda: value))

    talker = Talker(serve(it))
    if isinstance(value, bytes):
        assert await talker.text("it") == "w78=", "msgspec writes bytes as base64"
    else:
        assert "Internal error" in await talker.refusal("it")
        assert "What ctx.once('work') gave is no JSON" in caplog.text


async def test_once_that_failed_is_tried_again() -> None:
    calls: list[int] = []

    def work() -> int:
        calls.append(1)
        if len(calls) == 1:
            raise ToolError("not yet")
        return len(calls)

    async def it(context: Context) -> int:
        try:
            await context.once("work", work)
        except ToolError:
            return await context.once("work", work)  # type: ignore[no-any-return]
        return 0

    assert await Talker(serve(it)).text("it") == "2"


async def test_what_is_kept_has_a_limit() -> None:
    async def it(context: Context, size: int) -> str:
        await context.once("work", lambda: "x" * size)
        return "yes" if await context.confirm("sure?") else "no"

    talker = Talker(serve(it, limits=Limits(request_state_bytes=2048)), script=yes)
    assert await talker.text("it", {"size": 500}) == "yes"
    assert "larger than 2048 bytes" in await talker.refusal("it", {"size": 5000})


async def paused(talker: Talker, arguments: dict[str, Any] | None = None) -> dict[str, Any]:
    """The parameters of a retry that would succeed."""
    call = {"name": "it", "arguments": arguments or {}}
    return {**call, **talker.retry(await talker.result("tools/call", call))}


async def test_the_retry_of_a_pause_succeeds() -> None:
    talker = Talker(serve(sure), script=yes)
    result = await talker.result("tools/call", await paused(talker, {"what": "x"}))
    assert result["content"][0]["text"] == "yes"


async def test_a_state_is_used_once() -> None:
    talker = Talker(serve(sure), script=yes)
    retry = await paused(talker)
    await talker.result("tools/call", retry)
    error = await talker.error("tools/call", retry)
    assert error == {"code": -32602, "message": "The requestState was used before; call again without it."}


async def test_the_state_of_somebody_else_is_refused() -> None:
    server = serve(sure)
    ada = Principal("ada", "https://issuer", "client", "tenant")
    retry = await paused(Talker(server, principal=ada, script=yes))
    for field in ("subject", "issuer", "client", "tenant"):
        other = Principal(**{**{name: getattr(ada, name) for name in ada.__struct_fields__}, field: "other"})
        error = await Talker(server, principal=other).error("tools/call", retry)
        assert (error["code"], "belongs to another request" in error["message"]) == (-32602, True)
    assert await Talker(server, principal=ada).result("tools/call", retry)


async def test_the_state_of_another_request_is_refused() -> None:
    server = serve(sure)
    server.add_tool(sure, name="other")
    server.add_prompt(sure, name="it")
    talker = Talker(server, script=yes)
    retry = await paused(talker, {"what": "x"})
    changes: list[dict[str, Any]] = [{"name": "other"}, {"arguments": {"what": "y"}}, {"arguments": {}}]
    for change in changes:
        error = await talker.error("tools/call", {**retry, **change})
        assert "belongs to another request" in error["message"], change
    assert "belongs to another request" in (await talker.error("prompts/get", retry))["message"]
    reordered = {**retry, "arguments": {"what": "x"}, "_meta": {"progressToken": 1}}
    assert await talker.result("tools/call", reordered)


async def test_the_order_of_arguments_makes_no_other_request() -> None:
    async def it(context: Context, a: int, b: int) -> bool:
        return await context.confirm(f"{a} {b}")

    talker = Talker(serve(it), script=yes)
    retry = await paused(talker, {"a": 1, "b": 2})
    assert await talker.result("tools/call", {**retry, "arguments": {"b": 2, "a": 1}})


async def test_an_expired_state_is_refused() -> None:
    talker = Talker(serve(sure, limits=Limits(question_seconds=0.01)), script=yes)
    retry = await paused(talker)
    await asyncio.sleep(0.02)
    assert "has expired" in (await talker.error("tools/call", retry))["message"]


async def test_a_changed_state_is_refused() -> None:
    talker = Talker(serve(sure), script=yes)
    retry = await paused(talker)
    state = retry["requestState"]
    for changed in (state[:-2], state + "A", state[::-1], state.swapcase(), "", "x"):
        error = await talker.error("tools/call", {**retry, "requestState": changed})
        assert error["code"] == -32602
        assert "not one of this server's" in error["message"]
    assert await talker.result("tools/call", retry)


@given(st.text(max_size=100))
@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_any_text_as_a_state_is_refused(state: str) -> None:
    async def attempt() -> None:
        call = {"name": "it", "arguments": {}, "requestState": state}
        assert (await Talker(serve(sure)).error("tools/call", call))["code"] == -32602

    asyncio.run(attempt())


async def test_a_text_sealed_for_something_else_is_no_state() -> None:
    server = serve(sure)
    for plain, purpose in ((b"[]", b"cursor"), (b"[]", b"requestState"), (b"not json", b"requestState")):
        call = {"name": "it", "requestState": server.seal.seal(plain, purpose)}
        assert "not one of this server's" in (await Talker(server).error("tools/call", call))["message"]


async def test_servers_that_share_a_secret_take_up_each_others_calls() -> None:
    one, other = serve(sure, secrets=[SECRET]), serve(sure, secrets=[SECRET])
    retry = await paused(Talker(one, script=yes))
    assert (await Talker(other).result("tools/call", retry))["content"][0]["text"] == "yes"


async def test_servers_that_do_not_refuse_each_others_calls() -> None:
    retry = await paused(Talker(serve(sure), script=yes))
    assert "not one of this server's" in (await Talker(serve(sure)).error("tools/call", retry))["message"]


async def test_a_secret_can_be_exchanged_while_calls_wait() -> None:
    old, both = serve(sure, secrets=[OTHER]), serve(sure, secrets=[SECRET, OTHER])
    new = serve(sure, secrets=[SECRET])
    retry = await paused(Talker(old, script=yes))
    assert "not one of this server's" in (await Talker(new).error("tools/call", retry))["message"]
    assert await Talker(both).result("tools/call", retry)
    assert await Talker(new).result("tools/call", await paused(Talker(both, script=yes)))


async def test_the_state_tells_nothing() -> None:
    async def it(context: Context) -> str:
        await context.once("secret", lambda: "hunter2")
        return "yes" if await context.confirm("sure?") else "no"

    result = await Talker(serve(it), principal=Principal("ada")).call("it")
    assert "hunter2" not in json.dumps(result)
    assert "ada" not in result["requestState"]


QUESTIONS: list[tuple[Any, dict[str, Any]]] = [
    (lambda: Elicit("x", str), {"elicitation": {"form": {}}}),
    (lambda: Confirm("x"), {"elicitation": {"form": {}}}),
    (lambda: Visit("x", "https://example.com"), {"elicitation": {"url": {}}}),
    (lambda: Sample("x"), {"sampling": {}}),
    (lambda: Sample("x", tool_choice="none"), {"sampling": {"tools": {}}}),
    (lambda: Roots(), {"roots": {}}),  # noqa: PLW0108 - one shape for all
]


@pytest.mark.parametrize("revision", EVERY_REVISION)
@pytest.mark.parametrize(("question", "needed"), QUESTIONS)
async def test_a_client_is_asked_only_for_what_it_declared(
    revision: str, question: Any, needed: dict[str, Any]
) -> None:
    async def it(context: Context) -> str:
        return str(await context.ask_all(question()))

    name = next(iter(needed))
    step = next(iter(needed[name]), None)
    lacking: list[Any] = [{}, {"experimental": {}}, {name: None}]
    lacking += [{"elicitation": {"url" if step == "form" else "form": {}}}] if name == "elicitation" else []
    lacking += [{"elicitation": {}}] if step == "url" else []
    lacking += [{"sampling": {}}, {"sampling": True}] if step == "tools" else []
    for capabilities in lacking:
        talker = Talker(serve(it), revision, capabilities=capabilities, script=yes)
        if revision == MODERN:
            error = await talker.error("tools/call", {"name": "it"})
            assert (error["code"], error["data"]) == (-32021, {"requiredCapabilities": needed})
        else:
            assert "it did not declare" in await talker.refusal("it")
        assert talker.asked == []


@pytest.mark.parametrize("declared", [{}, {"form": {}}, {"form": {}, "url": {}}])
@pytest.mark.parametrize("revision", ERAS)
async def test_an_empty_elicitation_means_forms(revision: str, declared: Any) -> None:
    talker = Talker(serve(sure), revision, capabilities={"elicitation": declared}, script=yes)
    assert await talker.text("it") == "yes"


async def test_a_missing_capability_is_found_before_anything_is_asked() -> None:
    async def it(context: Context) -> str:
        return str(await context.ask_all(Confirm("x"), Roots()))

    talker = Talker(serve(it), LEGACY, capabilities={"elicitation": {}}, script=yes)
    assert "'roots'" in await talker.refusal("it")
    assert talker.asked == []


@pytest.mark.parametrize("revision", EVERY_REVISION[:-1])
async def test_older_clients_that_refuse(revision: str) -> None:
    talker = Talker(serve(sure), revision, script=lambda *_: OSError("not now"))
    assert "The client refused 'elicitation/create': not now" in await talker.refusal("it")


async def test_older_clients_that_do_not_answer() -> None:
    talker = Talker(serve(sure, limits=Limits(question_seconds=0.01)), LEGACY, script=lambda *_: None)
    assert "did not answer 'elicitation/create' within 0.01 seconds" in await talker.refusal("it")


async def test_a_tool_may_go_on_without_an_answer() -> None:
    async def it(context: Context) -> str:
        try:
            await context.confirm("sure?")
        except ToolError as error:
            return f"went on: {error}"
        return "never"

    several: list[dict[str, Any]] = [{}, {"elicitation": {}}]
    for capabilities in several:
        talker = Talker(serve(it), LEGACY, capabilities=capabilities, script=lambda *_: OSError("no"))
        assert (await talker.text("it")).startswith("went on: ")


async def test_a_call_that_is_taken_back_waits_for_no_answer() -> None:
    talker = Talker(serve(sure), LEGACY, script=lambda *_: None)
    await talker.send("ping")
    call = asyncio.create_task(talker.send("tools/call", {"name": "it"}, request_id="mine"))
    await settle()
    assert len(talker.asked) == 1
    await talker.notify("notifications/cancelled", {"requestId": "mine"})
    assert await call is None
    assert talker.connection.session.waiting == {}


async def test_when_one_of_several_is_refused_nobody_waits_for_the_others() -> None:
    async def it(context: Context) -> str:
        return str(await context.ask_all(Confirm("a"), Confirm("b"), Confirm("c")))

    def script(_method: str, params: dict[str, Any]) -> Any:
        return OSError("no") if params["message"] == "b" else None

    talker = Talker(serve(it), LEGACY, script=script)
    assert "The client refused" in await asyncio.wait_for(talker.refusal("it"), 5)
    await settle()
    assert talker.connection.session.waiting == {}
    assert len(talker.asked) == 3


async def test_answers_to_nothing_are_ignored() -> None:
    talker = Talker(serve(sure), LEGACY, script=yes)
    await talker.send("ping")
    line = json.dumps({"jsonrpc": "2.0", "id": "dragoman-99", "result": {}})
    assert await talker.connection.send(line.encode()) is None
    assert await talker.text("it") == "yes"


def test_a_used_state_is_remembered_until_it_expires() -> None:
    used, now = UsedStates(), time.time()
    assert used.use("a", now + 60)
    assert not used.use("a", now + 60)
    assert used.use("old", now - 1)
    assert used.use("b", now + 60)
    assert not used.use("b", now + 60)
    assert not used.use("a", now + 60)


def test_expired_states_make_room() -> None:
    used, now = UsedStates(), time.time()
    for number in range(10):
        used.use(str(number), now - 1)
    used.use("fresh", now + 60)
    assert len(used._used) == 1  # noqa: SLF001 - what is kept is the point


def test_no_more_states_are_remembered_than_fit() -> None:
    used, later = UsedStates(), time.time() + 60
    for number in range(100_001):
        used.use(str(number), later)
    assert len(used._used) == 100_000  # noqa: SLF001 - what is kept is the point
    assert not used.use("100000", later)


def test_an_exchange_that_was_not_dispatched_has_no_digest() -> None:
    assert request_digest(Exchange()) == ""


def test_a_digest_does_not_depend_on_the_order_of_keys() -> None:
    assert digest_of({"a": 1, "b": [2]}) == digest_of({"b": [2], "a": 1})
    assert digest_of({"a": 1}) != digest_of({"a": 2})
    assert digest_of(["a", "b"]) != digest_of(["b", "a"])
    assert digest_of(Raw(msgspec.json.encode(1))) == digest_of(1)
