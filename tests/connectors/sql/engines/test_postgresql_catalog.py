"""Plans as PostgreSQL tells them; what its catalogs say is tried in `test_postgresql`."""

from typing import Any

from dragoman.connectors.sql.catalog import Catalog, Relation
from dragoman.connectors.sql.engines.engine import Scan
from dragoman.connectors.sql.engines.postgresql_catalog import called, plan

KNOWN = Catalog("1", {"track": Relation("Track", "table", (), rows=3503)}, frozenset())


def node(kind: str, rows: int, *children: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"Node Type": kind, "Plan Rows": rows, "Total Cost": 10.6, "Plans": list(children), **more}


def test_a_plan_has_its_steps_and_none_of_its_expressions() -> None:
    told = plan(
        [
            {
                "Plan": node(
                    "Hash Join",
                    7,
                    node("Seq Scan", 5, **{"Relation Name": "Track", "Filter": "(email = 'a@b.example')"}),
                    node("Index Scan", 2, **{"Relation Name": "Album", "Index Name": "Album_pkey"}),
                    **{"Join Type": "Left", "Hash Cond": "(secret)"},
                )
            }
        ],
        KNOWN,
    )
    assert told.text.splitlines() == [
        "Hash Join (Left): 7 rows, cost 11",
        "  Seq Scan on Track (filtered): 5 rows, cost 11",
        "  Index Scan using Album_pkey on Album: 2 rows, cost 11",
    ]
    assert told.scans == (Scan("Track", 3503.0),)
    assert told.rows == 3505
    assert told.cost == 10.6


def test_rows_that_a_join_makes_count_as_read() -> None:
    told = plan([{"Plan": node("Nested Loop", 10**12, node("Function Scan", 1000, **{"Function Name": "f"}))}], KNOWN)
    assert told.rows == 10**12
    assert "Function Scan on f()" in told.text


def test_relations_of_other_schemas_are_called_with_them() -> None:
    assert called("public", "t", ("public", "extra")) == "t"
    assert called("extra", "t", ("public", "extra")) == "extra.t"
