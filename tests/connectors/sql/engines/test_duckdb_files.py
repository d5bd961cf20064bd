"""Data files as tables: their names, their columns, and what happens when they change."""

from pathlib import Path

import duckdb
import pytest

from dragoman import Sql
from dragoman.connectors.sql.catalog import Count
from dragoman.connectors.sql.engines.duckdb_files import table_name, tables_of
from dragoman.connectors.sql.engines.engine import Query, Scan, SqlFault
from dragoman.connectors.sql.faults.duckdb import TABLE
from tests.connectors.sql.faults.matching import told
from tests.connectors.sql.servers.duckdb_engines import Make, ask, cells, fault


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    (tmp_path / "sales.csv").write_text("id;amount;day\n1;2,5;2024-01-31\n2;4,0;2024-02-29\n")
    (tmp_path / "staff.jsonl").write_text(
        '{"id": 1, "name": "Ada", "tags": ["x"]}\n{"id": 2, "name": null, "tags": []}\n'
    )
    (tmp_path / "list.json").write_text('[{"id": 1}, {"id": 2}, {"id": 3}]')
    with duckdb.connect() as writer:
        writer.execute(f"COPY (SELECT 1 AS id, DATE '2024-01-01' AS day) TO '{tmp_path}/days.parquet'")
    return {path.stem: path for path in tmp_path.iterdir()}


async def test_data_files_are_tables(duckdb_engines: Make, files: dict[str, Path]) -> None:
    engine = duckdb_engines(files)
    catalog = await engine.catalog()
    assert {name: [column.type for column in each.columns] for name, each in catalog.relations.items()} == {
        "days": ["INTEGER", "DATE"],
        "list": ["BIGINT"],
        "sales": ["BIGINT", "VARCHAR", "DATE"],
        "staff": ["BIGINT", "VARCHAR", "VARCHAR[]"],
    }
    assert {each.kind for each in catalog.relations.values()} == {"table"}
    sql = "SELECT name, tags, s.day FROM staff JOIN sales s USING (id) JOIN list USING (id) ORDER BY id"
    assert (await ask(engine, sql)).rows == [["Ada", ["x"], "2024-01-31"], [None, [], "2024-02-29"]]
    assert await engine.counts([catalog.relations["list"]]) == [Count(3, exact=True)]
    plan = await engine.explain(Query(("SELECT count(*) FROM sales",)))
    assert plan.scans == (Scan("sales", None),)
    assert str(files["sales"].parent) not in plan.text


async def test_a_changed_file_is_seen_by_the_next_statement(duckdb_engines: Make, files: dict[str, Path]) -> None:
    engine = duckdb_engines(files, parallel=1)
    assert await cells(engine, "SELECT max(id) FROM sales") == [2]
    before = (await engine.catalog()).version
    with files["sales"].open("a") as more:
        more.write("7;1,0;2024-03-01\n")
    assert await cells(engine, "SELECT max(id) FROM sales") == [7]
    assert (await engine.catalog(fresh=True)).version == before
    files["sales"].write_text("name\nother\n")
    assert await cells(engine, "SELECT * FROM sales") == ["other"]
    assert (await engine.catalog()).version != before


async def test_a_file_that_is_missing_is_said_and_costs_no_other_table(
    duckdb_engines: Make, files: dict[str, Path]
) -> None:
    engine = duckdb_engines(files)
    content = files["sales"].read_text()
    assert await cells(engine, "SELECT count(*) FROM sales") == [2]
    files["sales"].unlink()
    missing = await fault(engine, "SELECT * FROM sales")
    assert told(TABLE, missing.message) == "the file of table sales is not there, or is no longer what its name says"
    assert await cells(engine, "SELECT count(*) FROM list") == [3]
    catalog = await engine.catalog(fresh=True)
    assert not catalog.relations["sales"].readable
    files["sales"].write_text(content)
    assert await cells(engine, "SELECT count(*) FROM sales") == [2]
    assert (await engine.catalog(fresh=True)).relations["sales"].readable
    for path in files.values():
        path.unlink()
    assert (await fault(engine, "SELECT 1")).kind == "missing"


async def test_a_connector_of_files_says_which_is_missing(files: dict[str, Path]) -> None:
    shop = Sql("data", files={name: str(path) for name, path in files.items()})
    assert await shop.health() is None
    files["sales"].unlink()
    with pytest.raises(SqlFault, match="sales"):
        await shop.query("SELECT * FROM sales")
    assert (await shop.query("SELECT count(*) FROM list")).rows == [[3]]
    await shop.close()


async def test_a_row_that_does_not_fit_is_told_without_its_values(tmp_path: Path) -> None:
    path = tmp_path / "late.csv"
    lines = "".join(f"{number},x\n" for number in range(3_000_000))
    path.write_text(f"id,name\n{lines}secret,y\n")
    shop = Sql("late", files=(str(path),))
    with pytest.raises(SqlFault, match="a row of a data file does not fit") as caught:
        await shop.query("SELECT max(id) FROM late")
    await shop.close()
    assert "secret" not in str(caught.value)


