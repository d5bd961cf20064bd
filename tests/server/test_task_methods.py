"""Tasks on the wire: the extension of 2026-07-28 and the tasks of 2025-11-25."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from dragoman import Limits, Principal, Server
from dragoman.protocol.tasks import CHANGED, EXTENSION, RELATED
from dragoman.server.watch import Change
from dragoman.store.tasks import MemoryTasks
from tests.server.clients import ALL_CAPABILITIES, Talker, settle
from tests.server.task_stage import LEGACY, WITH_TASKS, TaskStage, answer_of, text_of, yes

REQUIRED: dict[str, Any] = {"requiredCapabilities": {"extensions": {EXTENSION: {}}}}
ALICE, BOB = Principal("alice", "issuer"), Principal("bob", "issuer")


@pytest.fixture
async def stage() -> AsyncIterator[TaskStage]:
    before = asyncio.all_tasks()
    stage = TaskStage()
    async with stage.server:
        yield stage
        stage.hang_up()
    await settle()
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert not left, "no asyncio task outlives its server"


# --- whether a call becomes a task ------------------------------------------------------------------------------------


async def test_a_required_tool_is_a_task_at_once(stage: TaskStage) -> None:
    client = stage.client()
    handle = await client.call("wait")
    assert handle["resultType"] == "task"
    assert handle["status"] == "working"
    assert handle["ttlMs"] == 3_600_000
    assert handle["pollIntervalMs"] == 10
    assert "result" not in handle
    task = await client.get(handle["taskId"])
    assert task["resultType"] == "complete"
    assert {name: task[name] for name in ("taskId", "createdAt", "ttlMs")} == {
        name: handle[name] for name in ("taskId", "createdAt", "ttlMs")
    }
    stage.gate("a").set()
    done = await client.until(handle["taskId"])
    assert done["status"] == "completed"
    assert text_of(done) == "waited for a"
    assert done["result"]["resultType"] == "complete"
    assert "statusMessage" not in done


async def test_an_optional_tool_is_a_task_when_it_takes_a_while(stage: TaskStage) -> None:
    client = stage.client()
    quick = await client.call("quick_optional")
    assert quick["resultType"] == "complete"
    assert quick["content"][0]["text"] == "quick"
    task_id = await client.begin("wait_optional")
    stage.gate("a").set()
    assert text_of(await client.until(task_id)) == "waited for a"


async def test_a_tool_that_says_when(stage: TaskStage) -> None:
    client = stage.client()
    task_id = await client.begin("told")
    stage.gate("told").set()
    assert text_of(await client.until(task_id)) == "told None"
    direct = await client.call("told", {"start": False})
    assert direct["content"][0]["text"] == "told None", "it never said so"


async def test_starting_a_task_elsewhere_changes_nothing(stage: TaskStage) -> None:
    stage.gate("told").set()
    without = stage.client(capabilities=ALL_CAPABILITIES)
    assert (await without.call("told"))["content"][0]["text"] == "told None"


@pytest.mark.parametrize("name", ["wait", "told_required"])
async def test_without_the_extension_a_required_tool_is_refused(stage: TaskStage, name: str) -> None:
    client = stage.client(capabilities=ALL_CAPABILITIES)
    error = await client.error("tools/call", {"name": name})
    assert (error["code"], error["data"]) == (-32021, REQUIRED)
    assert EXTENSION in error["message"]
    assert stage.done == []


async def test_without_the_extension_an_optional_tool_answers_itself(stage: TaskStage) -> None:
    client = stage.client(capabilities={"extensions": {"other/one": {}}})
    stage.gate("a").set()
    reply = await client.call("wait_optional")
    assert reply["resultType"] == "complete"
    assert reply["content"][0]["text"] == "waited for a"


@pytest.mark.parametrize("revision", ["2024-11-05", "2025-03-26", "2025-06-18"])
async def test_revisions_without_tasks_call_every_tool(stage: TaskStage, revision: str) -> None:
    client = stage.client(revision)
    stage.gate("a").set()
    for name in ("wait", "wait_optional"):
        assert (await client.call(name, task={"ttl": 5}))["content"][0]["text"] == "waited for a"
    assert (await client.error("tasks/get", {"taskId": "x"}))["code"] == -32601


async def test_what_is_declared(stage: TaskStage) -> None:
    client = stage.client()
    discovered = await client.result("server/discover")
    assert discovered["capabilities"]["extensions"] == {EXTENSION: {}}
    tools = {tool["name"]: tool for tool in (await client.result("tools/list"))["tools"]}
    assert all("execution" not in tool for tool in tools.values())
    old = stage.client(LEGACY)
    hello = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}
    capabilities = (await old.result("initialize", hello))["capabilities"]
    assert capabilities["tasks"] == {"cancel": {}, "requests": {"tools": {"call": {}}}}
    tools = {tool["name"]: tool for tool in (await old.result("tools/list"))["tools"]}
    assert tools["wait"]["execution"] == {"taskSupport": "required"}
    assert tools["wait_optional"]["execution"] == {"taskSupport": "optional"}
    assert "execution" not in tools["plain"]


async def test_a_server_without_tasks_knows_nothing_of_them() -> None:
    server = Server("plain", tasks=MemoryTasks())
    server.add_tool(lambda: "x", name="x")
    async with server:
        client = Talker(server, capabilities=WITH_TASKS)
        assert "extensions" not in (await client.result("server/discover"))["capabilities"]
        for method in ("tasks/get", "tasks/cancel"):
            assert (await client.error(method, {"taskId": "x"}))["code"] == -32601
        assert (await client.error("tasks/update", {"taskId": "x", "inputResponses": {}}))["code"] == -32601
        old = Talker(server, LEGACY)
        assert (await old.call("x", task={"ttl": 1}))["content"][0]["text"] == "x", "the parameter is ignored"
        for method in ("tasks/get", "tasks/cancel", "tasks/result"):
            assert (await old.error(method, {"taskId": "x"}))["code"] == -32601
        assert (await old.error("tasks/list"))["code"] == -32601


# --- questions of the extension ---------------------------------------------------------------------------------------


async def test_a_task_asks_and_goes_on(stage: TaskStage) -> None:
    client = stage.client()
    task_id = await client.begin("ask")
    task = await client.until(task_id, "input_required")
    assert list(task["inputRequests"]) == ["q1"]
    question = task["inputRequests"]["q1"]
    assert question["method"] == "elicitation/create"
    assert question["params"]["message"] == "Number 0?"
    assert "_meta" not in question["params"]
    assert (await client.get(task_id))["inputRequests"] == task["inputRequests"], "asked again until answered"
    acknowledged = await client.answer(task_id, q1=answer_of(question))
    assert acknowledged["resultType"] == "complete"
    assert acknowledged.keys() <= {"resultType", "_meta"}
    done = await client.until(task_id)
    assert text_of(done) == "True"
    assert "inputRequests" not in done


async def test_two_questions_are_answered_one_by_one(stage: TaskStage) -> None:
    client = stage.client()
    task_id = await client.begin("ask_two")
    await settle()
    questions = (await client.until(task_id, "input_required"))["inputRequests"]
    assert [question["params"]["message"] for question in questions.values()] == ["First?", "Second?"]
    first, second = questions
    await client.answer(task_id, **{second: answer_of(questions[second], value=False)})
    task = await client.get(task_id)
    assert task["status"] == "input_required"
    assert list(task["inputRequests"]) == [first]
    await client.answer(task_id, **{first: answer_of(questions[first])})
    assert text_of(await client.until(task_id)) == "True False"


async def test_keys_are_never_used_again(stage: TaskStage) -> None:
    client = stage.client()
    task_id = await client.begin("ask", {"times": 4})
    seen: list[str] = []
    for _ in range(4):
        task = await client.until(task_id, "input_required")
        ((key, question),) = task["inputRequests"].items()
        seen.append(key)
        await client.answer(task_id, **dict.fromkeys(seen, answer_of(question)))
        await settle()
    assert len(set(seen)) == 4
    assert text_of(await client.until(task_id)) == "True True True True"


async def test_answers_to_nothing_are_ignored(stage: TaskStage) -> None:
    client = stage.client()
    task_id = await client.begin("ask")
    task = await client.until(task_id, "input_required")
    await client.answer(task_id, q7={"action": "accept"}, other={"a": 1}, **{"": None})
    await client.answer(task_id)
    same = await client.get(task_id)
    assert same == task, "nothing changed, not even the time of the last change"
    await client.answer(task_id, q1=answer_of(task["inputRequests"]["q1"]))
    assert text_of(await client.until(task_id)) == "True"
    await client.answer(task_id, q1={"action": "decline"})
    assert text_of(await client.get(task_id)) == "True"


async def test_cancelled_while_it_asks(stage: TaskStage) -> None:
    client = stage.client()
    task_id = await client.begin("ask_two")
    await client.until(task_id, "input_required")
    assert (await client.cancel(task_id)).keys() <= {"resultType", "_meta"}
    task = await client.get(task_id)
    assert task["status"] == "cancelled"
    assert "inputRequests" not in task
    await client.answer(task_id, q1={"action": "accept"})
    assert (await client.get(task_id))["status"] == "cancelled"


async def test_questions_before_the_task_end_the_call(stage: TaskStage) -> None:
    client = stage.client(script=yes)
    first = await client.call("told", {"ask": True})
    assert first["resultType"] == "input_required"
    params = {"name": "told", "arguments": {"ask": True}}
    handle = await client.result("tools/call", {**params, **client.retry(first)})
    assert handle["resultType"] == "task"
    stage.gate("told").set()
    assert text_of(await client.until(handle["taskId"])) == "told True"


async def test_an_optional_tool_asks_before_it_is_a_task(stage: TaskStage) -> None:
    client = stage.client(script=yes)
    assert (await client.call("ask_optional"))["resultType"] == "input_required"
    assert await client.text("ask_optional") == "True"


# --- what every request wants -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
async def test_every_request_wants_the_extension(stage: TaskStage, method: str) -> None:
    client = stage.client()
    task_id = await client.begin("wait")
    client.capabilities = ALL_CAPABILITIES
    error = await client.error(method, {"taskId": task_id, "inputResponses": {}})
    assert (error["code"], error["data"]) == (-32021, REQUIRED)


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("tasks/get", {}),
        ("tasks/get", {"taskId": 5}),
        ("tasks/cancel", {"taskId": None}),
        ("tasks/update", {"taskId": "x"}),
        ("tasks/update", {"taskId": "x", "inputResponses": []}),
    ],
)
async def test_parameters_that_are_none(stage: TaskStage, method: str, params: dict[str, Any]) -> None:
    assert (await stage.client().error(method, params))["code"] == -32602


# --- notifications ----------------------------------------------------------------------------------------------------


async def listen(client: Talker, *task_ids: str) -> "asyncio.Task[Any]":
    listening = asyncio.create_task(
        client.send("subscriptions/listen", {"notifications": {"taskIds": list(task_ids)}}, request_id="sub")
    )
    await settle()
    return listening


async def stop(client: Talker, listening: "asyncio.Task[Any]") -> None:
    await client.notify("notifications/cancelled", {"requestId": "sub"})
    await listening


async def test_who_listens_hears_every_state(stage: TaskStage) -> None:
    client = stage.client()
    task_id = await client.begin("ask")
    listening = await listen(client, task_id, "made up", task_id)
    (acknowledged,) = client.told("notifications/subscriptions/acknowledged")
    assert acknowledged["notifications"] == {"taskIds": [task_id]}
    await settle()
    (asks,) = client.told("notifications/tasks")
    current = await client.get(task_id)
    comparable = {name: value for name, value in current.items() if name not in ("resultType", "_meta")}
    assert {name: value for name, value in asks.items() if name != "_meta"} == comparable
    assert asks["_meta"] == {"io.modelcontextprotocol/subscriptionId": "sub"}
    await client.answer(task_id, q1=answer_of(asks["inputRequests"]["q1"]))
    await settle(20)
    ended = client.told("notifications/tasks")[-1]
    assert ended["status"] == "completed"
    assert ended["result"]["content"][0]["text"] == "True"
    assert [each["status"] for each in client.told("notifications/tasks")][-1] == "completed"
    assert {message["method"] for message in client.heard} == {
        "notifications/subscriptions/acknowledged",
        "notifications/tasks",
    }
    await stop(client, listening)


async def test_progress_of_a_task_is_heard_as_its_message(stage: TaskStage) -> None:
    client = stage.client()
    task_id = await client.begin("wait")
    await settle()
    listening = await listen(client, task_id)
    assert client.told("notifications/tasks") == []
    stage.gate("a").set()
    await settle(20)
    assert client.told("notifications/tasks")[-1]["status"] == "completed"
    await stop(client, listening)


async def test_who_listens_late_hears_the_end(stage: TaskStage) -> None:
    client = stage.client()
    task_id = await client.begin("quick")
    await client.until(task_id)
    listening = await listen(client, task_id)
    assert [each["status"] for each in client.told("notifications/tasks")] == ["completed"]
    await stop(client, listening)


async def test_foreign_tasks_are_not_heard_of(stage: TaskStage) -> None:
    alice, bob = stage.client(principal=ALICE), stage.client(principal=BOB)
    task_id = await alice.begin("wait")
    listening = await listen(bob, task_id)
    (acknowledged,) = bob.told("notifications/subscriptions/acknowledged")
    assert "taskIds" not in acknowledged["notifications"]
    stage.gate("a").set()
    await alice.until(task_id)
    await settle()
    assert bob.told("notifications/tasks") == []
    await stop(bob, listening)


async def test_listening_for_tasks_wants_the_extension(stage: TaskStage) -> None:
    client = stage.client(capabilities=ALL_CAPABILITIES)
    error = await client.error("subscriptions/listen", {"notifications": {"taskIds": ["x"]}})
    assert (error["code"], error["data"]) == (-32021, REQUIRED)


async def test_one_subscription_names_so_many_tasks() -> None:
    stage = TaskStage(subscribed_resources=3)
    async with stage.server:
        client = stage.client()
        error = await client.error("subscriptions/listen", {"notifications": {"taskIds": ["x"] * 4}})
        assert error["code"] == -32602


async def test_a_task_that_expires_does_not_end_the_subscription(stage: TaskStage) -> None:
    client, old = stage.client(), stage.client(LEGACY)
    short = await old.begin("quick", ttl=30)
    await client.until(short)
    lasting = await client.begin("wait")
    await settle()
    listening = await listen(client, short, lasting)
    await asyncio.sleep(0.05)
    stage.server.changes.post(Change(CHANGED, task=short))
    await settle()
    assert not listening.done()
    stage.gate("a").set()
    await client.until(lasting)
    await settle()
    assert client.told("notifications/tasks")[-1]["taskId"] == lasting
    assert not listening.done()
    await stop(client, listening)


# --- 2025-11-25 -------------------------------------------------------------------------------------------------------


async def test_a_request_that_asks_for_a_task_gets_one(stage: TaskStage) -> None:
    client = stage.client(LEGACY)
    reply = await client.call("quick_optional", task={"ttl": 60_000})
    assert reply.keys() == {"task"}
    task = reply["task"]
    assert (task["status"], task["ttl"], task["pollInterval"]) == ("working", 60_000, 10)
    for name in ("told", "told_required", "wait"):
        assert (await client.call(name, task={}))["task"]["status"] == "working", "at once, whatever the tool says"


@pytest.mark.parametrize(
    ("name", "asks", "code"),
    [
        ("wait", False, -32601),
        ("told_required", False, -32601),
        ("plain", True, -32601),
        ("plain", False, None),
        ("quick_optional", False, None),
        ("quick_optional", True, None),
    ],
)
async def test_the_rules_of_task_support(stage: TaskStage, name: str, *, asks: bool, code: int | None) -> None:
    client = stage.client(LEGACY)
    reply = await client.send("tools/call", {"name": name, **({"task": {}} if asks else {})})
    assert reply.get("error", {}).get("code") == code
    if code is None:
        assert ("task" in reply["result"]) == asks


async def test_the_result_is_waited_for(stage: TaskStage) -> None:
    client = stage.client(LEGACY)
    task_id = await client.begin("wait")
    waiting = [asyncio.create_task(client.result("tasks/result", {"taskId": task_id})) for _ in range(3)]
    await settle()
    assert not any(each.done() for each in waiting)
    assert (await client.get(task_id))["status"] == "working", "asking about it goes on meanwhile"
    stage.gate("a").set()
    results = [await each for each in waiting]
    again = await client.result("tasks/result", {"taskId": task_id})
    for result in (*results, again):
        assert result["content"][0]["text"] == "waited for a"
        assert result["_meta"][RELATED] == {"taskId": task_id}
        assert "resultType" not in result


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("tool error", {"isError": True}),
        ("fault", {"code": -32602, "message": "the request is wrong", "data": {"why": "test"}}),
        ("else", {"isError": True}),
    ],
)
async def test_the_result_of_what_failed(stage: TaskStage, how: str, expected: dict[str, Any]) -> None:
    client = stage.client(LEGACY)
    task_id = await client.begin("fail", {"how": how})
    task = await client.until(task_id)
    assert task["status"] == "failed"
    assert task["statusMessage"]
    reply = await client.send("tasks/result", {"taskId": task_id})
    told = reply.get("result") or reply["error"]
    assert {name: told[name] for name in expected} == expected
    assert "secret" not in json.dumps(reply)


async def test_the_result_of_what_was_cancelled(stage: TaskStage) -> None:
    client = stage.client(LEGACY)
    task_id = await client.begin("wait")
    waiting = asyncio.create_task(client.error("tasks/result", {"taskId": task_id}))
    await settle()
    await client.cancel(task_id)
    assert (await waiting)["message"] == "The task was cancelled."
    assert (await client.error("tasks/result", {"taskId": task_id}))["message"] == "The task was cancelled."


async def test_a_task_asks_on_the_stream_of_its_result(stage: TaskStage) -> None:
    client = stage.client(LEGACY, script=yes)
    task_id = await client.begin("ask", {"times": 3})
    assert (await client.until(task_id, "input_required"))["status"] == "input_required"
    assert client.asked == []
    result = await client.result("tasks/result", {"taskId": task_id})
    assert result["content"][0]["text"] == "True True True"
    assert [params["message"] for _, params in client.asked] == ["Number 0?", "Number 1?", "Number 2?"]
    assert all(params["_meta"] == {RELATED: {"taskId": task_id}} for _, params in client.asked)


async def test_two_questions_on_the_stream_of_its_result(stage: TaskStage) -> None:
    client = stage.client(LEGACY, script=yes)
    task_id = await client.begin("ask_two")
    result = await client.result("tasks/result", {"taskId": task_id})
    assert result["content"][0]["text"] == "True True"
    assert len(client.asked) == 2


async def test_a_client_that_refuses(stage: TaskStage) -> None:
    client = stage.client(LEGACY, script=lambda *_: ValueError("go away"))
    task_id = await client.begin("ask")
    result = await client.result("tasks/result", {"taskId": task_id})
    assert result["isError"] is True
    assert "go away" in result["content"][0]["text"]


async def test_cancelled_while_it_asks_on_the_stream(stage: TaskStage) -> None:
    client = stage.client(LEGACY, script=lambda *_: None)
    task_id = await client.begin("ask")
    waiting = asyncio.create_task(client.error("tasks/result", {"taskId": task_id}))
    await settle(20)
    assert len(client.asked) == 1
    await client.cancel(task_id)
    assert (await waiting)["message"] == "The task was cancelled."


async def test_a_question_outlives_the_request_that_asked_it(stage: TaskStage) -> None:
    silent = stage.client(LEGACY, script=lambda *_: None)
    task_id = await silent.begin("ask")
    waiting = asyncio.create_task(silent.send("tasks/result", {"taskId": task_id}, 77))
    await settle(20)
    await silent.notify("notifications/cancelled", {"requestId": 77})
    assert await waiting is None
    assert (await silent.get(task_id))["status"] == "input_required"
    willing = stage.client(LEGACY, script=yes)
    assert (await willing.result("tasks/result", {"taskId": task_id}))["content"][0]["text"] == "True"


async def test_two_requests_for_one_result_may_both_ask(stage: TaskStage) -> None:
    silent, willing = stage.client(LEGACY, script=lambda *_: None), stage.client(LEGACY, script=yes)
    task_id = await silent.begin("ask")
    waiting = asyncio.create_task(silent.result("tasks/result", {"taskId": task_id}))
    await settle(20)
    assert (await willing.result("tasks/result", {"taskId": task_id}))["content"][0]["text"] == "True"
    assert (await waiting)["content"][0]["text"] == "True"


async def test_listing_is_for_callers_who_signed_in(stage: TaskStage) -> None:
    anonymous = stage.client(LEGACY)
    await anonymous.begin("wait")
    assert (await anonymous.error("tasks/list"))["code"] == -32601
    alice, bob = stage.client(LEGACY, principal=ALICE), stage.client(LEGACY, principal=BOB)
    assert (await alice.result("tasks/list"))["tasks"] == []
    ids = [await alice.begin("wait", {"name": str(number)}) for number in range(3)]
    foreign = await bob.begin("wait")
    listed = (await alice.result("tasks/list"))["tasks"]
    assert [task["taskId"] for task in listed] == ids
    for task in listed:
        assert task == await alice.get(task["taskId"])
    assert [task["taskId"] for task in (await bob.result("tasks/list"))["tasks"]] == [foreign]


async def test_listing_has_pages() -> None:
    stage = TaskStage(page_size=2)
    async with stage.server:
        alice = stage.client(LEGACY, principal=ALICE)
        ids = [await alice.begin("quick") for _ in range(5)]
        listed: list[str] = []
        params: dict[str, Any] = {}
        for _ in range(3):
            page = await alice.result("tasks/list", params)
            listed += [task["taskId"] for task in page["tasks"]]
            params = {"cursor": page.get("nextCursor", "")}
        assert listed == ids
        assert "nextCursor" not in page
        assert (await alice.error("tasks/list", {"cursor": "made up"}))["code"] == -32602


# --- mounted ---------------------------------------------------------------------------------------------------------


async def test_mounted_tools_are_tasks_of_the_whole() -> None:
    stage = TaskStage()
    whole = Server("whole", tasks=MemoryTasks(), limits=Limits(task_poll_seconds=0.01))
    whole.mount(stage.server, prefix="sub")
    async with whole:
        client = stage.client()
        client.connection.server = whole
        task_id = await client.begin("sub_wait")
        stage.gate("a").set()
        assert text_of(await client.until(task_id)) == "waited for a"
