"""What comes on a channel that all requests share, sorted to those who wait."""

import asyncio
import json
import logging
from typing import Any

import pytest

from dragoman.client.answers import Handlers
from dragoman.client.changes import Follower, Wanted
from dragoman.client.channel import Channel
from dragoman.client.listener import Listener
from dragoman.client.wire import Call, messages_in
from dragoman.errors import ConnectionFault
from dragoman.protocol.jsonrpc import Message
from dragoman.protocol.messages import LogParams
from dragoman.protocol.revisions import LATEST_LEGACY, LATEST_MODERN


def message(**fields: Any) -> Message:
    (decoded,) = messages_in(json.dumps({"jsonrpc": "2.0", **fields}).encode())
    return decoded


def log(data: Any) -> Message:
    return message(method="notifications/message", params={"level": "info", "data": data})


class Sent:
    """A channel whose messages a test keeps, and what was heard on it."""

    def __init__(self, handlers: Handlers | None = None) -> None:
        self.bodies: list[Any] = []
        self.heard: list[LogParams] = []
        self.listener = Listener(self.heard.append, handlers)
        self.channel = Channel(self.listener, self.send)

    async def send(self, body: bytes) -> None:
        self.bodies.append(json.loads(body))

    def ask(self, call_id: int) -> "asyncio.Task[Message]":
        body = json.dumps({"id": call_id}).encode()
        return asyncio.create_task(self.channel.exchange(Call(call_id, "m", {}, body, {})))


async def test_answers_find_their_requests() -> None:
    sent = Sent()
    one, two = sent.ask(1), sent.ask(2)
    await asyncio.sleep(0)
    for strange in (3, "1", None):
        sent.channel.sort(Message("2.0", id=strange, result=json.dumps({}).encode()), LATEST_MODERN)  # type: ignore[arg-type]
    sent.channel.sort(message(id=2, result={"x": 2}), LATEST_MODERN)
    sent.channel.sort(log("for the one who waits longest"), LATEST_MODERN)
    sent.channel.sort(message(id=1, result={"x": 1}), LATEST_MODERN)
    assert [(await one).id, (await two).id] == [1, 2]
    assert [params.data for params in sent.heard] == ["for the one who waits longest"]


async def test_what_nobody_waits_for_is_heard_alone_and_stopped_at_the_end() -> None:
    sent = Sent()
    sent.channel.sort(log("alone"), LATEST_LEGACY)
    await asyncio.sleep(0.01)
    sent.channel.sort(log("too late"), LATEST_LEGACY)
    sent.channel.close()
    await asyncio.sleep(0.01)
    assert [params.data for params in sent.heard] == ["alone"]


async def test_progress_is_for_its_request_only() -> None:
    sent = Sent()
    asked = sent.ask(1)
    await asyncio.sleep(0)
    told: list[float] = []
    sent.listener.progress[1] = lambda progress, *_: told.append(progress)
    for token in (1, 2, "1"):
        sent.channel.sort(
            message(method="notifications/progress", params={"progressToken": token, "progress": 5}), LATEST_MODERN
        )
    sent.channel.sort(message(id=1, result={}), LATEST_MODERN)
    await asked
    assert told == [5]


async def test_more_than_a_callback_takes_is_left_out() -> None:
    sent = Sent()
    asked = sent.ask(1)
    await asyncio.sleep(0)
    for number in range(1200):
        sent.channel.sort(log(number), LATEST_MODERN)
    sent.channel.sort(message(id=1, result={}), LATEST_MODERN)
    await asked
    assert len(sent.heard) == 1000


async def test_an_error_without_an_id_belongs_to_the_only_request() -> None:
    sent = Sent()
    body = b'{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"what?"}}'
    assert not sent.channel.take_unread(body)
    one = sent.ask(1)
    await asyncio.sleep(0)
    assert not sent.channel.take_unread(b'{"no":"error"}')
    assert sent.channel.take_unread(body)
    assert (await one).id == 1
    two, three = sent.ask(2), sent.ask(3)
    await asyncio.sleep(0)
    assert not sent.channel.take_unread(body)
    two.cancel()
    three.cancel()


async def test_the_servers_questions(caplog: pytest.LogCaptureFixture) -> None:
    sent = Sent(Handlers(roots=("file:///a",)))
    with caplog.at_level(logging.WARNING):
        sent.channel.sort(message(id=9, method="roots/list"), LATEST_MODERN)
    assert "does not allow; ignored" in caplog.text
    sent.channel.sort(message(id=9, method="roots/list"), LATEST_LEGACY)
    sent.channel.sort(message(id=10, method="ping"), None)
    await asyncio.sleep(0.01)
    assert sorted(body["id"] for body in sent.bodies) == [9, 10]


async def test_the_first_fault_ends_everything() -> None:
    sent = Sent()
    follower = Follower(Wanted())
    sent.listener.changes.others.add(follower)
    one = sent.ask(1)
    await asyncio.sleep(0)
    sent.channel.fail(ConnectionFault("the first"))
    sent.channel.close()
    with pytest.raises(ConnectionFault, match="the first"):
        await one
    with pytest.raises(ConnectionFault, match="the first"):
        await follower.next()
    assert str(sent.channel.why()) == "the first"
    assert str(Sent().channel.why()) == "The connection was closed."
