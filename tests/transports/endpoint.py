"""An endpoint in this process, and requests to it as its clients make them."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from dragoman import Context, Limits, Server, ToolError
from dragoman.testing import HttpReply, HttpRequest
from dragoman.transports.http import Endpoint
from tests.transports.peers import HELLO, MODERN, call, mirrored, request


class House:
    """A server whose slow tools say what became of them."""

    def __init__(self, **limits: Any) -> None:
        self.server = Server("house", "1", limits=Limits(**limits))
        self.became: dict[str, str] = {}
        self.contexts: list[Context] = []
        for tool in (self.add, self.slow, self.tell, self.keep, self.stubborn, self.crash, self.own_cancel, self.leave):
            self.server.add_tool(tool)
        self.server.add_resource("house://key", lambda: "under the mat", name="key")
        self.endpoint = Endpoint(self.server)

    async def add(self, a: int, b: int) -> int:
        return a + b

    async def slow(self, name: str, seconds: float = 30) -> str:
        self.became[name] = "running"
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self.became[name] = "cancelled"
            raise
        self.became[name] = "finished"
        return "slept"

    async def tell(self, context: Context, name: str = "told", count: int = 2, size: int = 1) -> str:
        self.became[name] = "running"
        try:
            for number in range(count):
                await context.progress(number + 1, message="x" * size)
        except asyncio.CancelledError:
            self.became[name] = "cancelled"
            raise
        self.became[name] = "finished"
        return "told"

    async def keep(self, context: Context) -> str:
        """Keep the context beyond the call."""
        self.contexts.append(context)
        await context.progress(1)
        return "kept"

    async def stubborn(self, name: str) -> str:
        """Hold a cancellation back."""
        self.became[name] = "running"
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(30)
        self.became[name] = "held back"
        return "still here"

    async def crash(self) -> str:
        message = "the password is hunter2"
        raise RuntimeError(message)

    async def own_cancel(self) -> str:
        """Fail with a cancellation that nobody asked for."""
        raise asyncio.CancelledError

    async def leave(self) -> str:
        raise SystemExit(3)

    async def refuse(self) -> str:
        message = "no"
        raise ToolError(message)

    async def wait_for(self, name: str, state: str) -> None:
        async with asyncio.timeout(5):
            while self.became.get(name) != state:  # noqa: ASYNC110 - tools are as users write them
                await asyncio.sleep(0.005)


def modern(
    house: House, tool: str, headers: Mapping[str, str | None] | None = None, /, **arguments: Any
) -> HttpRequest:
    return HttpRequest(house.endpoint, call(tool, **arguments), {**mirrored(tool), **(headers or {})})


def modern_request(house: House, method: str, params: dict[str, Any], **headers: str | None) -> HttpRequest:
    fields = {"mcp-protocol-version": MODERN, "mcp-method": method}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpRequest(house.endpoint, request(method, params), fields | named)


def older(house: House, session: dict[str, str], tool: str, /, **arguments: Any) -> HttpRequest:
    return HttpRequest(house.endpoint, call(tool, modern=False, **arguments), session)


async def open_session(house: House, version: str = "2025-11-25") -> dict[str, str]:
    reply = await HttpRequest(house.endpoint, request("initialize", HELLO | {"protocolVersion": version}))
    assert reply.status == 200, reply
    return {"mcp-session-id": reply.headers["mcp-session-id"], "mcp-protocol-version": version}


def notification(method: str, **params: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "method": method, "params": params}).encode()


def text_of(reply: HttpReply) -> str:
    return str(reply.messages[-1]["result"]["content"][0]["text"])


@contextlib.asynccontextmanager
async def going_on(request: HttpRequest) -> AsyncIterator[asyncio.Task[HttpReply]]:
    """A request in a task, ended with the test."""

    async def run() -> HttpReply:
        return await request

    task = asyncio.create_task(run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
