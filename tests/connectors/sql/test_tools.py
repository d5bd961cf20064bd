"""What agents see of the tools, and what that costs: bytes on the wire, counted."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from dragoman import Client, Server, Sql, ToolCallError
from dragoman.connectors.sql.engines.engine import Plan, Scan, SqlFault
from dragoman.connectors.sql.tools import plan_as_text, scalars
from dragoman.testing.http import HttpRequest

MODERN = "2026-07-28"
MOST_BOTH = 15_000
MOST_TEXT = 8_000
TOP_CUSTOMERS = """
    select c.FirstName, c.LastName, sum(i.Total) as Sales from Customer c join Invoice i using (CustomerId)
    group by c.CustomerId order by Sales desc limit 20
"""


def query(sql: str) -> tuple[str, dict[str, Any]]:
    return "tools/call", {"name": "chinook_query", "arguments": {"sql": sql}}


def describe(**arguments: str) -> tuple[str, dict[str, Any]]:
    return "tools/call", {"name": "chinook_describe", "arguments": arguments}


QUESTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("tools/list", {}),
    describe(),
    describe(table="Track"),
    query("select Name from Artist order by ArtistId limit 50"),
    query(TOP_CUSTOMERS),
    query("select * from Invoice limit 50"),
    query("select Nme from Artist"),
)


async def results(path: Path, **settings: Any) -> list[bytes]:
    """The results of the questions as they go over the wire, without the envelope."""
    server = Server("music")
    connector = Sql("chinook", path, **settings)
    server.connect(connector)
    app, found = server.asgi(), []
    meta = {"io.modelcontextprotocol/protocolVersion": MODERN, "io.modelcontextprotocol/clientCapabilities": {}}
    for number, (method, params) in enumerate(QUESTIONS):
        body = {"jsonrpc": "2.0", "id": number, "method": method, "params": {**params, "_meta": meta}}
        headers = {"mcp-protocol-version": MODERN, "mcp-method": method}
        if "name" in params:
            headers["mcp-name"] = params["name"]
        reply = await HttpRequest(app, body, headers)
        assert reply.status == 200
        result = json.dumps(reply.json["result"], separators=(",", ":"), ensure_ascii=False).encode()
        assert len(reply.body) - len(result) < 50  # nothing but the envelope
        found.append(result)
    await connector.close()
    return found


class TestTokenEconomy:
    @pytest.mark.parametrize(("form", "most"), [("both", MOST_BOTH), ("text", MOST_TEXT), ("structured", 10_000)])
    async def test_bytes_of_an_agents_first_questions(self, chinook: Path, form: str, most: int) -> None:
        found = await results(chinook, results=form)
        sizes = [len(result) for result in found]
        assert sum(sizes) <= most, sizes
        assert b"no such column: Nme - did you mean Name?" in found[-1]

    async def test_both_forms_hold_every_value(self, chinook: Path) -> None:
        found = await results(chinook)
        for result in found[1:-1]:
            reply = json.loads(result)
            text, data = reply["content"][0]["text"], reply["structuredContent"]
            rows = data["rows"] if isinstance(data.get("rows"), list) else data["columns"]
            for row in rows:
                for cell in row:
                    assert str("NULL" if cell is None else cell).removesuffix(" 00:00:00") in text


@pytest.fixture
async def serve(chinook: Path) -> AsyncIterator[Callable[..., Any]]:
    """Serve the music shop with settings to a client in memory."""
    entered: list[Client] = []

    async def make(**settings: Any) -> Client:
        server = Server("test")
        server.connect(Sql("shop", chinook, **settings))
        entered.append(Client(server))
        return await entered[-1].__aenter__()

    yield make
    for client in entered:
        await client.__aexit__(None, None, None)


def text_of(reply: Any) -> str:
    return str(reply.content[0].text)


class TestForms:
    async def test_text_alone_has_no_schema_and_no_data(self, serve: Callable[..., Any]) -> None:
        client = await serve(results="text")
        reply = await client.call_tool("shop_query", {"sql": "select 1 as a"})
        assert text_of(reply) == "a\n1"
        assert reply.structured is None
        assert all(not tool.output_schema for tool in await client.list_tools())

    async def test_data_alone_has_no_text(self, serve: Callable[..., Any]) -> None:
        client = await serve(results="structured")
        reply = await client.call_tool("shop_query", {"sql": "select 1 as a"})
        assert reply.content == []
        assert reply.data == {"columns": ["a"], "rows": [[1]], "truncated": False, "next": None}
        described = await client.call_tool("shop_describe", {"table": "Genre"})
        assert described.data["columns"] == [["GenreId", "INTEGER", "primary key"], ["Name", "NVARCHAR(120)"]]
        tools = {tool.name: tool for tool in await client.list_tools()}
        assert set(tools["shop_query"].output_schema["properties"]) == {"columns", "rows", "truncated", "next"}


class TestQuery:
    async def test_values_are_bound(self, serve: Callable[..., Any]) -> None:
        client = await serve()
        sql = "select Name from Artist where ArtistId = :id or Name = :name order by 1"
        params = {"id": 3, "name": "AC/DC' or '1' = '1"}
        assert (await client.call_tool("shop_query", {"sql": sql, "params": params})).data["rows"] == [["Aerosmith"]]
        with pytest.raises(ToolCallError, match="has no parameter 'x'"):
            await client.call_tool("shop_query", {"sql": "select 1", "params": {"x": 1}})
        with pytest.raises(ToolCallError, match="parameter 'id' is no single value"):
            await client.call_tool("shop_query", {"sql": "select :id", "params": {"id": [1]}})

    async def test_a_cursor_is_its_callers_statements_and_values(self, serve: Callable[..., Any]) -> None:
        client = await serve()
        sql = "select ArtistId from Artist where ArtistId > :id order by 1"
        first = await client.call_tool("shop_query", {"sql": sql, "params": {"id": 3}, "limit": 2})
        assert first.data["rows"] == [[4], [5]]
        more = {"sql": sql, "params": {"id": 3}, "limit": 2, "cursor": first.data["next"]}
        assert (await client.call_tool("shop_query", more)).data["rows"] == [[6], [7]]
        with pytest.raises(ToolCallError, match="belongs to another statement"):
            await client.call_tool("shop_query", more | {"params": {"id": 4}})

    def test_scalars(self) -> None:
        assert scalars({"a": None, "b": True, "c": 1.5, "d": "x"}) == {"a": None, "b": True, "c": 1.5, "d": "x"}
        with pytest.raises(SqlFault):
            scalars({"a": {}})


class TestDescribe:
    async def test_tables_are_found_by_meaning(self, serve: Callable[..., Any]) -> None:
        client = await serve()
        reply = await client.call_tool("shop_describe", {"search": "songs"})
        assert reply.data["rows"][0][0] == "Track"
        assert text_of(reply).startswith("table|fitting\nTrack|TrackId")
        nothing = await client.call_tool("shop_describe", {"search": "x|yzzy"})
        assert text_of(nothing) == "Nothing fits x\\|yzzy: shop_describe without `search` lists all tables."

    async def test_policy_shapes_what_is_told(self, serve: Callable[..., Any]) -> None:
        rules = {"Customer": {"deny_columns": ["Fax"], "mask": {"Email": "partial"}, "rows": "Country = 'Canada'"}}
        client = await serve(deny=["Employee"], tables=rules)
        listed = await client.call_tool("shop_describe", {})
        assert ["Customer", 12, 8] in listed.data["rows"]
        assert "Employee" not in text_of(listed)
        one = await client.call_tool("shop_describe", {"table": "Customer", "detail": True})
        text = text_of(one)
        assert text.startswith("Customer (table, rows: 8, only those that you may see)")
        assert "Email NVARCHAR(60) not null masked" in text
        assert "Fax" not in text
        assert "***@" in text
        assert "Employee" not in text
        with pytest.raises(ToolCallError, match="no such table: Employee"):
            await client.call_tool("shop_describe", {"table": "Employee"})


class TestExplain:
    async def test_a_plan_is_told_and_nothing_runs(self, serve: Callable[..., Any]) -> None:
        client = await serve(timeout=0.5)
        endless = "with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c, Track t"
        reply = await client.call_tool("shop_explain", {"sql": endless})
        assert "SCAN t" in text_of(reply)
        assert "read from end to end: Track" in text_of(reply)
        keyed = await client.call_tool("shop_explain", {"sql": "select * from Track where TrackId = :id"})
        assert "end to end" not in text_of(keyed)
        with pytest.raises(ToolCallError, match="read-only"):
            await client.call_tool("shop_explain", {"sql": "delete from Track"})

    def test_text_of_a_plan(self) -> None:
        plan = Plan("Seq Scan\n  on t|u", 1234.0, 55.5, (Scan("t|u", None),))
        assert plan_as_text(plan).splitlines() == [
            "Seq Scan",
            "  on t\\|u",
            "rows: about 1234",
            "cost: 55.5",
            "read from end to end: t\\|u",
        ]
