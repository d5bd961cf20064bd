"""Tasks on the wire: names against the schema of 2025-11-25, round trips, what is refused."""

from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from msgspec import UNSET, Raw, Struct

from dragoman.protocol import tasks
from dragoman.protocol.asking import InputRequest
from dragoman.protocol.jsonrpc import ErrorBody
from dragoman.protocol.tasks import (
    CAPABILITIES,
    EXTENSION,
    FINAL,
    LegacyCreateTaskResult,
    LegacyTask,
    ListTasksResult,
    TaskParams,
    TaskResult,
    UpdateTaskParams,
    declared,
)
from tests.protocol.definitions import Definitions, survives, wire_names

ERA = {"resultType"}  # of every result, never sent in that era
TIMES: dict[str, Any] = {"created_at": "2026-07-28T00:00:00Z", "last_updated_at": "2026-07-28T00:00:01Z"}
TASK = LegacyTask(task_id="a", status="working", ttl=None, poll_interval=500, **TIMES)


@pytest.fixture(scope="session")
def definitions(shared_data: Path) -> Definitions:
    return Definitions(shared_data)


@pytest.mark.parametrize(
    ("shape", "definition"),
    [
        (LegacyCreateTaskResult, "CreateTaskResult"),
        (ListTasksResult, "ListTasksResult"),
    ],
)
def test_names_are_those_of_the_schema(shape: type[Struct], definition: str, definitions: Definitions) -> None:
    assert wire_names(shape) - ERA == definitions.members(definition) - ERA


def test_a_task_alone_is_a_result_too(definitions: Definitions) -> None:
    assert wire_names(LegacyTask) - ERA == definitions.members("Task") | definitions.members("Result") - ERA
    assert {"Task", "Result"} == {
        part["$ref"].rpartition("/")[2] for part in definitions.revisions["2025-11-25"]["GetTaskResult"]["allOf"]
    }


def test_the_states_are_those_of_the_schema(definitions: Definitions) -> None:
    states = set(definitions.newest("TaskStatus")["enum"])
    assert set(get_args(tasks.TaskStatus)) == states
    assert states - FINAL == {"working", "input_required"}


@pytest.mark.parametrize(
    "value",
    [
        TaskParams(task_id="a"),
        UpdateTaskParams(task_id="a", input_responses={"q": Raw(b'{"action":"accept"}')}),
        TASK,
        LegacyTask(task_id="a", status="failed", status_message="no", ttl=1, poll_interval=1, **TIMES),
        LegacyCreateTaskResult(task=TASK),
        ListTasksResult(tasks=[TASK], next_cursor="c"),
        TaskResult(
            task_id="a",
            status="input_required",
            ttl_ms=None,
            poll_interval_ms=500,
            input_requests={"q": InputRequest("roots/list", {})},
            result_type="complete",
            **TIMES,
        ),
        TaskResult(
            task_id="a", status="failed", ttl_ms=1, poll_interval_ms=500, error=ErrorBody(-32603, "no"), **TIMES
        ),
        TaskResult(
            task_id="a", status="completed", ttl_ms=1, poll_interval_ms=500, result=Raw(b'{"content":[]}'), **TIMES
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_round_trips(value: Any) -> None:
    assert survives(value, type(value))


@pytest.mark.parametrize(
    ("shape", "sent"),
    [
        (TaskParams, b"{}"),
        (TaskParams, b'{"taskId":null}'),
        (TaskParams, b'{"task_id":"a"}'),
        (UpdateTaskParams, b'{"taskId":"a"}'),
        (UpdateTaskParams, b'{"taskId":"a","inputResponses":[]}'),
    ],
)
def test_what_is_refused(shape: type[Struct], sent: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(sent, type=shape)


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"extensions": {EXTENSION: {}}}, True),
        ({"extensions": {"a/b": {}}}, False),
        ({"extensions": {}}, False),
        ({"extensions": [EXTENSION]}, False),
        ({EXTENSION: {}}, False),
        ({}, False),
        (UNSET, False),
        (None, False),
    ],
    ids=repr,
)
def test_whether_a_client_declared_the_extension(capabilities: Any, expected: bool) -> None:
    assert declared(capabilities) is expected


def test_a_server_with_tasks_declares_them(definitions: Definitions) -> None:
    assert declared(CAPABILITIES["extension"])
    older = definitions.revisions["2025-11-25"]["ServerCapabilities"]["properties"]["tasks"]["properties"]
    assert CAPABILITIES["requested"]["tasks"].keys() <= older.keys()
