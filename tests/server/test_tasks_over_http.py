"""Tasks over HTTP: the header that names them, status codes, and clients that hang up."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from dragoman.testing import HttpReply, HttpRequest
from dragoman.transports.http import Endpoint
from tests.server.clients import CAPABILITIES, MODERN, VERSION, settle
from tests.server.task_stage import WITH_TASKS, TaskStage


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


class Http:
    """A client of 2026-07-28 over HTTP."""

    def __init__(self, app: Endpoint) -> None:
        self.app = app

    async def post(self, method: str, params: dict[str, Any], **headers: str | None) -> HttpReply:
        meta = {VERSION: MODERN, CAPABILITIES: WITH_TASKS}
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
        named = params.get("name", params.get("taskId"))
        known: dict[str, str | None] = {"mcp-protocol-version": MODERN, "mcp-method": method, "mcp-name": named}
        return await HttpRequest(self.app, body, {**known, **{key.replace("_", "-"): headers[key] for key in headers}})


@pytest.fixture
async def http(stage: TaskStage) -> AsyncIterator[Http]:
    app = Endpoint(stage.server)
    yield Http(app)
    await app.close()


async def test_requests_of_tasks_name_the_task_in_a_header(http: Http) -> None:
    handle = (await http.post("tools/call", {"name": "ask"})).json["result"]
    task_id = handle["taskId"]
    answers: dict[str, Any] = {"inputResponses": {}}
    for method, more in (("tasks/get", {}), ("tasks/update", answers), ("tasks/cancel", {})):
        params = {"taskId": task_id, **more}
        for wrong in (None, "other", ""):
            reply = await http.post(method, params, mcp_name=wrong)
            assert (reply.status, reply.json["error"]["code"]) == (400, -32020), (method, wrong)
        reply = await http.post(method, params)
        assert (reply.status, reply.json["result"]["resultType"]) == (200, "complete")


async def test_status_codes_of_tasks(http: Http) -> None:
    reply = await http.post("tasks/get", {"taskId": "made-up"})
    assert (reply.status, reply.json["error"]["code"]) == (400, -32602)
    reply = await http.post("tasks/result", {"taskId": "made-up"})
    assert (reply.status, reply.json["error"]["code"]) == (404, -32601)
    reply = await http.post("tasks/list", {})
    assert (reply.status, reply.json["error"]["code"]) == (404, -32601)


async def test_a_client_that_hangs_up_after_the_handle_stops_nothing(stage: TaskStage, http: Http) -> None:
    handle = (await http.post("tools/call", {"name": "wait"})).json["result"]
    await asyncio.sleep(0.1)
    stage.gate("a").set()
    await settle()
    assert (await http.post("tasks/get", {"taskId": handle["taskId"]})).json["result"]["status"] == "completed"
