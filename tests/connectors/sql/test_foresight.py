"""What would become of a statement: told in the order of the settings, and nothing where there is no statement."""

from pathlib import Path
from typing import Any

import pytest

from dragoman import Client, Principal, Server
from dragoman.connectors.sql.connector import Sql
from tests.ops.shop import write_shop

ROLES = {
    "support": {
        "allow": ["customer"],
        "tables": {"customer": {"deny_columns": ["region"], "mask": {"email": {"constant": "-"}}}},
    }
}


@pytest.fixture
def sql(tmp_path: Path) -> Sql:
    write_shop(tmp_path / "shop.db")
    return Sql("shop", tmp_path / "shop.db", roles=ROLES, tables={"customer": {"rows": "id < 3"}})


async def told(sql: Sql, arguments: dict[str, Any], *roles: str, tool: str = "shop_query") -> list[tuple[str, Any]]:
    server = Server("s", "1")
    server.connect(sql)
    async with Client(server):
        found = await sql.foresee(tool, arguments, Principal("ann", roles=roles))
    return [(one.what, one.path) for one in found]


async def test_own_rules_come_before_those_of_roles(sql: Sql) -> None:
    found = await told(sql, {"sql": "SELECT name FROM customer"}, "support")
    assert found[:4] == [
        ("runs", ()),
        ("rows", ("tables", "customer", "rows")),
        ("masked", ("roles", "support", "tables", "customer", "mask", "email")),
        ("not there", ("roles", "support", "tables", "customer", "deny_columns")),
    ]


async def test_what_is_not_allowed_is_told_with_its_setting(sql: Sql) -> None:
    found = await told(sql, {"sql": "SELECT 1 FROM staff"}, "support")
    assert found[0] == ("refused", ())
    assert set(found[1:]) == {("not there", ("roles", "support", "allow"))}


async def test_other_callers_meet_only_what_holds_for_everybody(sql: Sql) -> None:
    found = await told(sql, {"sql": "SELECT region FROM customer"})
    assert [what for what, _ in found] == ["runs", "rows", "at most", "at most", "at most"]


@pytest.mark.parametrize(("tool", "arguments"), [("shop_query", {}), ("shop_describe", {"sql": "SELECT 1"})])
async def test_without_a_statement_there_is_nothing_to_say(sql: Sql, tool: str, arguments: dict[str, Any]) -> None:
    assert await told(sql, arguments, tool=tool) == []
