"""The worker's own parts in this process, and its confinement in a process of its own."""

import io
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.connectors.sql.dialects import SQLITE
from dragoman.connectors.sql.engines import sqlite_worker
from dragoman.connectors.sql.engines.sqlite_cells import encode, encode_reply
from dragoman.connectors.sql.engines.sqlite_worker import (
    Database,
    Refusal,
    answer,
    kind_of,
    read_frame,
    serve,
    write_frame,
)
from tests.connectors.sql.conftest import MakeDatabase

LIMITS = {
    "seconds": 2.0,
    "cell_bytes": 100,
    "value_bytes": 100_000,
    "count_seconds": 1.0,
    "lock_seconds": 0.1,
}
RUN: dict[str, Any] = {
    "operation": "run", "arguments": [], "skip": 0, "rows": 10, "seconds": 2.0, "result_bytes": 2000, "cell_bytes": 100
}  # fmt: skip
ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c WHERE x < 0"
Open = Callable[..., Database]


def settings_for(path: Path, **limits: float) -> dict[str, Any]:
    return {
        "path": str(path),
        "uri": f"{path.as_uri()}?mode=ro",
        "functions": sorted(SQLITE.functions),
        "table_functions": sorted(SQLITE.table_functions),
        "limits": {**LIMITS, **limits},
    }


@pytest.fixture
def open_database() -> Iterator[Open]:
    opened: list[Database] = []

    def make(path: Path, **limits: float) -> Database:
        opened.append(Database(settings_for(path, **limits)))
        return opened[-1]

    yield make
    for database in opened:
        database.close()


def fault_of(database: Database, operation: str, **request: Any) -> tuple[str, str]:
    reply = answer(database, {**(RUN if operation == "run" else {}), "operation": operation, **request})
    return reply["fault"]["kind"], reply["fault"]["message"]


def run(database: Database, sql: str, skip: int = 0, rows: int = 10) -> dict[str, Any]:
    sent: dict[str, Any] = json.loads(encode_reply(answer(database, {**RUN, "sql": sql, "skip": skip, "rows": rows})))
    return sent


