"""HTTP without a socket."""

import asyncio
import json
from typing import Any

from dragoman import Context, Server
from dragoman.testing import HttpRequest
from tests.transports.peers import call, mirrored


def make_server() -> Server:
    server = Server("pocket")

    @server.tool
    async def count(context: Context) -> int:
        await context.progress(1)
        await context.progress(2)
        return 3

    return server


async def test_an_answer_as_json() -> None:
    reply = await HttpRequest(make_server().asgi(), json.loads(call("count")), mirrored("count"))
    assert reply.status == 200
    assert reply.json["result"]["structuredContent"] == 3
    assert reply.messages == [reply.json]


async def test_an_answer_as_events() -> None:
    heard: list[bytes] = []
    asked = HttpRequest(make_server().asgi(), call("count", token=1), mirrored("count"), on_chunk=heard.append)
    reply = await asked
    assert [message.get("method", "answer") for message in reply.messages] == ["notifications/progress"] * 2 + [
        "answer"
    ]
    assert b"".join(heard) == reply.body


async def test_no_answer() -> None:
    body = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    reply = await HttpRequest(make_server().asgi(), body)
    assert (reply.status, reply.messages) == (202, [])


async def test_headers_are_added_replaced_and_left_out() -> None:
    seen: dict[str, Any] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.update(scope)
        await send({"type": "http.response.start", "status": 204, "headers": [(b"x", b"\xe9")]})
        await send({"type": "http.response.body"})
        await send({"type": "http.response.debug"})

    reply = await HttpRequest(app, headers={"Host": "h", "Accept": None, "X-Y": "z"}, method="GET", path="/é")
    assert seen["headers"] == [(b"host", b"h"), (b"x-y", b"z")]
    assert (seen["method"], seen["path"]) == ("GET", "/é")
    assert (reply.status, reply.headers) == (204, {"x": "é"})


async def test_hanging_up() -> None:
    ended = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "http.request"
        assert (await receive())["type"] == "http.disconnect"
        await send({"type": "http.response.body", "body": b"unheard"})
        ended.set()

    asked = HttpRequest(app, b"x")
    asyncio.get_running_loop().call_later(0.01, asked.leave)
    assert (await asked).body == b""
    assert ended.is_set()
