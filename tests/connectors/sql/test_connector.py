"""The connector through a server and a client: what agents see, and that nothing they say changes a file."""

import asyncio
import json
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from dragoman import Client, Server, ServerFault, Sql, ToolCallError, UsageError
from dragoman.connectors.sql.engines.engine import Query, SqlFault
from tests.connectors.sql.attacks import ATTACKS
from tests.connectors.sql.conftest import MakeDatabase
from tests.connectors.sql.workload import QUERIES

Fingerprint = Callable[[Path], tuple[str, list[str]]]
Ask = Callable[..., Any]


@pytest.fixture
async def connect() -> AsyncIterator[Callable[..., Any]]:
    """Serve a database to a client in memory."""
    entered: list[Client] = []

    async def make(path: Path, name: str = "shop", **limits: Any) -> Client:
        server = Server("test")
        server.connect(Sql(name, path, **limits))
        client = Client(server)
        entered.append(client)
        return await client.__aenter__()

    yield make
    for client in entered:
        await client.__aexit__(None, None, None)


def text_of(reply: Any) -> str:
    return str(reply.content[0].text)


async def refusal(client: Client, tool: str, **arguments: Any) -> str:
    with pytest.raises(ToolCallError) as caught:
        await client.call_tool(tool, arguments)
    return str(caught.value)


@pytest.fixture
def attacked(tmp_path: Path, chinook: Path) -> Path:
    """Chinook with a full-text table and an R-tree, alone in a folder."""
    folder = tmp_path / "attacked"
    folder.mkdir()
    path = folder / "shop.sqlite"
    shutil.copyfile(chinook, path)
    path.chmod(0o644)
    connection = sqlite3.connect(path)
    connection.execute("CREATE VIRTUAL TABLE notes USING fts5(body)")
    connection.execute("CREATE VIRTUAL TABLE shapes USING rtree(id, x0, x1)")
    connection.execute("CREATE TABLE numbered (id INTEGER PRIMARY KEY AUTOINCREMENT)")
    connection.commit()
    connection.close()
    return path


class TestAttacks:
    async def test_each_is_refused_and_changes_nothing(self, attacked: Path, fingerprint: Fingerprint) -> None:
        connector = Sql("shop", attacked, timeout=0.5)
        before = fingerprint(attacked)
        slowest = 0.0
        for statement, told in ATTACKS:
            sql = statement.replace("{folder}", str(attacked.parent))
            begin = time.monotonic()
            with pytest.raises(SqlFault, match=told):
                await connector.query(sql)
            slowest = max(slowest, time.monotonic() - begin)
            assert fingerprint(attacked) == before, statement
        assert slowest < 1.5
        assert (await connector.query("SELECT count(*) FROM Artist")).rows == [[275]]
        await connector.close()

    async def test_the_engine_refuses_what_the_guard_would_let_through(
        self, attacked: Path, fingerprint: Fingerprint
    ) -> None:
        connector = Sql("shop", attacked, timeout=0.5)
        before = fingerprint(attacked)
        for statement, _ in ATTACKS:
            sql = statement.replace("{folder}", str(attacked.parent))
            try:
                page = await connector.engine.run(Query((sql,)), skip=0, rows=5)
            except Exception:  # noqa: BLE001, S112 - which one it is, other tests ask
                continue
            finally:
                assert fingerprint(attacked) == before, statement
            shown = json.dumps(page.rows)
            assert "CREATE TABLE" not in shown
            assert str(attacked.parent) not in shown
        await connector.close()

    async def test_there_are_many(self) -> None:
        assert len(ATTACKS) >= 60
        assert len(QUERIES) >= 30