class TestReading:
    def test_pages_skip_and_stop(self, chinook: Path, open_database: Open) -> None:
        database = open_database(chinook)
        page = run(database, "SELECT ArtistId FROM Artist ORDER BY 1", skip=3, rows=2)
        assert (page["columns"], page["rows"], page["more"]) == (["ArtistId"], [[4], [5]], True)
        last = run(database, "SELECT ArtistId FROM Artist ORDER BY 1", skip=274, rows=2)
        assert (last["rows"], last["more"]) == ([[275]], False)
        beyond = run(database, "SELECT ArtistId FROM Artist", skip=5000)
        assert (beyond["rows"], beyond["more"]) == ([], False)

    def test_results_are_cut_at_whole_rows(self, chinook: Path, open_database: Open) -> None:
        page = run(open_database(chinook), "SELECT * FROM Track", rows=1000)
        assert page["more"]
        assert 1 < len(page["rows"]) < 100
        assert len(encode(page["rows"])) <= RUN["result_bytes"]

    def test_one_row_above_the_limit_is_a_fault(self, chinook: Path, open_database: Open) -> None:
        sql = "SELECT " + ", ".join(["printf('%.90c', 'x')"] * 40)
        assert fault_of(open_database(chinook), "run", sql=sql, skip=0, rows=1) == ("wide_row", "")

    @pytest.mark.parametrize(
        ("sql", "kind"),
        [
            ("DELETE FROM Artist", "refused"),
            ("ATTACH ':memory:' AS x", "refused"),
            ("PRAGMA query_only = 0", "refused"),
            ("PRAGMA page_size = 512", "refused"),
            ("CREATE TEMP TABLE x (a)", "refused"),
            ("SELECT * FROM sqlite_master", "refused"),
            ("SELECT count(*) FROM sqlite_master", "refused"),
            ("SELECT 1 FROM sqlite_schema", "refused"),
            ("SELECT load_extension('x')", "refused"),
            ("SELECT sqlite_version()", "refused"),
            ("SELECT * FROM pragma_table_list", "refused"),
            ("SELECT 1; SELECT 2", "refused"),
            ("SELECT ?", "refused"),
            ("SELECT 1\0", "refused"),
            ("SELECT '\ud800'", "refused"),
            ("-- nothing", "refused"),
            ("SELECT * FROM dbstat", "statement"),
            ("SELECT nope FROM Artist", "statement"),
            ("SELECT zeroblob(100001)", "too_big"),
            ("VACUUM INTO '/nowhere/copy.db'", "refused"),
            ("BEGIN", "refused"),
            ("SAVEPOINT x", "refused"),
            ("REINDEX", "refused"),
            ("ANALYZE", "refused"),
            ("EXPLAIN DELETE FROM Artist", "refused"),
        ],
    )
    def test_the_second_lock_holds_alone(self, chinook: Path, open_database: Open, sql: str, kind: str) -> None:
        database = open_database(chinook)
        assert fault_of(database, "run", sql=sql, skip=0, rows=1)[0] == kind
        assert run(database, "SELECT count(*) FROM Artist")["rows"] == [[275]]

    def test_relations_of_the_statement_itself_may_be_counted(self, chinook: Path, open_database: Open) -> None:
        page = run(open_database(chinook), "WITH c AS (SELECT 1) SELECT count(*) FROM c")
        assert page["rows"] == [[1]]

    def test_time_is_limited(self, chinook: Path, open_database: Open) -> None:
        database = open_database(chinook)
        begin = time.monotonic()
        assert fault_of(database, "run", sql=ENDLESS, seconds=0.3)[0] == "timeout"
        assert time.monotonic() - begin < 1.3
        assert run(database, "SELECT 1")["rows"] == [[1]]

    def test_a_memory_error_is_a_fault_and_the_connection_is_made_anew(
        self, chinook: Path, open_database: Open
    ) -> None:
        database = open_database(chinook)
        agent, _ = database.connections()

        def exhaust(_cursor: sqlite3.Cursor, _row: tuple[object, ...]) -> object:
            raise MemoryError

        agent.row_factory = exhaust
        assert fault_of(database, "run", sql="SELECT Name FROM Artist", skip=0, rows=1)[0] == "memory"
        assert run(database, "SELECT Name FROM Artist", rows=1)["rows"] == [["AC/DC"]]


