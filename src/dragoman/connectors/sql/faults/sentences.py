"""What agents are told when a statement fails: one sentence out of a closed vocabulary (invariant P21).

An engine's own words may hold values of the database, so they are never passed on. What is told of them is a
name that stands in the statement itself, filled into a sentence of ours, and the known names most like it.

Each dialect has a table in the module of this folder that has its name, `TABLE`: patterns of what its engine puts
into an `EngineFault` of kind `statement` (PostgreSQL, MySQL: SQLSTATE, a space, the message), tried in their order on
the whole of it, and the sentence. The sentences of `_HINTS` get the nearest known names behind them.
"""

import functools
import importlib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from dragoman.connectors.sql.catalog import Relation, fold, nearest
from dragoman.connectors.sql.dialects import Dialect
from dragoman.connectors.sql.engines.engine import EngineFault, FaultKind, SqlLimits
from dragoman.connectors.sql.guard import Statement

MOST_NAMES = 40


class Names(Protocol):
    """The relations whose names may be told: those that callers see."""

    @property
    def relations(self) -> Mapping[str, Relation]:
        """By some key, each relation."""

    def find(self, name: str) -> Relation | None:
        """Return the relation of this name, or None."""

    def nearest_relations(self, name: str) -> list[str]:
        """Return the names most like this one."""


_SENTENCES: dict[FaultKind, str] = {
    "refused": "the database refused the statement: only queries over its own tables with allowed functions run",
    "timeout": "the statement was stopped after {seconds:g} seconds: ask for less, or filter by an indexed column",
    "memory": "the statement needs more memory than the {memory} it may take: ask for less, or aggregate fewer rows",
    "scratch": "the statement needs too much temporary space for sorting: filter more, or sort less",
    "too_big": "a value is larger than {value}: select other columns, or a part of it",
    "wide_row": "one row alone is larger than the {result} a result may have: select fewer columns",
    "missing": "the database file is not there: it was moved or deleted, or never made",
    "not_file": "the database is no regular file",
    "forbidden": "the server may not read the database file: its permissions forbid it",
    "not_database": "the file is no {title} database, or it is encrypted",
    "corrupt": "the database file is damaged: restore it from a backup",
    "locked": "the database is locked by another program: try again in a moment",
    "cannot_open": "the database can't be opened; one in WAL mode needs a folder the server may write to, or a "
    "program that has it open",
    "recovery": "another program was stopped in the middle of a write: the database must be opened once for "
    "writing before it can be read",
    "input_output": "reading the database file failed: the disk or its file system reports an error",
    "old_library": "the SQLite library of this Python is too old: 3.37 or newer is needed",
    "unreachable": "the database server can't be reached: it is down, or its address is wrong; it is tried again with "
    "the next call",
    "login": "the database server refuses the login of this connector: an administrator must check it",
    "away": "the connection to the database broke in the middle: nothing was changed; try again",
    "crowded": "the database server takes no more connections: try again in a moment",
    "lost": "the statement made the database engine end: nothing was changed, and other statements are served",
    "busy": "too many statements are waiting already: try again in a moment",
}


def sentence(
    fault: EngineFault, statement: Statement | None, catalog: Names | None, dialect: Dialect, limits: SqlLimits
) -> str:
    """Return what an agent is told about a fault.

    Args:
        fault: what the engine raised.
        statement: what it was running, or None.
        catalog: what callers see of the database, or None when that is not known.
        dialect: whose functions are proposed.
        limits: the limits that the sentence names.
    """
    if fault.kind == "statement":
        if statement is None or catalog is None:
            return "the database did not answer: its schema can't be read"
        return _about_statement(fault.message, statement, catalog, dialect)
    return _SENTENCES[fault.kind].format(
        seconds=limits.seconds,
        memory=_size(limits.memory_bytes),
        value=_size(limits.value_bytes),
        result=_size(limits.result_bytes),
        title=dialect.title,
    )


def _about_statement(message: str, statement: Statement, catalog: Names, dialect: Dialect) -> str:
    for pattern, text in _table(dialect.name):
        found = pattern.fullmatch(message)
        if found is None:
            continue
        words = [word or "" for word in found.groups()]
        if not all(word.isdigit() or _stands_in(word, statement.sql) for word in words):
            return "the statement can't be run: something that it uses, perhaps through a view, is missing or wrong"
        told = text.format(*words)
        hint = _HINTS.get(text)
        return told + (hint(words[0], statement, catalog, dialect) if hint else "")
    return "the database could not run the statement: check functions, types and names"


@functools.cache
def _table(dialect: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    """Return the patterns of a dialect; none where it has no table."""
    try:
        module = importlib.import_module(f"dragoman.connectors.sql.faults.{dialect}")
    except ModuleNotFoundError:
        return ()
    return tuple((re.compile(pattern, re.DOTALL), text) for pattern, text in module.TABLE)


def _stands_in(word: str, sql: str) -> bool:
    """Whether a word of an error is the agent's own: only then it may be repeated."""
    folded = fold(sql)
    return all(part.strip('"`[]') in folded for part in fold(word).split("."))


def _about_column(name: str, statement: Statement, catalog: Names, _dialect: Dialect) -> str:
    """Return the columns most like a name, of the statement's relations first; else where there is such a one."""
    column = name.rpartition(".")[2]
    relations = [relation for name in statement.relations if (relation := catalog.find(name)) is not None]
    own = list(dict.fromkeys(each.name for relation in relations for each in relation.columns))
    near = nearest(column, own)
    if near:
        return f" - did you mean {' or '.join(near)}?"
    elsewhere = [
        relation.name
        for relation in catalog.relations.values()
        if any(fold(each.name) == fold(column) for each in relation.columns)
    ]
    if elsewhere:
        return f" - it is a column of {', '.join(elsewhere[:3])}"
    return f" - the columns are {_list(own)}" if own else ""


def _about_table(name: str, _statement: Statement, catalog: Names, dialect: Dialect) -> str:
    if fold(name) in dialect.table_functions:
        return f" - this build of {dialect.title} lacks it"
    near = catalog.nearest_relations(name.rpartition(".")[2])
    return f" - did you mean {' or '.join(near)}?" if near else ""


def _about_function(name: str, _statement: Statement, _catalog: Names, dialect: Dialect) -> str:
    foreign = dialect.foreign_functions.get(fold(name))
    if foreign is None and fold(name) in dialect.functions:
        return f" - this build of {dialect.title} lacks it"
    near = [foreign] if foreign else nearest(name, dialect.functions)
    return f" - did you mean {' or '.join(near)}?" if near else ""


_HINTS: dict[str, Callable[[str, Statement, Names, Dialect], str]] = {
    "no such column: {0}": _about_column,
    "no such table: {0}": _about_table,
    "no such function: {0}": _about_function,
}


def _list(names: Iterable[str]) -> str:
    names = list(names)
    more = "" if len(names) <= MOST_NAMES else f" and {len(names) - MOST_NAMES} more"
    return ", ".join(names[:MOST_NAMES]) + more


def _size(number: int) -> str:
    """Return a number of bytes for people."""
    for unit, size in (("MB", 10**6), ("kB", 10**3)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number} bytes"