class TestQueries:
    async def test_results_equal_the_bare_drivers(self, chinook: Path, shop: Sql) -> None:
        bare = sqlite3.connect(f"{chinook.as_uri()}?mode=ro", uri=True)
        for sql in QUERIES:
            cursor = bare.execute(sql.rstrip(";"))
            expected = [list(row) for row in cursor.fetchmany(200)]
            result = await shop.query(sql)
            labels = [column[0] for column in cursor.description]
            assert len(result.columns) == len(labels)
            for label, expected_label in zip(result.columns, labels, strict=True):
                if expected_label.isidentifier():  # others are the expression's text, which is written anew
                    assert label == expected_label, sql
            assert result.rows == [[plain(cell) for cell in row] for row in expected], sql
        bare.close()

    async def test_the_first_question_of_the_issue(self, chinook: Path, connect: Ask) -> None:
        client = await connect(chinook, "chinook")
        reply = await client.call_tool("chinook_query", {"sql": "select Name from Artist order by ArtistId limit 3"})
        assert reply.data == {
            "columns": ["Name"],
            "rows": [["AC/DC"], ["Accept"], ["Aerosmith"]],
            "truncated": False,
            "next": None,
        }
        assert text_of(reply) == "Name\nAC/DC\nAccept\nAerosmith"

    async def test_cursors_give_every_row_once(self, chinook: Path, connect: Ask) -> None:
        client = await connect(chinook, max_rows=100)
        seen, cursor, pages = [], None, 0
        while True:
            arguments = {"sql": "SELECT ArtistId FROM Artist ORDER BY 1", "limit": 90}
            reply = await client.call_tool("shop_query", arguments | ({"cursor": cursor} if cursor else {}))
            seen += [row[0] for row in reply.data["rows"]]
            pages += 1
            cursor = reply.data["next"]
            assert reply.data["truncated"] == (cursor is not None)
            if cursor is None:
                break
            assert f"cursor={cursor}" in text_of(reply)
        assert seen == list(range(1, 276))
        assert pages == 4

    async def test_limits_of_a_page(self, chinook: Path, connect: Ask) -> None:
        client = await connect(chinook, max_rows=100, max_bytes=5000)
        reply = await client.call_tool("shop_query", {"sql": "SELECT ArtistId FROM Artist"})
        assert len(reply.data["rows"]) == 100
        wide = await client.call_tool("shop_query", {"sql": "SELECT * FROM Track"})
        assert wide.data["truncated"]
        assert len(json.dumps(wide.data["rows"])) < 6000
        assert "100" in await refusal(client, "shop_query", sql="SELECT 1", limit=101)
        assert "1" in await refusal(client, "shop_query", sql="SELECT 1", limit=0)

    async def test_foreign_cursors_are_refused(self, chinook: Path, connect: Ask) -> None:
        client = await connect(chinook)
        reply = await client.call_tool("shop_query", {"sql": "SELECT Name FROM Artist", "limit": 1})
        other = await refusal(client, "shop_query", sql="SELECT Name FROM Genre", cursor=reply.data["next"])
        assert other == "shop: this cursor belongs to another statement: repeat the sql it came from, unchanged"
        assert "no cursor of a query of yours" in await refusal(client, "shop_query", sql="SELECT 1", cursor="1")

    async def test_cells_lose_nothing(self, make_database: MakeDatabase, connect: Ask) -> None:
        path = make_database(
            "CREATE TABLE t (a)",
            "INSERT INTO t VALUES (9007199254740993), (x'00ff'), (9e999), (NULL), ('tab\there')",
            "INSERT INTO t VALUES (CAST(x'41ff42' AS TEXT))",
            "INSERT INTO t VALUES (printf('%.70000c', 'x')), (zeroblob(70000)), ('2024-02-29'), (1.5), ('NULL')",
        )
        client = await connect(path)
        reply = await client.call_tool("shop_query", {"sql": "SELECT a FROM t ORDER BY rowid"})
        cells = [row[0] for row in reply.data["rows"]]
        assert cells[:6] == ["9007199254740993", {"base64": "AP8="}, "Infinity", None, "tab\there", "A\ufffdB"]
        assert cells[6] == "x" * 65536 + "… [cut: 70000 bytes in all]"
        assert cells[7]["cut"] == "70000 bytes in all"
        assert len(cells[7]["base64"]) < 90_000
        assert cells[8:] == ["2024-02-29", 1.5, "NULL"]
        lines = text_of(reply).split("\n")
        assert lines[1:6] == ["9007199254740993", "base64:AP8=", "Infinity", "NULL", "tab\\there"]
        assert lines[-1] == "\\NULL"

    @pytest.mark.parametrize(
        ("sql", "told"),
        [
            ("SELECT Nme FROM Artist", "shop: no such column: Nme - did you mean Name?"),
            ("SELECT * FROM Artists", "shop: no such table: Artists at column 15: did you mean Artist?"),
            (
                "SELECT Name FROM Artist WHERE",
                "shop: syntax error at column 25, near 'WHERE'",
            ),
        ],
    )
    async def test_mistakes_are_answered_with_the_right_name(
        self, chinook: Path, connect: Ask, sql: str, told: str
    ) -> None:
        client = await connect(chinook)
        assert await refusal(client, "shop_query", sql=sql) == told

    async def test_a_table_made_a_moment_ago_is_found(self, make_database: MakeDatabase) -> None:
        path = make_database("CREATE TABLE t (a)")
        connector = Sql("shop", path)
        await connector.start()
        writer = sqlite3.connect(path)
        writer.execute("CREATE TABLE u (a)")
        writer.execute("INSERT INTO u VALUES (1)")
        writer.commit()
        assert (await connector.query("SELECT * FROM u")).rows == [[1]]
        writer.execute("DROP TABLE u")
        with pytest.raises(SqlFault, match="no such table: u"):
            await connector.query("SELECT * FROM u")
        with pytest.raises(SqlFault, match="no such table: u at column 15"):
            await connector.query("SELECT * FROM u")
        writer.close()
        await connector.close()

    async def test_checked_statements_are_remembered_within_bounds(self, shop: Sql) -> None:
        for number in range(300):
            assert (await shop.query(f"SELECT {number}")).rows == [[number]]
        remembered = shop.gate._guard._passed  # type: ignore[union-attr]  # noqa: SLF001
        assert len(remembered) == 256
        assert next(iter(remembered))[1] == "SELECT 44"

    async def test_many_at_one_time(self, shop: Sql) -> None:
        results = await asyncio.gather(*(shop.query(f"SELECT count(*) + {n} FROM Track") for n in range(30)))
        assert [result.rows[0][0] for result in results] == [3503 + n for n in range(30)]


