"""What a function may ask for while it runs."""

import asyncio
import math
from typing import Any

import pytest

from dragoman import ANONYMOUS, Context, Principal, Server
from dragoman.secrets import register
from tests.server.clients import ERAS, EVERY_REVISION, LOG_LEVEL, MODERN, Talker, accept, settle


def serve(function: Any) -> Server:
    server = Server("context")
    server.add_tool(function, name="it")
    return server


@pytest.mark.parametrize("revision", EVERY_REVISION)
async def test_who_asks_what_and_how(revision: str) -> None:
    seen: dict[str, Any] = {}

    async def it(context: Context) -> str:
        seen.update(
            server=context.server,
            principal=context.principal,
            id=context.request_id,
            revision=context.revision,
            client=context.client_info,
        )
        return "x"

    server, ada = serve(it), Principal("ada", "https://issuer")
    talker = Talker(server, revision, principal=ada)
    if talker.revision.modern:
        talker.meta = {"io.modelcontextprotocol/clientInfo": {"name": "talker", "version": "1"}}
    await talker.send("tools/call", {"name": "it"}, request_id="r-1")
    assert (seen["server"], seen["principal"], seen["id"], seen["revision"]) == (server, ada, "r-1", revision)
    assert (seen["client"].name, seen["client"].version) == ("talker", "1")


async def test_a_client_need_not_say_what_it_is() -> None:
    seen: list[Any] = []

    async def it(context: Context) -> str:
        seen.append((context.client_info, context.principal))
        return "x"

    await Talker(serve(it)).call("it")
    assert seen == [(None, ANONYMOUS)]


@pytest.mark.parametrize("revision", EVERY_REVISION)
async def test_progress_is_told_with_the_token_and_only_grows(revision: str) -> None:
    async def it(context: Context) -> str:
        for progress in (0, 1, 1, 0.5, math.nan, math.inf, -math.inf, 2.5, 2, 3):
            await context.progress(progress)
        await context.progress(4, 5, "nearly")
        await context.progress(5, math.inf)
        return "x"

    talker = Talker(serve(it), revision)
    talker.meta = {"progressToken": "p"}
    await talker.call("it")
    told = talker.told("notifications/progress")
    assert [each["progress"] for each in told] == [0, 1, 2.5, 3, 4, 5]
    assert {each["progressToken"] for each in told} == {"p"}
    assert told[-2] == {
        "progressToken": "p",
        "progress": 4,
        "total": 5,
        **({"message": "nearly"} if revision > "2024-11-05" else {}),
    }
    assert "total" not in told[-1], "infinity has no JSON"


@pytest.mark.parametrize("token", [0, "", 7])
async def test_any_token_is_a_token(token: Any) -> None:
    async def it(context: Context) -> str:
        await context.progress(-1)
        return "x"

    talker = Talker(serve(it))
    talker.meta = {"progressToken": token}
    await talker.call("it")
    assert talker.told("notifications/progress") == [{"progressToken": token, "progress": -1}]


async def test_without_a_token_no_progress_is_told() -> None:
    async def it(context: Context) -> str:
        await context.progress(1)
        return "x"

    talker = Talker(serve(it))
    await talker.call("it")
    assert talker.heard == []


@pytest.mark.parametrize("revision", ERAS)
async def test_what_is_said_after_the_end_is_dropped(revision: str) -> None:
    left: list[asyncio.Task[None]] = []
    ended = asyncio.Event()

    async def late(context: Context) -> None:
        await ended.wait()
        await context.progress(2)
        await context.log("emergency", "late")

    async def it(context: Context) -> str:
        await context.progress(1)
        left.append(asyncio.create_task(late(context)))
        return "x"

    talker = Talker(serve(it), revision)
    talker.meta = {"progressToken": 1, LOG_LEVEL: "debug"}
    await talker.call("it")
    ended.set()
    await asyncio.gather(*left)
    assert [each["progress"] for each in talker.told("notifications/progress")] == [1]
    assert talker.told("notifications/message") == []


async def say_all(context: Context) -> str:
    await context.debug("d")
    await context.info({"i": 1})
    await context.log("notice", "n", logger="mine")
    await context.warning("w")
    await context.error("e")
    await context.log("emergency", ["x"])
    return "x"


ALL = ["debug", "info", "notice", "warning", "error", "emergency"]


