"""Hooks: around every request, the first one outermost, on a view as on its server."""

from typing import Any

import pytest

from dragoman import Client, ClientError, Server
from dragoman.auth.policy import Access, Role
from dragoman.errors import InvalidParams
from dragoman.server.hooks import Hook, Run
from dragoman.server.views import view_of


def a_server() -> Server:
    server = Server("hooked", "1")

    @server.tool
    async def add(a: int, b: int) -> int:
        return a + b

    return server


def noting(name: str, told: list[str]) -> Hook:
    def hook(run: Run) -> Run:
        async def noted(exchange: Any, method: Any, params: Any) -> Any:
            told.append(f"{name} before {method.name}")
            try:
                return await run(exchange, method, params)
            finally:
                told.append(f"{name} after {method.name}")

        return noted

    return hook


@pytest.mark.parametrize("revision", ["2025-11-25", "2026-07-28"])
async def test_hooks_stand_around_a_request(revision: Any) -> None:
    server = a_server()
    told: list[str] = []
    server.hooks.add(noting("outer", told))
    server.hooks.add(noting("inner", told))
    for seen in (server, view_of(server, Access({"all": Role(tools=("*",))}, ["all"]))):
        async with Client(seen, revision=revision) as client:
            told.clear()
            assert (await client.call_tool("add", {"a": 1, "b": 2})).text == "3"
        assert told[:4] == [
            "outer before tools/call", "inner before tools/call", "inner after tools/call", "outer after tools/call",
        ]  # fmt: skip


async def test_a_hook_may_refuse() -> None:
    server = a_server()

    def closed(_run: Run) -> Run:
        async def refuse(_exchange: Any, method: Any, _params: Any) -> Any:
            raise InvalidParams(f"No {method.name} today.")

        return refuse

    async with Client(server) as client:
        server.hooks.add(closed)
        with pytest.raises(ClientError, match="No tools/call today"):
            await client.call_tool("add", {"a": 1, "b": 2})


def test_without_hooks_there_is_nothing_to_run() -> None:
    assert a_server().hooks.run is None