def plain(value: Any) -> Any:
    return {"base64": "AP8="} if isinstance(value, bytes) else value


class TestDescribing:
    async def test_all_tables(self, chinook: Path, connect: Ask) -> None:
        client = await connect(chinook)
        reply = await client.call_tool("shop_describe", {})
        assert reply.data["columns"] == ["table", "columns", "rows"]
        assert reply.data["rows"][0] == ["Album", 3, 347]
        assert text_of(reply).splitlines()[:3] == ["table|columns|rows", "Album|3|347", "Artist|2|275"]

    async def test_one_table(self, chinook: Path, connect: Ask) -> None:
        client = await connect(chinook)
        reply = await client.call_tool("shop_describe", {"table": "track"})
        assert reply.data["table"] == "Track"
        assert reply.data["columns"][0] == ["TrackId", "INTEGER", "primary key"]
        assert reply.data["rows"] == 3503
        assert "sample" not in reply.data
        full = await client.call_tool("shop_describe", {"table": "track", "detail": True})
        assert len(full.data["sample"]["rows"]) == 3
        assert "index on (AlbumId)" in text_of(full)
        assert "AlbumId INTEGER -> Album.AlbumId" in text_of(reply)
        told = await refusal(client, "shop_describe", table="Trck")
        assert told == "shop: no such table: Trck: did you mean Track?"
        assert "shop_describe lists" in await refusal(client, "shop_describe", table="xyzzy")
        assert "no such table" in await refusal(client, "shop_describe", table="sqlite_schema")

    async def test_an_empty_database(self, tmp_path: Path, connect: Ask) -> None:
        (tmp_path / "empty.db").touch()
        client = await connect(tmp_path / "empty.db")
        reply = await client.call_tool("shop_describe", {})
        assert text_of(reply) == "The database shop is empty: it has no tables."
        assert reply.data["rows"] == []
        assert await client.list_resources() == []

    async def test_views_and_broken_ones(self, make_database: MakeDatabase, connect: Ask) -> None:
        path = make_database(
            "CREATE TABLE t (a)", "CREATE VIEW v AS SELECT a FROM t", "CREATE VIEW broken AS SELECT * FROM gone"
        )
        client = await connect(path)
        assert text_of(await client.call_tool("shop_describe", {"table": "v"})).startswith("v (view, rows: 0)")
        broken = await client.call_tool("shop_describe", {"table": "broken"})
        assert text_of(broken).startswith("broken (view): it can't be read")
        assert "gone" not in text_of(await client.call_tool("shop_describe", {}))
        assert "it refers to what is missing" in await refusal(client, "shop_query", sql="SELECT * FROM broken")