@pytest.mark.parametrize(
    ("wanted", "expected"), [("debug", ALL), ("notice", ALL[2:]), ("error", ALL[4:]), ("alert", ALL[5:])]
)
@pytest.mark.parametrize("revision", ERAS)
async def test_log_messages_from_the_wanted_level_on(wanted: str, expected: list[str], revision: str) -> None:
    talker = Talker(serve(say_all), revision)
    if talker.revision.modern:
        talker.meta = {LOG_LEVEL: wanted}
    else:
        await talker.result("logging/setLevel", {"level": wanted})
    await talker.call("it")
    told = talker.told("notifications/message")
    assert [each["level"] for each in told] == expected
    assert [each["data"] for each in told] == ["d", {"i": 1}, "n", "w", "e", ["x"]][-len(expected) :]
    assert [each.get("logger") for each in told if each["level"] == "notice"] == (
        ["mine"] if "notice" in expected else []
    )


async def test_no_log_message_shows_a_secret() -> None:
    register("cx-4b01zz")

    async def it(context: Context) -> str:
        await context.info("with cx-4b01zz")
        await context.info({"with": ["cx-4b01zz", 1]})
        await context.info({"without": 1})
        return ""

    talker = Talker(serve(it))
    talker.meta = {LOG_LEVEL: "info"}
    await talker.call("it")
    told = [each["data"] for each in talker.told("notifications/message")]
    assert told == ["with ***", {"with": ["***", 1]}, {"without": 1}]


async def test_no_progress_shows_a_secret() -> None:
    register("cx-4b04zz")

    async def it(context: Context) -> str:
        await context.progress(1, message="with cx-4b04zz")
        return ""

    talker = Talker(serve(it))
    talker.meta = {"progressToken": 1}
    await talker.call("it")
    assert [each["message"] for each in talker.told("notifications/progress")] == ["with ***"]


async def test_without_a_level_nothing_is_logged_on_2026_07_28() -> None:
    talker = Talker(serve(say_all))
    await talker.call("it")
    assert talker.heard == []


async def test_older_clients_hear_info_until_they_say_otherwise() -> None:
    talker = Talker(serve(say_all), "2025-11-25")
    await talker.call("it")
    assert [each["level"] for each in talker.told("notifications/message")] == ALL[1:]


async def test_a_level_that_is_none_is_refused() -> None:
    talker = Talker(serve(say_all))
    talker.meta = {LOG_LEVEL: "loud"}
    assert (await talker.error("tools/call", {"name": "it"}))["code"] == -32602


async def test_what_a_taken_back_call_says_is_dropped() -> None:
    begun = asyncio.Event()

    async def it(context: Context) -> str:
        begun.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await context.progress(1)
            raise
        return "never"

    talker = Talker(serve(it))
    talker.meta = {"progressToken": 1}
    call = asyncio.create_task(talker.send("tools/call", {"name": "it"}, request_id=5))
    await begun.wait()
    await talker.notify("notifications/cancelled", {"requestId": 5})
    assert await call is None
    await settle()
    assert talker.heard == []


@pytest.mark.parametrize("revision", ERAS)
async def test_asking_in_short(revision: str) -> None:
    answers: dict[str, Any] = {
        "elicitation/create": lambda params: (
            {"action": "accept"}
            if params.get("mode") == "url"
            else accept(
                **{name: True if name == "confirm" else "red" for name in params["requestedSchema"]["properties"]}
            )
        ),
        "sampling/createMessage": lambda params: {
            "role": "assistant",
            "content": {"type": "text", "text": f"{params['maxTokens']} {params['systemPrompt']}"},
            "model": "m",
        },
        "roots/list": lambda _: {"roots": [{"uri": "file:///a", "name": "a"}]},
    }

    async def it(context: Context) -> list[Any]:
        return [
            (await context.elicit("colour?", str)).data,
            await context.confirm("sure?"),
            await context.visit("there", "https://example.com/x"),
            (await context.sample("hello", max_tokens=5, system_prompt="be brief")).text,
            [root.uri for root in await context.roots()],
            await context.once("k", lambda: 1),
        ]

    talker = Talker(serve(it), revision, script=lambda method, params: answers[method](params))
    assert await talker.text("it") == '["red",true,true,"5 be brief",["file:///a"],1]'


async def test_tasks_and_connections_are_left_alone_where_there_are_none() -> None:
    async def it(context: Context) -> str:
        await context.start_task()
        await context.release_connection()
        return context.revision

    assert await Talker(serve(it)).text("it") == MODERN
