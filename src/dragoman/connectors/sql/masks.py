"""Masks and row filters as syntax trees over the columns of one relation.

What a mask says in a dialect is data of the dialect (`dialects`), what an administrator wrote is parsed here.
Columns are checked by name against the relation and written with its name before them, so that nothing in them
can mean anything else where they are put. Values of the principal and the key of hashes are placeholders, bound
when the statement runs, never part of its text.
"""

import hashlib
import re
from collections.abc import Callable, Mapping

from msgspec import UNSET, Struct
from sqlglot import exp

from dragoman.connectors.sql.catalog import Column, Relation
from dragoman.connectors.sql.dialects import Dialect
from dragoman.connectors.sql.engines.engine import Scalar, SqlLimits
from dragoman.connectors.sql.parsing import Refused, Text
from dragoman.connectors.sql.settings import MaskKind, MaskRule

BLOCK = 64
PRINCIPAL = "principal_"

_ATTRIBUTE = re.compile(r":principal\.([A-Za-z_][A-Za-z0-9_]*)")
_NOT_HERE = (exp.Query, exp.DML, exp.DDL, exp.Command, exp.Window, exp.Star, exp.Parameter, exp.SessionParameter)
_AGGREGATE = frozenset({"avg", "count", "max", "min", "sum"})

Names = frozenset[tuple[str, bool]]


class Mask(Struct, frozen=True):
    """A mask: its kind as `describe` says it, what it makes of a column, and the columns it reads besides."""

    kind: str
    make: Callable[[Relation, Column], exp.Expr]
    columns: Names | None = None

    def over(self, relation: Relation, column: Column) -> exp.Expr:
        """Return what stands for the column."""
        return self.make(relation, column)


class Condition(Struct, frozen=True):
    """A row filter: its tree, the columns that it reads and the attributes of the principal that it asks for."""

    tree: exp.Expr
    columns: Names
    attributes: frozenset[str]

    def over(self, relation: Relation, keys: Mapping[str, Column], dialect: Dialect) -> exp.Expr:
        """Return the condition over a relation; it is only met when every attribute is known."""
        tree = _qualified(self.tree, relation, keys, dialect)
        known = [exp.Placeholder(this=f"known_{name}") for name in sorted(self.attributes)]
        for each in known:
            tree = exp.And(this=exp.EQ(this=exp.Literal.number(1), expression=each), expression=tree)
        return tree


class Masking:
    """Makes masks and row filters of one connector.

    Args:
        dialect: how they are said.
        key: the secret of hashes.
        limits: the sizes that what an administrator wrote is held to.
    """

    def __init__(self, dialect: Dialect, key: bytes, limits: SqlLimits) -> None:
        self.dialect = dialect
        self._text = Text(dialect, limits)
        padded = (hashlib.sha256(key).digest() if len(key) > BLOCK else key).ljust(BLOCK, b"\0")
        self.slots: dict[str, Scalar] = {
            "ipad": bytes(byte ^ 0x36 for byte in padded).hex(),
            "opad": bytes(byte ^ 0x5C for byte in padded).hex(),
        }
        masks = dialect.masks
        self._templates = {
            name: self._text.expression(text)
            for name, text in (("null", masks.null), ("partial", masks.partial), ("hash", masks.hash))
            if text
        }
        self._is_text = re.compile(masks.text, re.IGNORECASE)
        self.null = self.mask("null")

    def mask(self, rule: MaskKind | MaskRule) -> Mask:
        """Return the mask that a line of the settings says.

        Raises:
            Refused: its expression can't be read.
        """
        if isinstance(rule, str):
            if rule not in self._templates:
                raise Refused(f"{self.dialect.title} can't say a {rule} mask: use null or {{ sql = ... }}")
            return Mask(rule, lambda relation, column: self._standard(rule, relation, column))
        if rule.sql is not UNSET:
            tree = self._checked(rule.sql)
            if any(isinstance(node, exp.Placeholder) for node in tree.walk()):
                raise Refused("a mask takes no parameters")
            return Mask(
                "sql",
                lambda relation, _: _qualified(tree, relation, _keys(relation, self.dialect), self.dialect),
                _columns(tree),
            )
        constant = rule.constant
        if isinstance(constant, bool):
            return Mask("constant", lambda _relation, _column: exp.Boolean(this=constant))
        if isinstance(constant, str):
            return Mask("constant", lambda _relation, _column: exp.Literal.string(constant))
        return Mask("constant", lambda _relation, _column: self._text.expression(repr(constant)).copy())

    def condition(self, sql: str) -> Condition:
        """Return a row filter.

        Raises:
            Refused: it can't be read.
        """
        # Text inside quotes is the only other place where this could stand; there it is refused as well.
        tree = self._checked(_ATTRIBUTE.sub(lambda found: f":{PRINCIPAL}{found[1]}", sql))
        attributes = set()
        for node in tree.walk():
            if isinstance(node, exp.Placeholder):
                name = node.name
                if not name.startswith(PRINCIPAL):
                    raise Refused(
                        "write :principal.NAME for what is known of the caller; there are no other parameters"
                    )
                attributes.add(name.removeprefix(PRINCIPAL))
            elif isinstance(node, exp.Literal) and node.is_string and f":{PRINCIPAL}" in node.this:
                raise Refused(":principal.NAME stands in quotes: write it without")
        return Condition(exp.Paren(this=tree), _columns(tree), frozenset(attributes))

    def _standard(self, kind: str, relation: Relation, column: Column) -> exp.Expr:
        """Return a mask of the dialect over a column."""
        if kind == "partial" and not self._is_text.search(column.type):
            kind = "null"
        tree = self._templates[kind].copy()
        for node in list(tree.find_all(exp.Placeholder)):
            if node.name == "value":
                node.replace(_column_of(relation, column.name))
        return tree

    def _checked(self, sql: str) -> exp.Expr:
        tree = self._text.expression(sql)
        for node in tree.walk():
            if isinstance(node, _NOT_HERE) or (isinstance(node, exp.Anonymous) and node.name.lower() in _AGGREGATE):
                raise Refused("it is no expression over one row: it may hold no query, no window and no aggregate")
            if isinstance(node, exp.Column) and node.args.get("table") is not None:
                raise Refused("write columns without their table: only those of the row can be named")
        return tree


def _keys(relation: Relation, dialect: Dialect) -> dict[str, Column]:
    return {dialect.key(column.name, quoted=True): column for column in relation.columns}


def _columns(tree: exp.Expr) -> Names:
    return frozenset((column.name, bool(column.this.args.get("quoted"))) for column in tree.find_all(exp.Column))


def _column_of(relation: Relation, name: str) -> exp.Column:
    return exp.Column(this=exp.to_identifier(name, quoted=True), table=exp.to_identifier(relation.name, quoted=True))


def _qualified(tree: exp.Expr, relation: Relation, keys: Mapping[str, Column], dialect: Dialect) -> exp.Expr:
    """Return a tree over the columns of a relation, each with the relation's name before it."""
    tree = exp.Paren(this=tree.copy()) if not isinstance(tree, exp.Paren) else tree.copy()
    for node in list(tree.find_all(exp.Column)):
        column = keys[dialect.key(node.name, quoted=bool(node.this.args.get("quoted")))]
        node.replace(_column_of(relation, column.name))
    for identifier in tree.find_all(exp.Identifier):
        identifier.set("quoted", True)
    return tree
