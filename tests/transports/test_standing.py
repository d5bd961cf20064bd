"""Streams that stand open end soon after the credential of whoever opened them, and when what they see changes."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from dragoman import Context
from dragoman.auth.gate import Gate, Views
from dragoman.auth.keys import ApiKeys
from dragoman.auth.policy import Role
from dragoman.testing import HttpReply, HttpRequest
from tests.transports.peers import META, MODERN, call, mirrored, request
from tests.transports.test_gate import ROLES, Guarded

LISTEN = request("subscriptions/listen", {"_meta": META, "notifications": {"toolsListChanged": True}})
LISTENING = {"mcp-protocol-version": MODERN, "mcp-method": "subscriptions/listen"}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Guarded]:
    house = Guarded(tmp_path)
    house.server.add_tool(tell)
    yield house
    await house.app.close()
    house.store.close()


async def tell(context: Context) -> str:
    """Tell for a long time, and hold a cancellation back."""
    with contextlib.suppress(asyncio.CancelledError):
        for number in range(1000):
            await context.progress(number)
            await asyncio.sleep(0.02)
    return "a secret"


@contextlib.asynccontextmanager
async def open_streams(house: Guarded, key: str) -> AsyncIterator[dict[str, "asyncio.Task[HttpReply]"]]:
    """Streams of every kind, each begun."""
    session = {name.replace("_", "-"): value for name, value in (await house.session(key)).items()}
    wanted: dict[str, tuple[str, str, bytes, dict[str, str]]] = {
        "listen": ("POST", "/mcp", LISTEN, LISTENING),
        "call": ("POST", "/mcp", call("tell", token="t"), mirrored("tell")),
        "get": ("GET", "/mcp", b"", session),
        "older call": ("POST", "/mcp", call("tell", modern=False, request_id=7, token="t"), session),
        "sse": ("GET", "/sse", b"", {}),
    }
    tasks = {}
    for name, (method, path, body, headers) in wanted.items():
        fields: dict[str, str | None] = {**headers, "authorization": f"Bearer {key}"}
        tasks[name] = asyncio.ensure_future(run(HttpRequest(house.app, body, fields, method=method, path=path)))
    async with asyncio.timeout(5):
        while len(house.app.standing) < len(wanted):  # noqa: ASYNC110 (nothing tells)
            await asyncio.sleep(0.01)
    try:
        yield tasks
    finally:
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)


async def run(request: HttpRequest) -> HttpReply:
    return await request


async def test_streams_end_soon_after_their_key_was_revoked(house: Guarded) -> None:
    async with open_streams(house, house.good) as streams, open_streams(house, house.other) as others:
        begun = time.monotonic()
        house.revoke(house.record)
        done, left = await asyncio.wait(streams.values(), timeout=4)
        assert not left
        assert time.monotonic() - begun < 3
        assert all(b"secret" not in task.result().body for task in done)
        assert not any(task.done() for task in others.values())
        assert len(house.app.standing) == len(others)
    await asyncio.sleep(1.2)
    assert len(house.app.standing) == 0


async def test_streams_end_when_what_they_see_changes(house: Guarded) -> None:
    """A role was narrowed: who comes back sees less."""
    async with open_streams(house, house.good) as streams:
        before = house.app.gate
        roles = {**ROLES, "support": Role(tools=("add",))}
        house.app.gate = Gate(Views(house.server, roles), [ApiKeys(house.store)])
        assert before is not None
        before.views.close()
        _, left = await asyncio.wait(streams.values(), timeout=4)
        assert not left
    reply = await house.call(house.good, "mine", owner="anna")
    assert b"Unknown tool" in reply.body


async def test_a_session_goes_on_with_what_its_owner_sees_now(house: Guarded) -> None:
    session = await house.session(house.good)
    fields = {name.replace("_", "-"): value for name, value in session.items()}
    roles = {**ROLES, "support": Role(tools=("add",))}
    before, house.app.gate = house.app.gate, Gate(Views(house.server, roles), [ApiKeys(house.store)])
    assert before is not None
    before.views.close()
    listed = await house.ask(f"Bearer {house.good}", "POST", "/mcp", request("tools/list"), **session)
    assert [tool["name"] for tool in listed.json["result"]["tools"]] == ["add"]
    came: list[bytes] = []
    headers: dict[str, str | None] = {**fields, "authorization": f"Bearer {house.good}"}
    stream = asyncio.ensure_future(run(HttpRequest(house.app, b"", headers, method="GET", on_chunk=came.append)))
    await asyncio.sleep(0.05)
    house.server.add_tool(lambda: "x", name="hidden", description="Hidden from support.")
    await asyncio.sleep(0.05)
    assert b"list_changed" not in b"".join(came)
    house.server.remove_tool("add")
    await asyncio.sleep(0.05)
    assert b"list_changed" in b"".join(came)
    stream.cancel()
    await asyncio.gather(stream, return_exceptions=True)


async def test_who_cannot_be_checked_is_not_believed(house: Guarded, caplog: pytest.LogCaptureFixture) -> None:
    async with open_streams(house, house.good) as streams:
        gate = house.app.gate
        house.app.gate = Broken()  # type: ignore[assignment]
        _, left = await asyncio.wait(streams.values(), timeout=4)
        assert not left
        house.app.gate = gate
    assert "the stream ends" in caplog.text


class Broken:
    """A gate whose store is gone."""

    async def admit(self, *_what: Any) -> Any:
        message = "the disk is gone"
        raise OSError(message)
