"""Previews, consent, one commit, undoing: on every engine and on the revisions that ask in either way."""

import asyncio
from typing import Any

import pytest

from dragoman import Client, ClientError, ToolAnnotations, ToolCallError, UsageError
from tests.connectors.sql.writes.shops import Person, Shop, client

REVISIONS = ("2025-11-25", "2026-07-28")


async def test_off_there_are_no_tools(shop: Shop) -> None:
    async with client(shop.server(write="off"), Person()) as agent:
        assert {tool.name for tool in await agent.list_tools()} == {"shop_query", "shop_describe", "shop_explain"}


async def test_on_they_say_that_they_change(shop: Shop) -> None:
    async with client(shop.server(), Person()) as agent:
        tools = {tool.name: tool for tool in await agent.list_tools()}
        for name in ("shop_execute", "shop_undo"):
            annotations = tools[name].annotations
            assert isinstance(annotations, ToolAnnotations)
            assert annotations.read_only_hint is False
            assert annotations.destructive_hint is True


def test_on_without_tables_is_refused(shop: Shop) -> None:
    with pytest.raises(UsageError, match="write needs write_tables"):
        shop.sql(write_tables=[])


@pytest.mark.parametrize("revision", REVISIONS)
async def test_confirmed(shop: Shop, revision: str) -> None:
    person = Person()
    async with client(shop.server(), person, revision) as agent:
        result = await agent.call_tool(
            "shop_execute",
            {
                "statements": [
                    "UPDATE thing SET price = price * 2, note = :note WHERE name IN ('lamp', 'chair')",
                    "INSERT INTO thing (name, price) VALUES ('sofa', 500), (:name, 1.25)",
                    "DELETE FROM pair WHERE a = 1",
                ],
                "params": {"note": "dear", "name": "pen"},
            },
        )
        assert result.data["state"] == "done"
        assert result.data["rows"] == [2, 2, 2]
        assert "Committed at" in result.text
        (question,) = person.asked
        assert "1. UPDATE thing: 2 rows" in question
        assert "note 'oak' -> 'dear'" in question
        assert "name='sofa'" in question
        assert "3. DELETE pair: 2 rows" in question
        assert shop.names() == ["lamp", "chair", "desk", "sofa", "pen"]
        assert shop.execute("SELECT count(*) FROM pair")[0][0] in (1, "1")
        assert [float(row[0]) for row in shop.execute("SELECT price FROM thing ORDER BY id")] == [
            25,
            160,
            199.99,
            500,
            1.25,
        ]
        undone = await agent.call_tool("shop_undo", {"id": result.data["id"]})
        assert undone.data["state"] == "undone"


@pytest.mark.parametrize("revision", REVISIONS)
async def test_undo_brings_everything_back_once(shop: Shop, revision: str) -> None:
    before = shop.content()
    async with client(shop.server(), Person(), revision) as agent:
        statements = [
            "DELETE FROM thing WHERE id <= 2",
            "UPDATE pair SET v = v + 0.2 WHERE b = 'y'",
            "UPDATE pair SET v = 7 WHERE b = 'y'",
            "INSERT INTO pair (a, b) VALUES (9, 'z')",
            "DELETE FROM pair WHERE a = 9",
        ]
        done = await agent.call_tool("shop_execute", {"statements": statements})
        assert shop.content() != before
        first = await agent.call_tool("shop_undo", {"id": done.data["id"]})
        assert shop.content() == before
        again = await agent.call_tool("shop_undo", {"id": done.data["id"]})
        assert again.data["state"] == first.data["state"] == "undone"
        assert again.data["at"] == first.data["at"]
        assert "undone before" in again.text
        assert shop.content() == before


@pytest.mark.parametrize("revision", REVISIONS)
async def test_declined_changes_nothing(shop: Shop, revision: str) -> None:
    before = shop.content()
    person = Person(confirm=False)
    async with client(shop.server(), person, revision) as agent:
        result = await agent.call_tool("shop_execute", {"statements": "DELETE FROM thing WHERE id > 0"})
        assert result.data["state"] == "declined"
        assert "nothing was changed" in result.text
    assert len(person.asked) == 1
    assert shop.content() == before


