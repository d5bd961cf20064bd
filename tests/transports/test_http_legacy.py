"""2025-03-26 to 2025-11-25 over HTTP: sessions and who they belong to, the event stream, the end, batches."""

import asyncio
import json
import logging
from typing import Any

import pytest

from dragoman import Context, Principal
from dragoman.testing import HttpReply, HttpRequest, assert_canonical_error
from dragoman.transports.http import Endpoint, HttpExchange
from tests.transports.endpoint import House, going_on, modern, notification, older, open_session, text_of
from tests.transports.peers import HELLO, META, call, request

STREAM = {"accept": "text/event-stream"}


def get(house: House, headers: dict[str, str]) -> HttpRequest:
    return HttpRequest(house.endpoint, method="GET", headers=headers)


def delete(house: House, headers: dict[str, str]) -> HttpRequest:
    return HttpRequest(house.endpoint, method="DELETE", headers=headers)


async def post(house: House, message: Any, headers: dict[str, str]) -> HttpReply:
    return await HttpRequest(house.endpoint, message, headers)


def ping(request_id: int = 1) -> bytes:
    return request("ping", request_id=request_id)


# Sessions


@pytest.mark.parametrize("version", ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"])
async def test_a_session_of_each_version(version: str) -> None:
    house = House()
    session = await open_session(house, version)
    assert (await post(house, notification("notifications/initialized"), session)).status == 202
    assert text_of(await older(house, session, "add", a=1, b=2)) == "3"
    assert (await delete(house, session)).status == 204
    assert (await older(house, session, "add", a=1, b=2)).status == 404
    assert (await delete(house, session)).status == 404
    assert (await get(house, session | STREAM)).status == 404


async def test_session_ids_are_long_visible_and_never_alike() -> None:
    house = House()
    ids = {(await open_session(house))["mcp-session-id"] for _ in range(50)}
    assert len(ids) == 50
    for session_id in ids:
        assert len(session_id) >= 32
        assert all(0x21 <= ord(character) <= 0x7E for character in session_id)


async def test_a_handshake_says_what_is_wrong_with_it() -> None:
    house = House()
    for params in ({}, HELLO | {"protocolVersion": 5}, {"protocolVersion": "2025-11-25"}):
        reply = await post(house, request("initialize", params), {})
        assert_canonical_error(reply.json, code=-32602, request_id=1)
    reply = await post(house, notification("initialize", **HELLO), {})
    assert reply.status == 400
    assert len(house.endpoint.sessions) == 0


async def test_a_handshake_is_kept_and_therefore_small() -> None:
    house = House()
    large = HELLO | {"capabilities": {"experimental": {"x": {"y": "z" * 70_000}}}}
    reply = await post(house, request("initialize", large), {})
    assert_canonical_error(reply.json, code=-32602, request_id=1)
    assert len(house.endpoint.sessions) == 0


async def test_a_new_handshake_in_an_old_session_is_a_new_session() -> None:
    house = House()
    session = await open_session(house)
    reply = await post(house, request("initialize", HELLO), session)
    assert reply.headers["mcp-session-id"] != session["mcp-session-id"]


class Doorman(Endpoint):
    """An endpoint whose callers say who they are, as an authenticated one's would."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        subject = dict(scope.get("headers", ())).get(b"x-subject", b"").decode()
        HttpExchange.principal = Principal(subject, "tests") if subject else Principal()
        try:
            await super().__call__(scope, receive, send)
        finally:
            HttpExchange.principal = Principal()


async def test_another_owners_session_is_not_there() -> None:
    house = House()
    house.endpoint = Doorman(house.server)
    reply = await post(house, request("initialize", HELLO), {"x-subject": "ada"})
    mine = {"mcp-session-id": reply.headers["mcp-session-id"], "x-subject": "ada"}
    theirs = mine | {"x-subject": "eve"}
    nobody = {"mcp-session-id": mine["mcp-session-id"]}
    assert text_of(await older(house, mine, "add", a=1, b=2)) == "3"
    for other in (theirs, nobody):
        assert (await get(house, other | STREAM)).status == 404
        assert (await delete(house, other)).status == 404
        assert (await post(house, request("logging/setLevel", {"level": "debug"}), other)).status == 200
        assert (await get(house, other | STREAM | {"last-event-id": "x-1"})).status == 404
    session = house.endpoint.sessions.find(mine["mcp-session-id"], Principal("ada", "tests"))
    assert session is not None
    assert session.log_level == "info"
    assert (await delete(house, mine)).status == 204


async def test_an_unknown_session_is_served_without_one_unless_told_otherwise() -> None:
    house = House()
    headers = {"mcp-session-id": "from-before-a-restart", "mcp-protocol-version": "2025-06-18"}
    assert text_of(await older(house, headers, "add", a=1, b=2)) == "3"
    house.endpoint = Endpoint(house.server, sessionless=False)
    reply = await older(house, headers, "add", a=1, b=2)
    assert reply.status == 404
    assert b"initialize" in reply.body


async def test_without_a_session_nothing_is_remembered() -> None:
    house = House()
    reply = await post(house, request("logging/setLevel", {"level": "debug"}), {})
    assert reply.status == 200
    reply = await post(house, request("resources/subscribe", {"uri": "house://key"}), {})
    assert_canonical_error(reply.json, code=-32602, request_id=1)


@pytest.mark.parametrize(
    ("version", "status"),
    [("2025-06-18", 200), ("2024-11-05", 200), ("", 200), ("2031-01-01", 400), ("x" * 300, 400)],
)
async def test_the_version_header(version: str, status: int) -> None:
    house = House()
    reply = await post(house, ping(), {"mcp-protocol-version": version})
    assert reply.status == status
    session = await open_session(house) | {"mcp-protocol-version": version}
    reply = await delete(house, session)
    assert reply.status == (204 if status == 200 else 400)


async def test_sessions_are_counted_and_capped() -> None:
    house = House(sessions=2)
    first = await open_session(house)
    await open_session(house)
    reply = await post(house, request("initialize", HELLO), {})
    assert reply.status == 503
    assert reply.headers["retry-after"] == "30"
    assert text_of(await modern(house, "add", a=1, b=2)) == "3"
    await delete(house, first)
    await open_session(house)


async def test_idle_sessions_give_way() -> None:
    house = House(sessions=2, session_idle_seconds=0.05)
    sessions = [await open_session(house) for _ in range(2)]
    async with going_on(older(house, sessions[0], "slow", name="busy", seconds=0.2)):
        await house.wait_for("busy", "running")
        await asyncio.sleep(0.1)
        await open_session(house)
        assert (await older(house, sessions[1], "add", a=1, b=2)).status == 404
        await house.wait_for("busy", "finished")


async def test_an_idle_session_has_ended_though_nobody_looked() -> None:
    house = House(session_idle_seconds=0.05)
    session = await open_session(house)
    await asyncio.sleep(0.1)
    assert (await older(house, session, "add", a=1, b=2)).status == 404


# Calls


async def test_errors_of_a_call_come_with_status_200() -> None:
    house = House()
    session = await open_session(house)
    reply = await post(house, request("no/such"), session)
    assert reply.status == 200
    assert_canonical_error(reply.json, code=-32601, request_id=1)
    reply = await post(house, request("resources/read", {"uri": "house://gold"}), session)
    assert_canonical_error(reply.json, code=-32002, request_id=1)


async def test_two_requests_with_one_id() -> None:
    house = House()
    session = await open_session(house)
    async with going_on(older(house, session, "slow", request_id=7, name="x", seconds=0.05)) as first:
        await house.wait_for("x", "running")
        reply = await older(house, session, "add", request_id=7, a=1, b=2)
        assert_canonical_error(reply.json, code=-32600, request_id=7)
        assert text_of(await first) == "slept"


async def test_a_question_needs_a_session_and_a_stream() -> None:
    house = House(question_seconds=0.05)

    @house.server.tool
    async def sure(context: Context) -> str:
        return "yes" if await context.confirm("Sure?") else "no"

    hello = HELLO | {"capabilities": {"elicitation": {}}}
    reply = await post(house, request("initialize", hello), {})
    session = {"mcp-session-id": reply.headers["mcp-session-id"]}
    for headers in ({}, session | {"accept": "application/json"}, session):
        reply = await post(house, call("sure", modern=False), headers)
        assert reply.messages[-1]["result"]["isError"] is True
    assert reply.messages[0]["method"] == "elicitation/create"


async def test_a_call_is_taken_back() -> None:
    house = House()
    session = await open_session(house)
    for taken, state in (("slow", "cancelled"), ("stubborn", "held back")):
        async with going_on(older(house, session, taken, request_id=5, name=taken)) as called:
            await house.wait_for(taken, "running")
            assert (await post(house, notification("notifications/cancelled", requestId=5), session)).status == 202
            reply = await called
        assert house.became[taken] == state
        assert (reply.status, reply.messages) == (200, [])
        assert reply.headers["content-type"] == "text/event-stream"


async def test_a_call_that_spoke_and_is_taken_back_ends_its_stream() -> None:
    house = House()
    session = await open_session(house)
    async with going_on(older(house, session, "tell", request_id=5, token=1, name="t", count=10**9)) as called:
        await house.wait_for("t", "running")
        await post(house, notification("notifications/cancelled", requestId=5), session)
        reply = await called
    assert all("id" not in message for message in reply.messages)


async def test_leaving_takes_nothing_back() -> None:
    house = House()
    session = await open_session(house)
    asked = older(house, session, "slow", name="x", seconds=0.15)
    async with going_on(asked):
        await house.wait_for("x", "running")
        asked.leave()
        await house.wait_for("x", "finished")


async def test_the_end_of_a_session_takes_its_calls_back() -> None:
    house = House()
    session = await open_session(house)
    async with going_on(older(house, session, "slow", name="x")) as called:
        await house.wait_for("x", "running")
        await delete(house, session)
        assert (await called).messages == []
    assert house.became["x"] == "cancelled"


async def test_answers_and_notifications_are_accepted() -> None:
    house = House()
    session = await open_session(house)
    for message in (
        {"jsonrpc": "2.0", "id": 1, "result": {}},
        {"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": "x"}},
        {"jsonrpc": "2.0", "method": "notifications/roots/list_changed"},
        {"jsonrpc": "2.0", "method": "notifications/made_up"},
        {"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "add"}},
    ):
        for headers in (session, {}):
            reply = await post(house, message, headers)
            assert (reply.status, reply.body) == (202, b"")


# The event stream


async def test_the_stream_tells_of_changes_until_the_session_ends() -> None:
    house = House()
    session = await open_session(house)
    async with going_on(get(house, session | STREAM)) as streamed:
        await asyncio.sleep(0.01)
        house.server.remove_tool("crash")
        await asyncio.sleep(0.01)
        assert (await delete(house, session)).status == 204
        reply = await streamed
    assert "notifications/tools/list_changed" in [message.get("method") for message in reply.messages]


async def test_a_session_has_one_stream() -> None:
    house = House()
    session = await open_session(house)
    asked = get(house, session | STREAM)
    async with going_on(asked) as streamed:
        await asyncio.sleep(0.01)
        assert (await get(house, session | STREAM)).status == 409
        asked.leave()
        await streamed
        async with going_on(get(house, session | STREAM)):
            await asyncio.sleep(0.01)
            assert (await get(house, session | STREAM)).status == 409


async def test_streams_do_not_hear_of_each_other() -> None:
    house = House()
    first, second = await open_session(house), await open_session(house)
    await post(house, request("resources/subscribe", {"uri": "house://key"}), first)
    async with going_on(get(house, first | STREAM)) as one, going_on(get(house, second | STREAM)) as other:
        await asyncio.sleep(0.01)
        house.server.notify_resource_updated("house://key")
        await asyncio.sleep(0.01)
        await house.endpoint.close()
        heard = [[message.get("method") for message in (await task).messages] for task in (one, other)]
    assert heard == [["notifications/resources/updated"], []]


@pytest.mark.parametrize(("accept", "status"), [(None, 406), ("application/json", 406)])
async def test_a_stream_is_asked_for(accept: str | None, status: int) -> None:
    house = House()
    headers: dict[str, Any] = await open_session(house) | {"accept": accept}
    assert (await get(house, headers)).status == status


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "OPTIONS", "HEAD", "PATCH", "QUERY"])
async def test_other_methods_without_a_session(method: str) -> None:
    reply = await HttpRequest(House().endpoint, method=method)
    assert (reply.status, reply.headers["allow"]) == (405, "POST")


async def test_other_methods_with_a_session() -> None:
    house = House()
    session = await open_session(house)
    assert (await HttpRequest(house.endpoint, method="PUT", headers=session)).status == 405


# Batches


async def batch(house: House, session: dict[str, str], *parts: bytes) -> HttpReply:
    return await post(house, b" \n[" + b",".join(parts) + b"]", session)


async def test_a_batch_is_answered_in_order() -> None:
    house = House()
    session = await open_session(house, "2025-03-26")
    parts = [call("add", modern=False, request_id=number, a=number, b=0) for number in range(3)]
    reply = await batch(house, session, *parts, notification("notifications/made_up"), ping(9))
    assert [message["id"] for message in reply.json] == [0, 1, 2, 9]


async def test_a_batch_without_a_session_and_without_a_version() -> None:
    house = House()
    assert [message["id"] for message in (await batch(house, {}, ping(1), ping(2))).json] == [1, 2]
    reply = await batch(house, {}, notification("notifications/cancelled", requestId=1))
    assert (reply.status, reply.body) == (202, b"")


async def test_what_is_wrong_with_one_part_is_answered_there(caplog: pytest.LogCaptureFixture) -> None:
    house = House()
    session = await open_session(house, "2025-03-26")
    with caplog.at_level(logging.CRITICAL):
        reply = await batch(
            house,
            session,
            request("initialize", HELLO, 1),
            request("no/such", request_id=2),
            b"5",
            b"[" + ping(3) + b"]",
            call("own_cancel", modern=False, request_id=4),
            call("leave", modern=False, request_id=5),
            ping(6),
        )
    answers = reply.json
    assert len(answers) == 7
    assert [message["error"]["code"] for message in answers[:4]] == [-32600, -32601, -32600, -32600]
    assert "Internal error" in json.dumps(answers[4])
    assert "Internal error" in json.dumps(answers[5])
    assert answers[6]["result"] == {}


async def test_a_batch_that_speaks_is_a_stream() -> None:
    house = House()
    session = await open_session(house, "2025-03-26")
    parts = [call("tell", modern=False, request_id=number, token=number) for number in (1, 2)]
    reply = await batch(house, session, *parts, call("keep", modern=False, request_id=3, token=3))
    assert reply.headers["content-type"] == "text/event-stream"
    assert sorted(message["id"] for message in reply.messages if "id" in message) == [1, 2, 3]
    assert sum("method" in message for message in reply.messages) == 5
    await house.contexts[-1].progress(9)


async def test_a_part_of_a_batch_is_taken_back() -> None:
    house = House()
    session = await open_session(house, "2025-03-26")
    parts = (call("slow", modern=False, request_id=1, name="p"), call("stubborn", modern=False, request_id=2, name="q"))
    async with going_on(HttpRequest(house.endpoint, b"[" + b",".join((*parts, ping(3))) + b"]", session)) as answered:
        await house.wait_for("p", "running")
        await house.wait_for("q", "running")
        for request_id in (1, 2):
            await post(house, notification("notifications/cancelled", requestId=request_id), session)
        assert [message["id"] for message in (await answered).json] == [3]


async def test_a_part_may_remember_and_subscribe() -> None:
    house = House()
    session = await open_session(house, "2025-03-26")
    reply = await batch(
        house,
        session,
        request("logging/setLevel", {"level": "debug"}, 1),
        request("resources/subscribe", {"uri": "house://key"}, 2),
    )
    assert all("result" in message for message in reply.json)


@pytest.mark.parametrize(
    "content", [b"[]", b"[" + b",".join([ping()] * 51) + b"]", b"[1,", b"[" * 70 + b"]" * 70, b"[\xff]"]
)
async def test_batches_that_are_refused_as_a_whole(content: bytes) -> None:
    house = House()
    session = await open_session(house, "2025-03-26")
    reply = await post(house, content, session)
    assert reply.status == 400
    assert_canonical_error(reply.json)


@pytest.mark.parametrize("version", ["2025-06-18", "2025-11-25", "2026-07-28", "2031-01-01"])
async def test_versions_without_batches(version: str) -> None:
    house = House()
    reply = await post(house, b"[" + ping() + b"]", {"mcp-protocol-version": version})
    assert reply.status == 400
    assert_canonical_error(reply.json, code=-32600)


async def test_a_modern_call_in_a_session_is_a_modern_call() -> None:
    house = House()
    session = await open_session(house)
    params = {"name": "add", "arguments": {"a": 1, "b": 2}, "_meta": META}
    reply = await post(house, request("tools/call", params), session)
    assert_canonical_error(reply.json, code=-32020)
