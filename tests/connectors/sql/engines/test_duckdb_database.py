"""The second lock, asked what the guard would never let through, and database files that come and go."""

import asyncio
import hashlib
import os
import shutil
import sys
import time
from pathlib import Path

import duckdb
import pytest

from tests.connectors.sql.attacks import DUCKDB
from tests.connectors.sql.servers.duckdb_engines import Make, ask, cells, fault
from tests.connectors.sql.test_attacks import CALLER, every_answer, shop_of


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_blob('/etc/*')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM glob('/*')",
        "SELECT * FROM sniff_csv('/etc/passwd')",
        "SELECT * FROM 'https://127.0.0.1:9/x.parquet'",
        "SELECT * FROM read_parquet('s3://bucket/x.parquet')",
        "SELECT * FROM sqlite_scan('/tmp/x.db', 't')",
        "COPY Artist TO '/tmp/dragoman-out.csv'",
        "COPY (SELECT 1) TO '/tmp/dragoman-out.csv'",
        "EXPORT DATABASE '/tmp/dragoman-out'",
        "ATTACH '/tmp/dragoman-out.db'",
        "ATTACH ':memory:' AS m",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "SET memory_limit = '8GB'",
        "RESET enable_external_access",
        "SET VARIABLE x = 1",
        "PRAGMA enable_profiling",
        "CALL pragma_version()",
        "CREATE TABLE x (a INT)",
        "CREATE TEMP TABLE x (a INT)",
        "CREATE SECRET s (TYPE s3)",
        "INSERT INTO Genre VALUES (99, 'x')",
        "WITH x AS (INSERT INTO Genre VALUES (99, 'x') RETURNING *) SELECT * FROM x",
        "DELETE FROM Genre",
        "UPDATE Genre SET Name = 'x'",
        "DROP TABLE Genre",
        "CHECKPOINT",
        "BEGIN",
        "COMMIT",
        "VACUUM",
        "SELECT 1; DELETE FROM Genre",
        "SELECT 1) ; DELETE FROM Genre ; SELECT (1",
    ],
)
@pytest.mark.parametrize("kind", ["database", "files"])
async def test_the_engine_itself_refuses(
    duckdb_engines: Make, duckdb_shop: Path, tmp_path: Path, kind: str, statement: str
) -> None:
    data = tmp_path / "Genre.csv"
    data.write_text("GenreId,Name\n1,Rock\n")
    engine = duckdb_engines() if kind == "database" else duckdb_engines({"Genre": data})
    before = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (duckdb_shop, data)]
    refused = await fault(engine, statement)
    assert refused.kind in ("refused", "statement")
    assert not [name for name in os.listdir("/tmp") if name.startswith("dragoman-out")]  # noqa: PTH208, S108
    assert [hashlib.sha256(path.read_bytes()).hexdigest() for path in (duckdb_shop, data)] == before
    assert (await cells(engine, "SELECT Name FROM Genre WHERE GenreId = 1")) == ["Rock"]


async def test_data_files_can_be_read_and_not_written(duckdb_engines: Make, tmp_path: Path) -> None:
    data, other = tmp_path / "data.csv", tmp_path / "other.csv"
    for path in (data, other):
        path.write_text("id\n1\n")
    engine = duckdb_engines({"data": data})
    assert await cells(engine, "SELECT id FROM data") == [1]
    assert (await fault(engine, f"SELECT * FROM read_csv('{other}')")).kind == "refused"
    assert (await fault(engine, f"SELECT * FROM read_csv('{tmp_path}/*.csv')")).kind == "refused"
    assert (await fault(engine, f"SELECT * FROM read_csv('{tmp_path}/data.csv/../other.csv')")).kind == "refused"
    for options in ("", "(USE_TMP_FILE false)"):
        assert (await fault(engine, f"COPY (SELECT 2 AS id) TO '{data}' {options}")).kind == "refused"
    assert data.read_text() == "id\n1\n"