class TestFiles:
    def test_missing_directories_and_pipes(self, tmp_path: Path, open_database: Open) -> None:
        assert fault_of(open_database(tmp_path / "gone.db"), "catalog") == ("missing", "")
        assert fault_of(open_database(tmp_path), "catalog") == ("not_file", "")
        os.mkfifo(tmp_path / "pipe")
        assert fault_of(open_database(tmp_path / "pipe"), "catalog") == ("not_file", "")
        (tmp_path / "file").write_text("x")
        assert fault_of(open_database(tmp_path / "file" / "below"), "catalog") == ("missing", "")

    def test_no_database(self, tmp_path: Path, open_database: Open) -> None:
        path = tmp_path / "secret.db"
        path.write_bytes(os.urandom(8192))
        assert fault_of(open_database(path), "catalog")[0] == "not_database"

    def test_damaged(self, make_database: MakeDatabase, open_database: Open) -> None:
        path = make_database(
            "CREATE TABLE t (a)", *[f"INSERT INTO t VALUES (hex(randomblob({n})))" for n in range(2000)]
        )
        content = bytearray(path.read_bytes())
        content[4096:] = os.urandom(len(content) - 4096)
        path.write_bytes(content)
        assert fault_of(open_database(path), "run", sql="SELECT sum(length(a)) FROM t", skip=0, rows=1)[0] == "corrupt"

    def test_forbidden(self, make_database: MakeDatabase, open_database: Open) -> None:
        path = make_database("CREATE TABLE t (a)")
        path.chmod(0)
        if os.access(path, os.R_OK):
            pytest.skip("this user may read everything")
        assert fault_of(open_database(path), "catalog") == ("forbidden", "")

    def test_locked(self, make_database: MakeDatabase, open_database: Open) -> None:
        path = make_database("CREATE TABLE t (a)")
        writer = sqlite3.connect(path, isolation_level=None)
        writer.execute("BEGIN EXCLUSIVE")
        database = open_database(path)
        assert fault_of(database, "catalog")[0] == "locked"
        writer.execute("ROLLBACK")
        assert run(database, "SELECT * FROM t")["rows"] == []
        writer.close()

    def test_a_journal_left_by_a_dead_writer(self, make_database: MakeDatabase, open_database: Open) -> None:
        path = make_database("CREATE TABLE t (a)")
        program = (
            "import os, sqlite3, sys\n"
            "c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
            "c.execute('PRAGMA cache_size = 1')\n"
            "c.execute('BEGIN')\n"
            "c.executemany('INSERT INTO t VALUES (?)', [('x' * 3000,)] * 200)\n"
            "os._exit(0)\n"
        )
        subprocess.run([sys.executable, "-c", program, str(path)], check=True)
        assert path.with_name(path.name + "-journal").stat().st_size > 512
        before = path.read_bytes()
        assert fault_of(open_database(path), "run", sql="SELECT * FROM t", skip=0, rows=1)[0] == "recovery"
        assert path.read_bytes() == before

    def test_wal_that_cannot_be_opened(self, make_database: MakeDatabase, open_database: Open) -> None:
        path = make_database("PRAGMA journal_mode = WAL", "CREATE TABLE t (a)")
        path.with_name(path.name + "-shm").mkdir()
        path.with_name(path.name + "-wal").mkdir()
        assert fault_of(open_database(path), "catalog")[0] == "cannot_open"

    def test_wal_with_a_writer(self, make_database: MakeDatabase, open_database: Open) -> None:
        path = make_database("PRAGMA journal_mode = WAL", "CREATE TABLE t (a)")
        writer = sqlite3.connect(path, isolation_level=None)
        database = open_database(path)
        for number in range(3):
            writer.execute("INSERT INTO t VALUES (?)", (number,))
            assert run(database, "SELECT count(*) FROM t")["rows"] == [[number + 1]]
        writer.close()

    def test_replaced_and_deleted_while_serving(self, make_database: MakeDatabase, open_database: Open) -> None:
        path = make_database("CREATE TABLE t (a)", "INSERT INTO t VALUES (1)")
        database = open_database(path)
        assert run(database, "SELECT a FROM t")["rows"] == [[1]]
        other = make_database("CREATE TABLE t (a)", "INSERT INTO t VALUES (2)", name="other.sqlite")
        other.rename(path)
        assert run(database, "SELECT a FROM t")["rows"] == [[2]]
        path.unlink()
        assert fault_of(database, "run", sql="SELECT a FROM t", skip=0, rows=1) == ("missing", "")

    def test_an_old_library_is_refused(
        self, chinook: Path, open_database: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 36, 0))
        assert fault_of(open_database(chinook), "catalog")[0] == "old_library"


