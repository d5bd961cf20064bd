"""Calls that are not done with their first answer, against a real server on every wire and in every era."""

import asyncio
from typing import Any

import pytest

from dragoman import ClientError, RequestTimeout, ServerFault, ToolCallError
from dragoman.client.answers import NoAnswer
from dragoman.client.questions import Elicitation, SamplingRequest
from dragoman.protocol.asking import CreateMessageResult, ElicitResult
from dragoman.protocol.content import TextContent
from tests.client.conftest import Reach

ERAS = ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"]
era = pytest.mark.parametrize("revision", ERAS)
two_eras = pytest.mark.parametrize("revision", ERAS[:2])


def fill_in(question: Elicitation) -> dict[str, Any] | ElicitResult:
    """Order three of everything, and agree."""
    if "value" in question.schema["properties"]:
        return {"value": "Ada"}
    return {"size": 3} if "size" in question.schema["properties"] else {"confirm": True}


@era
async def test_one_tool_asks_two_questions_one_after_the_other(reach: Reach, revision: str) -> None:
    asked: list[str] = []

    async def on_elicit(question: Elicitation) -> Any:
        asked.append(question.message)
        return fill_in(question)

    async with reach(revision=revision, on_elicit=on_elicit) as client:
        reply = await client.call_tool("order", {"thing": "cake"})
    assert reply.text == "cake of size 3, True"
    assert asked == ["How large shall the cake be?", "A cake of size 3?"]


@two_eras
@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_the_user_may_say_no(reach: Reach, revision: str, action: str) -> None:
    async with reach(revision=revision, on_elicit=lambda question: getattr(question, action)()) as client:
        assert (await client.call_tool("order", {"thing": "cake"})).text == f"no cake: {action}"


@two_eras
async def test_everything_is_asked_at_once(reach: Reach, revision: str) -> None:
    def on_sample(request: SamplingRequest) -> str:
        assert request.max_tokens == 1024
        return "hi" if request.text == "Say hi" else "?"

    options: dict[str, Any] = {"on_elicit": fill_in, "on_sample": on_sample, "roots": ["file:///a"]}
    async with reach(revision=revision, **options) as client:
        assert (await client.call_tool("everything")).text == "Ada True hi ['file:///a']"


@two_eras
async def test_a_model_with_tools(reach: Reach, revision: str) -> None:
    def on_sample(request: SamplingRequest) -> CreateMessageResult:
        assert [tool.name for tool in request.tools or ()] == ["weather"]
        return CreateMessageResult("assistant", TextContent("rain"), "parrot")

    async with reach(revision=revision, on_sample=on_sample, sample_tools=True) as client:
        assert (await client.call_tool("think")).text == "parrot"
    async with reach(revision=revision, on_sample=on_sample) as client:
        with pytest.raises(ClientError, match="did not declare"):
            await client.call_tool("think")


@two_eras
async def test_a_link(reach: Reach, revision: str) -> None:
    def on_elicit(question: Elicitation) -> ElicitResult:
        assert (question.mode, question.url) == ("url", "https://pay.example/1")
        return question.accept()

    async with reach(revision=revision, on_elicit=on_elicit, elicit_modes=["form", "url"]) as client:
        assert (await client.call_tool("visit")).data is True


@two_eras
async def test_resources_and_prompts_ask_as_well(reach: Reach, revision: str) -> None:
    async with reach(revision=revision, on_elicit=fill_in) as client:
        (secret,) = await client.read_resource("desk://secret")
        assert secret.text == "swordfish"
        prompt = await client.get_prompt("greet")
        assert [message.content for message in prompt.messages] == [TextContent("Greet Ada.")]


@two_eras
async def test_a_client_that_answers_nothing(reach: Reach, revision: str) -> None:
    async with reach(revision=revision) as client:
        with pytest.raises(ClientError, match="did not declare"):
            await client.call_tool("order", {"thing": "cake"})


