"""The one way to rows: caching, principals, faults, the cost gate."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import Raw

from dragoman import ANONYMOUS, Client, ElicitResult, Principal, Server, Sql, ToolCallError
from dragoman.connectors.sql.engines.engine import SqlFault
from dragoman.connectors.sql.gate import attributes_of
from tests.connectors.sql.conftest import MakeDatabase
from tests.connectors.sql.servers.postgresql import PostgreSQL

LONG = "secret-of-at-least-32-characters"
OWN = {"Customer": {"rows": "Country = :principal.country"}}
CANADA = Principal("ann", "issuer", claims=(("country", "Canada"),))


@pytest.fixture
async def filtered(chinook: Path) -> AsyncIterator[Sql]:
    connector = Sql("shop", chinook, tables=OWN)
    yield connector
    await connector.close()


async def test_rows_are_those_of_the_caller(filtered: Sql) -> None:
    count = "select count(*) from Customer"
    assert (await filtered.query(count, principal=CANADA)).rows == [[8]]
    assert (await filtered.query(count, principal=ANONYMOUS)).rows == [[0]]
    assert (await filtered.query(count, principal=Principal("bob", claims=(("country", None),)))).rows == [[0]]
    assert (await filtered.describe("Customer", principal=CANADA)).rows == 8
    assert (await filtered.describe("Customer")).rows == 0


def test_what_is_empty_of_a_caller_is_not_known() -> None:
    assert attributes_of(ANONYMOUS) == {}
    assert attributes_of(CANADA) == {"subject": "ann", "issuer": "issuer", "country": "Canada"}


async def test_expectations_of_the_planner_are_told_only_of_what_is_seen_whole(
    filtered: Sql, make_database: MakeDatabase
) -> None:
    plan = await filtered.explain("select * from Customer")
    assert [(scan.relation, scan.rows) for scan in plan.scans] == [("Customer", None)]
    assert (plan.rows, plan.cost) == (None, None)


async def test_the_steps_of_a_plan_tell_no_condition_and_no_index_of_a_policy(chinook: Path) -> None:
    tables = {"Customer": {"rows": "SupportRepId = 4", "mask": {"Email": "partial"}}}
    connector = Sql("shop", chinook, tables=tables)
    for sql in ("select * from Customer", "select count(*) from Customer where CustomerId < 9"):
        told = (await connector.explain(sql)).text
        assert "SEARCH Customer using an index" in told or "USING INTEGER PRIMARY KEY" in told
        assert "SupportRepId" not in told
        assert "=?" not in told
    assert "(GenreId=?)" in (await connector.explain("select * from Track where GenreId = 3")).text
    await connector.close()


async def test_a_plan_names_nothing_that_is_behind_a_view(make_database: MakeDatabase) -> None:
    path = make_database("CREATE TABLE salaries (n INT)", "CREATE VIEW open AS SELECT n + 1 AS m FROM salaries")
    connector = Sql("shop", path, allow=["open"])
    plan = await connector.explain("select * from open")
    assert (plan.text, plan.rows, plan.scans) == ("SCAN a part of it", None, ())
    await connector.close()


async def test_hash_masks_follow_the_servers_secret(chinook: Path) -> None:
    seen = set()
    for secret in ("one-" + LONG, "one-" + LONG, "another-" + LONG):
        connector = Sql("shop", chinook, tables={"Customer": {"mask": {"Email": "hash"}}})
        Server("test", secrets=[secret]).connect(connector)
        (((value,),)) = (await connector.query("select Email from Customer where CustomerId = 1")).rows
        assert len(value) == 16
        seen.add(value)
        await connector.close()
    assert len(seen) == 2


class TestCosts:
    async def serve(self, path: Path, **cost: Any) -> tuple[Server, Sql]:
        server = Server("test")
        connector = Sql("shop", path, cost=cost)
        server.connect(connector)
        return server, connector

    async def test_a_dear_plan_is_refused_with_what_would_make_it_cheap(self, chinook: Path) -> None:
        server, _ = await self.serve(chinook, full_scan_rows=3000)
        async with Client(server) as client:
            for sql in ("select * from Track where UnitPrice > 1", "select * from Track t where t.UnitPrice > 1"):
                with pytest.raises(ToolCallError) as caught:
                    await client.call_tool("shop_query", {"sql": sql})
                told = str(caught.value)
                assert "the plan reads Track from end to end (3503 rows, where at most 3000 may be read so)" in told
                assert "filter Track by an indexed column (AlbumId, GenreId, MediaTypeId, TrackId)" in told
                assert "an index of Track on UnitPrice would help" in told
                assert "SCAN" in told
            reply = await client.call_tool("shop_query", {"sql": "select * from Track where AlbumId = 1 limit 1"})
            assert len(reply.data["rows"]) == 1
            assert (await client.call_tool("shop_query", {"sql": "select count(*) from Artist"})).data["rows"] == [
                [275]
            ]

    @pytest.mark.parametrize("limit", [{"full_scan_rows": 10}, {"max_rows": 10}, {"max_cost": 0.01}])
    async def test_a_dear_plan_tells_no_number_of_rows_that_are_not_seen(
        self, postgresql: PostgreSQL, limit: dict[str, Any]
    ) -> None:
        rows = "\"Country\" = 'Canada'"
        connector = Sql("shop", postgresql.url(), cost=limit, tables={"Customer": {"rows": rows}})
        with pytest.raises(SqlFault, match="the plan ") as caught:
            await connector.query('select count(*) from "Customer"')
        about = str(caught.value)
        assert not re.search(r"\d", about.replace(str(next(iter(limit.values()))), "")), about
        await connector.close()

    async def test_a_dear_plan_tells_not_how_many_rows_a_filter_leaves_out(self, chinook: Path) -> None:
        connector = Sql(
            "shop", chinook, cost={"full_scan_rows": 3}, tables={"Customer": {"rows": "Country = 'Canada'"}}
        )
        with pytest.raises(SqlFault, match=r"reads Customer from end to end \(more than 3 rows\)") as caught:
            await connector.query("select * from Customer")
        assert "59" not in str(caught.value)
        await connector.close()

    @pytest.mark.parametrize("confirmed", [True, False])
    async def test_a_dear_plan_is_asked_about_when_so_configured(self, chinook: Path, confirmed: bool) -> None:
        server, _ = await self.serve(chinook, full_scan_rows=3000, above="confirm")
        asked = []

        async def answer(question: Any) -> ElicitResult:
            asked.append(question.message)
            return ElicitResult("accept", Raw(json.dumps({"confirm": confirmed}).encode()))

        async with Client(server, on_elicit=answer) as client:
            query = {"sql": "select count(*) from Track"}
            if confirmed:
                assert (await client.call_tool("shop_query", query)).data["rows"] == [[3503]]
            else:
                with pytest.raises(ToolCallError, match="it was not confirmed"):
                    await client.call_tool("shop_query", query)
        assert len(asked) == 1
        assert asked[0].startswith("shop: the plan reads Track from end to end")
        assert asked[0].endswith("Run it all the same?")

    async def test_in_code_a_dear_plan_is_refused_too(self, chinook: Path) -> None:
        _, connector = await self.serve(chinook, full_scan_rows=3000, above="confirm")
        with pytest.raises(SqlFault, match="the plan reads Track"):
            await connector.query("select count(*) from Track")
        await connector.close()
