"""What agents are told when a statement fails: one sentence out of a closed vocabulary (invariant P21).

An engine's own words may hold values of the database, so they are never passed on. What is told of them is a
name that stands in the statement itself, filled into a sentence of ours, and the known names most like it.
"""

import re
from collections.abc import Callable, Iterable

from dragoman.connectors.sql.catalog import Catalog, fold, nearest
from dragoman.connectors.sql.dialects import Dialect
from dragoman.connectors.sql.engines.engine import EngineFault, FaultKind, SqlLimits
from dragoman.connectors.sql.guard import Statement

MOST_NAMES = 40

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
    "not_database": "the file is no SQLite database, or it is encrypted",
    "corrupt": "the database file is damaged: restore it from a backup",
    "locked": "the database is locked by another program: try again in a moment",
    "cannot_open": "the database can't be opened; one in WAL mode needs a folder the server may write to, or a "
    "program that has it open",
    "recovery": "another program was stopped in the middle of a write: the database must be opened once for "
    "writing before it can be read",
    "input_output": "reading the database file failed: the disk or its file system reports an error",
    "old_library": "the SQLite library of this Python is too old: 3.37 or newer is needed",
    "lost": "the statement made the database engine end: nothing was changed, and other statements are served",
    "busy": "too many statements are waiting already: try again in a moment",
}

# What SQLite says of a statement, and what we say; {0} is filled only with words of the statement itself.
_STATEMENT: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.DOTALL), sentence)
    for pattern, sentence in (
        (r"no such column: (.+)", "no such column: {0}"),
        (r"ambiguous column name: (.+)", "ambiguous column name: {0}; write table.column"),
        (r"no such table: (.+)", "no such table: {0}"),
        (r"no such function: (.+)", "no such function: {0}"),
        (r"no such index: (.+)", "no such index: {0}"),
        (r"no such window: (.+)", "no such window: {0}"),
        (r"no such collation sequence: (.+)", "no such collation: {0}; there are BINARY, NOCASE and RTRIM"),
        (r'near "(.*)": syntax error', "syntax error near {0}"),
        (r'unrecognized token: "(.*)"', "unrecognized token: {0}"),
        (r"incomplete input", "the statement ends too early"),
        (r"wrong number of arguments to function (.+)\(\)", "wrong number of arguments to function {0}"),
        (r"misuse of (?:aliased )?aggregate(?: function|:)? (.+?)(?:\(\))?",
         "aggregate {0} can't be used here: use HAVING or a subquery"),
        (r"misuse of (?:aliased )?window function (.+?)(?:\(\))?",
         "window function {0} can't be used here: use a subquery"),
        (r"a GROUP BY clause is required before HAVING|HAVING clause on a non-aggregate query",
         "HAVING needs a GROUP BY or an aggregate"),
        (r"aggregate functions are not allowed in the GROUP BY clause", "GROUP BY can't hold aggregates"),
        (r"circular reference: (.+)", "{0} in WITH refers to itself without an end: use UNION ALL"),
        (r"table (.+) has (\d+) values for (\d+) columns", "{0} has {1} values for {2} columns"),
        (r"cannot join using column (.+) - column not present in both tables",
         "column {0} of USING is not in both tables"),
        (r"a NATURAL join may not have an ON or USING clause", "a NATURAL JOIN takes no ON or USING"),
        (r"SELECTs to the left and right of (\S+|UNION ALL) do not have the same number of result columns",
         "both sides of {0} need the same number of columns"),
        (r"all VALUES must have the same number of terms", "all rows of VALUES need the same number of values"),
        (r"sub-select returns (\d+) columns - expected (\d+)",
         "a subquery returns {0} columns where {1} is expected"),
        (r"IN\(\.\.\.\) element has (\d+) terms? - expected (\d+)",
         "an element of IN has {0} terms where {1} is expected"),
        (r"datatype mismatch", "LIMIT and OFFSET take whole numbers"),
        (r"unsupported frame specification", "the frame of a window begins after its end, or is of no known kind"),
        (r"row value misused", "a row value (a, b) can't stand here"),
        (r"\w+ (ORDER|GROUP) BY term out of range - should be between 1 and (\d+)",
         "{0} BY names a column by a number that is not between 1 and {1}"),
        (r"\w+ ORDER BY term does not match any column in the result set",
         "ORDER BY of a UNION, EXCEPT or INTERSECT must name a column of the result"),
        (r"ORDER BY clause should come after (.+) not before", "ORDER BY comes after {0}, not before"),
        (r"LIMIT clause should come after (.+) not before", "LIMIT comes after {0}, not before"),
        (r"Expression tree is too large \(maximum depth (\d+)\)",
         "an expression is more than {0} levels deep: use IN (...) instead of OR, or WITH"),
        (r"parser stack overflow", "the statement is nested too deeply: use WITH"),
        (r"too many terms in (.+) clause", "too many terms in {0}"),
        (r"too many terms in compound SELECT", "too many SELECTs in one UNION, EXCEPT or INTERSECT"),
        (r"too many columns in (.+)", "too many columns"),
        (r"too many arguments on function (.+)", "too many arguments to function {0}"),
        (r"at most (\d+) tables in a join", "at most {0} tables can be joined"),
        (r"no tables specified", "SELECT * needs a FROM"),
        (r"integer overflow", "an integer is too large: compute with real numbers, as in 1.0 * x"),
        (r"LIKE or GLOB pattern too complex", "the pattern of LIKE or GLOB is too long"),
        (r"ESCAPE expression must be a single character", "ESCAPE takes a single character"),
        (r"malformed JSON", "a value is no JSON: filter by json_valid(...)"),
        (r"JSON path error.*|bad JSON path.*", "a JSON path is malformed: it looks like '$.name[0]'"),
        (r"fts5: .*|unterminated string|malformed MATCH expression.*|unknown special query.*",
         "the pattern of MATCH is malformed: put words in double quotes, as in MATCH '\"word\"'"),
        (r"unable to use function (\w+) in the requested context",
         "{0} works only on a full-text table and its columns"),
        (r"DISTINCT (?:aggregates must have exactly one argument|is not supported for window functions)",
         "DISTINCT in a function takes exactly one argument and no window"),
        (r"no such module: (.+)|vtable constructor failed: (.+)", "a table of the statement can't be read here"),
        (r"recursive (?:reference|aggregate|.*)",
         "a recursive WITH must name itself once, after UNION ALL, without aggregates"),
        (r"multiple recursive references: (.+)", "a recursive WITH may name itself only once"),
        (r"unsafe use of (.+)", "a view uses a function that is not safe: it can't be read"),
    )
)  # fmt: skip


