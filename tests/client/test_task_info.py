"""Tasks as they come, in the words of the extension and of 2025-11-25."""

import pytest

from dragoman.client.task_info import TaskInfo, read_created, read_task
from dragoman.errors import ConnectionFault
from dragoman.protocol.asking import InputRequest


def test_the_extension() -> None:
    state = read_task(
        b'{"taskId":"t","status":"input_required","statusMessage":"half","createdAt":"x","lastUpdatedAt":"y",'
        b'"ttlMs":60000,"pollIntervalMs":250,"inputRequests":{"a":{"method":"roots/list"}}}',
        "tasks/get",
    )
    assert state.info == TaskInfo(
        task_id="t",
        status="input_required",
        message="half",
        created_at="x",
        updated_at="y",
        ttl_seconds=60.0,
        poll_seconds=0.25,
    )
    assert not state.info.ended
    assert state.questions == {"a": InputRequest("roots/list", {})}


def test_the_words_of_2025() -> None:
    state = read_task(b'{"taskId":"t","status":"completed","ttl":null,"pollInterval":2000}', "tasks/get")
    assert state.info == TaskInfo(task_id="t", status="completed", poll_seconds=2.0)
    assert state.info.ended
    assert state.questions == {}


@pytest.mark.parametrize(
    ("said", "seconds"), [("", 1.0), (',"pollIntervalMs":null', 1.0), (',"pollIntervalMs":0', 0.01)]
)
def test_a_server_need_not_say_how_often(said: str, seconds: float) -> None:
    task = b'{"taskId":"t","status":"working","ttlMs":5%b}' % said.encode()
    assert read_task(task, "x").info.poll_seconds == seconds


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"taskId":"t","status":"lost"}'])
def test_what_is_no_task(body: bytes) -> None:
    with pytest.raises(ConnectionFault, match=r"result of tasks/get is no task"):
        read_task(body, "tasks/get")


def test_a_call_that_became_a_task_or_not() -> None:
    created = read_created(b'{"task":{"taskId":"t","status":"working"}}')
    assert created is not None
    assert created.task_id == "t"
    assert read_created(b'{"content":[]}') is None
