"""What one SQL dialect allows, as data: names of functions, of syntax nodes, of system relations.

Dialects differ here and nowhere else. Everything is an allow-list (security invariant P16): what is not
named is refused, so a function that a later release of an engine adds stays off until it is judged.
"""

from typing import Literal

import msgspec
from msgspec import Struct

from dragoman.connectors.sql.catalog import fold

Comparison = Literal["insensitive", "folded", "raised"]


class Masks(Struct, frozen=True, kw_only=True):
    """How masks are said.

    `:value` stands for the column, `:ipad` and `:opad` for the HMAC's key in its two paddings, in hexadecimal.

    Args:
        null: NULL of the column's own type.
        partial: the first character and `***`, an e-mail with its domain; only of texts.
        hash: 16 hexadecimal characters of the HMAC-SHA-256 of the value's text; empty where that can't be said.
        text: a pattern of the declared types that `partial` may be said of; of others it is `null`.
    """

    null: str
    partial: str
    hash: str
    text: str


class Dialect(Struct, frozen=True, kw_only=True):
    """The data of one SQL dialect.

    Args:
        name: the dialect as the parser names it.
        title: the dialect as people name it.
        schema: the schema that names alone refer to; empty for whatever the catalog holds.
        comparison: how names compare: without case, or as PostgreSQL does it, where those without quotes
            are folded to lower case and then compared exactly; `raised` folds them to upper case, as Oracle does.
        beginnings: first words of queries, lower case.
        functions: scalar, aggregate and window functions, lower case.
        table_functions: functions that may stand where a table stands, lower case.
        nodes: classes of the syntax tree that may occur.
        types: names of types that values may be cast to, lower case, as the parser names them.
        foreign_functions: functions of other dialects that models write, and what this one has instead.
        system_prefixes: beginnings of relation names that belong to the engine, lower case.
        row_columns: columns that every table has besides its own, lower case; never seen through a policy.
        secret_columns: columns that every table has and that nobody may name, lower case.
        labels: whether an expression without an alias is labelled with its own text in the result.
        forward: which common table expressions see those behind them: all, or none without RECURSIVE.
        fence: the clause that keeps conditions of the outside out of a derived table, so that nothing is computed,
            and no error made, of rows that a filter holds back.
        capped: whether the number of rows that are wanted is put into the statement; else the engine stops reading.
        parsed: whether there is a grammar, so that statements of agents can be judged.
        masks: how masks are said.
    """

    name: str
    title: str
    schema: str
    comparison: Comparison
    beginnings: frozenset[str] = frozenset({"select", "values", "with"})
    functions: frozenset[str]
    table_functions: frozenset[str]
    nodes: frozenset[str]
    types: frozenset[str] = frozenset()
    foreign_functions: dict[str, str]
    system_prefixes: tuple[str, ...]
    row_columns: frozenset[str] = frozenset()
    secret_columns: frozenset[str] = frozenset()
    labels: bool = False
    forward: Literal["always", "recursive", "never"] = "recursive"
    fence: Literal["limit", "offset", "fetch"] = "limit"
    capped: bool = True
    parsed: bool = True
    masks: Masks

    def key(self, name: str, *, quoted: bool) -> str:
        """Return what two names have in common when the dialect takes them for the same."""
        if self.comparison == "folded":
            return name if quoted else fold(name)
        if self.comparison == "raised":
            return name if quoted else name.upper()
        return fold(name)

    def allowing(self, functions: tuple[str, ...]) -> "Dialect":
        """Return the same dialect with more functions, which an administrator answers for."""
        return msgspec.structs.replace(self, functions=self.functions | {fold(name) for name in functions})
