"""Stores of tasks: what is kept, whose it is, when it is dropped, in memory and in a file; servers that are killed."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import UNSET, Raw

from dragoman import Server
from dragoman.store.sqlite import SqliteTasks
from dragoman.store.tasks import MemoryTasks, TaskRecord, TaskStore
from tests.server.task_stage import LEGACY, WITH_TASKS, TaskStage, TaskTalker, text_of


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TaskStore]:
    chosen: TaskStore = MemoryTasks() if request.param == "memory" else SqliteTasks(tmp_path / "a" / "tasks.sqlite3")
    yield chosen
    chosen.close()


def record(task_id: str = "t", owner: str = "o", status: Any = "working", **given: Any) -> TaskRecord:
    now = time.time()
    known = {"message": "", "created": now, "updated": now, "seconds": 60.0, **given}
    return TaskRecord(task_id=task_id, owner=owner, name="tool", status=status, **known)


def ids(records: list[TaskRecord]) -> list[str]:
    return [each.task_id for each in records]


def test_nothing_is_there_at_first(store: TaskStore) -> None:
    assert store.load("t") is None
    assert store.owned("o") == []
    assert store.running() == []
    store.expire(time.time())


def test_a_record_comes_back_as_it_was(store: TaskStore) -> None:
    asks = record(asked={"q1": ("elicitation/create", {"message": "Größe?"})}, worker="a:1:b", seen=1.5)
    asks.status = "input_required"
    gave = record("u", status="completed", result=Raw(b'{"content":[]}'), seconds=None)
    failed = record("v", status="failed", error=(-32603, "no", {"a": [1]}))
    for each in (asks, gave, failed):
        store.save(each)
    assert [store.load(name) for name in "tuv"] == [asks, gave, failed]
    assert asks.result is UNSET


def test_a_saved_record_is_replaced(store: TaskStore) -> None:
    saved = record()
    store.save(saved)
    saved.message = "half"
    store.save(saved)
    assert ids(store.owned("o")) == ["t"]
    loaded = store.load("t")
    assert loaded is not None
    assert loaded.message == "half"


def test_an_owner_sees_their_own_oldest_first(store: TaskStore) -> None:
    for place, name in enumerate("cab"):
        store.save(record(name, created=1000.0 + place))
    store.save(record("x", "somebody else"))
    assert ids(store.owned("o")) == ["c", "a", "b"]
    assert ids(store.owned("somebody else")) == ["x"]
    assert store.owned("nobody") == []


def test_only_what_has_not_ended_is_running(store: TaskStore) -> None:
    for status in ("working", "input_required", "completed", "failed", "cancelled"):
        store.save(record(status, status=status))
    assert sorted(ids(store.running())) == ["input_required", "working"]


def test_what_was_kept_long_enough_is_dropped(store: TaskStore) -> None:
    store.save(record("short", created=1000.0, seconds=5.0))
    store.save(record("long", created=1000.0, seconds=50.0))
    store.save(record("for good", created=1000.0, seconds=None))
    store.expire(1006.0)
    assert ids(store.owned("o")) == ["for good", "long"] or ids(store.owned("o")) == ["long", "for good"]
    store.expire(1e12)
    assert ids(store.owned("o")) == ["for good"]


def test_the_oldest_that_have_ended_give_way(store: TaskStore) -> None:
    for place in range(6):
        status = "working" if place in (0, 3) else "completed"
        store.save(record(f"t{place}", status=status, created=1000.0 + place))
    store.make_room(6)
    assert len(store.owned("o")) == 6
    store.make_room(4)
    assert ids(store.owned("o")) == ["t0", "t3", "t4", "t5"]
    store.make_room(1)
    assert ids(store.owned("o")) == ["t0", "t3"], "what runs stays"


def test_a_closed_store_can_be_used_again(store: TaskStore) -> None:
    store.save(record())
    store.close()
    store.close()
    assert store.load("t") is not None


# --- restarts and several processes -----------------------------------------------------------------------------------

PROGRAM = """
import asyncio, sys
from dragoman import Server
from dragoman.store.sqlite import SqliteTasks
from tests.server.task_stage import TaskStage

