"""The guide that teaches a model a database."""

from pathlib import Path
from typing import Any

import pytest

from dragoman import Client, Server, ServerFault, Sql


def text_of(prompt: Any) -> str:
    return str(prompt.messages[0].content.text)


async def test_the_guide_tells_dialect_rules_and_what_may_be_seen(chinook: Path) -> None:
    server = Server("test")
    rules = {"Customer": {"deny_columns": ["Fax"], "mask": {"Email": "partial"}}}
    server.connect(Sql("shop", chinook, deny=["Employee"], tables=rules, max_rows=50))
    async with Client(server) as client:
        assert [prompt.name for prompt in await client.list_prompts()] == ["shop_guide"]
        text = text_of(await client.get_prompt("shop_guide"))
    assert text.startswith("The database 'shop' speaks SQLite.")
    assert "at most 50 rows" in text
    assert "len -> length" in text
    assert "Tables (10):" in text
    assert "Email (masked)" in text
    assert "Fax" not in text
    assert "Employee" not in text


async def test_many_tables_are_cut(make_database: object) -> None:
    assert callable(make_database)
    path = make_database(*(f"CREATE TABLE t{number:03} (a)" for number in range(50)))
    server = Server("test")
    server.connect(Sql("shop", path))
    async with Client(server) as client:
        text = text_of(await client.get_prompt("shop_guide"))
    assert "- t039 (a)" in text
    assert "t040" not in text
    assert "... and 10 more: shop_describe finds them" in text


async def test_a_database_that_is_not_there(tmp_path: Path) -> None:
    server = Server("test")
    server.connect(Sql("shop", tmp_path / "none.db"))
    async with Client(server) as client:
        with pytest.raises(ServerFault):
            await client.get_prompt("shop_guide")
