"""DuckDB's lists: no function that reads files, whatever an extension may call it."""

import re

import pytest

from dragoman.connectors.sql.dialects import DUCKDB


def test_table_functions_read_no_files() -> None:
    assert {"generate_series", "range", "unnest", "json_each", "json_tree"} == DUCKDB.table_functions
    assert not {name for name in DUCKDB.functions if name.endswith(("_scan", "_metadata", "_objects"))}


@pytest.mark.parametrize(
    ("kind", "is_text"), [("VARCHAR", True), ("INTEGER", False), ("VARCHAR[]", False), ("BLOB", False)]
)
def test_what_is_a_text(kind: str, is_text: bool) -> None:
    assert bool(re.search(DUCKDB.masks.text, kind, re.IGNORECASE)) is is_text
