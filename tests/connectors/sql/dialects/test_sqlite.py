"""The allow-lists against the engine and the parser that they are about."""

import sqlite3

from dragoman.connectors.sql.dialects import SQLITE

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


def test_proposed_functions_are_allowed() -> None:
    for proposed in SQLITE.foreign_functions.values():
        word = proposed.split("(")[0]
        assert word in SQLITE.functions or word == "LIKE or GLOB"
