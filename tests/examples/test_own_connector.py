"""`examples/own_connector.py`: a connector on the public names alone."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dragoman import Client, ToolCallError
from examples import own_connector


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    file = tmp_path / "prices.csv"
    file.write_text("product,cents\ntea,450\nink,900\ntea,500\n", encoding="utf-8")
    async with Client(own_connector.make(file)) as client:
        yield client


async def test_rows_are_found(client: Client) -> None:
    reply = await client.call_tool("prices_find", {"column": "product", "value": "tea"})
    assert reply.data == [{"product": "tea", "cents": "450"}, {"product": "tea", "cents": "500"}]


async def test_an_unknown_column_is_explained(client: Client) -> None:
    with pytest.raises(ToolCallError, match="there are product, cents"):
        await client.call_tool("prices_find", {"column": "price", "value": "1"})


async def test_the_file_is_a_resource(client: Client) -> None:
    [whole] = await client.read_resource("csv://prices")
    assert whole.mime_type == "text/csv"
    assert whole.text is not None
    assert whole.text.startswith("product,cents")


async def test_a_missing_file_is_said(tmp_path: Path) -> None:
    table = own_connector.Table("prices", tmp_path / "prices.csv")
    assert await table.health() == "The file 'prices.csv' is gone."
