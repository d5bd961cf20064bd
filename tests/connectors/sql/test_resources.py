"""The schema as resources: what a policy leaves of them, and completions."""

import json
from pathlib import Path

import pytest

from dragoman import Client, Server, ServerFault, Sql, quote_segment
from dragoman.auth.policy import Access, Role
from dragoman.server.views import view_of
from dragoman.testing.http import HttpRequest

MODERN = "2026-07-28"


async def test_what_is_denied_is_not_found(chinook: Path) -> None:
    server = Server("test")
    rules = {"Customer": {"deny_columns": ["Fax"], "mask": {"Email": "partial"}, "rows": "Country = 'Canada'"}}
    server.connect(Sql("shop", chinook, deny=["Employee"], tables=rules))
    async with Client(server) as client:
        assert "Employee" not in {resource.name for resource in await client.list_resources()}
        with pytest.raises(ServerFault, match="Resource not found"):
            await client.read_resource("sql://shop/Employee")
        (reply,) = await client.read_resource("sql://shop/Customer")
    data = json.loads(reply.text or "")
    assert data["rows"] == 8
    assert data["filtered"] is True
    columns = {column["name"]: column for column in data["columns"]}
    assert columns["Email"]["masked"] is True
    assert "Fax" not in columns
    assert all("***@" in row[data["sample"]["columns"].index("Email")] for row in data["sample"]["rows"])
    assert "foreign_keys" not in data  # the only one leads to a table that is denied


async def test_names_of_tables_are_completed(chinook: Path) -> None:
    server = Server("test")
    connector = Sql("shop", chinook, deny=["InvoiceLine"])
    server.connect(connector)
    app = server.asgi()

    async def complete(begin: str) -> list[str]:
        params = {
            "ref": {"type": "ref/resource", "uri": "sql://shop/{table}"},
            "argument": {"name": "table", "value": begin},
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientCapabilities": {},
            },
        }
        body = {"jsonrpc": "2.0", "id": 1, "method": "completion/complete", "params": params}
        headers = {"mcp-protocol-version": MODERN, "mcp-method": "completion/complete"}
        reply = await HttpRequest(app, body, headers)
        return list(reply.json["result"]["completion"]["values"])

    assert await complete("tr") == ["Track", "PlaylistTrack"]
    assert await complete("inv") == ["Invoice"]
    assert len(await complete("")) == 10
    assert await complete("xyzzy") == []
    await connector.close()


@pytest.mark.parametrize("written", ["Employee", "employee", '"Employee"', "main.Employee", "[Employee]"])
async def test_a_role_is_denied_a_table_however_its_name_is_written(chinook: Path, written: str) -> None:
    server = Server("test")
    server.connect(Sql("shop", chinook))
    roles = {"clerk": Role(resources=("sql://shop/*",), deny=("sql://shop/Employee",))}
    async with Client(view_of(server, Access(roles, ("clerk",)))) as client:
        assert "sql://shop/Track" in {resource.uri for resource in await client.list_resources()}
        assert (await client.read_resource("sql://shop/Track"))[0].text
        with pytest.raises(ServerFault, match="Resource not found"):
            await client.read_resource(f"sql://shop/{quote_segment(written)}")