class TestResources:
    async def test_every_table_is_listed_and_read(self, chinook: Path, connect: Ask) -> None:
        client = await connect(chinook)
        listed = await client.list_resources()
        assert [resource.uri for resource in listed][:2] == ["sql://shop/Album", "sql://shop/Artist"]
        for resource in listed:
            (reply,) = await client.read_resource(resource.uri)
            data = json.loads(reply.text)
            assert reply.mime_type == "application/json"
            assert data["table"] == resource.name
            assert len(data["sample"]["rows"]) == 3
            assert {"columns", "rows", "indexes"} <= set(data)

    async def test_odd_names(self, make_database: MakeDatabase, connect: Ask) -> None:
        names = [
            "Order Details",
            "a/b",
            "100%",
            'say "hi"',
            "naïve 日本",
            "x?y#z",
            "semi;colon",
            "per%2Fcent",
            "..",
            "a+b",
        ]
        quoted = ['"' + name.replace('"', '""') + '"' for name in names]
        path = make_database(*(f"CREATE TABLE {name} (a)" for name in quoted))
        client = await connect(path)
        listed = {resource.name: resource.uri for resource in await client.list_resources()}
        assert set(listed) == set(names)
        assert listed["a/b"] == "sql://shop/a%2Fb"
        assert listed["Order Details"] == "sql://shop/Order%20Details"
        for name, quoted_name in zip(names, quoted, strict=True):
            (reply,) = await client.read_resource(listed[name])
            assert json.loads(reply.text)["table"] == name
            reply = await client.call_tool("shop_query", {"sql": f"SELECT * FROM {quoted_name}"})
            assert reply.data["columns"] == ["a"]

    async def test_unknown_and_hidden_tables_are_not_found(self, attacked: Path, connect: Ask) -> None:
        client = await connect(attacked)
        for table in ("Nope", "sqlite_schema", "notes_content", "shapes_node", "sqlite_sequence"):
            with pytest.raises(ServerFault, match="Resource not found"):
                await client.read_resource(f"sql://shop/{table}")
        names = {resource.name for resource in await client.list_resources()}
        assert {"notes", "shapes", "numbered"} <= names
        assert not any(name.startswith(("notes_", "shapes_", "sqlite_")) for name in names)


