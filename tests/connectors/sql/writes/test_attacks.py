"""Attacks on writes: each is refused as its row says before anybody is asked, or shows and changes nothing hidden."""

import re
from typing import Any

import pytest

from dragoman import Principal, ToolCallError
from dragoman.connectors.sql.engines.engine import SqlFault
from dragoman.connectors.sql.settings import SqlSettings, TablePolicy
from tests.connectors.sql.writes.attacks import ATTACKS, HARMLESS
from tests.connectors.sql.writes.shops import Person, Shop, client

PINS = ("1234", "9876", "5555")
POLICY: dict[str, Any] = {
    "write_tables": ["thing", "pair", "secret"],
    "tables": {"secret": TablePolicy(mask={"pin": "partial"}, rows="owner = 'ann'")},
}


@pytest.fixture
def guarded(shop: Shop) -> Shop:
    shop.execute("CREATE TABLE extra (id integer NOT NULL PRIMARY KEY)", "INSERT INTO extra VALUES (1)")
    return shop


async def test_every_attack_is_refused(guarded: Shop) -> None:
    before = guarded.content()
    person = Person()
    wrong = []
    async with client(guarded.server(**POLICY), person) as agent:
        for statement, told in ATTACKS:
            try:
                result = await agent.call_tool("shop_execute", {"statements": statement})
            except ToolCallError as error:
                if not re.search(told, str(error)) or any(pin in str(error) and pin not in statement for pin in PINS):
                    wrong.append((statement, str(error)))
            else:
                wrong.append((statement, result.text))
    assert wrong == []
    assert person.asked == []
    assert guarded.content() == before


async def test_what_is_hidden_stays_hidden_and_as_it_is(guarded: Shop) -> None:
    for statement in HARMLESS:
        guarded.fill()
        person = Person()
        async with client(guarded.server(**POLICY), person) as agent:
            try:
                said = (await agent.call_tool("shop_execute", {"statements": statement})).text
            except ToolCallError as error:
                said = str(error)
        told = said + "".join(person.asked)
        assert not any(pin in told.replace(statement, "") for pin in ("9876", "5555")), (statement, told)
        assert "ben" not in told
        (ben,) = guarded.execute("SELECT owner, pin, open FROM secret WHERE id = 2")
        assert list(ben) == ["ben", "9876", "b"], statement
        copies = [row[0] for row in guarded.execute("SELECT note FROM thing")]
        copies += [row[0] for row in guarded.execute("SELECT open FROM secret")]
        assert not set(copies) & set(PINS), statement


def test_there_are_enough() -> None:
    assert len({statement for statement, _ in ATTACKS}) >= 60
    assert SqlSettings(url="x").write == "off"


@pytest.mark.parametrize(
    ("verbs", "statement"),
    [
        (["insert"], "DELETE FROM pair WHERE a = 1"),
        (["insert", "delete"], "UPDATE pair SET v = 1 WHERE a = 1"),
        (["update"], "INSERT INTO pair (a, b) VALUES (5, 'x')"),
    ],
)
async def test_verbs(shop: Shop, verbs: list[str], statement: str) -> None:
    async with client(shop.server(write_verbs=verbs), Person()) as agent:
        with pytest.raises(ToolCallError, match="is not allowed here: allowed are"):
            await agent.call_tool("shop_execute", {"statements": statement})


async def test_a_table_without_a_key(shop: Shop) -> None:
    shop.execute("CREATE TABLE extra (id integer, x integer)", "INSERT INTO extra VALUES (1, 1)")
    async with client(shop.server(write_tables=["extra"]), Person()) as agent:
        with pytest.raises(ToolCallError, match="extra has no primary key"):
            await agent.call_tool("shop_execute", {"statements": "DELETE FROM extra WHERE id = 1"})


async def test_a_view(shop: Shop) -> None:
    shop.execute("CREATE VIEW seen AS SELECT * FROM pair")
    try:
        async with client(shop.server(write_tables=["seen"]), Person()) as agent:
            with pytest.raises(ToolCallError, match="seen is a view, and only tables can be written"):
                await agent.call_tool("shop_execute", {"statements": "DELETE FROM seen WHERE a = 1"})
    finally:
        shop.execute("DROP VIEW seen")


async def test_rows_of_other_tables_are_not_taken_along(shop: Shop) -> None:
    shop.execute(
        "CREATE TABLE extra (id integer NOT NULL PRIMARY KEY, thing integer, "
        "FOREIGN KEY (thing) REFERENCES thing (id) ON DELETE CASCADE)",
        "INSERT INTO extra VALUES (1, 1)",
    )
    try:
        async with client(shop.server(), Person()) as agent:
            with pytest.raises(
                ToolCallError, match="rows of other tables would be changed or deleted with rows of thing"
            ):
                await agent.call_tool("shop_execute", {"statements": "DELETE FROM thing WHERE id = 1"})
            done = await agent.call_tool("shop_execute", {"statements": "UPDATE thing SET price = 3 WHERE id = 1"})
            assert done.data["state"] == "done"
        assert len(shop.execute("SELECT * FROM extra")) == 1
    finally:
        shop.execute("DROP TABLE extra")


async def test_triggers_are_told_and_nothing_is_undone(shop: Shop) -> None:
    if shop.engine == "postgresql":
        shop.execute(
            "CREATE FUNCTION noting() RETURNS trigger LANGUAGE plpgsql AS "
            "'BEGIN INSERT INTO pair (a, b) VALUES (99, ''t''); RETURN NEW; END'",
            "CREATE TRIGGER noting AFTER UPDATE ON thing FOR EACH ROW EXECUTE FUNCTION noting()",
        )
    elif shop.engine == "mariadb":
        shop.execute(
            "CREATE TRIGGER noting AFTER UPDATE ON thing FOR EACH ROW INSERT INTO pair (a, b) VALUES (99, 't')"
        )
    else:
        shop.execute("CREATE TRIGGER noting AFTER UPDATE ON thing BEGIN INSERT INTO pair (a, b) VALUES (99, 't'); END")
    try:
        person = Person()
        async with client(shop.server(), person) as agent:
            done = await agent.call_tool("shop_execute", {"statements": "UPDATE thing SET price = 3 WHERE id = 1"})
            assert "The table has triggers" in person.asked[0]
            assert done.data.get("undoable", False) is False
            with pytest.raises(ToolCallError, match="it can't be undone: thing has triggers"):
                await agent.call_tool("shop_undo", {"id": done.data["id"]})
    finally:
        shop.execute("DROP TABLE thing")
        if shop.engine == "postgresql":
            shop.execute("DROP FUNCTION noting()")


async def test_only_who_wrote_may_undo(shop: Shop) -> None:
    sql = shop.sql()
    assert sql.writes is not None

    async def yes(_: str) -> bool:
        return True

    async def once(_: str, function: Any) -> Any:
        return await function()

    ann, ben = Principal(subject="ann"), Principal(subject="ben")
    try:
        statements = ["UPDATE pair SET v = 8 WHERE a = 2"]
        done = await sql.writes.execute(statements, {}, "k", ann, once, yes)
        with pytest.raises(SqlFault, match="there is no write of yours with this id"):
            await sql.writes.undo(done.id, ben, once, yes)
        other = await sql.writes.execute(["UPDATE pair SET v = 9 WHERE a = 1"], {}, "k", ben, once, yes)
        assert other.state == "done", "a key is its caller's own"
        assert (await sql.writes.undo(done.id, ann, once, yes)).state == "undone"
    finally:
        await sql.close()
