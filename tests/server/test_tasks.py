"""Tasks as the server runs them: how they end, how long they may take, what a store's failure and a restart do."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dragoman import ANONYMOUS, Context, Principal, Server, UsageError
from dragoman.protocol.tasks import EXTENSION, RELATED
from dragoman.store.sqlite import SqliteTasks
from dragoman.store.tasks import MemoryTasks, TaskRecord
from tests.server.clients import MODERN, settle
from tests.server.task_stage import LEGACY, WITH_TASKS, TaskStage, TaskTalker, answer_of, text_of, until, yes
from tests.store.room import largest_file

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


# --- how it ends ------------------------------------------------------------------------------------------------------


async def test_a_tool_error_completes_the_task(stage: TaskStage) -> None:
    client = stage.client()
    task = await client.until(await client.begin("fail", {"how": "tool error"}))
    assert task["status"] == "completed"
    assert task["result"]["isError"] is True
    assert text_of(task) == task["statusMessage"] == "the tool refuses"
    assert "error" not in task


async def test_a_fault_fails_the_task(stage: TaskStage) -> None:
    client = stage.client()
    task = await client.until(await client.begin("fail", {"how": "fault"}))
    assert task["status"] == "failed"
    assert task["error"] == {"code": -32602, "message": "the request is wrong", "data": {"why": "test"}}
    assert task["statusMessage"] == "the request is wrong"
    assert "result" not in task


async def test_what_nobody_foresaw_is_masked(stage: TaskStage) -> None:
    client = stage.client()
    task = await client.until(await client.begin("fail", {"how": "else"}))
    assert task["status"] == "completed"
    assert task["result"]["isError"] is True
    assert "secret" not in json.dumps(task)
    assert "reference" in text_of(task)


async def test_arguments_that_do_not_fit_are_the_tools_own_failure(stage: TaskStage) -> None:
    client = stage.client()
    task = await client.until(await client.begin("fail", {"how": 5}))
    assert task["result"]["isError"] is True


async def test_a_capability_that_misses_in_the_middle_fails_the_task(stage: TaskStage) -> None:
    client = stage.client(capabilities={"extensions": {EXTENSION: {}}})
    task = await client.until(await client.begin("ask"))
    assert task["status"] == "failed"
    assert task["error"]["code"] == -32021
    assert task["error"]["data"] == {"requiredCapabilities": {"elicitation": {"form": {}}}}


# --- progress ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("revision", [MODERN, LEGACY])
@pytest.mark.parametrize("meta", [{}, {"progressToken": "p"}], ids=["unasked", "asked"])
async def test_progress_is_the_status_message(stage: TaskStage, revision: str, meta: dict[str, Any]) -> None:
    client = stage.client(revision)
    await client.result("tools/list")
    client.meta = meta
    task_id = await client.begin("wait")
    await settle()
    task = await client.get(task_id)
    assert task["statusMessage"] == "first (1 of 3)"
    stage.gate("a").set()
    await client.until(task_id)
    assert client.heard == [], "a task sends neither progress nor log messages"


# --- questions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [None, 5, "yes", [], {}, {"action": "maybe"}, {"action": "accept", "content": 5}])
async def test_an_answer_that_does_not_fit_is_told_to_the_tool(stage: TaskStage, answer: Any) -> None:
    client = stage.client()
    task_id = await client.begin("ask")
    await client.until(task_id, "input_required")
    await client.answer(task_id, q1=answer)
    task = await client.until(task_id)
    assert task["status"] == "completed"
    assert task["result"]["isError"] is True
    assert "does not fit" in text_of(task)


async def test_a_question_that_is_given_up_is_not_asked_any_more(stage: TaskStage) -> None:
    client = stage.client()
    task_id = await client.begin("ask_hastily")
    await client.until(task_id, "input_required")
    task = await client.until(task_id, "working")
    assert "inputRequests" not in task
    await client.answer(task_id, q1={"action": "decline"})
    stage.gate("hasty").set()
    assert text_of(await client.until(task_id)) == "went on"


async def test_nobody_answers() -> None:
    stage = TaskStage(question_seconds=0.05)
    async with stage.server:
        client = stage.client()
        task = await client.until(await client.begin("ask"))
        assert text_of(task) == "The client did not answer 'elicitation/create' within 0.05 seconds."


async def test_a_task_does_not_ask_again_what_was_answered_before_it(stage: TaskStage) -> None:
    client = stage.client(script=yes)
    stage.gate("late").set()
    first = await client.call("ask_late")
    assert first["resultType"] == "input_required"
    stage.gate("late").clear()
    handle = await client.result("tools/call", {"name": "ask_late", **client.retry(first)})
    assert handle["resultType"] == "task", "this time it took longer"
    stage.gate("late").set()
    task = await client.until(handle["taskId"], "input_required", "completed")
    ((key, question),) = task["inputRequests"].items()
    assert question["params"]["message"] == "Same?", "the first was answered, the second is asked"
    await client.answer(handle["taskId"], **{key: answer_of(question, value=False)})
    assert text_of(await client.until(handle["taskId"])) == "True False"


# --- cancelling -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("revision", [MODERN, LEGACY])
async def test_cancelling_stops_the_work(stage: TaskStage, revision: str) -> None:
    client = stage.client(revision)
    task_id = await client.begin("wait")
    await settle()
    reply = await client.cancel(task_id)
    if revision == LEGACY:
        assert (reply["status"], reply["taskId"]) == ("cancelled", task_id)
        assert RELATED not in reply.get("_meta", {})
    task = await client.get(task_id)
    assert (task["status"], task["statusMessage"]) == ("cancelled", "The task was cancelled.")
    await settle()
    assert stage.done == ["a cancelled"]


@pytest.mark.parametrize("revision", [MODERN, LEGACY])
async def test_a_cancelled_task_stays_cancelled_whatever_the_tool_does(stage: TaskStage, revision: str) -> None:
    client = stage.client(revision)
    task_id = await client.begin("stubborn")
    await settle()
    await client.cancel(task_id)
    assert (await client.get(task_id))["status"] == "cancelled"
    stage.gate("s really").set()
    await settle()
    assert stage.done == ["s"]
    task = await client.get(task_id)
    assert task["status"] == "cancelled"
    assert "result" not in task


async def test_cancelling_what_has_ended(stage: TaskStage) -> None:
    client, old = stage.client(), stage.client(LEGACY)
    for name, how in (("quick", {}), ("fail", {"how": "fault"})):
        task_id = await client.begin(name, how)
        before = await client.until(task_id)
        await client.cancel(task_id)
        assert await client.get(task_id) == before, "acknowledged, and nothing else"
        error = await old.error("tasks/cancel", {"taskId": task_id})
        assert error["code"] == -32602
        assert before["status"] in error["message"]
    task_id = await old.begin("wait")
    await old.cancel(task_id)
    assert (await old.error("tasks/cancel", {"taskId": task_id}))["code"] == -32602


async def test_cancelling_at_the_moment_of_completion(stage: TaskStage) -> None:
    client = stage.client()
    for turns in range(12):
        name = f"race{turns}"
        task_id = await client.begin("wait", {"name": name})
        await settle()
        stage.gate(name).set()
        await settle(turns)
        await client.cancel(task_id)
        await settle()
        ended = await client.get(task_id)
        await settle()
        assert ended["status"] in ("completed", "cancelled")
        assert ("result" in ended) == (ended["status"] == "completed")
        assert await client.get(task_id) == ended


async def test_taking_the_request_back_before_it_is_a_task_stops_the_work(stage: TaskStage) -> None:
    client = stage.client()
    calling = asyncio.create_task(client.send("tools/call", {"name": "told", "arguments": {"start": False}}, 77))
    waiting = asyncio.create_task(client.send("tools/call", {"name": "wait_optional"}, 78))
    await settle()
    for request_id in (77, 78):
        await client.notify("notifications/cancelled", {"requestId": request_id})
    assert await calling is None
    assert await waiting is None
    assert stage.done == ["a cancelled"]


async def test_taking_the_request_back_later_does_not_stop_the_task(stage: TaskStage) -> None:
    client = stage.client()
    handle = await client.send("tools/call", {"name": "wait"}, 77)
    await client.notify("notifications/cancelled", {"requestId": 77})
    stage.gate("a").set()
    assert (await client.until(handle["result"]["taskId"]))["status"] == "completed"


# --- caps -------------------------------------------------------------------------------------------------------------


async def test_only_so_many_run_at_one_time() -> None:
    stage = TaskStage(tasks=2)
    async with stage.server:
        client, old = stage.client(), stage.client(LEGACY)
        first = await client.begin("wait", {"name": "one"})
        await old.begin("wait", {"name": "two"})
        for refused in (
            await client.error("tools/call", {"name": "wait"}),
            await old.error("tools/call", {"name": "wait", "task": {}}),
        ):
            assert refused["code"] == -32603
            assert refused["message"] == "Too many tasks are running: at most 2. Try again when some have ended."
        assert stage.done == []
        stage.gate("a").set()
        stage.gate("told").set()
        assert (await client.call("wait_optional"))["content"][0]["text"] == "waited for a"
        assert (await client.call("told"))["content"][0]["text"] == "told None", "it waits for its result instead"
        stage.gate("one").set()
        await client.until(first)
        await client.begin("wait", {"name": "three"})


async def test_only_so_many_are_kept() -> None:
    stage = TaskStage(tasks_kept=3)
    async with stage.server:
        client = stage.client()
        running = await client.begin("wait")
        ids = []
        for _ in range(4):
            ids.append(await client.begin("quick"))
            await client.until(ids[-1])
        for gone in ids[:2]:
            assert (await client.error("tasks/get", {"taskId": gone}))["code"] == -32602
        for kept in (running, *ids[2:]):
            await client.get(kept)


async def test_a_task_that_takes_too_long_is_stopped() -> None:
    stage = TaskStage(task_seconds=0.1)
    async with stage.server:
        client = stage.client()
        task_id = await client.begin("wait")
        await asyncio.sleep(0.13)
        task = await client.get(task_id)
        assert task["status"] == "failed"
        assert task["error"] == {"code": -32603, "message": "The task ran longer than 0.1 seconds and was stopped."}
        assert stage.done == ["a cancelled"]


# --- who may see it ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "stranger", [BOB, Principal("alice", "other"), Principal("alice", "issuer", tenant="t"), ANONYMOUS]
)
async def test_a_task_is_its_owners_alone(stage: TaskStage, stranger: Principal) -> None:
    alice = stage.client(principal=ALICE)
    task_id = await alice.begin("ask")
    await alice.until(task_id, "input_required")
    other = stage.client(principal=stranger)
    unknown = [
        await other.error("tasks/get", {"taskId": named})
        for named in (task_id, "made up", "", task_id.upper(), "x" * 999)
    ]
    assert all(error == unknown[0] for error in unknown), "nothing tells a foreign task from none"
    assert unknown[0]["code"] == -32602
    assert (await other.error("tasks/update", {"taskId": task_id, "inputResponses": {}}))["code"] == -32602
    assert (await other.error("tasks/cancel", {"taskId": task_id}))["code"] == -32602
    old = stage.client(LEGACY, principal=stranger)
    for method in ("tasks/get", "tasks/result", "tasks/cancel"):
        assert (await old.error(method, {"taskId": task_id}))["code"] == -32602
    assert (await alice.get(task_id))["status"] == "input_required"


async def test_ids_cannot_be_guessed(stage: TaskStage) -> None:
    client = stage.client()
    ids = [await client.begin("quick") for _ in range(50)]
    assert len(set(ids)) == 50
    assert min(map(len, ids)) >= 32


# --- how long it is kept ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "given"), [(60_000, 60_000), (0, 0), (-5, 0), (10**12, 3_600_000), (None, 3_600_000)]
)
async def test_the_time_a_task_is_kept(stage: TaskStage, asked: int | None, given: int) -> None:
    client = stage.client(LEGACY)
    handle = await client.call("wait", task={"ttl": asked})
    assert handle["task"]["ttl"] == given
    assert (await client.get(handle["task"]["taskId"]))["ttl"] == given


async def test_a_task_is_gone_when_its_time_is_over(stage: TaskStage) -> None:
    client = stage.client(LEGACY)
    task_id = await client.begin("quick", ttl=50)
    assert (await client.until(task_id))["status"] == "completed"
    await asyncio.sleep(0.08)
    for method in ("tasks/get", "tasks/result", "tasks/cancel"):
        assert (await client.error(method, {"taskId": task_id}))["code"] == -32602
    await client.begin("quick")
    assert task_id not in stage.server.tasks._store._records  # type: ignore[attr-defined]  # noqa: SLF001 - dropped


async def test_a_task_that_ends_after_its_time_can_still_be_fetched(stage: TaskStage) -> None:
    client = stage.client(LEGACY)
    task_id = await client.begin("wait", ttl=40)
    await asyncio.sleep(0.08)
    assert (await client.get(task_id))["status"] == "working", "nobody stops it for that"
    stage.gate("a").set()
    task = await client.until(task_id)
    assert task["status"] == "completed"
    assert task["ttl"] > 80
    assert (await client.result("tasks/result", {"taskId": task_id}))["content"][0]["text"] == "waited for a"
    await asyncio.sleep(0.08)
    assert (await client.error("tasks/get", {"taskId": task_id}))["code"] == -32602


# --- a store that fails -----------------------------------------------------------------------------------------------


class Moody(MemoryTasks):
    """A store that takes nothing while it is full."""

    def __init__(self) -> None:
        super().__init__()
        self.full = False
        self.saved = 0

    def save(self, record: TaskRecord) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        self.saved += 1
        super().save(msgspec.structs.replace(record))  # what is kept does not change with what runs


async def test_a_task_that_cannot_be_kept_is_not_begun(caplog: pytest.LogCaptureFixture) -> None:
    store = Moody()
    stage = TaskStage(store)
    async with stage.server:
        store.full = True
        for refused in (
            await stage.client().error("tools/call", {"name": "wait"}),
            await stage.client(LEGACY).error("tools/call", {"name": "wait", "task": {}}),
        ):
            assert refused["code"] == -32603
            assert "keeping a new task of tool 'wait', which was not begun" in refused["message"]
            assert "No space left" not in refused["message"]
        await settle()
        assert stage.done == []
        assert store.running() == []
        assert "No space left" in caplog.text
        stage.gate("a").set()
        stage.gate("told").set()
        for name in ("wait_optional", "told"):
            reply = await stage.client().call(name)
            assert reply["resultType"] == "complete", "a call that need not be a task is answered all the same"


async def test_what_a_full_store_did_not_take_is_told_and_kept_later(caplog: pytest.LogCaptureFixture) -> None:
    store = Moody()
    stage = TaskStage(store)
    async with stage.server:
        client = stage.client()
        waits, asks = await client.begin("wait"), await client.begin("ask")
        await client.until(asks, "input_required")
        store.full = True
        await client.answer(asks, q1={"action": "decline"})
        stage.gate("a").set()
        assert text_of(await client.until(asks)) == "False"
        assert text_of(await client.until(waits)) == "waited for a"
        assert [record.status for record in store.running()] == ["working", "input_required"], "as it was kept last"
        assert "it is tried again" in caplog.text
        store.full = False
        await until(lambda: not store.running())
        assert text_of(await client.get(waits)) == "waited for a"
    kept = store.load(waits)
    assert kept is not None
    assert kept.status == "completed"


async def test_what_a_store_takes_again_at_the_end_is_kept() -> None:
    store = Moody()
    stage = TaskStage(store)
    async with stage.server:
        client = stage.client()
        task_id = await client.begin("wait")
        store.full = True
        stage.gate("a").set()
        await client.until(task_id)
        store.full = False
    kept = store.load(task_id)
    assert kept is not None
    assert kept.status == "completed"


async def test_much_progress_is_not_much_writing() -> None:
    store = Moody()
    server = Server("s", tasks=store)

    async def talk(context: Context) -> str:
        for number in range(500):
            await context.progress(number)
            await asyncio.sleep(0)
        return "said"

    server.add_tool(talk, task="required")
    async with server:
        client = TaskTalker(server, capabilities=WITH_TASKS)
        task = await client.until(await client.begin("talk"))
        assert text_of(task) == "said"
    assert store.saved < 6


async def test_a_real_disk_without_room(tmp_path: Path) -> None:
    stage = TaskStage(SqliteTasks(tmp_path / "tasks.sqlite3"))
    async with stage.server:
        client = stage.client()
        task_id = await client.begin("wait")
        await settle()
        with largest_file(4096):
            stage.gate("a").set()
            assert text_of(await client.until(task_id)) == "waited for a"
            assert (await client.error("tools/call", {"name": "wait"}))["code"] == -32603
    later = TaskStage(SqliteTasks(tmp_path / "tasks.sqlite3"))
    async with later.server:
        assert text_of(await later.client().get(task_id)) == "waited for a"


async def test_a_folder_that_cannot_be_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    stage = TaskStage(SqliteTasks(tmp_path / "file" / "tasks.sqlite3"))
    async with stage.server:
        error = await stage.client().error("tools/call", {"name": "wait"})
        assert "was not begun" in error["message"]
        assert str(tmp_path) not in error["message"]
        assert f"The store '{tmp_path}" in caplog.text
        assert (await stage.client().call("plain"))["content"][0]["text"] == "plain"


async def test_a_damaged_file_keeps_the_server_from_starting(tmp_path: Path) -> None:
    (tmp_path / "tasks.sqlite3").write_bytes(b"nonsense" * 1000)
    stage = TaskStage(SqliteTasks(tmp_path / "tasks.sqlite3"))
    with pytest.raises(UsageError, match=r"tasks\.sqlite3' cannot be used: file is not a database\. See that"):
        await stage.server.start()


# --- the end of a server ----------------------------------------------------------------------------------------------


async def test_closing_a_server_stops_its_tasks_and_says_so() -> None:
    before = asyncio.all_tasks()
    store = MemoryTasks()
    stage = TaskStage(store)
    async with stage.server:
        client = stage.client()
        ids = [await client.begin("wait"), await client.begin("ask"), await client.begin("wait_optional")]
        done = await client.begin("quick")
        await client.until(done)
    assert sorted(stage.done) == ["a cancelled", "a cancelled"]
    for task_id in ids:
        record = store.load(task_id)
        assert record is not None
        assert record.status == "failed"
        assert record.message == "The server was stopped before the task was done; call the tool again."
        assert record.error == (-32603, record.message, None)
        assert record.asked == {}
    finished = store.load(done)
    assert finished is not None
    assert finished.status == "completed"
    await settle()
    assert asyncio.all_tasks() == before


@pytest.mark.slow
async def test_a_tool_that_holds_on_does_not_keep_the_server_from_closing() -> None:
    stage = TaskStage()
    async with stage.server:
        await stage.client().begin("stubborn")
        await settle()
        closing = time.monotonic()
    assert time.monotonic() - closing < 7
    stage.gate("s really").set()
    await settle()


async def test_nothing_runs_on_when_all_tasks_have_ended() -> None:
    stage = TaskStage()
    before = asyncio.all_tasks()
    async with stage.server:
        client = stage.client()
        await client.until(await client.begin("quick"))
        await until(lambda: asyncio.all_tasks() == before)


async def test_a_server_can_be_used_again() -> None:
    stage = TaskStage()
    for _ in range(2):
        async with stage.server:
            client = stage.client()
            assert text_of(await client.until(await client.begin("quick"))) == "quick"
