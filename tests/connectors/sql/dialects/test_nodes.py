"""What no list of any dialect may hold: nodes that change something, functions that reach beyond the data."""

import pytest
from sqlglot import exp

from dragoman.connectors.sql.dialects import DUCKDB, MYSQL, POSTGRESQL, SQLITE, Dialect
from dragoman.connectors.sql.dialects.nodes import OPERATORS, RELATIONAL

ALL = (SQLITE, POSTGRESQL, MYSQL, DUCKDB)

# Beginnings of names that no list may hold, whatever the dialect.
FORBIDDEN = (
    "pg_", "lo_", "lo", "dblink", "query", "set_config", "setval", "nextval", "currval", "lastval", "current_setting",
    "current_user", "session_user", "current_database", "version", "sleep", "benchmark", "get_lock", "release_",
    "load_", "read_", "write", "sniff", "glob", "getenv", "getvariable", "duckdb_", "pragma_", "sqlite_", "table_to",
    "ts_stat", "crosstab", "xpath", "xml", "extractvalue", "updatexml", "name_const", "has_", "inet_server", "to_reg",
    "txid_", "user", "database", "schema", "connection_id", "last_insert", "found_rows", "row_count", "sys_", "copy",
    "setseed", "dragoman_",
)  # fmt: skip
HARMLESS = {"log", "log10", "log2", "lower", "lower_inc", "lower_inf", "localtime", "localtimestamp", "locate",
            "querytree", "glob"}  # fmt: skip


@pytest.mark.parametrize("dialect", ALL, ids=lambda dialect: dialect.name)
def test_no_list_holds_what_reaches_beyond_the_data(dialect: Dialect) -> None:
    every = dialect.functions | dialect.table_functions
    assert not {name for name in every - HARMLESS if name.startswith(FORBIDDEN)}
    assert "glob" not in dialect.table_functions


@pytest.mark.parametrize("dialect", ALL, ids=lambda dialect: dialect.name)
def test_nodes_are_classes_of_the_parser_and_change_nothing(dialect: Dialect) -> None:
    classes = [getattr(exp, name) for name in dialect.nodes]
    changing = (exp.DML, exp.DDL, exp.Command, exp.Into, exp.Lock, exp.Pragma, exp.Attach, exp.Set, exp.CurrentUser)
    assert not [node for node in classes if issubclass(node, changing) and not issubclass(node, exp.Query)]


def test_the_nodes_of_all_are_in_each() -> None:
    assert all(dialect.nodes >= RELATIONAL | OPERATORS for dialect in ALL)