async def test_a_preview_changes_nothing(shop: Shop) -> None:
    before, seen = shop.content(), []

    async def look() -> None:
        seen.append(shop.content())

    async with client(shop.server(), Person(before=look)) as agent:
        await agent.call_tool("shop_execute", {"statements": "DELETE FROM thing WHERE id > 0"})
    assert seen == [before]


async def test_nobody_to_ask_changes_nothing(shop: Shop) -> None:
    before = shop.content()
    for revision in REVISIONS:
        async with Client(shop.server(), revision=revision) as agent:  # type: ignore[arg-type]
            with pytest.raises(ClientError, match="did not declare"):
                await agent.call_tool("shop_execute", {"statements": "DELETE FROM thing WHERE id > 0"})
    assert shop.content() == before


async def test_no_row_is_no_question(shop: Shop) -> None:
    person = Person()
    async with client(shop.server(), person) as agent:
        result = await agent.call_tool("shop_execute", {"statements": "DELETE FROM thing WHERE id = 99"})
    assert result.data["state"] == "unchanged"
    assert person.asked == []


@pytest.mark.parametrize(
    ("second", "told"),
    [
        ("INSERT INTO thing (name) VALUES ('lamp')", "statement 2 of 2: thing: another row has the same key"),
        ("INSERT INTO pair (a, b) VALUES (1, 'x')", "statement 2 of 2: pair: another row has the same key"),
        ("INSERT INTO pair (a) VALUES (1)", "statement 2 of 2: pair: a column that must have a value has none"),
        ("UPDATE thing SET name = NULL WHERE id = 2", "statement 2 of 2: thing: a column that must have a value"),
        ("UPDATE thing SET nam = 'x' WHERE id = 2", "statement 2 of 2: no such column: nam"),
        ("DELETE FROM secret WHERE id = 1", "statement 2 of 2: [a-z*]+ may not be written"),
    ],
)
async def test_a_batch_with_a_failing_statement_changes_nothing(shop: Shop, second: str, told: str) -> None:
    before = shop.content()
    person = Person()
    async with client(shop.server(), person) as agent:
        with pytest.raises(ToolCallError, match=told) as caught:
            await agent.call_tool("shop_execute", {"statements": ["UPDATE pair SET v = 3 WHERE a = 1", second]})
    assert "lamp" not in str(caught.value)
    assert person.asked == []
    assert shop.content() == before


async def test_more_rows_than_allowed(shop: Shop) -> None:
    before = shop.content()
    async with client(shop.server(max_write_rows=2), Person()) as agent:
        for statements in (
            "DELETE FROM thing WHERE id > 0",
            "UPDATE thing SET price = 1 WHERE id > 0",
            "INSERT INTO pair (a, b) VALUES (5, 'a'), (5, 'b'), (5, 'c')",
            "INSERT INTO pair (a, b) SELECT id + 10, 'q' FROM thing",
            ["DELETE FROM thing WHERE id < 3", "DELETE FROM pair WHERE a = 2"],
        ):
            with pytest.raises(ToolCallError, match="more than the 2 rows that one batch may change"):
                await agent.call_tool("shop_execute", {"statements": statements})
    assert shop.content() == before


