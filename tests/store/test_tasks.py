"""Stores of tasks: what is kept, whose it is, when it is dropped. In memory and in a file."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import UNSET, Raw

from dragoman.store.sqlite import SqliteTasks
from dragoman.store.tasks import MemoryTasks, TaskRecord, TaskStore


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


def test_a_closed_store_can_be_used_again(store: TaskStore) -> None:
    store.save(record())
    store.close()
    store.close()
    assert store.load("t") is not None
