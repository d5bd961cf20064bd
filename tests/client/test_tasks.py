"""Tasks of servers that a test plays: polling, questions, ends, and everything that can go wrong."""

import asyncio
import time
from typing import Any

import pytest

from dragoman import Client, ClientError, ConnectionFault, RequestTimeout, ServerFault, ToolCallError
from dragoman.client.questions import Elicitation
from dragoman.client.tasks import offers_tasks
from tests.client.peers import (
    MODERN,
    Reply,
    Script,
    Sent,
    error,
    http_peer,
    legacy,
    modern,
    program,
    result,
    text_result,
)

FORM = {"type": "object", "properties": {"ok": {"type": "boolean", "default": True}}}
QUIET: list[str] = []
TASKS: dict[str, Any] = {"tasks": {"requests": {"tools": {"call": {}}}}}


def question(message: str) -> dict[str, Any]:
    return {"method": "elicitation/create", "params": {"message": message, "requestedSchema": FORM}}


def task(status: str, poll: int = 20, **more: Any) -> dict[str, Any]:
    times = {"createdAt": "2026-01-01T00:00:00Z", "lastUpdatedAt": "2026-01-01T00:00:00Z"}
    return {"taskId": "t 1", "status": status, "ttlMs": 60_000, "pollIntervalMs": poll, **times, **more}


def plays(*states: dict[str, Any]) -> Script:
    """A server whose only tool becomes a task that goes through these states."""
    rest = list(states)

    async def script(sent: Sent) -> Reply:
        if sent.method == "tools/call":
            return result(sent, {"resultType": "task", **task("working")})
        if sent.method == "tasks/get":
            return result(sent, {"resultType": "complete", **(rest.pop(0) if len(rest) > 1 else rest[0])})
        return result(sent, {"resultType": "complete"})

    return modern(script)


async def test_a_task_is_asked_about_until_it_ends_with_its_headers() -> None:
    script = plays(task("working"), task("working", 60), task("completed", result=text_result("done")))
    async with http_peer(script) as peer, Client(peer.url) as client:
        began = time.monotonic()
        assert (await client.call_tool("t")).data == "done"
        assert time.monotonic() - began >= 0.1
    assert peer.methods()[1:] == ["tools/call", "tasks/get", "tasks/get", "tasks/get"]
    for sent in peer.requests[2:]:
        assert sent.headers["mcp-method"] == "tasks/get"
        assert sent.headers["mcp-name"] == "t 1"
        assert sent.message["params"]["taskId"] == "t 1"
    capabilities = peer.requests[1].message["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"]
    assert capabilities == {"extensions": {"io.modelcontextprotocol/tasks": {}}}


async def test_each_question_is_answered_once() -> None:
    asked: list[str] = []

    def on_elicit(one: Elicitation) -> Any:
        asked.append(one.message)
        return one.defaults()

    both = {"a": question("A?"), "b": question("B?")}
    script = plays(
        task("input_required", inputRequests={"a": question("A?")}),
        task("input_required", inputRequests=both),
        task("input_required", inputRequests=both),
        task("completed", result=text_result("done")),
    )
    async with http_peer(script) as peer, Client(peer.url, on_elicit=on_elicit) as client:
        assert (await client.call_tool("t")).data == "done"
    assert asked == ["A?", "B?"]
    updates = [sent.message["params"] for sent in peer.requests if sent.method == "tasks/update"]
    accepted = {"action": "accept", "content": {"ok": True}}
    assert [one["inputResponses"] for one in updates] == [{"a": accepted}, {"b": accepted}]
    assert [sent.headers["mcp-name"] for sent in peer.requests if sent.method == "tasks/update"] == ["t 1", "t 1"]


async def test_words_of_a_task_are_progress() -> None:
    heard: list[Any] = []

    def hear(*progress: Any) -> None:
        heard.append(progress)
        raise RuntimeError("a callback that fails")

    script = plays(
        task("working"),
        task("working", statusMessage="half"),
        task("working", statusMessage="half"),
        task("completed", statusMessage="all", result=text_result("done")),
    )
    async with http_peer(script) as peer, Client(peer.url) as client:
        assert (await client.call_tool("t", on_progress=hear)).data == "done"
    assert heard == [(1.0, None, "half"), (2.0, None, "all")]


@pytest.mark.parametrize(
    ("state", "kind", "words"),
    [
        (task("failed", error={"code": -32603, "message": "broke"}), ServerFault, r"broke \(code -32603\)"),
        (task("failed"), ConnectionFault, "says that the task failed and sends no result"),
        (task("cancelled"), ClientError, r"The task was cancelled\."),
        (task("cancelled", statusMessage="no more paper"), ClientError, "The task was cancelled: no more paper"),
        (task("completed", result={**text_result("no"), "isError": True}), ToolCallError, "^no$"),
        (task("completed"), ConnectionFault, "no result"),
        (task("completed", result=None), ConnectionFault, "not what the protocol says"),
    ],
)
async def test_how_a_task_may_end(state: dict[str, Any], kind: type[Exception], words: str) -> None:
    async with http_peer(plays(state)) as peer, Client(peer.url) as client:
        with pytest.raises(kind, match=words):
            await client.call_tool("t")
    assert "tasks/cancel" not in peer.methods()


async def test_who_gives_up_cancels_the_task() -> None:
    async with http_peer(plays(task("working"))) as peer, Client(peer.url) as client:
        with pytest.raises(RequestTimeout, match=r"did not finish the task of tools/call within 0\.5 seconds"):
            await client.call_tool("t", timeout=0.5)
        assert peer.methods()[-1] == "tasks/cancel"
        assert peer.requests[-1].headers["mcp-name"] == "t 1"
        calling = asyncio.create_task(client.call_tool("t"))
        await peer.until("tasks/get", after=len(peer.requests))
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        assert peer.methods()[-1] == "tasks/cancel"