def sentence(
    fault: EngineFault, statement: Statement | None, catalog: Catalog | None, dialect: Dialect, limits: SqlLimits
) -> str:
    """Return what an agent is told about a fault.

    Args:
        fault: what the engine raised.
        statement: what it was running, or None.
        catalog: what the database holds, or None when that is not known.
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
    )


def _about_statement(message: str, statement: Statement, catalog: Catalog, dialect: Dialect) -> str:
    for pattern, text in _STATEMENT:
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


def _stands_in(word: str, sql: str) -> bool:
    """Whether a word of an error is the agent's own: only then it may be repeated."""
    folded = fold(sql)
    return all(part.strip('"`[]') in folded for part in fold(word).split("."))


def _about_column(name: str, statement: Statement, catalog: Catalog, _dialect: Dialect) -> str:
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


def _about_table(name: str, _statement: Statement, catalog: Catalog, dialect: Dialect) -> str:
    if fold(name) in dialect.table_functions:
        return f" - this build of {dialect.title} lacks it"
    near = catalog.nearest_relations(name.rpartition(".")[2])
    return f" - did you mean {' or '.join(near)}?" if near else ""


def _about_function(name: str, _statement: Statement, _catalog: Catalog, dialect: Dialect) -> str:
    foreign = dialect.foreign_functions.get(fold(name))
    if foreign is None and fold(name) in dialect.functions:
        return f" - this build of {dialect.title} lacks it"
    near = [foreign] if foreign else nearest(name, dialect.functions)
    return f" - did you mean {' or '.join(near)}?" if near else ""


_HINTS: dict[str, Callable[[str, Statement, Catalog, Dialect], str]] = {
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