async def test_nothing_of_a_statement_is_left_for_the_next_one(duckdb_engines: Make) -> None:
    engine = duckdb_engines(parallel=1)
    await ask(engine, "SELECT setseed(0.5)")
    first = await cells(engine, "SELECT random()")
    await ask(engine, "SELECT setseed(0.5)")
    assert await cells(engine, "SELECT random()") != first


async def test_attacks_show_nothing_hidden(duckdb_shop: Path) -> None:
    # In that one, an artist is called like a customer whom nobody may see.
    table = [attack for attack in DUCKDB if "POSITIONAL" not in attack.sql]
    assert await every_answer(shop_of(duckdb_shop, '"'), table) == []


async def test_a_plan_does_not_depend_on_rows_that_a_filter_holds_back(duckdb_shop: Path) -> None:
    shop = shop_of(duckdb_shop, '"')
    plans = [
        await shop.explain(f"SELECT City FROM Customer WHERE CustomerId = {number}", principal=CALLER)
        for number in (14, 59, 60, 10**6)
    ]
    assert len(set(plans)) == 1
    assert plans[0].rows is None
    await shop.close()


async def test_a_database_file_goes_and_comes_back(duckdb_engines: Make, duckdb_shop: Path, tmp_path: Path) -> None:
    path = tmp_path / "moving.duckdb"
    engine = duckdb_engines(path)
    assert (await fault(engine, "SELECT 1")).kind == "missing"
    shutil.copy(duckdb_shop, path)
    assert await cells(engine, "SELECT count(*) FROM Artist") == [275]
    path.unlink()
    assert (await fault(engine, "SELECT 1")).kind == "missing"
    with duckdb.connect(str(path)) as writer:
        writer.execute("CREATE TABLE other (a INT)")
    assert list((await engine.catalog(fresh=True)).relations) == ["other"]


@pytest.mark.parametrize(
    "content", [b"", b"garbage", b"SQLite format 3\0" + bytes(5000), bytes(8) + b"DUCK" + bytes(9000)]
)
async def test_a_file_that_is_no_database(duckdb_engines: Make, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "no.duckdb"
    path.write_bytes(content)
    assert (await fault(duckdb_engines(path), "SELECT 1")).kind in (
        "not_database",
        "input_output",
        "corrupt",
        "cannot_open",
    )
    assert path.read_bytes() == content


async def test_a_folder_is_no_database(duckdb_engines: Make, tmp_path: Path) -> None:
    assert (await fault(duckdb_engines(tmp_path), "SELECT 1")).kind == "not_file"


async def test_writers_get_in_a_moment_after_the_last_statement(
    duckdb_engines: Make, duckdb_shop: Path, tmp_path: Path
) -> None:
    path = tmp_path / "shared.duckdb"
    shutil.copy(duckdb_shop, path)
    engine = duckdb_engines(path)
    assert await cells(engine, "SELECT count(*) FROM Genre") == [25]
    script = f"import duckdb; duckdb.connect({str(path)!r}).execute(\"INSERT INTO Genre VALUES (99, 'New')\")"
    end = time.monotonic() + 10
    while (await run_python(script)) != 0:
        assert time.monotonic() < end
        await asyncio.sleep(0.2)
    assert await cells(engine, "SELECT count(*) FROM Genre") == [26]


async def run_python(script: str) -> int:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stderr=asyncio.subprocess.DEVNULL)
    return await process.wait()


async def test_a_database_that_another_program_writes_is_locked(
    duckdb_engines: Make, duckdb_shop: Path, tmp_path: Path
) -> None:
    path = tmp_path / "busy.duckdb"
    shutil.copy(duckdb_shop, path)
    writer = duckdb.connect(str(path))
    engine = duckdb_engines(path)
    assert (await fault(engine, "SELECT 1")).kind == "locked"
    writer.close()
    assert await cells(engine, "SELECT 1") == [1]