class TestSchema:
    def test_every_kind_of_relation(self, make_database: MakeDatabase, open_database: Open) -> None:
        path = make_database(
            "CREATE TABLE plain (id INTEGER PRIMARY KEY, a TEXT NOT NULL DEFAULT 'x', b AS (id + 1))",
            "CREATE TABLE keyed (k TEXT PRIMARY KEY, v) WITHOUT ROWID",
            "CREATE TABLE auto (id INTEGER PRIMARY KEY AUTOINCREMENT)",
            "CREATE VIEW seen AS SELECT a, upper(a) AS u FROM plain",
            "CREATE VIEW broken AS SELECT * FROM gone",
            "CREATE VIRTUAL TABLE notes USING fts5(title, body)",
            "CREATE VIRTUAL TABLE old USING fts4(body)",
            "CREATE VIRTUAL TABLE shapes USING rtree(id, x0, x1)",
            "INSERT INTO notes VALUES ('one', 'hello world')",
            "INSERT INTO old VALUES ('hello world')",
            "INSERT INTO shapes VALUES (1, 0, 2)",
            "PRAGMA writable_schema = ON",
            "INSERT INTO sqlite_schema VALUES ('table', 'alien', 'alien', 0, 'CREATE VIRTUAL TABLE alien USING no(a)')",
        )
        database = open_database(path)
        catalog = answer(database, {"operation": "catalog"})
        found = {each["name"]: each for each in catalog["relations"]}
        assert list(found) == ["alien", "auto", "broken", "keyed", "notes", "old", "plain", "seen", "shapes"]
        assert [name for name, each in found.items() if not each["readable"]] == ["alien", "broken"]
        assert {each["kind"] for each in found.values()} == {"table", "view", "virtual"}
        assert [each["name"] for each in found["notes"]["columns"]] == ["title", "body"]
        assert found["plain"]["columns"] == [
            {"name": "id", "type": "INTEGER", "nullable": False, "default": None, "key": 1},
            {"name": "a", "type": "TEXT", "nullable": False, "default": "'x'", "key": 0},
            {"name": "b", "type": "", "nullable": True, "default": None, "key": 0},
        ]
        assert {"sqlite_schema", "sqlite_sequence", "notes_content", "shapes_node"} <= set(catalog["hidden"])
        for sql, rows in {
            "SELECT title, snippet(notes, 1, '[', ']', '...', 4) FROM notes WHERE notes MATCH 'hel*'": [
                ["one", "[hello] world"]
            ],
            "SELECT count(*) FROM old WHERE body MATCH 'world'": [[1]],
            "SELECT id FROM shapes WHERE x0 < 1": [[1]],
            "SELECT * FROM json_each('[7]')": [[0, 7, "integer", 7, 1, None, "$[0]", "$"]],
            "SELECT count(*) FROM seen": [[0]],
        }.items():
            assert run(database, sql).get("rows") == rows, sql
        assert fault_of(database, "run", sql="SELECT * FROM broken", skip=0, rows=1)[0] == "statement"

    def test_descriptions(self, chinook: Path, make_database: MakeDatabase, open_database: Open) -> None:
        described = answer(open_database(chinook), {"operation": "describe", "name": "InvoiceLine"})
        assert described["foreign_keys"] == [
            {"columns": ["InvoiceId"], "table": "Invoice", "references": ["InvoiceId"]},
            {"columns": ["TrackId"], "table": "Track", "references": ["TrackId"]},
        ]
        assert [each["columns"] for each in described["indexes"]] == [["InvoiceId"], ["TrackId"]]
        assert described["count"] == {"rows": 2240, "exact": True}
        path = make_database(
            "CREATE TABLE p (a, b, PRIMARY KEY (a, b))",
            "CREATE TABLE c (a, b, d, FOREIGN KEY (a, b) REFERENCES p)",
            "CREATE UNIQUE INDEX i ON c (d, lower(a))",
        )
        described = answer(open_database(path), {"operation": "describe", "name": "c"})
        assert described["foreign_keys"] == [{"columns": ["a", "b"], "table": "p", "references": []}]
        assert described["indexes"] == [{"name": "i", "columns": ["d", "(expression)"], "unique": True}]

    def test_slow_views_and_large_tables_are_estimated(self, make_database: MakeDatabase, open_database: Open) -> None:
        path = make_database(
            f"CREATE VIEW endless AS {ENDLESS}",
            "CREATE TABLE t (a)",
            "CREATE INDEX i ON t (a)",
            "INSERT INTO t VALUES (1), (2), (3)",
            "CREATE TABLE analyzed (a)",
            "CREATE INDEX j ON analyzed (a)",
            "INSERT INTO analyzed VALUES (1), (2)",
            "ANALYZE analyzed",
            "CREATE VIEW unsafe AS SELECT load_extension('x') AS a",
        )
        database = open_database(path, count_seconds=0.2)
        described = answer(database, {"operation": "describe", "name": "endless"})
        assert described["count"] == {"rows": None, "exact": False}
        described = answer(database, {"operation": "describe", "name": "unsafe"})
        assert described["count"]["rows"] is None
        names = ["t", "endless", "analyzed", "t"]
        counts = answer(database, {"operation": "counts", "names": names})["counts"]
        assert counts[0] == {"rows": 3, "exact": True}
        assert counts[1] == {"rows": None, "exact": False}
        assert counts[2] == {"rows": 2, "exact": False}  # out of time: from statistics
        assert counts[3] == {"rows": 3, "exact": False}  # out of time: from the largest rowid

    def test_a_schema_that_changes_is_learnt_again(self, make_database: MakeDatabase, open_database: Open) -> None:
        path = make_database("CREATE TABLE t (a)", "CREATE VIRTUAL TABLE notes USING fts5(a)")
        database = open_database(path)
        first = answer(database, {"operation": "catalog"})
        writer = sqlite3.connect(path, isolation_level=None)
        writer.execute("CREATE VIRTUAL TABLE more USING fts5(a)")
        writer.execute("INSERT INTO more VALUES ('hello')")
        assert run(database, "SELECT count(*) FROM more WHERE more MATCH 'hello'")["rows"] == [[1]]
        assert run(database, "SELECT count(*) FROM notes WHERE notes MATCH 'hello'")["rows"] == [[0]]
        second = answer(database, {"operation": "catalog"})
        assert first["version"] != second["version"]
        writer.close()

    def test_a_change_in_the_very_moment_is_tried_once_more(
        self, make_database: MakeDatabase, open_database: Open
    ) -> None:
        path = make_database("CREATE TABLE t (a)")
        database = open_database(path)
        _, schema = database.connections()
        assert not database.changed()
        writer = sqlite3.connect(path, isolation_level=None)
        calls = []

        def run_late(*, sql: str) -> dict[str, Any]:
            calls.append(sql)
            agent, _ = database.connections()
            if len(calls) == 1:
                writer.execute("CREATE TABLE u (a)")
            return {"rows": agent.execute(sql).fetchall()}

        database.run = run_late  # type: ignore[method-assign, assignment]
        assert answer(database, {"operation": "run", "sql": "SELECT a FROM u"}) == {"rows": []}
        assert len(calls) == 2
        database.close()
        assert not database.changed()
        assert schema is not None
        writer.close()

    def test_faults_of_the_schema_are_not_hidden(self, make_database: MakeDatabase, open_database: Open) -> None:
        path = make_database("CREATE VIEW broken AS SELECT * FROM gone", "CREATE TABLE t (a)")
        database = open_database(path)
        database.connections()
        writer = sqlite3.connect(path, isolation_level=None)
        writer.execute("BEGIN EXCLUSIVE")
        for operation, request in (
            ("describe", {"name": "t"}),
            ("counts", {"names": ["t"]}),
            ("catalog", {}),
        ):
            assert fault_of(database, operation, **request)[0] == "locked"
        writer.close()

    def test_large_views_are_no_reason_to_refuse_the_database(
        self, make_database: MakeDatabase, open_database: Open
    ) -> None:
        deep = " + ".join(["a"] * 300)
        path = make_database("CREATE TABLE t (a)", f"CREATE VIEW deep AS SELECT {deep} AS b FROM t")
        database = open_database(path)
        assert run(database, "SELECT count(*) FROM t")["rows"] == [[0]]