@two_eras
async def test_an_answer_that_does_not_fit(reach: Reach, revision: str) -> None:
    async with reach(revision=revision, on_elicit=lambda _: {"size": 10}) as client:
        with pytest.raises(ClientError, match="'size' takes at most 9"):
            await client.call_tool("order", {"thing": "cake"})


@two_eras
async def test_the_time_an_answer_takes_does_not_count(reach: Reach, revision: str) -> None:
    async def on_elicit(question: Elicitation) -> Any:
        await asyncio.sleep(0.8)
        return fill_in(question)

    async with reach(revision=revision, on_elicit=on_elicit) as client:
        reply = await client.call_tool("order", {"thing": "cake"}, timeout=0.7)
        assert reply.text == "cake of size 3, True"


@two_eras
async def test_a_call_that_becomes_a_task_is_waited_for(reach: Reach, revision: str) -> None:
    heard: list[Any] = []
    async with reach(revision=revision) as client:
        reply = await client.call_tool("work", on_progress=lambda *progress: heard.append(progress))
        assert reply.data == "worked"
        with pytest.raises(ToolCallError, match=r"^no stock$"):
            await client.call_tool("work", {"fail": "no stock"})
        assert (await client.call_tool("maybe", {"seconds": 0.2})).data == "done"
        assert (await client.call_tool("maybe")).data == "done"
        assert (await client.call_tool("maybe", task=True)).data == "done"
        assert (await client.call_tool("change", task=True)).data == "changed" if revision == ERAS[0] else True
    assert heard == [(1.0, None, "half (1 of 2)")]


@two_eras
async def test_a_task_asks_on_the_way(reach: Reach, revision: str) -> None:
    asked: list[str] = []

    def on_elicit(question: Elicitation) -> Any:
        asked.append(question.message)
        return fill_in(question)

    async with reach(revision=revision, on_elicit=on_elicit) as client:
        assert (await client.call_tool("ask_on_the_way")).text == "3 True"
    assert asked == ["How large?", "Sure?"]


@two_eras
async def test_a_task_that_takes_too_long_is_cancelled(reach: Reach, revision: str) -> None:
    async with reach(revision=revision) as client:
        task = await client.start_task("sleep")
        assert (await task.status()).status == "working"
        with pytest.raises(RequestTimeout, match=r"did not end within 0\.1 seconds; it goes on"):
            await task.result(timeout=0.1)
        assert (await task.status()).status == "working"
        await task.cancel()
        assert (await task.status()).status == "cancelled"
        with pytest.raises(RequestTimeout, match=r"task of tools/call within 1 seconds; it was cancelled"):
            await client.call_tool("sleep", timeout=1.0, task=True)


async def test_a_task_whose_question_nobody_answers_is_cancelled(reach: Reach) -> None:
    async with reach(on_sample=lambda _: "x") as client:
        with pytest.raises(ClientError, match="did not declare"):
            await client.call_tool("ask_on_the_way")


@pytest.mark.parametrize("revision", ERAS[2:3])
async def test_older_revisions_have_no_tasks(reach: Reach, revision: str) -> None:
    async with reach(revision=revision) as client:
        assert (await client.call_tool("maybe", task=True)).data == "done"
        with pytest.raises(ClientError, match="There are no tasks here: the server speaks 2025-06-18"):
            await client.start_task("maybe")
        with pytest.raises(ClientError, match="There are no tasks here"):
            client.task("x")


@two_eras
async def test_a_task_is_found_again_by_its_id(reach: Reach, revision: str) -> None:
    async with reach(revision=revision) as client:
        started = await client.start_task("work")
        assert started.task_id
        found = client.task(started.task_id)
        assert (await found.result()).data == "worked"
        assert (await found.result()).data == "worked"
        assert (await found.status()).ended
        with pytest.raises(ServerFault, match="no such task"):
            await client.task("nothing").status()


def test_a_missing_answer_says_what_was_asked() -> None:
    assert issubclass(NoAnswer, ClientError)
