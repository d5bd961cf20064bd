"""What a model reads of a write, and what an administrator is told before the first one."""

from dragoman.connectors.sql.writes.tools import as_text, write_findings
from dragoman.connectors.sql.writes.writes import Written
from tests.connectors.sql.writes.shops import Person, Shop, client


def test_each_end_is_said() -> None:
    assert as_text("shop", Written("declined")) == "Not confirmed: nothing was changed."
    assert "nobody was asked" in as_text("shop", Written("unchanged"))
    done = as_text("shop", Written("done", "i", "t", [1, 2], undoable=True))
    assert done == "Committed at t: 1 row + 2 rows; id i\nshop_undo takes the id."
    assert as_text("shop", Written("already done", "i", "t", [1], note="as before")).endswith("As before.")


async def test_the_table_of_notes_is_told_until_it_is_there(shop: Shop) -> None:
    sql = shop.sql()
    assert sql.writes is not None
    (finding,) = await write_findings(sql, sql.writes)
    assert finding.level == "note"
    shop.execute(finding.remedy.rstrip(";"))
    assert await write_findings(sql, sql.writes) == []
    await sql.close()
    async with client(shop.server(), Person()) as agent:
        done = await agent.call_tool("shop_execute", {"statements": "DELETE FROM pair WHERE a = 2"})
    assert done.data["state"] == "done"