WORDS = (
    "select from where ( ) , ; * 1 'x' t a b on join with recursive c as union all delete insert into "
    "values update set drop table create temp view trigger pragma query_only = 0 attach detach vacuum "
    "begin commit rollback savepoint sqlite_schema sqlite_master notes notes_content load_extension ( 'x' "
    ") explain query plan replace returning reindex analyze alter rename to add column writable_schema "
    "journal_mode wal . main -- /* */ exists in is null"
).split()
BEGINNINGS = (
    "", "select", "delete from t", "insert into t values (1)", "update t set a = 1", "drop table t", "pragma",
    "attach ':memory:' as x", "create temp table x (a)", "with c as (select 1)", "explain", "begin", "vacuum",
)  # fmt: skip


class TestAnyStatement:
    @given(st.sampled_from(BEGINNINGS), st.lists(st.sampled_from(WORDS), max_size=15))
    def test_nothing_changes_the_file_or_the_connection(
        self, tmp_path_factory: pytest.TempPathFactory, beginning: str, words: list[str]
    ) -> None:
        path = self.database(tmp_path_factory)
        before = path.read_bytes()
        database = Database(settings_for(path))
        reply = answer(database, {**RUN, "sql": " ".join([beginning, *words]), "seconds": 0.5})
        assert "rows" in reply or reply["fault"]["kind"] in ("refused", "statement", "timeout", "too_big")
        assert path.read_bytes() == before
        assert [each.name for each in path.parent.iterdir()] == [path.name]
        agent, _ = database.connections()
        assert agent.total_changes == 0
        assert not agent.in_transaction
        database.close()

    @staticmethod
    def database(factory: pytest.TempPathFactory) -> Path:
        path = factory.getbasetemp() / "any" / "made.sqlite"
        if not path.exists():
            path.parent.mkdir()
            connection = sqlite3.connect(path)
            connection.execute("CREATE TABLE t (a, b)")
            connection.execute("INSERT INTO t VALUES (1, 'x')")
            connection.execute("CREATE VIRTUAL TABLE notes USING fts5(a)")
            connection.commit()
            connection.close()
        return path


