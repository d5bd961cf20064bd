"""Going on after the last key that was given, where a statement allows it cheaply.

It does when it reads one table in the order of its whole primary key, one column of numbers or texts that is in the
result and not masked, and does nothing else: then the next page is the same statement with `key > last` around it. That
statement goes through the guard like any other.
"""

import re
from typing import Any, Final

from msgspec import Struct
from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from dragoman.connectors.sql.catalog import Column, Relation, fold
from dragoman.connectors.sql.dialects.grammars import GRAMMARS
from dragoman.connectors.sql.policy import View

PARAMETER: Final = "last_key"
_LONGEST: Final = 1000  # characters of a statement that is looked at: others cost more than they gain
_LONGEST_KEY: Final = 200
_WORTH_IT: Final = re.compile(r"\border\s+by\b", re.IGNORECASE)
_NOT: Final = re.compile(
    r"--|/\*|#|;\s*\S|\b(?:join|group|having|limit|offset|fetch|distinct|union|except|intersect|with|over|for)\b",
    re.IGNORECASE,
)
_CLAUSES: Final = frozenset({"expressions", "from", "from_", "where", "order", "kind", "hint"})
_NUMBERS: Final = re.compile(r"int|serial", re.IGNORECASE)
_TEXTS: Final = re.compile(r"char|text", re.IGNORECASE)


class Key(Struct, frozen=True):
    """The key that a statement is ordered by.

    Args:
        position: of its column in the result.
        label: of that column.
        descending: whether the greatest comes first.
        is_number: whether it is a whole number, else it is a text.
    """

    position: int
    label: str
    descending: bool
    is_number: bool

    def value(self, row: list[Any]) -> int | str | None:
        """Return the key of a row; None when it can't be compared with."""
        value = row[self.position]
        if self.is_number:
            return value if type(value) is int else None
        return value if isinstance(value, str) and len(value) <= _LONGEST_KEY else None


def key_of(sql: str, view: View) -> Key | None:
    """Return the key that a statement is ordered by; None when it does not go on after a key.

    Args:
        sql: a statement that the guard let through.
        view: what its author sees.
    """
    if len(sql) > _LONGEST or _WORTH_IT.search(sql) is None or _NOT.search(sql) is not None:
        return None
    try:
        tree = parse_one(sql.strip().rstrip(";"), dialect=GRAMMARS[view.dialect.name])
    except (SqlglotError, RecursionError, KeyError):
        return None
    if not isinstance(tree, exp.Select) or any(value and name not in _CLAUSES for name, value in tree.args.items()):
        return None
    tables = list(tree.find_all(exp.Table))
    if len(tables) != 1 or isinstance(tables[0].this, exp.Func) or tree.find(exp.AggFunc, exp.Subquery) is not None:
        return None
    relation = view.find(f"{tables[0].db}.{tables[0].name}" if tables[0].db else tables[0].name)
    column = None if relation is None or relation.kind != "table" else _primary(relation)
    if relation is None or column is None or fold(column.name) in map(fold, view.masked(relation)):
        return None
    return _ordered_by(tree, relation, column)


def continued(sql: str, key: Key, mark: str) -> str:
    """Return the statement for the rows after the key `:last_key`.

    Args:
        sql: the statement.
        key: what it is ordered by.
        mark: what names are quoted with.
    """
    label = mark + key.label.replace(mark, mark * 2) + mark
    compared, order = ("<", " DESC") if key.descending else (">", "")
    inner = sql.strip().rstrip(";")
    return f"SELECT * FROM ({inner}) AS page WHERE {label} {compared} :{PARAMETER} ORDER BY {label}{order}"  # noqa: S608


def _primary(relation: Relation) -> Column | None:
    """Return the one column of a primary key whose values compare alike here and in the database."""
    keys = [column for column in relation.columns if column.key]
    if len(keys) != 1 or keys[0].nullable:
        return None
    return keys[0] if _NUMBERS.search(keys[0].type) or _TEXTS.search(keys[0].type) else None


def _ordered_by(tree: exp.Select, relation: Relation, column: Column) -> Key | None:
    labels, position = _labels(tree, relation, fold(column.name))
    order = tree.args.get("order")
    if position is None or order is None or len(order.expressions) != 1 or len(set(map(fold, labels))) != len(labels):
        return None
    (ordered,) = order.expressions
    term = ordered.this
    if isinstance(term, exp.Literal):
        named = not term.is_string and term.name == str(position + 1)
    else:
        named = isinstance(term, exp.Column) and fold(term.name) in (fold(column.name), fold(labels[position]))
        named = named and (fold(term.name) == fold(labels[position]) or fold(term.name) not in map(fold, labels))
    descending = bool(ordered.args.get("desc"))
    is_number = _NUMBERS.search(column.type) is not None
    if not named or (descending and not is_number):  # a text key of SQLite may be NULL, and comes last then
        return None
    return Key(position, labels[position], descending, is_number)


def _labels(tree: exp.Select, relation: Relation, key: str) -> tuple[list[str], int | None]:
    """Return the labels of the result, and where the key stands in it; None when that is not plain."""
    projections = tree.expressions
    if len(projections) == 1 and isinstance(projections[0], exp.Star):
        labels = [column.name for column in relation.columns]
        return labels, [fold(label) for label in labels].index(key)
    labels, position = [], None
    for place, projection in enumerate(projections):
        inner = projection.unalias()
        if isinstance(inner, exp.Star) or (isinstance(inner, exp.Column) and isinstance(inner.this, exp.Star)):
            return [], None
        labels.append(projection.alias_or_name or f"?{place}")
        if isinstance(inner, exp.Column) and fold(inner.name) == key and position is None:
            position = place
    return labels, position