class TestTwoAgents:
    async def test_one_row_is_written_by_one(self, shop: Shop) -> None:
        meeting = asyncio.Barrier(2)

        async def meet() -> None:
            await meeting.wait()

        async def write(name: str) -> Any:
            async with client(shop.server(), Person(before=meet)) as agent:
                statement = f"UPDATE thing SET name = '{name}' WHERE id = 1"
                try:
                    return (await agent.call_tool("shop_execute", {"statements": statement})).data["state"]
                except ToolCallError as error:
                    return str(error)

        told = await asyncio.gather(write("first"), write("second"))
        lost = next(each for each in told if each != "done")
        assert told.count("done") == 1
        assert "were changed by others since the preview" in lost or "others write" in lost
        assert "nothing was changed" in lost
        assert shop.names()[0] == ("first", "second")[told.index("done")]
        assert shop.noted() == 1

    async def test_a_row_that_changed_since_the_preview_is_told(self, shop: Shop) -> None:
        async def change() -> None:
            shop.execute("UPDATE thing SET note = 'mine' WHERE id = 2")

        async with client(shop.server(), Person(before=change)) as agent:
            with pytest.raises(
                ToolCallError, match=r"rows of thing were changed by others since the preview: id \["
            ) as caught:
                await agent.call_tool("shop_execute", {"statements": "UPDATE thing SET price = 1 WHERE id > 0"})
        assert "mine" not in str(caught.value)
        assert shop.noted() == 0

    async def test_a_row_that_came_since_the_preview_is_told(self, shop: Shop) -> None:
        async def change() -> None:
            shop.execute("INSERT INTO thing (name) VALUES ('new')")

        async with client(shop.server(), Person(before=change)) as agent:
            with pytest.raises(ToolCallError, match="changed by others since the preview"):
                await agent.call_tool("shop_execute", {"statements": "DELETE FROM thing WHERE id > 0"})
        assert len(shop.names()) == 4

    async def test_a_value_that_others_changed_is_told(self, shop: Shop) -> None:
        async def change() -> None:
            shop.execute("UPDATE secret SET open = 'changed' WHERE id = 1")

        async with client(shop.server(), Person(before=change)) as agent:
            with pytest.raises(ToolCallError, match="changed by others since the preview"):
                await agent.call_tool(
                    "shop_execute",
                    {"statements": "UPDATE thing SET note = (SELECT max(open) FROM secret) WHERE id = 1"},
                )


class TestOnce:
    @pytest.mark.parametrize("revision", REVISIONS)
    async def test_the_same_key_is_never_done_twice(self, shop: Shop, revision: str) -> None:
        person = Person()
        call = {"statements": "INSERT INTO thing (name) VALUES ('sofa')", "key": "order 7"}
        async with client(shop.server(), person, revision) as agent:
            first = await agent.call_tool("shop_execute", call)
        async with client(shop.server(), person, revision) as agent:
            again = await agent.call_tool("shop_execute", call)
            assert again.data["state"] == "already done"
            assert again.data["id"] == first.data["id"]
            assert again.data["at"] == first.data["at"]
            assert again.data["rows"] == [1]
            with pytest.raises(ToolCallError, match="this key was used for other statements"):
                await agent.call_tool("shop_execute", {**call, "statements": "DELETE FROM thing WHERE id = 1"})
        assert len(person.asked) == 1
        assert shop.names().count("sofa") == 1

    async def test_two_calls_with_one_key_at_one_time(self, shop: Shop) -> None:
        meeting = asyncio.Barrier(2)

        async def meet() -> None:
            await meeting.wait()

        async def write() -> Any:
            async with client(shop.server(), Person(before=meet)) as agent:
                call = {"statements": "INSERT INTO pair (a, b) VALUES (7, 'w')", "key": "once"}
                return (await agent.call_tool("shop_execute", call)).data

        told = await asyncio.gather(write(), write())
        assert sorted(each["state"] for each in told) == ["already done", "done"]
        assert told[0]["id"] == told[1]["id"]
        assert shop.noted() == 1

    async def test_without_a_key_each_call_is_its_own(self, shop: Shop) -> None:
        person = Person()
        async with client(shop.server(), person) as agent:
            for n in range(2):
                call = {"statements": f"INSERT INTO pair (a, b) SELECT count(*), 'n' FROM pair WHERE {n} = {n}"}
                assert (await agent.call_tool("shop_execute", call)).data["state"] == "done"
            call = {"statements": "UPDATE pair SET v = v + 1 WHERE a = 1 AND b = 'x'"}
            for _ in range(2):
                await agent.call_tool("shop_execute", call)
        assert "The same was already written at" in person.asked[-1]
        assert "already written" not in person.asked[-2]
        assert float(shop.execute("SELECT v FROM pair WHERE a = 1 AND b = 'x'")[0][0]) == 3.5

    async def test_a_clock_gives_what_was_shown(self, shop: Shop) -> None:
        async with client(shop.server(), Person(before=lambda: asyncio.sleep(1.1))) as agent:
            clock = "CURRENT_TIMESTAMP" if shop.engine == "sqlite" else "now()"
            call = {"statements": f"UPDATE thing SET note = {clock} WHERE id = 1"}
            assert (await agent.call_tool("shop_execute", call)).data["state"] == "done"


