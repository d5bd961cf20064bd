"""Declared queries: tools with typed parameters, bound, capped, and checked against the database."""

import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from dragoman import Client, Server, Sql, ToolCallError, UsageError
from dragoman.auth.policy import Access, Role
from dragoman.server.views import view_of

TRACKS = {
    "sql": "select t.Name, al.Title from Track t join Album al using (AlbumId) join Artist ar using (ArtistId)"
    " where ar.Name = :artist order by 1",
    "description": "Tracks of one artist",
    "columns": {"Title": "the album"},
    "parameters": {"artist": {"type": "string", "description": "The artist's exact name"}},
}
TYPED = {
    "sql": "select :n as n, :kind as kind, :day as day, :flag as flag, :note as note",
    "description": "Everything",
    "parameters": {
        "n": {"type": "integer", "minimum": 1, "maximum": 9, "default": 5},
        "kind": {"enum": ["a", "b"]},
        "day": {"type": "date", "optional": True},
        "flag": {"type": "boolean", "default": False},
        "note": {"optional": True, "max_length": 4},
    },
}
Serve = Callable[..., Any]


@pytest.fixture
async def serve(chinook: Path) -> AsyncIterator[Serve]:
    """Serve the music shop with declared queries."""
    entered: list[Client] = []

    async def make(path: Path = chinook, *, settings: dict[str, Any] | None = None, **tools: Any) -> Client:
        server = Server("test")
        server.connect(Sql("shop", path, tools=tools, **(settings or {})))
        entered.append(Client(server))
        return await entered[-1].__aenter__()

    yield make
    for client in entered:
        await client.__aexit__(None, None, None)


async def refusal(client: Client, tool: str, **arguments: Any) -> str:
    with pytest.raises(ToolCallError) as caught:
        await client.call_tool(tool, arguments)
    return str(caught.value)


async def test_a_declared_query_is_a_tool(serve: Serve) -> None:
    client = await serve(tracks_of=TRACKS)
    tool = next(tool for tool in await client.list_tools() if tool.name == "shop_tracks_of")
    assert tool.description == "Tracks of one artist. Columns: Title: the album"
    assert tool.input_schema["required"] == ["artist"]
    assert tool.input_schema["properties"]["artist"] == {"type": "string", "description": "The artist's exact name"}
    assert tool.annotations.read_only_hint is True
    reply = await client.call_tool("shop_tracks_of", {"artist": "AC/DC"})
    assert reply.data["rows"][0] == ["Bad Boy Boogie", "Let There Be Rock"]
    assert (await client.call_tool("shop_tracks_of", {"artist": "' or 1 = 1 --"})).data["rows"] == []


async def test_parameters_are_typed(serve: Serve) -> None:
    client = await serve(typed=TYPED)
    reply = await client.call_tool("shop_typed", {"kind": "a"})
    assert reply.data["rows"] == [[5, "a", None, 0, None]]
    given = {"n": 9, "kind": "b", "day": "2024-02-29", "flag": True, "note": "four"}
    assert (await client.call_tool("shop_typed", given)).data["rows"] == [[9, "b", "2024-02-29", 1, "four"]]
    for wrong in ({"n": 10}, {"n": 0}, {"n": "x"}, {"kind": "c"}, {"note": "fives"}, {"flag": 1}, {"other": 1}):
        assert next(iter(wrong)) in await refusal(client, "shop_typed", **({"kind": "a"} | wrong))
    assert "kind" in await refusal(client, "shop_typed")
    assert "'day' is no date" in await refusal(client, "shop_typed", kind="a", day="2024-02-30")


async def test_it_has_its_own_caps_and_cursor(serve: Serve) -> None:
    everything = {"sql": "select ArtistId from Artist order by 1", "description": "All", "max_rows": 3}
    endless = {
        "sql": "with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c",
        "description": "Never",
        "timeout": "200ms",
    }
    client = await serve(all=everything, never=endless)
    first = await client.call_tool("shop_all", {})
    assert first.data["rows"] == [[1], [2], [3]]
    assert (await client.call_tool("shop_all", {"cursor": first.data["next"]})).data["rows"] == [[4], [5], [6]]
    assert "stopped after 0.2 seconds" in await refusal(client, "shop_never")


async def test_policy_holds_for_it(serve: Serve) -> None:
    names = {"sql": "select Email from Customer order by CustomerId limit 1", "description": "Mails"}
    client = await serve(mails=names, settings={"tables": {"Customer": {"mask": {"Email": "null"}}}})
    assert (await client.call_tool("shop_mails", {})).data["rows"] == [[None]]


async def test_it_may_ask_who_calls(serve: Serve) -> None:
    mine = {"sql": "select coalesce(:principal.subject, 'nobody') as who", "description": "Who calls"}
    client = await serve(who=mine)
    assert (await client.call_tool("shop_who", {})).data["rows"] == [["nobody"]]


@pytest.mark.parametrize(
    ("parameter", "told"),
    [
        ({"type": "integer", "default": "x"}, "default: 'x' is no integer"),
        ({"type": "integer", "default": True}, "default: True is no integer"),
        ({"enum": ["a", 1]}, "enum: 1 is no string"),
        ({"enum": ["a"], "default": "b"}, "not among the values of enum"),
        ({"type": "number", "minimum": 2, "maximum": 1}, "no number fits"),
    ],
)
def test_parameters_that_contradict_themselves(parameter: dict[str, Any], told: str) -> None:
    tools = {"t": {"sql": "select :p", "description": "d", "parameters": {"p": parameter}}}
    with pytest.raises(UsageError, match=f"connector 'shop': tools.t.parameters.p.*{told}"):
        Sql("shop", "x.db", tools=tools)


@pytest.mark.parametrize("name", ["cursor", "principal_x"])
def test_names_that_are_taken(name: str) -> None:
    tools = {"t": {"sql": "select 1", "description": "d", "parameters": {name: {}}}}
    with pytest.raises(UsageError, match="the name is taken"):
        Sql("shop", "x.db", tools=tools)


async def test_health_says_which_one_cannot_run_as_soon_as_the_database_is_there(tmp_path: Path, chinook: Path) -> None:
    tools = {
        "good": {"sql": "select 1", "description": "d"},
        "bad": {"sql": "select Nme from Artist", "description": "d"},
        "write": {"sql": "delete from Artist", "description": "d"},
    }
    connector = Sql("shop", tmp_path / "shop.db", tools=tools)
    await connector.start()  # a database that is not there is no reason to fail
    assert await connector.health() == "the database file is not there: it was moved or deleted, or never made"
    shutil.copyfile(chinook, tmp_path / "shop.db")
    health = await connector.health() or ""
    assert "tool shop_bad: no such column: Nme - did you mean Name?" in health
    assert "tool shop_write: found DELETE" in health
    assert "shop_good" not in health
    await connector.close()


def test_only_callers_with_its_role_see_it(chinook: Path) -> None:
    server = Server("test")
    server.connect(Sql("shop", chinook, tools={"tracks_of": {**TRACKS, "roles": ["staff"]}, "all": TRACKS}))
    for role, seen in (("staff", {"shop_tracks_of", "shop_all"}), ("guest", {"shop_all"})):
        viewed = view_of(server, Access({role: Role(tools=("shop_*",))}, [role]))
        assert {name for name in viewed.tools.named if name in ("shop_tracks_of", "shop_all")} == seen