async def main():
    stage = TaskStage(SqliteTasks(sys.argv[1]))
    async with stage.server:
        client = stage.client()
        quick = await client.begin("quick")
        await client.until(quick)
        waits, asks = await client.begin("wait"), await client.begin("ask")
        await client.until(asks, "input_required")
        print(quick, waits, asks, flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        stage.gate("a").set()
        await client.until(waits)
        print("done", flush=True)
        await asyncio.to_thread(sys.stdin.readline)

asyncio.run(main())
"""


class Program:
    """A server with tasks in a process of its own: one has ended, one waits for a line of input, one asks."""

    def __init__(self, path: Path, root: Path) -> None:
        command = [sys.executable, "-c", PROGRAM, str(path)]
        environment = {**os.environ, "PYTHONPATH": str(root)}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment, cwd=root)
        self.quick, self.waits, self.asks = self.read().split()

    def read(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def go_on(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.communicate(timeout=20)


@pytest.fixture
def program(tmp_path: Path, root: Path) -> Iterator[Program]:
    running = Program(tmp_path / "tasks.sqlite3", root)
    yield running
    if running.process.poll() is None:
        running.kill()


async def test_a_killed_server_loses_its_work_but_no_result(program: Program, tmp_path: Path) -> None:
    program.kill()
    stage = TaskStage(SqliteTasks(tmp_path / "tasks.sqlite3"))
    async with stage.server:
        client, old = stage.client(), stage.client(LEGACY)
        assert text_of(await client.get(program.quick)) == "quick"
        assert (await old.result("tasks/result", {"taskId": program.quick}))["content"][0]["text"] == "quick"
        for task_id in (program.waits, program.asks):
            task = await client.get(task_id)
            assert task["status"] == "failed"
            assert task["statusMessage"] == "The server was stopped before the task was done; call the tool again."
            assert task["error"] == {"code": -32603, "message": task["statusMessage"]}
            assert "inputRequests" not in task
            assert await client.answer(task_id, q1={"action": "decline"})
            assert (await old.error("tasks/result", {"taskId": task_id}))["code"] == -32603
        assert (await client.error("tasks/get", {"taskId": "x"}))["code"] == -32602


async def test_a_server_that_runs_beside_a_killed_one_notices(program: Program, tmp_path: Path) -> None:
    stage = TaskStage(SqliteTasks(tmp_path / "tasks.sqlite3"))
    async with stage.server:
        client = stage.client()
        assert (await client.get(program.waits))["status"] == "working"
        program.kill()
        assert (await client.get(program.waits))["status"] == "failed"


async def test_two_processes_share_one_file(program: Program, tmp_path: Path) -> None:
    stage = TaskStage(SqliteTasks(tmp_path / "tasks.sqlite3"))
    async with stage.server:
        client, old = stage.client(), stage.client(LEGACY)
        assert text_of(await client.get(program.quick)) == "quick"
        waits = await client.get(program.waits)
        assert (waits["status"], waits["statusMessage"]) == ("working", "first (1 of 3)")
        assert (await client.get(program.asks))["status"] == "input_required"
        for error in (
            await client.error("tasks/cancel", {"taskId": program.waits}),
            await client.error("tasks/update", {"taskId": program.asks, "inputResponses": {"q1": {}}}),
            await old.error("tasks/cancel", {"taskId": program.asks}),
        ):
            assert error["code"] == -32603
            assert "runs in another process" in error["message"]
        listening = asyncio.create_task(
            client.send("subscriptions/listen", {"notifications": {"taskIds": [program.waits, program.quick]}}, 77)
        )
        await asyncio.sleep(0.02)
        (acknowledged,) = client.told("notifications/subscriptions/acknowledged")
        assert acknowledged["notifications"] == {"taskIds": [program.quick]}, "of the other nothing would be heard"
        await client.notify("notifications/cancelled", {"requestId": 77})
        await listening
        result = asyncio.create_task(old.result("tasks/result", {"taskId": program.waits}))
        await asyncio.sleep(0.05)
        assert not result.done()
        program.go_on()
        assert (await result)["content"][0]["text"] == "waited for a"
        assert text_of(await client.until(program.waits)) == "waited for a"
        assert program.read() == "done"
        mine = await client.begin("wait")
    program.go_on()
    program.process.communicate(timeout=20)
    assert program.process.returncode == 0
    later = TaskStage(SqliteTasks(tmp_path / "tasks.sqlite3"))
    async with later.server:
        assert (await later.client().get(mine))["status"] == "failed"
        assert (await later.client().get(program.asks))["status"] == "failed", "its server was closed in good order"


async def test_two_servers_of_one_process_share_one_file(tmp_path: Path) -> None:
    one, other = (TaskStage(SqliteTasks(tmp_path / "tasks.sqlite3")) for _ in range(2))
    async with one.server:
        task_id = await one.client().begin("wait")
        async with other.server:
            assert (await other.client().get(task_id))["status"] == "working"
            one.gate("a").set()
            assert text_of(await other.client().until(task_id)) == "waited for a"


async def test_the_default_file_is_made_with_the_first_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = tmp_path / "state"
    monkeypatch.setenv("DRAGOMAN_STATE", str(state))
    server = Server("my server")
    server.add_tool(lambda: "x", name="x", task="required")
    async with server:
        client = TaskTalker(server, capabilities=WITH_TASKS)
        await client.error("tasks/get", {"taskId": "x"})
        assert not state.exists()
        await client.until(await client.begin("x"))
    (file,) = state.iterdir()
    assert file.name.endswith("my_server-tasks.sqlite3")
