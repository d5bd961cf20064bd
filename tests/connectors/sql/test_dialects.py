"""The allow-lists against the engine and the parser that they are about."""

import sqlite3

import pytest
from sqlglot import exp

from dragoman.connectors.sql.dialects import DUCKDB, MYSQL, POSTGRESQL, SQLITE, Dialect
from tests.connectors.sql.servers import PostgreSQL

# Functions of newer or larger builds of SQLite than the one at hand may be.
NOT_EVERYWHERE = {
    "concat", "concat_ws", "if", "generate_series", "iif", "json_error_position", "json_pretty", "median", "mod",
    "octet_length", "percentile", "percentile_cont", "percentile_disc", "regexp", "string_agg", "timediff", "unhex",
    "unistr", "matchinfo", "offsets", "highlight", "bm25",
}  # fmt: skip
DANGEROUS = {
    "changes", "fts3_tokenizer", "fts5", "last_insert_rowid", "load_extension", "optimize", "rtreecheck", "rtreedepth",
    "rtreenode", "sqlite_compileoption_get", "sqlite_compileoption_used", "sqlite_log", "sqlite_offset",
    "sqlite_source_id", "sqlite_version", "subtype", "total_changes", "fts5_source_id",
}  # fmt: skip


def functions_of_the_engine() -> set[str]:
    connection = sqlite3.connect(":memory:")
    names = {name for (name,) in connection.execute("SELECT DISTINCT name FROM pragma_function_list")}
    connection.close()
    return names


def test_allowed_functions_exist() -> None:
    missing = SQLITE.functions - functions_of_the_engine() - NOT_EVERYWHERE
    assert not {name for name in missing if not name.startswith("jsonb")}


def test_every_function_of_the_engine_is_allowed_or_known_to_be_dangerous() -> None:
    unjudged = functions_of_the_engine() - SQLITE.functions - DANGEROUS
    assert not {name for name in unjudged if not name.startswith(("geopoly", "sqlite_"))}


def test_nothing_dangerous_is_allowed() -> None:
    assert not DANGEROUS & (SQLITE.functions | SQLITE.table_functions)


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


def test_functions_of_postgresql_are_its_own_and_never_change_anything(postgresql: PostgreSQL) -> None:
    volatile = {row[0] for row in postgresql.execute("SELECT proname FROM pg_proc WHERE provolatile = 'v'")}
    assert (POSTGRESQL.functions | POSTGRESQL.table_functions) & volatile == {
        "clock_timestamp", "gen_random_uuid", "random", "timeofday",
    }  # fmt: skip
    definers = {row[0] for row in postgresql.execute("SELECT proname FROM pg_proc WHERE prosecdef")}
    assert not POSTGRESQL.functions & definers


def test_allowing_more_functions() -> None:
    assert "sqlite_version" in SQLITE.allowing(("SQLITE_version",)).functions
    assert SQLITE.allowing(()).functions == SQLITE.functions


def test_proposed_functions_are_allowed() -> None:
    for proposed in SQLITE.foreign_functions.values():
        word = proposed.split("(")[0]
        assert word in SQLITE.functions or word == "LIKE or GLOB"
