"""`examples/guarded_shop.py`: what the rules leave of a database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dragoman import Client, ToolCallError
from dragoman.demo.folder import prepare
from examples import guarded_shop


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare(tmp_path_factory.mktemp("guarded") / "demo").database


@pytest.fixture
async def client(database: Path) -> AsyncIterator[Client]:
    async with Client(guarded_shop.make(database)) as client:
        yield client


async def lines(client: Client, sql: str) -> list[str]:
    return str((await client.call_tool("shop_query", {"sql": sql})).data).splitlines()


async def test_masks_and_filters_hold(client: Client) -> None:
    found = await lines(client, "select country, name, email from customers")
    assert len(found) > 2
    for line in found[1:21]:
        country, name, email = line.split("|")
        assert (country, name) == ("Germany", "NULL")
        assert "***@" in email


@pytest.mark.parametrize("sql", ["select * from employees", "select cost_cents from products"])
async def test_what_is_denied_is_not_there(client: Client, sql: str) -> None:
    with pytest.raises(ToolCallError, match="no such"):
        await lines(client, sql)


async def test_the_declared_query_is_a_tool(client: Client) -> None:
    some = (await lines(client, "select customer_id from orders where status = 'delivered' limit 1"))[1]
    reply = await client.call_tool("shop_orders_of", {"customer": int(some), "status": "delivered"})
    assert all(line.endswith("|delivered") for line in str(reply.data).splitlines()[1:] if "|" in line)
    assert "|delivered" in str(reply.data)
    with pytest.raises(ToolCallError, match="status"):
        await client.call_tool("shop_orders_of", {"customer": 1, "status": "lost"})