async def test_a_question_that_nobody_answers_cancels_the_task() -> None:
    script = plays(task("input_required", inputRequests={"a": question("A?")}))
    async with http_peer(script) as peer, Client(peer.url) as client:
        with pytest.raises(ClientError, match=r"does not answer elicitation/create 'A\?'; give it on_elicit"):
            await client.call_tool("t")
    assert peer.methods()[-1] == "tasks/cancel"


async def test_a_server_that_does_not_take_the_cancellation() -> None:
    async def script(sent: Sent) -> Reply:
        if sent.method == "tools/call":
            return result(sent, {"resultType": "task", **task("working")})
        return result(sent, task("working")) if sent.method == "tasks/get" else error(sent, -32602, "no")

    async with http_peer(modern(script)) as peer, Client(peer.url) as client:
        with pytest.raises(RequestTimeout):
            await client.call_tool("t", timeout=0.05)


async def test_a_server_may_be_away_for_a_moment() -> None:
    away = [Reply(503), Reply(502)]

    async def script(sent: Sent) -> Reply:
        if sent.method == "tools/call":
            return result(sent, {"resultType": "task", **task("working")})
        return away.pop() if away else result(sent, task("completed", result=text_result("done")))

    async with http_peer(modern(script)) as peer, Client(peer.url) as client:
        assert (await client.call_tool("t")).data == "done"


async def test_over_stdio_a_broken_connection_is_the_end(tmp_path: Any) -> None:
    script = """
    discover()
    result(read(), {"resultType": "task", "taskId": "t", "status": "working", "pollIntervalMs": 10})
    assert read()["method"] == "tasks/get"
    """
    async with Client(program(tmp_path, script), on_stderr=QUIET.append) as client:
        with pytest.raises(ConnectionFault, match="ended with exit status 0"):
            await client.call_tool("t")


async def test_a_task_is_started_and_left_alone() -> None:
    async with http_peer(plays(task("completed", result=text_result("done")))) as peer, Client(peer.url) as client:
        started = await client.start_task("t", {"a": 1})
        assert started.task_id == "t 1"
        assert peer.methods()[-1] == "tools/call"
        assert (await started.result(raise_on_error=False)).data == "done"
        assert (await started.result()).data == "done"
        assert peer.methods().count("tasks/get") == 1
        assert (await started.status()).ttl_seconds == 60.0
        await started.cancel()
        assert peer.methods()[-1] == "tasks/cancel"


async def test_a_call_that_is_answered_at_once() -> None:
    async def script(sent: Sent) -> Reply:
        return result(sent, text_result("done"))

    for serve in (modern(script), legacy(script, **TASKS)):
        async with http_peer(serve) as peer, Client(peer.url) as client:
            started = await client.start_task("t")
            assert started.task_id is None
            assert (await started.status()).status == "completed"
            assert (await started.result()).data == "done"
            await started.cancel()


async def test_questions_come_before_the_task() -> None:
    async def script(sent: Sent) -> Reply:
        if "inputResponses" not in sent.message["params"]:
            return result(sent, {"resultType": "input_required", "inputRequests": {"a": question("A?")}})
        return result(sent, {"resultType": "task", **task("working")})

    def on_elicit(one: Elicitation) -> Any:
        return one.defaults()

    async with http_peer(modern(script)) as peer, Client(peer.url, on_elicit=on_elicit) as client:
        assert (await client.start_task("t")).task_id == "t 1"


async def test_only_tools_may_become_tasks() -> None:
    async def script(sent: Sent) -> Reply:
        return result(sent, {"resultType": "task", **task("working")})

    async with http_peer(modern(script)) as peer, Client(peer.url) as client:
        for call in (client.get_prompt("p"), client.read_resource("a://b")):
            with pytest.raises(ConnectionFault, match="made a task of it"):
                await call


async def test_tasks_of_2025_are_asked_for_and_their_result_waited_on() -> None:
    states = ["working", "input_required", "completed"]

    async def script(sent: Sent) -> Reply:
        if sent.method == "tools/call":
            if "task" not in sent.message["params"]:
                return error(sent, -32601, "always a task")
            return result(sent, {"task": task("working") | {"ttl": 5, "pollInterval": 20}})
        if sent.method == "tasks/get":
            return result(sent, task(states.pop(0)))
        return result(sent, text_result("done"))

    async with http_peer(legacy(script, **TASKS)) as peer, Client(peer.url) as client:
        assert (await client.call_tool("t")).data == "done"
    methods = [method for method in peer.methods() if method and method.startswith("t")]
    polls = ["tasks/get", "tasks/get", "tasks/result", "tasks/get", "tasks/result"]
    assert methods == ["tools/call", "tools/call", *polls]


async def test_a_failed_task_of_2025() -> None:
    async def script(sent: Sent) -> Reply:
        if sent.method == "tools/call":
            return result(sent, {"task": task("working")})
        return result(sent, task("failed")) if sent.method == "tasks/get" else error(sent, -32000, "broke")

    async with http_peer(legacy(script, **TASKS)) as peer, Client(peer.url) as client:
        with pytest.raises(ServerFault, match="broke"):
            await client.call_tool("t", task=True)


@pytest.mark.parametrize("capabilities", [{}, {"tasks": {}}, {"tasks": {"requests": {"tools": {}}}}, {"tasks": True}])
def test_what_is_no_offer(capabilities: Any) -> None:
    assert not offers_tasks(capabilities)
    assert offers_tasks(TASKS)
    assert MODERN == "2026-07-28"