async def test_a_mask_covers_a_data_file(files: dict[str, Path]) -> None:
    shop = Sql("data", files=(str(files["staff"]),), tables={"staff": {"mask": {"name": "partial"}, "rows": "id = 1"}})
    assert (await shop.query("SELECT id, name FROM staff")).rows == [[1, "***"]]
    await shop.close()


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("sales.csv", "sales"),
        ("Sales 2024-01.csv", "Sales_2024_01"),
        ("2024.parquet", "t_2024"),
        ("naïve.json", "naïve"),
        ("---.csv", "data"),
        ("a" * 100 + ".csv", "a" * 63),
        ("x.y.csv", "x_y"),
    ],
)
def test_names_of_tables(name: str, table: str) -> None:
    assert table_name(Path(name)) == table


def test_patterns_and_names(files: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    assert tables_of([f"{tmp_path}/*"]) == dict(sorted(files.items()))
    assert tables_of({"one": str(files["sales"])}) == {"one": files["sales"]}
    assert tables_of(["gone.csv"]) == {"gone": Path("gone.csv").absolute()}


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (("none/*.csv",), "'none/.*' fits no file that can be a table"),
        (("a.txt",), "a.txt' is no file that can be a table: there are .parquet, .csv"),
        (("x/a.csv", "y/A.json"), "both make the table 'A': name them yourself"),
        ({"x": "a*.csv"}, "takes \\* and \\? in a name for a pattern"),
        ({"sqlite_x": "a.csv"}, "can't make a table called 'sqlite_x'"),
        ({"": "a.csv"}, "can't make a table called ''"),
        (tuple(f"a{number}.csv" for number in range(501)), "501 files are too many"),
    ],
)
def test_what_can_be_no_table(files: tuple[str, ...] | dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        tables_of(files)


async def test_what_stands_in_names_and_heads_is_no_sql(duckdb_engines: Make, tmp_path: Path) -> None:
    odd = {"a": "it's.csv", "b": "a[1].csv", "c": "a]b{}.jsonl"}
    (tmp_path / "a1.csv").write_text("id\n9\n")
    head = "x'}) UNION ALL SELECT getenv('HOME') --"
    (tmp_path / "it's.csv").write_text(f'id,"{head}"\n1,2\n')
    (tmp_path / "a[1].csv").write_text("id\n2\n")
    (tmp_path / "a]b{}.jsonl").write_text('{"i\'d": 3}\n')
    engine = duckdb_engines({table: tmp_path / name for table, name in odd.items()})
    page = await ask(engine, "SELECT * FROM a")
    assert (page.columns, page.rows) == (["id", head], [[1, 2]])
    assert await cells(engine, "SELECT id FROM b") == [2]
    assert (await ask(engine, "SELECT * FROM c")).columns == ["i'd"]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("1,2\n3,4\n", [[1, 2], [3, 4]]),
        ("a|b\n1|x\n", [[1, "x"]]),
        ("a\tb\n1\tx\n", [[1, "x"]]),
        ("a,b\n1,'x, y'\n2,'z'\n", [[1, "x, y"], [2, "z"]]),
        ('a,b\n1,"x ""y"""\n', [[1, 'x "y"']]),
        ("a,b\n31/12/2024,x\n", [["2024-12-31", "x"]]),
        ("a,b\n2024-12-31 10:00:00,x\n", [["2024-12-31T10:00:00", "x"]]),
        ("a,b\n,x\n1,\n", [[None, "x"], [1, None]]),
        ("a,b\r\n1,x\r\n", [[1, "x"]]),
        ("\ufeffa,b\n1,é\n", [[1, "é"]]),
    ],
)
async def test_forms_of_csv(duckdb_engines: Make, tmp_path: Path, text: str, rows: list[list[object]]) -> None:
    path = tmp_path / "form.csv"
    path.write_text(text, newline="")
    assert (await ask(duckdb_engines({"form": path}), "SELECT * FROM form")).rows == rows


async def test_files_that_are_not_what_their_names_say_cost_their_own_tables(
    duckdb_engines: Make, tmp_path: Path
) -> None:
    for name, content in (("a.csv", b"id,name\n1,caf\xe9\n"), ("b.parquet", b"PAR1 and nothing"), ("c.json", b"{no")):
        (tmp_path / name).write_bytes(content)
    (tmp_path / "good.csv").write_text("id\n1\n")
    engine = duckdb_engines(tables_of([f"{tmp_path}/*"]))
    readable = {name: each.readable for name, each in (await engine.catalog()).relations.items()}
    assert readable == {"good": True, "a": False, "b": False, "c": False}
    assert await cells(engine, "SELECT id FROM good") == [1]
    for table in "abc":
        assert told(TABLE, (await fault(engine, f"SELECT * FROM {table}")).message).startswith(
            f"the file of table {table}"
        )


async def test_quotes_further_down_in_a_file_are_understood(duckdb_engines: Make, tmp_path: Path) -> None:
    path = tmp_path / "quotes.csv"
    path.write_text("id,name\n" + "1,x\n" * 5_000_000 + '2,"a, b"\n')
    engine = duckdb_engines({"quotes": path}, seconds=20)
    assert await cells(engine, "SELECT name FROM quotes WHERE id = 2") == ["a, b"]
