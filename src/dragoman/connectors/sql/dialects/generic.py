"""Dialects of databases that are reached through SQLAlchemy: standard SQL, and nothing that one of them adds.

Their lists are short on purpose: what is on them means the same in the books of all, reads nothing but its arguments,
and never a file, the network, the session or the server. An administrator's `allow_functions` adds to them. A kind of
database whose grammar the parser lacks has no lists at all (`parsed` is false): only declared queries run there.
Grammars are made when a dialect is first asked for, because their modules are large.
"""

import importlib
from functools import cache
from typing import Any, Final

from msgspec import Struct
from sqlglot import Dialect as Language

from dragoman.connectors.sql.dialects.dialect import Comparison, Dialect, Masks
from dragoman.connectors.sql.dialects.grammars import GRAMMARS, narrowed
from dragoman.connectors.sql.dialects.mysql import MYSQL
from dragoman.connectors.sql.dialects.nodes import OPERATORS, RELATIONAL
from dragoman.connectors.sql.dialects.postgresql import POSTGRESQL
from dragoman.connectors.sql.dialects.sqlite import SQLITE

_FIRST_CLASS: Final = {"sqlite": SQLITE, "postgresql": POSTGRESQL, "mysql": MYSQL, "mariadb": MYSQL}

_STANDARD = """
    abs ceil ceiling floor round sign sqrt power exp ln mod
    lower upper ltrim rtrim trim replace substring substr length char_length concat
    coalesce nullif greatest least
    avg count max min sum stddev variance
    cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number
"""

_NODES = RELATIONAL | OPERATORS | {"Extract", "Trim", "Substring", "Fetch", "LimitOptions", "Interval"}

_TYPES = """
    bigint int smallint tinyint decimal double float char nchar varchar nvarchar text date datetime time timestamp
    timestamptz timestampltz timestampntz boolean
"""

_PARTIAL = """
    CASE WHEN :value IS NULL THEN NULL WHEN {length}(:value) < 4 THEN '***'
    WHEN :value LIKE '_%@_%._%' AND NOT :value LIKE '%@%@%' AND NOT :value LIKE '% %'
    THEN {first} {join} '***' {join} {rest}
    ELSE {first} {join} '***' END
"""


class _Generic(Struct, frozen=True):
    """What is particular to one kind of database.

    Args:
        language: the module and the class of the parser's dialect.
        title: the kind as people name it.
        comparison: how names compare.
        functions: what it has besides the standard, harmless and often used.
        mask: how a partial mask says a length, the first character, the rest from the @ on, and their joining.
        fence: see `Dialect`.
        prefixes: beginnings of names that belong to the database itself.
    """

    language: str
    title: str
    comparison: Comparison
    functions: str
    mask: tuple[str, str, str, str]
    fence: str = "limit"
    prefixes: tuple[str, ...] = ()


_SUBSTR: Final = "SUBSTR(:value, 1, 1)"

_GENERIC: Final = {
    "mssql": _Generic(
        "tsql.TSQL",
        "SQL Server",
        "insensitive",
        """
        charindex datediff datepart day eomonth getdate iif isnull left len month reverse right square stdev string_agg
        stuff var year
        """,
        ("LEN", "LEFT(:value, 1)", "SUBSTRING(:value, CHARINDEX('@', :value), LEN(:value))", "+"),
        prefixes=("sys", "spt_"),
    ),
    "oracle": _Generic(
        "oracle.Oracle",
        "Oracle",
        "raised",
        "add_months initcap instr last_day listagg median months_between nvl nvl2 to_char to_date to_number trunc",
        ("LENGTH", _SUBSTR, "SUBSTR(:value, INSTR(:value, '@'))", "||"),
        fence="fetch",
        prefixes=("all_", "dba_", "user_", "v$", "gv$", "sys_", "dual_"),
    ),
    "snowflake": _Generic(
        "snowflake.Snowflake",
        "Snowflake",
        "raised",
        "charindex contains day endswith ifnull iff left len listagg median month nvl reverse right startswith year",
        ("LENGTH", _SUBSTR, "SUBSTR(:value, CHARINDEX('@', :value))", "||"),
    ),
    "redshift": _Generic(
        "redshift.Redshift",
        "Redshift",
        "folded",
        "initcap left listagg median nvl reverse right strpos to_char to_date trunc",
        ("LENGTH", _SUBSTR, "SUBSTR(:value, STRPOS(:value, '@'))", "||"),
        prefixes=("pg_", "stl_", "stv_", "svl_", "svv_", "sys_"),
    ),
    "trino": _Generic(
        "trino.Trino",
        "Trino",
        "insensitive",
        "approx_distinct arbitrary date_add date_diff date_trunc day listagg month reverse strpos year",
        ("LENGTH", _SUBSTR, "SUBSTR(:value, STRPOS(:value, '@'))", "||"),
    ),
    "clickhouse": _Generic(
        "clickhouse.ClickHouse",
        "ClickHouse",
        "insensitive",
        "any countif day ifnull median month reverse sumif todate todatetime tomonth toyear uniq year",
        ("length", "substring(:value, 1, 1)", "substring(:value, position(:value, '@'), length(:value))", "||"),
    ),
}
_GENERIC_ALIASES: Final = {"clickhousedb": "clickhouse", "presto": "trino"}


@cache
def dialect_of(kind: str) -> Dialect:
    """Return the dialect of a kind of database, as SQLAlchemy names it.

    Args:
        kind: such as `mssql`; one without a known grammar gets a dialect that is not `parsed`.
    """
    if kind in _FIRST_CLASS:
        return _FIRST_CLASS[kind]
    kind = _GENERIC_ALIASES.get(kind, kind)
    known = _GENERIC.get(kind)
    if known is None:
        return _unparsed(kind)
    module, _, name = known.language.partition(".")
    language: Any = getattr(importlib.import_module(f"sqlglot.dialects.{module}"), name)
    GRAMMARS[kind] = narrowed(language)
    length, first, rest, join = known.mask
    return Dialect(
        name=kind,
        title=known.title,
        schema="",
        comparison=known.comparison,
        beginnings=frozenset({"select", "with", "("}),
        functions=frozenset(f"{_STANDARD} {known.functions}".split()),
        table_functions=frozenset(),
        nodes=_NODES,
        types=frozenset(_TYPES.split()),
        foreign_functions={},
        system_prefixes=known.prefixes,
        row_columns=frozenset({"rowid", "rownum", "ora_rowscn"}),
        fence="fetch" if known.fence == "fetch" else "limit",
        capped=False,
        masks=Masks(
            null="CASE WHEN 1 = 0 THEN :value END",
            partial=_PARTIAL.format(length=length, first=first, rest=rest, join=join),
            hash="",
            text="char|text|clob|string",
        ),
    )


def _unparsed(kind: str) -> Dialect:
    """Return the dialect of a database whose statements can't be judged; its grammar is no more than a name."""
    GRAMMARS[kind] = Language()
    return Dialect(
        name=kind,
        title=kind,
        schema="",
        comparison="insensitive",
        functions=frozenset(),
        table_functions=frozenset(),
        nodes=frozenset(),
        foreign_functions={},
        system_prefixes=(),
        parsed=False,
        masks=Masks(null="NULL", partial="", hash="", text="(?!)"),
    )