class TestFrames:
    def test_serving_ends_with_its_client(self, chinook: Path) -> None:
        source = io.BytesIO()
        write_frame(source, json.dumps(settings_for(chinook)).encode())
        write_frame(source, encode({**RUN, "sql": "SELECT 1"}))
        write_frame(source, encode({**RUN, "sql": "SELECT nope"}))
        source.seek(0)
        sink = io.BytesIO()
        serve(source, sink)
        sink.seek(0)
        assert read_frame(sink) == b"ready"
        assert json.loads(read_frame(sink) or b"")["rows"] == [[1]]
        assert json.loads(read_frame(sink) or b"")["fault"]["kind"] == "statement"
        assert read_frame(sink) is None

    def test_a_client_that_says_nothing(self) -> None:
        sink = io.BytesIO()
        serve(io.BytesIO(b"\0\0"), sink)
        assert sink.getvalue() == b""


class TestKinds:
    @pytest.mark.parametrize(
        ("code", "message", "kind"),
        [
            (sqlite3.SQLITE_IOERR_WRITE, "disk I/O error", "scratch"),
            (sqlite3.SQLITE_FULL, "database or disk is full", "scratch"),
            (sqlite3.SQLITE_IOERR_READ, "disk I/O error", "input_output"),
            (sqlite3.SQLITE_READONLY_ROLLBACK, "attempt to write a readonly database", "recovery"),
            (sqlite3.SQLITE_ERROR, "not authorized to use function: x", "refused"),
            (sqlite3.SQLITE_ERROR, "no such table: x", "statement"),
            (sqlite3.SQLITE_MISMATCH, "datatype mismatch", "statement"),
        ],
    )
    def test_result_codes(self, code: int, message: str, kind: str) -> None:
        error = sqlite3.OperationalError(message)
        error.sqlite_errorcode = code
        assert kind_of(error) == kind

    def test_pythons_own_errors(self) -> None:
        assert kind_of(sqlite3.ProgrammingError("You can only execute one statement at a time.")) == "refused"

    def test_every_kind_belongs_to_the_vocabulary(self) -> None:
        assert Refusal("wide_row").kind == "wide_row"
        assert set(sqlite_worker.KINDS.values()) <= {
            "refused", "locked", "cannot_open", "corrupt", "timeout", "input_output", "memory", "not_database",
            "forbidden", "recovery", "too_big",
        }  # fmt: skip