class TestTrouble:
    async def test_a_missing_file_is_one_sentence_everywhere(self, tmp_path: Path, connect: Ask) -> None:
        path = tmp_path / "made.db"
        client = await connect(path)
        sentence = "the database file is not there: it was moved or deleted, or never made"
        assert await refusal(client, "shop_query", sql="SELECT 1") == f"shop: {sentence}"
        assert await refusal(client, "shop_describe") == f"shop: {sentence}"
        with pytest.raises(ServerFault, match="the database file is not there"):
            await client.read_resource("sql://shop/t")
        assert await client.list_resources() == []
        sqlite3.connect(path).close()
        path.touch()
        assert (await client.call_tool("shop_query", {"sql": "SELECT 1"})).data["rows"] == [[1]]

    async def test_health(self, tmp_path: Path, chinook: Path) -> None:
        well = Sql("shop", chinook)
        assert await well.health() is None
        await well.close()
        (tmp_path / "no.db").write_text("certainly no database, but long enough to look like one" * 20)
        unwell = Sql("shop", tmp_path / "no.db")
        assert await unwell.health() == "the file is no SQLite database, or it is encrypted"
        await unwell.close()

    async def test_locked_while_describing(self, make_database: MakeDatabase) -> None:
        path = make_database("CREATE TABLE t (a)")
        connector = Sql("shop", path, timeout=1)
        await connector.start()
        writer = sqlite3.connect(path, isolation_level=None)
        writer.execute("BEGIN EXCLUSIVE")
        for question in (connector.describe_all(), connector.describe("t"), connector.query("SELECT * FROM t")):
            with pytest.raises(SqlFault, match="locked by another program"):
                await question
        writer.close()
        await connector.close()

    async def test_a_cancelled_call_frees_its_place(self, chinook: Path) -> None:
        connector = Sql("shop", chinook, timeout=30, pool={"size": 1})
        endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
        call = asyncio.ensure_future(connector.query(endless))
        await asyncio.sleep(0.3)
        begin = time.monotonic()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert (await connector.query("SELECT 1")).rows == [[1]]
        assert time.monotonic() - begin < 2
        await connector.close()

    async def test_serving_leaves_the_file_and_its_folder_as_they_are(
        self, attacked: Path, fingerprint: Fingerprint, connect: Ask
    ) -> None:
        before = fingerprint(attacked)
        client = await connect(attacked)
        await client.call_tool("shop_describe", {})
        await client.call_tool("shop_query", {"sql": "SELECT * FROM Track ORDER BY Name"})
        assert fingerprint(attacked) == before

    async def test_a_server_can_be_left_and_entered_again(self, chinook: Path) -> None:
        server = Server("test")
        server.connect(Sql("shop", chinook))
        for _ in range(2):
            async with Client(server) as client:
                assert (await client.call_tool("shop_query", {"sql": "SELECT 1"})).data["rows"] == [[1]]


class TestSettings:
    @pytest.mark.parametrize("name", ["", "1a", "a b", "a/b", "ä", "a" * 65])
    def test_names(self, name: str) -> None:
        with pytest.raises(UsageError, match="can't be used: begin with a letter"):
            Sql(name, "x.db")

    @pytest.mark.parametrize(
        ("setting", "told"),
        [
            ({"timeout": 0}, "seconds"),
            ({"max_rows": 0}, "rows"),
            ({"max_bytes": 1}, "shop.max_bytes: expected a size such as"),
            ({"pool": {"size": "two"}}, "size"),
        ],
    )
    def test_limits(self, setting: dict[str, Any], told: str) -> None:
        with pytest.raises(UsageError, match=told):
            Sql("shop", "x.db", **setting)

    def test_urls(self) -> None:
        with pytest.raises(UsageError, match=r"connector 'shop': .*gopher"):
            Sql("shop", "gopher://host/db")

    async def test_tools_say_what_they_are(self, chinook: Path, connect: Ask) -> None:
        client = await connect(chinook)
        tools = {tool.name: tool for tool in await client.list_tools()}
        assert set(tools) == {"shop_query", "shop_describe", "shop_explain"}
        for tool in tools.values():
            assert tool.annotations.read_only_hint is True
            assert tool.description
            assert all("description" in each for each in tool.input_schema["properties"].values())
        assert tools["shop_query"].input_schema["required"] == ["sql"]
