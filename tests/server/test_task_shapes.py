"""A task in the words of both dialects, held against the official schema of 2025-11-25."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from msgspec import UNSET, Raw

from dragoman.protocol.content import TextContent
from dragoman.protocol.messages import CallToolResult, ProgressParams
from dragoman.server.task_shapes import legacy_task, related, task_result, words_of_progress, words_of_result
from dragoman.store.tasks import TaskRecord

RELATED = "io.modelcontextprotocol/related-task"
GAVE = Raw(b'{"content":[{"type":"text","text":"done"}]}')
FAILED = Raw(b'{"content":[{"type":"text","text":"no"}],"isError":true}')


def record(status: Any = "working", **given: Any) -> TaskRecord:
    known = {"message": "", "created": 1785196800.0, "updated": 1785196801.5, "seconds": 60.0, **given}
    return TaskRecord(task_id="t", owner="o", name="tool", status=status, **known)


def shown(value: Any) -> dict[str, Any]:
    decoded: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(value))
    return decoded


COMMON = {
    "taskId": "t",
    "createdAt": "2026-07-28T00:00:00.000Z",
    "lastUpdatedAt": "2026-07-28T00:00:01.500Z",
    "ttlMs": 60000,
    "pollIntervalMs": 250,
}
QUESTION = {"q1": ("elicitation/create", {"message": "?"})}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (record(), {"status": "working"}),
        (record(message="half"), {"status": "working", "statusMessage": "half"}),
        (
            record("input_required", asked=QUESTION),
            {
                "status": "input_required",
                "inputRequests": {"q1": {"method": "elicitation/create", "params": {"message": "?"}}},
            },
        ),
        (record("completed", result=GAVE), {"status": "completed", "result": json.loads(bytes(GAVE))}),
        (record("completed", result=FAILED), {"status": "completed", "result": json.loads(bytes(FAILED))}),
        (
            record("failed", message="no", error=(-32603, "no", None)),
            {"status": "failed", "statusMessage": "no", "error": {"code": -32603, "message": "no"}},
        ),
        (
            record("failed", error=(-32021, "no", {"a": 1})),
            {"status": "failed", "error": {"code": -32021, "message": "no", "data": {"a": 1}}},
        ),
        (
            record("failed", message="no"),
            {"status": "failed", "statusMessage": "no", "error": {"code": -32603, "message": "no"}},
        ),
        (record("cancelled", message="c", error=(1, "x", None)), {"status": "cancelled", "statusMessage": "c"}),
    ],
    ids=lambda value: value.status if isinstance(value, TaskRecord) else "",
)
def test_a_task_of_the_extension(given: TaskRecord, expected: dict[str, Any]) -> None:
    assert shown(task_result(given, 0.25, detailed=True)) == {**COMMON, **expected}
    handle = {name: value for name, value in expected.items() if name in ("status", "statusMessage")}
    assert shown(task_result(given, 0.25, detailed=False)) == {**COMMON, **handle}


def test_a_task_that_is_kept_for_good() -> None:
    assert shown(task_result(record(seconds=None), 1, detailed=True))["ttlMs"] is None
    assert shown(legacy_task(record(seconds=None), 1))["ttl"] is None


def test_the_pause_between_questions_is_never_nothing() -> None:
    assert shown(task_result(record(), 0.0001, detailed=True))["pollIntervalMs"] == 1
    assert shown(legacy_task(record(), 0.0001))["pollInterval"] == 1


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (record(), "working"),
        (record("input_required", asked=QUESTION), "input_required"),
        (record("completed", result=GAVE), "completed"),
        (record("completed", result=FAILED), "failed"),
        (record("failed", error=(-1, "no", None)), "failed"),
        (record("cancelled"), "cancelled"),
    ],
)
def test_a_task_of_2025(given: TaskRecord, status: str, shared_data: Path) -> None:
    task = shown(legacy_task(given, 0.25))
    assert task == {
        "taskId": "t",
        "status": status,
        "createdAt": COMMON["createdAt"],
        "lastUpdatedAt": COMMON["lastUpdatedAt"],
        "ttl": 60000,
        "pollInterval": 250,
    }
    schema = json.loads((shared_data / "schema" / "2025-11-25.json").read_text())
    jsonschema_rs.validate({**schema, "$ref": "#/$defs/Task"}, task)


def test_a_result_says_which_task_it_is_of() -> None:
    assert json.loads(bytes(related(GAVE, "t"))) == {**json.loads(bytes(GAVE)), "_meta": {RELATED: {"taskId": "t"}}}
    with_meta = Raw(b'{"content":[],"_meta":{"a":1}}')
    assert json.loads(bytes(related(with_meta, "t")))["_meta"] == {"a": 1, RELATED: {"taskId": "t"}}


@pytest.mark.parametrize(
    ("params", "words"),
    [
        (ProgressParams("p", 3), "3"),
        (ProgressParams("p", 0.5, 2), "0.5 of 2"),
        (ProgressParams("p", 3, 10, "pages"), "pages (3 of 10)"),
        (ProgressParams("p", 3, UNSET, "pages"), "pages (3)"),
    ],
)
def test_words_of_progress(params: ProgressParams, words: str) -> None:
    assert words_of_progress(params) == words


def test_words_are_short() -> None:
    assert len(words_of_progress(ProgressParams("p", 1, UNSET, "x" * 100_000))) < 1100
    long = CallToolResult(content=[TextContent("x" * 100_000)], is_error=True)
    assert len(words_of_result(long)) == 1000


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (CallToolResult(content=[TextContent("fine")]), ""),
        (CallToolResult(content=[TextContent("fine")], is_error=False), ""),
        (CallToolResult(content=[TextContent("no")], is_error=True), "no"),
        (CallToolResult(content=[TextContent(""), TextContent("because")], is_error=True), "because"),
        (CallToolResult(content=[], is_error=True), ""),
    ],
)
def test_words_of_a_result(result: CallToolResult, words: str) -> None:
    assert words_of_result(result) == words
