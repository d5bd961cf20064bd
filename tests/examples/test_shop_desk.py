"""`examples/shop_desk.py`: a database, a folder and a tool on one server."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dragoman import Client, ToolCallError
from dragoman.demo.folder import prepare
from examples import shop_desk


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    made = prepare(tmp_path_factory.mktemp("desk") / "demo")
    return made.database, made.handbook


@pytest.fixture
async def client(demo: tuple[Path, Path]) -> AsyncIterator[Client]:
    async with Client(shop_desk.make(*demo)) as client:
        yield client


async def test_all_three_bring_their_tools(client: Client) -> None:
    names = {tool.name for tool in await client.list_tools()}
    assert names == {"shop_query", "shop_describe", "shop_explain", "handbook_search", "handbook_read", "add_vat"}


async def test_the_database_answers(client: Client) -> None:
    reply = await client.call_tool("shop_query", {"sql": "select count(*) as n from employees"})
    assert reply.data["rows"] == [[18]]


async def test_the_folder_answers(client: Client) -> None:
    reply = await client.call_tool("handbook_search", {"query": "who may approve a refund"})
    assert reply.data["files"][0]["path"] == "customers/refunds.md"


async def test_the_tool_answers(client: Client) -> None:
    assert (await client.call_tool("add_vat", {"net": 1000})).data == {"net": 1000, "vat": 220, "gross": 1220}
    with pytest.raises(ToolCallError, match="percentage"):
        await client.call_tool("add_vat", {"net": 1000, "percent": 220})
