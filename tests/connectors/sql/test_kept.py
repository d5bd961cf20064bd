"""Cut results that are kept: read whole, by their owner, as long and as large as is said."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from dragoman import ANONYMOUS, Client, Principal, ResourceLink, Server, ServerFault, Sql
from dragoman.connectors.sql import kept as kept_module
from dragoman.connectors.sql.kept import KeptResults, pages_of

TRACKS = "select TrackId, Name, Composer, UnitPrice from Track order by TrackId"


@asynccontextmanager
async def served(chinook: Path, **settings: Any) -> AsyncIterator[tuple[Client, Sql]]:
    server = Server("test")
    connector = Sql("shop", chinook, **{"keep_rows": 10_000, **settings})
    server.connect(connector)
    async with Client(server) as client:
        yield client, connector


async def read(client: Client, uri: str) -> Any:
    (reply,) = await client.read_resource(uri)
    return json.loads(reply.text or "")


def held_by(sql: Sql) -> KeptResults:
    assert sql.kept is not None
    return sql.kept


async def keep(sql: Sql, statement: str = TRACKS, principal: Principal = ANONYMOUS) -> str:
    found = await held_by(sql).keep(statement, {}, principal, seconds=5)
    assert found is not None
    return found[0].uri.rpartition("/")[2]


async def test_a_cut_result_is_kept_and_read_whole(chinook: Path) -> None:
    async with served(chinook, max_bytes=50_000) as (client, _):
        result = await client.call_tool("shop_query", {"sql": TRACKS})
        told = result.structured["kept"]
        assert (told["rows"], told["complete"]) == (3503, True)
        text, link = result.content
        assert told["uri"] in str(text)
        assert isinstance(link, ResourceLink)
        assert link.uri == told["uri"]
        assert "TrackId number 1..3503" in str(link.description)
        assert len(str(link.description)) <= 600
        page = await read(client, told["uri"])
        assert page["pages"] > 2
        assert page["summary"][2] == {"name": "Composer", "type": "text", "nulls": 977, "distinct": 853}
        rows = page["rows"]
        while "next" in page:
            assert len(json.dumps(page["rows"])) < 60_000
            page = await read(client, page["next"])
            rows += page["rows"]
        whole = Sql("whole", chinook, max_rows=5000)
        assert rows == (await whole.query(TRACKS)).rows
        await whole.close()
        for wrong in ("/0", f"/{page['pages'] + 1}", "/x", "/-1"):
            with pytest.raises(ServerFault, match="not found"):
                await client.read_resource(told["uri"] + wrong)
        assert not [each for each in await client.list_resources() if "results" in each.uri]


@pytest.mark.parametrize("form", ["text", "structured"])
async def test_each_form_says_where_it_is(chinook: Path, form: str) -> None:
    async with served(chinook, results=form, keep_rows=1000) as (client, _):
        result = await client.call_tool("shop_query", {"sql": TRACKS})
        link = result.content[-1]
        assert isinstance(link, ResourceLink)
        page = await read(client, link.uri)
        assert (page["kept"], page["complete"], len(page["rows"])) == (1000, False, 1000)
        if form == "structured":
            assert result.structured["kept"] == {"uri": link.uri, "rows": 1000, "complete": False}
        else:
            assert f"(kept: 1000 rows, and there are more: {link.uri})" in str(result.content[0])


async def test_what_is_not_cut_by_a_cap_is_not_kept(chinook: Path) -> None:
    async with served(chinook) as (client, _):
        for arguments in ({"sql": "select * from Genre"}, {"sql": TRACKS, "limit": 5}):
            result = await client.call_tool("shop_query", arguments)
            assert "kept" not in result.structured
            assert len(result.content) == 1
        first = await client.call_tool("shop_query", {"sql": TRACKS})
        cursor = first.structured["next"]
        later = await client.call_tool("shop_query", {"sql": TRACKS, "cursor": cursor})
        assert "kept" not in later.structured


async def test_off_by_default(chinook: Path) -> None:
    async with served(chinook, keep_rows=0) as (client, sql):
        result = await client.call_tool("shop_query", {"sql": TRACKS})
        assert sql.kept is None
        assert set(result.structured) == {"columns", "rows", "truncated", "next"}
        assert len(result.content) == 1


async def test_only_the_caller_it_was_computed_for_finds_it(chinook: Path) -> None:
    ann = Principal("ann", "issuer", roles=("sales",), claims=(("country", "Canada"),))
    rules = {"Customer": {"rows": "Country = :principal.country", "mask": {"Email": "null"}}}
    sql = Sql("shop", chinook, keep_rows=1000, max_rows=2, tables=rules)
    try:
        key = await keep(sql, "select Country, Email from Customer", ann)
        found = await held_by(sql).read(key, 1, ann)
        assert found is not None
        assert found.rows == 8
        assert json.loads(found.text)["rows"] == [["Canada", None]] * 8
        for other in (
            ANONYMOUS,
            Principal("bob", "issuer", roles=("sales",), claims=(("country", "Canada"),)),
            Principal("ann", "issuer", roles=("sales",), claims=(("country", "France"),)),
            Principal("ann", "issuer", claims=(("country", "Canada"),)),
        ):
            assert await held_by(sql).read(key, 1, other) is None
        sql.narrow({"sales": {"deny": ["Customer"]}})
        assert await held_by(sql).read(key, 1, ann) is None
    finally:
        await sql.close()


async def test_a_role_with_fewer_rows_gets_no_more_of_them(chinook: Path) -> None:
    sql = Sql("shop", chinook, keep_rows=1000, roles={"few": {"max_rows": 3}})
    caller = Principal("ann", roles=("few",))
    assert await held_by(sql).keep(TRACKS, {}, caller, seconds=5) is None
    await sql.close()


async def test_it_expires_and_its_memory_is_let_go(chinook: Path) -> None:
    sql = Sql("shop", chinook, keep_rows=1000, keep_seconds=0.3)
    key = await keep(sql)
    assert await held_by(sql).read(key, 1, ANONYMOUS) is not None
    await asyncio.sleep(0.5)
    assert held_by(sql).held_bytes == 0  # nobody asked, and it is gone
    assert await held_by(sql).read(key, 1, ANONYMOUS) is None
    await sql.close()


async def test_the_oldest_go_first(chinook: Path) -> None:
    sql = Sql("shop", chinook, keep_rows=300)
    keys = [await keep(sql) for _ in range(kept_module.MOST_RESULTS + 1)]
    assert len(set(keys)) == len(keys)
    assert await held_by(sql).read(keys[0], 1, ANONYMOUS) is None
    assert await held_by(sql).read(keys[1], 1, ANONYMOUS) is not None
    await sql.close()
    assert await held_by(sql).read(keys[1], 1, ANONYMOUS) is None


async def test_bytes_are_bounded(chinook: Path) -> None:
    sql = Sql("shop", chinook, keep_rows=10_000, keep_bytes=20_000, max_bytes=10_000)
    found = await held_by(sql).keep(TRACKS, {}, ANONYMOUS, seconds=5)
    assert found is not None
    assert found[0].complete is False
    assert 100 < found[0].rows < 1000
    assert await held_by(sql).keep(TRACKS, {}, ANONYMOUS, seconds=0.01) is None  # no time is left
    assert await held_by(sql).keep("select Nothing from Track", {}, ANONYMOUS, seconds=5) is None
    await sql.close()


def test_pages_are_whole_rows() -> None:
    rows = [[n, "x" * 10] for n in range(100)] + [["y" * 500]]
    pages = pages_of(rows, 200)
    assert [row for page, _ in pages for row in json.loads(page)] == rows
    assert all(len(page) <= 200 for page, _ in pages[:-1])
    assert sum(count for _, count in pages) == 101
    assert pages_of([], 200) == ((b"[]", 0),)