AS_SERVED = ("-I", "-S", sqlite_worker.__file__)
AS_MODULE = ("-m", sqlite_worker.__name__)


def start(*program: str, memory: int = 2**25, scratch: int = 2**21) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, *program, str(memory), str(scratch)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


class TestConfinement:
    @pytest.mark.parametrize("command", [AS_SERVED, AS_MODULE], ids=["served", "module"])
    def test_as_a_program(self, chinook: Path, command: tuple[str, ...]) -> None:
        settings = settings_for(chinook, value_bytes=2**24, seconds=10)
        with start(*command) as program:
            assert program.stdin is not None
            assert program.stdout is not None

            def ask(sql: str) -> dict[str, Any]:
                assert program.stdin is not None
                assert program.stdout is not None
                write_frame(program.stdin, encode({**RUN, "sql": sql, "seconds": 10, "result_bytes": 10**6}))  # type: ignore[arg-type]
                reply = read_frame(program.stdout)  # type: ignore[arg-type]
                return dict(json.loads(reply or b"{}"))

            write_frame(program.stdin, encode(settings))  # type: ignore[arg-type]
            assert read_frame(program.stdout) == b"ready"  # type: ignore[arg-type]
            wide = "SELECT " + ", ".join(["hex(zeroblob(4000000))"] * 50)
            assert ask(sql=wide)["fault"]["kind"] == "memory"
            endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) "
            grow = endless + "SELECT json_group_array(hex(x)) FROM c"
            assert ask(sql=grow)["fault"]["kind"] == "memory"
            spill = endless + "SELECT x, hex(x) || printf('%.200c', 'x') FROM c ORDER BY 2"
            assert ask(sql=spill)["fault"]["kind"] in ("scratch", "timeout")
            assert ask(sql="SELECT count(*) FROM Artist")["rows"] == [[275]]
            program.stdin.close()
            assert program.wait(10) == 0


def test_rows_that_were_measured_are_sent_as_they_were(chinook: Path, open_database: Open) -> None:
    database = open_database(chinook)
    for sql, rows in (("SELECT * FROM Track", 300), ("SELECT 1 WHERE 0", 5), ("SELECT Name FROM Genre", 3)):
        reply = answer(database, {**RUN, "sql": sql, "rows": rows, "result_bytes": 10**6})
        assert json.loads(encode_reply(reply)) == json.loads(encode(reply))
        assert reply["more"] == (rows in (300, 3))
        assert len(reply["rows"]) == (rows if reply["more"] else 0)


def test_long_and_invalid_texts_beside_plain_ones(make_database: MakeDatabase, open_database: Open) -> None:
    path = make_database("CREATE TABLE t (a)", "INSERT INTO t VALUES ('é' || printf('%.*c', 200, 'x')), ('plain')")
    database = open_database(path)
    assert run(database, "SELECT a FROM t")["rows"] == [["é" + "x" * 98 + "… [cut: 202 bytes in all]"], ["plain"]]
    mixed = run(database, "SELECT a, CAST(x'41ff' AS TEXT) FROM t ORDER BY rowid DESC", skip=1)
    assert mixed["rows"] == [["é" + "x" * 98 + "… [cut: 202 bytes in all]", "A\ufffd"]]
