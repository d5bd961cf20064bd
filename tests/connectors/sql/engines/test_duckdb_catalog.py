"""What DuckDB says of relations, keys and plans, through a worker."""

from pathlib import Path

import duckdb

from dragoman.connectors.sql.catalog import Count, ForeignKey
from dragoman.connectors.sql.engines.engine import Query, Scan
from tests.connectors.sql.servers.duckdb_engines import Make, fault


async def test_what_a_database_holds(duckdb_engines: Make) -> None:
    engine = duckdb_engines()
    catalog = await engine.catalog()
    assert len(catalog.relations) == 11
    customer, track, album = (catalog.relations[name] for name in ("customer", "track", "album"))
    assert customer.comment == "People who bought at least one track"
    assert [column.comment for column in track.columns if column.name == "Milliseconds"] == ["Length of the track"]
    assert [column.name for column in track.columns if column.key] == ["TrackId"]
    assert (track.kind, track.rows, track.schema) == ("table", 3503, "main")
    details = await engine.describe(album)
    assert details.foreign_keys == (ForeignKey(("ArtistId",), "Artist", ("ArtistId",)),)
    assert [(index.columns, index.unique) for index in details.indexes] == [
        (("AlbumId",), True),
        (("ArtistId",), False),
    ]
    assert await engine.counts([album, track]) == [Count(347, exact=True), Count(3503, exact=True)]
    assert await engine.catalog() is catalog
    assert await engine.catalog(fresh=True) == catalog


async def test_views_and_other_schemas(duckdb_engines: Make, tmp_path: Path) -> None:
    path = tmp_path / "other.duckdb"
    with duckdb.connect(str(path)) as writer:
        writer.execute("CREATE TABLE t (a INT DEFAULT 7)")
        writer.execute("CREATE VIEW v AS SELECT a FROM t")
        writer.execute("CREATE VIEW outside AS SELECT * FROM read_csv('/etc/passwd')")
        writer.execute("CREATE SCHEMA more")
        writer.execute("CREATE TABLE more.u (b INT)")
    alone = await duckdb_engines(path).catalog()
    assert {name: relation.kind for name, relation in alone.relations.items()} == {
        "t": "table", "v": "view", "outside": "view",
    }  # fmt: skip
    assert alone.relations["t"].columns[0].default == "7"
    assert not alone.relations["outside"].readable
    both = duckdb_engines(path, schemas=("main", "more"))
    assert "more.u" in (await both.catalog()).relations
    assert (await fault(both, "SELECT * FROM outside")).kind == "refused"


async def test_a_plan_names_steps_and_relations_and_no_value(duckdb_engines: Make) -> None:
    plan = await duckdb_engines().explain(
        Query(("SELECT a.Title FROM Album a JOIN Track t USING (AlbumId) WHERE t.Composer = ", ""), ("AC/DC",))
    )
    assert "Seq scan on Track" in plan.text
    assert "AC/DC" not in plan.text
    assert plan.rows == 3850
    assert set(plan.scans) == {Scan("Album", 347.0), Scan("Track", 3503.0)}