class TestUndo:
    async def test_a_row_that_others_changed_is_told(self, shop: Shop) -> None:
        async with client(shop.server(), Person()) as agent:
            done = await agent.call_tool("shop_execute", {"statements": "UPDATE thing SET price = 1 WHERE id > 0"})
            shop.execute("UPDATE thing SET note = 'mine' WHERE id = 2", "DELETE FROM thing WHERE id = 3")
            left = shop.content()
            with pytest.raises(ToolCallError, match="thing id=2 has another note; thing id=3 is gone") as caught:
                await agent.call_tool("shop_undo", {"id": done.data["id"]})
            assert "mine" not in str(caught.value)
            assert shop.content() == left

    async def test_a_row_that_is_there_again_is_told(self, shop: Shop) -> None:
        async with client(shop.server(), Person()) as agent:
            done = await agent.call_tool("shop_execute", {"statements": "DELETE FROM pair WHERE a = 2"})
            shop.execute("INSERT INTO pair (a, b) VALUES (2, 'x')")
            with pytest.raises(ToolCallError, match="pair a=2, b=x is there again"):
                await agent.call_tool("shop_undo", {"id": done.data["id"]})

    async def test_between_question_and_answer(self, shop: Shop) -> None:
        async with client(shop.server(), Person()) as agent:
            done = await agent.call_tool("shop_execute", {"statements": "UPDATE pair SET v = 5 WHERE a = 2"})

        async def change() -> None:
            shop.execute("UPDATE pair SET v = 6 WHERE a = 2")

        async with client(shop.server(), Person(before=change)) as agent:
            with pytest.raises(ToolCallError, match="others changed its rows since"):
                await agent.call_tool("shop_undo", {"id": done.data["id"]})
        assert float(shop.execute("SELECT v FROM pair WHERE a = 2")[0][0]) == 6

    async def test_declined(self, shop: Shop) -> None:
        async with client(shop.server(), Person()) as agent:
            done = await agent.call_tool("shop_execute", {"statements": "UPDATE pair SET v = 5 WHERE a = 2"})
        after = shop.content()
        async with client(shop.server(), Person(confirm=False)) as agent:
            assert (await agent.call_tool("shop_undo", {"id": done.data["id"]})).data["state"] == "declined"
        assert shop.content() == after

    async def test_an_unknown_id(self, shop: Shop) -> None:
        async with client(shop.server(), Person()) as agent:
            for unknown in ("nothing", "x" * 5000, "' OR 1=1 --"):
                with pytest.raises(ToolCallError, match="there is no write of yours with this id"):
                    await agent.call_tool("shop_undo", {"id": unknown})


async def test_the_notes_are_nobodys_to_read(shop: Shop) -> None:
    async with client(shop.server(), Person()) as agent:
        await agent.call_tool("shop_execute", {"statements": "DELETE FROM pair WHERE a = 2"})
        with pytest.raises(ToolCallError, match=r"no such table|not served"):
            await agent.call_tool("shop_query", {"sql": "SELECT * FROM dragoman_writes"})
        assert "dragoman_writes" not in (await agent.call_tool("shop_describe", {})).text
    with pytest.raises(ToolCallError, match="no such table"):
        async with client(shop.server(write_tables=["dragoman_writes"]), Person()) as agent:
            await agent.call_tool("shop_execute", {"statements": "DELETE FROM dragoman_writes WHERE id <> ''"})
