"""Notifications find their callbacks; failing callbacks fail nothing."""

import json
from typing import Any

import pytest

from dragoman.client.listener import Listener, call_back, progress_token
from dragoman.client.wire import messages_in
from dragoman.protocol.jsonrpc import Message
from dragoman.protocol.messages import LogParams


def note(method: str, **params: Any) -> Message:
    (message,) = messages_in(json.dumps({"jsonrpc": "2.0", "method": method, "params": params}).encode())
    return message


async def test_progress_by_token() -> None:
    heard: list[Any] = []
    listener = Listener(None)
    listener.progress[1] = lambda *progress: heard.append(progress)

    async def later(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, total, message))

    listener.progress[2] = later
    await listener.hear(note("notifications/progress", progressToken=1, progress=0.5, total=1.0))
    await listener.hear(note("notifications/progress", progressToken=2, progress=3, message="so far"))
    await listener.hear(note("notifications/progress", progressToken=3, progress=3))
    await listener.hear(note("notifications/progress", progressToken="1", progress=3))
    assert heard == [(0.5, 1.0, None), (3.0, None, "so far")]


async def test_log_messages() -> None:
    heard: list[LogParams] = []

    async def later(message: LogParams) -> None:
        heard.append(message)

    await Listener(heard.append).hear(note("notifications/message", level="error", data=[1], logger="x"))
    await Listener(later).hear(note("notifications/message", level="debug", data=None))
    await Listener(None).hear(note("notifications/message", level="debug", data=None))
    assert heard == [LogParams("error", [1], "x"), LogParams("debug", None)]


async def test_malformed_notifications_are_logged_and_ignored(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[LogParams] = []
    await Listener(heard.append).hear(note("notifications/message", level="loud", data=1))
    assert heard == []
    assert "malformed notifications/message" in caplog.text


async def test_a_failing_callback_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def fail(message: LogParams) -> None:
        raise RuntimeError("mine")

    await Listener(fail).hear(note("notifications/message", level="info", data=1))
    assert "The callback for notifications/message failed" in caplog.text
    assert "RuntimeError: mine" in caplog.text


def test_tokens() -> None:
    assert progress_token(note("notifications/progress", progressToken="a", progress=1)) == "a"
    assert progress_token(note("notifications/progress", progressToken=4)) == 4
    assert progress_token(note("notifications/progress")) is None
    assert progress_token(note("notifications/message", progressToken=4)) is None


async def test_progress_with_null_for_what_is_not_known() -> None:
    heard: list[Any] = []
    listener = Listener(None)
    listener.progress[1] = lambda *progress: heard.append(progress)
    await listener.hear(note("notifications/progress", progressToken=1, progress=0.5, total=None, message=None))
    assert heard == [(0.5, None, None)]


async def test_changes_and_questions_taken_back_wait_for_nobody(caplog: pytest.LogCaptureFixture) -> None:
    listener = Listener(None)
    assert listener.notice(note("notifications/tools/list_changed"))
    assert not listener.notice(note("notifications/cancelled", requestId="x"))
    assert listener.notice(note("notifications/resources/updated", uri=3))
    assert "malformed notifications/resources/updated" in caplog.text


async def test_a_callback_that_is_called_back(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[Any] = []

    async def hear(*progress: Any) -> None:
        heard.append(progress)

    await call_back(hear, 1.0, None, "x")
    await call_back(lambda *_: 1 / 0, 1.0, None, "x")  # type: ignore[arg-type]
    assert heard == [(1.0, None, "x")]
    assert "callback for progress failed" in caplog.text


async def test_a_log_message_with_null_for_its_logger() -> None:
    heard: list[LogParams] = []
    await Listener(heard.append).hear(note("notifications/message", level="info", data="x", logger=None))
    assert heard == [LogParams("info", "x")]
