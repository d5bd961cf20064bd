"""The limits hook: who may go on, who waits, and what they are told."""

import asyncio
from typing import Any

import httpx2
import pytest

from dragoman import Client, ClientError, Context, Server
from dragoman.auth.quota import Quota
from dragoman.ops.rates.hook import Quotas, limited
from dragoman.ops.rates.memory import MemoryRates


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def a_server(quotas: Quotas, clock: Clock | None = None) -> Server:
    server = Server("limited", "1")
    server.hooks.add(limited(quotas, MemoryRates(clock=clock or Clock())))

    @server.tool
    async def shop_rows(count: int, ctx: Context) -> str:
        ctx.count_rows(count)
        return "x" * count

    @server.tool
    async def slow() -> str:
        await asyncio.sleep(0.3)
        return "done"

    return server


async def refused(client: Client, tool: str = "shop_rows", **arguments: Any) -> str:
    with pytest.raises(ClientError) as told:
        await client.call_tool(tool, arguments)
    return str(told.value)


async def test_calls_in_a_minute() -> None:
    clock = Clock()
    async with Client(a_server(Quotas(tools={"shop_rows": Quota(calls_per_minute=3)}), clock)) as client:
        for _ in range(3):
            await client.call_tool("shop_rows", {"count": 1})
        told = await refused(client, count=1)
        assert "at most 3 in a minute" in told
        assert "tool shop_rows" in told
        assert "Come back in 20 s" in told
        await client.call_tool("slow", {})
        clock.now += 20.001
        await client.call_tool("shop_rows", {"count": 1})


@pytest.mark.parametrize(
    ("quota", "said"),
    [
        (Quota(rows_per_day=100), "at most 100 in a day"),
        (Quota(bytes_per_day=1000), "at most 1000 in a day"),
        (Quota(tokens_per_day=100), "at most 100 in a day"),
    ],
)
async def test_what_a_result_costs_is_waited_for(quota: Quota, said: str) -> None:
    clock = Clock()
    async with Client(a_server(Quotas(connectors={"shop": quota}), clock)) as client:
        await client.call_tool("shop_rows", {"count": 2000})
        assert said in await refused(client, count=1)
        await client.call_tool("slow", {})
        clock.now += 25 * 86_400.0
        await client.call_tool("shop_rows", {"count": 1})


async def test_requests_at_one_time() -> None:
    async with Client(a_server(Quotas(everybody=Quota(concurrent_calls=2)))) as client:
        running = [asyncio.create_task(client.call_tool("slow", {})) for _ in range(2)]
        await asyncio.sleep(0.1)
        assert "at most 2 requests at one time" in await refused(client, "slow")
        await asyncio.gather(*running)
        await client.call_tool("slow", {})


async def test_a_call_that_takes_too_long() -> None:
    async with Client(a_server(Quotas(tools={"slow": Quota(timeout_seconds=0.05)}))) as client:
        assert "longer than the 0.05 seconds" in await refused(client, "slow")


async def test_a_refusal_over_http_is_understood_by_proxies() -> None:
    server = a_server(Quotas(everybody=Quota(calls_per_minute=1)))
    transport = httpx2.ASGITransport(server.asgi())
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    headers = {
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/list",
        "accept": "application/json, text/event-stream",
    }
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as web:
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta}}
        assert (await web.post("/mcp", json=body, headers=headers)).status_code == 200
        answer = await web.post("/mcp", json=body, headers=headers)
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "60"
    assert answer.json()["error"]["data"] == {"retryAfter": 60}
