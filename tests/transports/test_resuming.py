"""Streams that are taken up again (2025-11-25, Resumability and Redelivery), and the event stream of GET."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from dragoman import Limits
from dragoman.auth.principal import Principal
from dragoman.protocol.tasks import RELATED
from dragoman.transports.http import Endpoint
from tests.server.task_stage import TaskStage, answer_of
from tests.transports.reading import Visitor, ids, said, until
from tests.transports.stage import Stage


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    yield stage
    await stage.app.close()


@pytest.fixture(autouse=True)
async def nothing_is_left() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    await until(lambda: asyncio.all_tasks() - before == {asyncio.current_task()})


# --- what is sent -----------------------------------------------------------------------------------------------------


async def test_a_stream_of_the_newest_revision_is_primed(stage: Stage) -> None:
    async with Visitor(stage.app) as visitor:
        stage.gate("a").set()
        call = visitor.call("steps", name="a")
        await call.end()
        assert call.raw.startswith(b"id: ")
        first = call.raw.split(b"\n\n")[0]
        assert first.endswith(b"\nretry: 1000\ndata: ")
        assert said(call.messages) == [1, 2, 3, "a done"]
        assert len(ids(call)) == 5


@pytest.mark.parametrize(("revision", "resumable"), [("2024-11-05", False), ("2025-03-26", True), ("2025-06-18", True)])
async def test_older_revisions_get_no_empty_event(stage: Stage, revision: str, resumable: bool) -> None:
    async with Visitor(stage.app, revision) as visitor:
        stage.gate("a").set()
        call = visitor.call("steps", name="a")
        await call.end()
        assert b"retry:" not in call.raw
        assert len(call.events) == len(call.messages) == 4
        assert len(ids(call)) == (4 if resumable else 0)


async def test_ids_are_unique_in_the_session_and_say_their_stream(stage: Stage) -> None:
    async with Visitor(stage.app) as visitor:
        stage.gate("a").set()
        calls = [visitor.call("steps", name="a") for _ in range(4)]
        listening = visitor.listen()
        for call in calls:
            await call.end()
        await listening.begun()
        stage.server.notify_resources_changed()
        await listening.until(1)
        streams = [ids(reading) for reading in [*calls, listening]]
        everything = [each for stream in streams for each in stream]
        assert len(set(everything)) == len(everything)
        names = [{each.rpartition("-")[0] for each in stream} for stream in streams]
        assert all(len(name) == 1 for name in names)
        assert len(set.union(*names)) == 5


async def test_a_silent_call_is_plain_json_and_has_no_stream(stage: Stage) -> None:
    async with Visitor(stage.app) as visitor:
        call = visitor.request("tools/call", {"name": "add", "arguments": {"a": 1, "b": 2}})
        reply = await call.end()
        assert reply.headers["content-type"] == "application/json"
        assert stage.session_of(visitor).streams == {}


# --- taking up again --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("revision", ["2025-03-26", "2025-06-18", "2025-11-25"])
async def test_a_lost_connection_is_taken_up_where_it_was(stage: Stage, revision: str) -> None:
    async with Visitor(stage.app, revision) as visitor:
        call = visitor.call("steps", name="a")
        await call.until(1)
        call.leave()
        resumed = visitor.resume(call.last_id)
        await resumed.begun()
        stage.gate("a").set()
        reply = await resumed.end()
        assert reply.headers["content-type"] == "text/event-stream"
        assert reply.headers["x-accel-buffering"] == "no"
        assert said(call.messages + resumed.messages) == [1, 2, 3, "a done"]
        assert len(set(ids(call) + ids(resumed))) == len(ids(call) + ids(resumed))


async def test_what_was_said_while_nobody_read_is_told_after_it_ended(stage: Stage) -> None:
    async with Visitor(stage.app) as visitor:
        call = visitor.call("steps", name="a")
        await call.until(1)
        first, seen = ids(call)[0], call.last_id
        call.leave()
        stage.gate("a").set()
        await until(lambda: "a" in stage.ended)
        await asyncio.sleep(0.02)
        again = visitor.resume(seen)
        await again.end()
        assert said(again.messages) == [2, 3, "a done"]
        primed = visitor.resume(first)
        await primed.end()
        assert said(primed.messages) == [1, 2, 3, "a done"], "the same place may be taken up more than once"
        assert ids(primed) == [f"{first.rpartition('-')[0]}-{number}" for number in range(2, 6)]
        seen_all = visitor.resume(again.last_id)
        assert ((await seen_all.end()).status, seen_all.messages) == (200, [])


async def test_resuming_makes_no_stream_of_its_own(stage: Stage) -> None:
    async with Visitor(stage.app) as visitor:
        stage.gate("a").set()
        call = visitor.call("steps", name="a")
        await call.end()
        for _ in range(3):
            resumed = visitor.resume(ids(call)[0])
            await resumed.end()
            assert {each.rpartition("-")[0] for each in ids(resumed)} == {ids(call)[0].rpartition("-")[0]}
        stage.session_of(visitor).open_stream(stage.app.events)
        assert len(stage.session_of(visitor).streams) == 1, "only the one just opened"


async def test_only_the_same_stream_is_told(stage: Stage) -> None:
    async with Visitor(stage.app) as visitor:
        stage.gate("a").set()
        one = visitor.call("steps", name="a")
        await one.end()
        stage.gate("b").set()
        other = visitor.call("steps", name="b", count=5)
        await other.end()
        resumed = visitor.resume(ids(one)[0])
        await resumed.end()
        assert said(resumed.messages) == [1, 2, 3, "a done"]


async def test_a_connection_that_is_let_go_says_when_to_come_back(stage: Stage) -> None:
    async with Visitor(stage.app) as visitor:
        call = visitor.call("away", name="a")
        await call.end()
        assert call.messages == []
        assert call.raw.endswith(b"retry: 1000\n\n")
        assert call.decoder.retry_milliseconds == 1000
        stage.gate("a0").set()
        resumed = visitor.resume(call.last_id)
        await resumed.end()
        assert said(resumed.messages) == [1, "a back"]


async def test_a_client_comes_back_several_times(stage: Stage) -> None:
    async with Visitor(stage.app) as visitor:
        reading = visitor.call("away", name="a", times=4)
        await reading.end()
        heard: list[Any] = []
        last_id = reading.last_id
        for number in range(4):
            reading = visitor.resume(last_id)
            await reading.begun()
            stage.gate(f"a{number}").set()
            await reading.end()
            heard += said(reading.messages)
            last_id = reading.last_id or last_id
        if heard[-1] != "a back":
            reading = visitor.resume(last_id)
            await reading.end()
            heard += said(reading.messages)
        assert heard == [1, 2, 3, 4, "a back"]


@pytest.mark.parametrize("revision", ["2024-11-05", "2025-03-26", "2025-06-18"])
async def test_older_clients_keep_their_connection(stage: Stage, revision: str) -> None:
    async with Visitor(stage.app, revision) as visitor:
        stage.gate("a0").set()
        call = visitor.call("away", name="a")
        await call.end()
        assert said(call.messages) == [1, "a back"]


async def test_a_question_reaches_a_client_that_comes_back(stage: Stage) -> None:
    async with Visitor(stage.app) as visitor:
        call = visitor.call("ask")
        await call.end()
        resumed = visitor.resume(call.last_id)
        question = (await resumed.until(1))[0]
        assert question["method"] == "elicitation/create"
        answer = {"action": "accept", "content": {question["params"]["requestedSchema"]["required"][0]: True}}
        reply = await visitor.send({"id": question["id"], "result": answer}).end()
        assert reply.status == 202
        await resumed.end()
        assert said(resumed.messages) == ["elicitation/create", "yes"]


async def test_a_task_asks_on_a_stream_that_is_lost_and_taken_up() -> None:
    stage = TaskStage()
    app = Endpoint(stage.server)
    async with Visitor(app) as visitor:
        call = visitor.request("tools/call", {"name": "ask", "arguments": {"times": 2}, "task": {}})
        task_id = (await call.end()).json["result"]["task"]["taskId"]
        reading = visitor.request("tasks/result", {"taskId": task_id})
        for _ in range(2):
            question = (await reading.until(1))[-1]
            assert question["params"]["_meta"] == {RELATED: {"taskId": task_id}}
            reading.leave()
            await visitor.send({"id": question["id"], "result": answer_of(question)}).end()
            reading = visitor.resume(reading.last_id)
        await reading.end()
        (answer,) = reading.messages
        assert answer["id"] == 3
        assert answer["result"]["content"][0]["text"] == "True True"
        assert answer["result"]["_meta"][RELATED] == {"taskId": task_id}
    await app.close()


# --- several connections for one stream -------------------------------------------------------------------------------


async def test_the_newest_connection_carries_the_stream_alone(stage: Stage) -> None:
    async with Visitor(stage.app) as visitor:
        call = visitor.call("steps", name="a")
        await call.until(1)
        first = visitor.resume(call.last_id)
        await first.begun()
        await call.end()
        second = visitor.resume(call.last_id)
        await second.begun()
        await first.end()
        stage.gate("a").set()
        await second.end()
        assert said(call.messages) == [1]
        assert first.messages == []
        assert said(second.messages) == [2, 3, "a done"]


async def test_a_connection_that_hangs_is_taken_over_at_once(stage: Stage) -> None:
    async with Visitor(stage.app) as visitor:
        call = visitor.call("steps", name="a", count=50, size=1000)
        await call.until(1)
        call.hang()
        stage.gate("a").set()
        await asyncio.sleep(0.02)
        assert "a" not in stage.ended, "the tool waits for the client that does not read"
        begun = time.monotonic()
        resumed = visitor.resume(call.last_id)
        await resumed.end()
        assert time.monotonic() - begun < 5, "the tool goes on at once, not after the client's patience"
        assert said(resumed.messages) == [*range(2, 51), "a done"]


async def test_one_that_took_over_may_hang_too(stage: Stage) -> None:
    async with Visitor(stage.app) as visitor:
        call = visitor.call("steps", name="a", count=20)
        await call.until(1)
        hung = visitor.resume(call.last_id)
        await hung.begun()
        hung.hang()
        stage.gate("a").set()
        await asyncio.sleep(0.02)
        last = visitor.resume(call.last_id)
        await last.end()
        assert said(last.messages) == [*range(2, 21), "a done"]


async def test_one_that_took_over_may_leave(stage: Stage) -> None:
    async with Visitor(stage.app) as visitor:
        call = visitor.call("steps", name="a")
        await call.until(1)
        for _ in range(3):
            leaver = visitor.resume(call.last_id)
            await leaver.begun()
            await asyncio.sleep(0.08)  # long enough to be looked after
            leaver.leave()
            await leaver.end()
        stage.gate("a").set()
        last = visitor.resume(call.last_id)
        await last.end()
        assert said(last.messages) == [2, 3, "a done"]


async def test_many_take_up_at_once(stage: Stage) -> None:
    async with Visitor(stage.app) as visitor:
        call = visitor.call("steps", name="a", count=30)
        await call.until(1)
        many = [visitor.resume(call.last_id) for _ in range(20)]
        for each in many:
            await each.begun()
        stage.gate("a").set()
        for each in many:
            await each.end()
        complete = [each for each in many if said(each.messages) == [*range(2, 31), "a done"]]
        assert len(complete) >= 1
        for each in many:
            heard = said(each.messages)
            assert heard == [*range(2, 31), "a done"][: len(heard)], "what is told is told in order"


# --- the event stream of GET ------------------------------------------------------------------------------------------


async def test_the_event_stream_is_taken_up_live(stage: Stage) -> None:
    async with Visitor(stage.app) as visitor:
        listening = visitor.listen()
        await listening.begun()
        stage.server.notify_resources_changed()
        await listening.until(1)
        resumed = visitor.resume(listening.last_id)
        await resumed.begun()
        await listening.end()
        for number in range(2, 5):
            stage.server.notify_resources_changed()
            await resumed.until(number - 1)
        assert len(listening.messages) == 1
        assert ids(resumed) == [f"{listening.last_id.rpartition('-')[0]}-{number}" for number in range(3, 6)]


async def test_an_event_stream_that_hangs_loses_nothing(stage: Stage) -> None:
    async with Visitor(stage.app) as visitor:
        await visitor.request("resources/subscribe", {"uri": "a://b"}).end()
        listening = visitor.listen()
        await listening.begun()
        await asyncio.sleep(0.01)
        place = ids(listening)[0]
        listening.hang()
        stage.server.notify_resource_updated("a://b")
        stage.server.notify_resources_changed()
        await asyncio.sleep(0.02)
        resumed = visitor.resume(place)
        heard = [message["method"] for message in await resumed.until(2)]
        assert heard == ["notifications/resources/updated", "notifications/resources/list_changed"]
        stage.server.notify_resources_changed()
        await resumed.until(3)


async def test_a_second_event_stream_is_refused_and_a_later_one_is_not(stage: Stage) -> None:
    async with Visitor(stage.app) as visitor:
        listening = visitor.listen()
        await listening.begun()
        reply = await visitor.listen().end()
        assert reply.status == 409
        place = ids(listening)[0]
        await asyncio.sleep(0.08)
        listening.leave()
        await listening.end()
        again = visitor.listen()
        await again.begun()
        assert ids(again)[0].rpartition("-")[0] != place.rpartition("-")[0]
        former = visitor.resume(place)
        reply = await former.end()
        assert (reply.status, former.messages) == (200, []), "the former stream has ended"
        stage.server.notify_resources_changed()
        await again.until(1)


async def test_coming_again_and_again_leaves_one_stream(stage: Stage) -> None:
    async with Visitor(stage.app) as visitor:
        for _ in range(5):
            listening = visitor.listen()
            await listening.begun()
            await asyncio.sleep(0.06)
            listening.leave()
            await listening.end()
        live = [stream for stream in stage.session_of(visitor).streams.values() if not stream.ended]
        assert len(live) == 1


async def test_an_answer_never_comes_on_the_event_stream(stage: Stage) -> None:
    async with Visitor(stage.app) as visitor:
        listening = visitor.listen()
        await listening.begun()
        stage.gate("a").set()
        await visitor.call("steps", name="a").end()
        stage.server.notify_resources_changed()
        await listening.until(1)
        assert [message["method"] for message in listening.messages] == ["notifications/resources/list_changed"]


# --- what cannot be told ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "last_id", ["", "-", "nonsense", "a-1", "²-²", "a-²", "-1", "a-999999999999", "0" * 4000, "../x-1", "x\x01-1"]
)
async def test_an_id_that_is_not_known(stage: Stage, last_id: str) -> None:
    async with Visitor(stage.app) as visitor:
        reply = await visitor.resume(last_id).end()
        assert reply.status == 400
        assert b"Send the request again" in reply.body or b"header" in reply.body
        reply = await visitor.request("tools/call", {"name": "add", "arguments": {"a": 1, "b": 1}}).end()
        assert reply.status == 200, "the session goes on"


async def test_a_place_that_was_never_reached(stage: Stage) -> None:
    async with Visitor(stage.app) as visitor:
        call = visitor.call("steps", name="a")
        await call.until(1)
        name = call.last_id.rpartition("-")[0]
        assert (await visitor.resume(f"{name}-99").end()).status == 400
        stage.gate("a").set()
        await call.end()
        assert said(call.messages) == [1, 2, 3, "a done"], "nothing was taken from the connection that carries it"


async def test_streams_of_other_sessions_and_callers_are_unknown(stage: Stage) -> None:
    async with Visitor(stage.app) as visitor, Visitor(stage.app) as stranger:
        call = visitor.call("steps", name="a")
        await call.until(1)
        assert (await stranger.resume(ids(call)[0]).end()).status == 400
        session = stage.session_of(visitor)
        session.owner = Principal("somebody")  # the session is somebody's, and an anonymous caller knows its id
        assert (await visitor.resume(ids(call)[0]).end()).status == 404
        session.owner = Principal()
        stage.gate("a").set()
        await call.end()


async def test_a_foreign_caller_finds_nothing_in_the_store_either(stage: Stage) -> None:
    async with Visitor(stage.app) as visitor:
        session = stage.session_of(visitor)
        session.owner = Principal("somebody")
        stream = session.open_stream(stage.app.events)
        place = stream.append(b'{"secret":1}')
        stream.append(b'{"secret":2}', last=True)
        stage.app.sessions.end(session)
        reply = await visitor.resume(place).end()
        assert reply.status == 404
        assert b"secret" not in reply.body


async def test_what_gave_way_to_newer_streams_is_said() -> None:
    stage = Stage(Limits(replay_bytes=20_000))
    async with Visitor(stage.app) as visitor:
        stage.gate("a").set()
        call = visitor.call("steps", name="a", count=5, size=1000)
        await call.end()
        big = visitor.call("steps", name="a", count=12, size=1000)
        await big.end()
        reply = await visitor.resume(ids(call)[0]).end()
        assert reply.status == 400
        assert b"Nothing is kept" in reply.body
    await stage.app.close()


async def test_a_follower_of_what_cannot_be_kept_is_let_go() -> None:
    stage = Stage(Limits(replay_bytes=3000))
    async with Visitor(stage.app) as visitor:
        call = visitor.call("steps", name="a", count=3, size=5000)
        await call.until(1)
        place = ids(call)[0]
        resumed = visitor.resume(f"{place.rpartition('-')[0]}-2")
        await resumed.begun()
        stage.gate("a").set()
        await resumed.end()
        assert resumed.messages == []
        reply = await visitor.resume(place).end()
        assert reply.status == 400
    await stage.app.close()


async def test_a_quiet_stream_is_taken_up_however_long_it_was_quiet() -> None:
    stage = Stage(Limits(replay_seconds=0.05))
    async with Visitor(stage.app) as visitor:
        call = visitor.call("steps", name="a")
        await call.until(1)
        call.leave()
        await asyncio.sleep(0.1)
        stage.gate("b").set()
        other = visitor.call("steps", name="b")
        await other.end()
        resumed = visitor.resume(call.last_id)
        assert (await resumed.begun()).status == 200
        stage.gate("a").set()
        await resumed.end()
        assert said(resumed.messages) == [2, 3, "a done"]
    await stage.app.close()


async def test_a_request_that_is_taken_back_ends_its_stream(stage: Stage) -> None:
    async with Visitor(stage.app) as visitor:
        call = visitor.call("steps", name="a")
        await call.until(1)
        resumed = visitor.resume(call.last_id)
        await resumed.begun()
        await visitor.send({"method": "notifications/cancelled", "params": {"requestId": 2}}).end()
        await resumed.end()
        assert resumed.messages == []
        assert stage.ended == ["a"]
        later = visitor.resume(call.last_id)
        reply = await later.end()
        assert (reply.status, later.messages) == (200, [])


async def test_a_request_that_is_taken_back_while_its_connection_hangs_ends_its_stream() -> None:
    stage = Stage(Limits(write_stall_seconds=0.1))
    async with Visitor(stage.app) as visitor:
        call = visitor.call("steps", name="a")
        await call.until(1)
        call.hang()
        await visitor.send({"method": "notifications/cancelled", "params": {"requestId": 2}}).end()
        await asyncio.sleep(0.3)
        later = visitor.resume(call.last_id)
        reply = await later.end()
        assert (reply.status, later.messages) == (200, [])
    await stage.app.close()


async def test_ending_a_session_drops_everything(stage: Stage) -> None:
    async with Visitor(stage.app) as visitor:
        stage.gate("b").set()
        done = visitor.call("steps", name="b")
        await done.end()
        call = visitor.call("steps", name="a")
        await call.until(1)
        resumed = visitor.resume(call.last_id)
        await resumed.begun()
        listening = visitor.listen()
        await listening.begun()
        await asyncio.sleep(0.01)
        places = [ids(done)[0], ids(call)[0], ids(listening)[0]]
        assert (await visitor.open("DELETE").end()).status == 204
        await resumed.end()
        await listening.end()
        assert resumed.messages == []
        for place in places:
            reply = await visitor.resume(place).end()
            assert reply.status == 404
            assert b"'initialize'" in reply.body
        await asyncio.sleep(0.02)
        assert stage.app.events._streams == {}  # type: ignore[attr-defined]  # noqa: SLF001 - nothing comes later either


async def test_resuming_wants_event_streams(stage: Stage) -> None:
    async with Visitor(stage.app) as visitor:
        reply = await visitor.open("GET", accept="application/json", last_event_id="a-1").end()
        assert reply.status == 406
