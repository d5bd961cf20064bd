"""The connector on PostgreSQL and MariaDB: the same tools, rules and sentences as on SQLite."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from dragoman import Client, Server, Sql, ToolCallError
from dragoman.connectors.sql.engines.engine import SqlFault
from tests.connectors.sql.servers.mariadb import MariaDB
from tests.connectors.sql.servers.postgresql import PostgreSQL

RULES = {"deny_columns": ["Fax"], "mask": {"Email": "partial", "Phone": "hash"}}
Serve = Callable[..., Any]


class Place:
    """One of the servers, and how names are quoted there."""

    def __init__(self, url: str, mark: str) -> None:
        self.url = url
        self.mark = mark

    def sql(self, text: str) -> str:
        """Put the dialect's quotes where a statement has `[` and `]`."""
        return text.replace("[", self.mark).replace("]", self.mark)


@pytest.fixture(params=["postgresql", "mariadb"])
def place(request: pytest.FixtureRequest) -> Place:
    server: PostgreSQL | MariaDB = request.getfixturevalue(request.param)
    return Place(server.url(), '"' if request.param == "postgresql" else "`")


@pytest.fixture
async def serve(place: Place) -> AsyncIterator[Serve]:
    entered: list[Client] = []

    async def make(**settings: Any) -> Client:
        server = Server("test")
        server.connect(Sql("shop", place.url, **settings))
        entered.append(Client(server))
        return await entered[-1].__aenter__()

    yield make
    for client in entered:
        await client.__aexit__(None, None, None)


async def test_the_tools_answer(serve: Serve, place: Place) -> None:
    client = await serve()
    listed = await client.call_tool("shop_describe", {})
    assert next(row for row in listed.data["rows"] if row[0] == "Track")[1:3] == [9, 3503]
    one = (await client.call_tool("shop_describe", {"table": "Track", "detail": True})).content[0].text
    assert "Album" in one
    assert "index on (AlbumId)" in one
    assert (await client.call_tool("shop_describe", {"search": "songs"})).data["rows"][0][0] == "Track"
    sql = place.sql("select [Name] from [Artist] where [ArtistId] = :id")
    assert (await client.call_tool("shop_query", {"sql": sql, "params": {"id": 3}})).data["rows"] == [["Aerosmith"]]
    plan = await client.call_tool(
        "shop_explain", {"sql": place.sql("select * from [Track] t where [Milliseconds] > 5")}
    )
    assert "read from end to end: Track" in plan.content[0].text
    guide = (await client.get_prompt("shop_guide")).messages[0].content.text
    assert "Track (" in guide
    assert len(await client.list_resources()) >= 11
    assert "Track" in (await client.read_resource("sql://shop/Track"))[0].text


async def test_a_misspelt_column_is_answered_with_the_right_one(serve: Serve, place: Place) -> None:
    client = await serve()
    with pytest.raises(ToolCallError, match=r"Nme.*did you mean Name"):
        await client.call_tool("shop_query", {"sql": place.sql("select [Nme] from [Artist]")})
    with pytest.raises(ToolCallError, match=r"Artists.*did you mean Artist"):
        await client.call_tool("shop_query", {"sql": place.sql("select * from [Artists]")})


async def test_pages_go_on_after_the_last_key(serve: Serve, place: Place) -> None:
    client = await serve()
    sql, seen, cursor = place.sql("select [ArtistId], [Name] from [Artist] order by [ArtistId] desc"), [], None
    while True:
        arguments = {"sql": sql, "limit": 100, **({"cursor": cursor} if cursor else {})}
        reply = await client.call_tool("shop_query", arguments)
        seen += [row[0] for row in reply.data["rows"]]
        cursor = reply.data["next"]
        if cursor is None:
            break
    assert seen == list(range(275, 0, -1))


async def test_rules_hold(serve: Serve, place: Place) -> None:
    rules = {"Customer": {**RULES, "rows": place.sql("[Country] = 'Canada'")}}
    client = await serve(deny=["Employee"], tables=rules)
    reply = await client.call_tool("shop_query", {"sql": place.sql("select * from [Customer]")})
    assert "Fax" not in reply.data["columns"]
    rows = [dict(zip(reply.data["columns"], row, strict=True)) for row in reply.data["rows"]]
    assert len(rows) == 8
    assert all("***@" in row["Email"] and len(row["Phone"]) == 16 for row in rows if row["Phone"])
    for sql in ("select [Fax] from [Customer]", "select * from [Employee]"):
        with pytest.raises(ToolCallError, match=r"(?i)no such|unknown|there is no"):
            await client.call_tool("shop_query", {"sql": place.sql(sql)})
    listed = (await client.call_tool("shop_describe", {})).content[0].text
    assert "Employee" not in listed
    detail = (await client.call_tool("shop_describe", {"table": "Customer", "detail": True})).content[0].text
    assert "only those that you may see" in detail
    assert "masked" in detail
    assert "Fax" not in detail


async def test_declared_queries_and_costs(serve: Serve, place: Place) -> None:
    tools = {
        "tracks_of": {
            "description": "Tracks of one album",
            "sql": place.sql("select [Name] from [Track] where [AlbumId] = :album order by [TrackId]"),
            "parameters": {"album": {"type": "integer"}},
        }
    }
    client = await serve(tools=tools, cost={"full_scan_rows": 3000})
    reply = await client.call_tool("shop_tracks_of", {"album": 3})
    assert reply.data["rows"][0] == ["Fast As a Shark"]
    with pytest.raises(ToolCallError, match="the plan reads Track from end to end"):
        await client.call_tool("shop_query", {"sql": place.sql("select * from [Track] where [Milliseconds] > 5")})


async def test_review_and_health(place: Place) -> None:
    connector = Sql("shop", place.url, timeout=5)
    assert await connector.health() is None
    assert any("Customer has columns that look personal" in finding.text for finding in await connector.review())
    exposed = {each.name: each for each in await connector.exposed()}
    assert exposed["Track"].served
    await connector.close()


async def test_a_server_that_is_down_is_said_and_told(place: Place) -> None:
    url = place.url.rsplit(":", 1)[0] + ":1/chinook"
    connector = Sql("shop", url, pool={"connect_timeout": "500ms"})
    await connector.start()
    assert "can't be reached" in str(await connector.health())
    await connector.close()


async def test_mariadb_says_why_a_plan_of_a_view_is_not_told(mariadb: MariaDB) -> None:
    mariadb.execute("CREATE VIEW artists_seen AS SELECT Name FROM Artist")
    connector = Sql("shop", mariadb.url())
    try:
        assert len((await connector.query("SELECT * FROM artists_seen LIMIT 2")).rows) == 2
        with pytest.raises(SqlFault, match="the plan of a view can't be told: the login lacks SHOW VIEW"):
            await connector.explain("SELECT * FROM artists_seen")
    finally:
        await connector.close()
        mariadb.execute("DROP VIEW artists_seen")
