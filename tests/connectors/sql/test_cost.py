"""The cost gate: why a plan is too dear, and what would make it cheap."""

import pytest

from dragoman.connectors.sql.catalog import Column, Count, Details, Index, Relation
from dragoman.connectors.sql.cost import advice, compared_columns, is_limited, names_behind, only_seen, reasons, veiled
from dragoman.connectors.sql.engines.engine import Plan, Scan
from dragoman.connectors.sql.settings import CostSettings

PLAN = Plan("SCAN t", 5000.0, 120.5, (Scan("t", 5000.0), Scan("u", 10.0), Scan("v", None)))


def column(name: str, key: int = 0) -> Column:
    return Column(name, "", nullable=True, default=None, key=key)


TABLE = Relation("t", "table", (column("Id", 1), column("Name"), column("Price")))
DETAILS = {
    "t": Details((), (Index("i", ("Name",), unique=False), Index("j", ("Secret",), unique=False)), Count(1, exact=True))
}


def test_without_limits_nothing_is_too_dear() -> None:
    assert not is_limited(CostSettings())
    assert reasons(PLAN, CostSettings()) == []
    assert is_limited(CostSettings(max_cost=0.5))


def test_each_limit_is_a_reason() -> None:
    assert reasons(PLAN, CostSettings(full_scan_rows=4999)) == [
        "reads t from end to end (5000 rows, where at most 4999 may be read so)"
    ]
    assert reasons(PLAN, CostSettings(full_scan_rows=5000)) == []
    assert reasons(PLAN, CostSettings(max_rows=4999)) == ["expects to read 5000 rows (at most 4999 are allowed)"]
    assert reasons(PLAN, CostSettings(max_cost=100)) == ["has cost 120 (at most 100 is allowed)"]
    assert reasons(Plan("", None, None, ()), CostSettings(max_rows=1, max_cost=1, full_scan_rows=1)) == []


def test_advice_names_indexes_that_are_there_and_ones_that_would_help() -> None:
    told = advice("select * from t where price > 3 and lower(Secret) = 'x'", "sqlite", [TABLE], DETAILS)
    assert told == "filter t by an indexed column (Name, Id); an index of t on Price would help"
    assert advice("select 1", "sqlite", [], {}) == "filter more, or aggregate fewer rows"


def test_compared_columns() -> None:
    assert compared_columns("select a from t join u on t.B = u.b where C in (1)", "sqlite") == ["b", "c"]
    assert compared_columns("select (", "sqlite") == []
    assert compared_columns("select 1 from t, u", "sqlite") == []


def test_names_behind_aliases() -> None:
    sql = "select * from Track t join main.Album as a using (AlbumId) where exists (select 1 from Genre t)"
    assert names_behind(sql, "sqlite") == {"t": ["Track", "Genre"], "a": ["main.Album"]}
    assert names_behind("select (", "sqlite") == {}


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ("SEARCH Customer USING INDEX by_secret (Secret=? AND rowid>?)", "SEARCH Customer using an index"),
        ("SCAN a USING COVERING INDEX of x (y)", "SCAN a using an index"),
        ("SEARCH c USING INTEGER PRIMARY KEY (rowid=?)", "SEARCH c USING INTEGER PRIMARY KEY"),
        (
            "  Index Scan using by_fax on Customer (filtered): 3 rows, cost 1,203",
            "  Index Scan using an index on Customer (filtered)",
        ),
        ("Seq Scan on Customer (filtered): 59 rows, cost 3", "Seq Scan on Customer (filtered)"),
        ("Hash Join (Left): 1 rows, cost 3", "Hash Join (Left)"),
        (
            "Lookup (ref) on Customer using by_fax (filtered): 1 rows",
            "Lookup (ref) on Customer using an index (filtered)",
        ),
        ("Limit", "Limit"),
    ],
)
def test_a_plan_without_what_a_policy_hides(step: str, told: str) -> None:
    assert veiled(f"{step}\n{step}") == f"{told}\n{told}"


@pytest.mark.parametrize(
    "step",
    [
        "SCAN {}", "SEARCH {} USING INDEX x (a=?)", "SCAN {} VIRTUAL TABLE INDEX 1:", "SEARCH {} LEFT-JOIN",
        "CO-ROUTINE {}", "BLOOM FILTER ON {} (Id=?)", "  Seq Scan on {} (filtered): 59 rows, cost 3",
        "  Index Scan using a b on {} (filtered): 1 rows, cost 2", "  Scan of an index on {} using x: 3 rows",
        "  Seq scan on {}", "Lookup (ref) on {} using KEY (filtered): 1 rows",
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["Salaries", "Pay Rolls"])
def test_a_plan_names_no_relation_that_is_not_seen(step: str, name: str) -> None:
    text = f"Limit: 9 rows, cost 1\n{step.format(name)}"
    assert only_seen(text, lambda one: one == name) is None
    told = only_seen(text, lambda one: one != name)
    assert told is not None
    assert name not in told
    assert "a part of it" in told


def test_steps_that_read_no_relation_are_told() -> None:
    text = """SCAN 3 CONSTANT ROWS
SCAN CONSTANT ROW
SCAN (subquery-2)
Function Scan on generate_series(): 1,000 rows, cost 3
Scan on <derived2> (filtered): 59 rows
USE TEMP B-TREE FOR ORDER BY
Hash Join (Left): 3 rows, cost 4
Materialize"""
    assert only_seen(text, lambda _: False) is None
