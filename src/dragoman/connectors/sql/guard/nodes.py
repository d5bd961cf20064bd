"""What may occur in the tree of a query: node by node, by allow-lists of the dialect.

Classes of nodes, what they may carry, functions by the name they were written with, types, and parameters. What
the lists don't name is refused with the place marked. Relations and columns are the business of `rewriting`.
"""

import re
from collections.abc import Mapping

from sqlglot import exp

from dragoman.connectors.sql.catalog import fold, nearest
from dragoman.connectors.sql.dialects import Dialect
from dragoman.connectors.sql.parsing import Refused, place_of, written

_WRITES = (exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Create, exp.Drop, exp.Alter, exp.TruncateTable)
_PARAMETERS = (exp.Placeholder, exp.Parameter, exp.SessionParameter)
_VAR = re.compile(r"[A-Za-z][A-Za-z0-9_]*( [A-Za-z]+)?")

_QUERY = frozenset({"order", "limit", "offset", "with_"})
_CARRIES: Mapping[type[exp.Expr], frozenset[str]] = {
    exp.Select: _QUERY | {"expressions", "distinct", "from_", "joins", "laterals", "where", "group", "having"}
    | {"windows", "qualify"},
    exp.Union: _QUERY | {"this", "expression", "distinct", "by_name"},
    exp.Except: _QUERY | {"this", "expression", "distinct"},
    exp.Intersect: _QUERY | {"this", "expression", "distinct"},
    exp.Subquery: _QUERY | {"this", "alias", "joins", "laterals"},
    exp.Values: frozenset({"expressions", "alias", "order", "limit", "offset"}),
    exp.Table: frozenset({"this", "alias", "db", "catalog", "joins", "laterals", "indexed", "ordinality"}),
    exp.Join: frozenset({"this", "on", "side", "kind", "using", "method"}),
    exp.With: frozenset({"expressions", "recursive"}),
    exp.CTE: frozenset({"this", "alias", "materialized"}),
    exp.Lateral: frozenset({"this", "alias", "ordinality"}),
    exp.Group: frozenset({"expressions", "grouping_sets", "cube", "rollup", "all"}),
    exp.Limit: frozenset({"expression", "offset"}),
    exp.Column: frozenset({"this", "table", "db"}),
    exp.Cast: frozenset({"this", "to", "_type"}),
    exp.TryCast: frozenset({"this", "to", "_type", "requires_string", "safe"}),
    exp.Star: frozenset({"except_"}),
}  # fmt: skip


class Nodes:
    """Judges the nodes of one dialect's trees.

    Args:
        dialect: whose lists are kept.
    """

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self._allowed = frozenset(getattr(exp, name) for name in dialect.nodes)

    def check(self, sql: str, tree: exp.Expr, parameters: frozenset[str]) -> None:
        """Refuse a tree that holds anything that is not on the lists.

        Args:
            sql: its text, for places.
            tree: the tree; its parameters become placeholders named `parameter_NAME`.
            parameters: names that it may use.

        Raises:
            Refused: it holds something else.
        """
        for node in list(tree.walk()):
            kind = type(node)
            if isinstance(node, exp.Anonymous):
                self._check_function(sql, node)
            elif (name := _parameter(node)) is not None:
                _name_parameter(sql, node, name, parameters)
                continue
            elif isinstance(node, exp.In) and node.args.get("field") is not None:
                raise Refused("IN needs parentheses here: IN (1, 2) or IN (SELECT ...)")
            elif kind not in self._allowed:
                raise Refused(self._what_is_refused(sql, node))
            self._check_contents(sql, node)

    def _check_contents(self, sql: str, node: exp.Expr) -> None:
        """Refuse what a node of an allowed class holds."""
        carries = _CARRIES.get(type(node))
        if carries is not None:
            self._check_carried(sql, node, carries)
        elif isinstance(node, exp.Var) and not _VAR.fullmatch(node.name):
            raise Refused(f"{node.name[:40]!r}{place_of(sql, node)} is no part of a query that is taken")
        elif isinstance(node, exp.DataType):
            self._check_type(sql, node)
        elif isinstance(node, exp.Alias) and not isinstance(node.parent, exp.Select):
            raise Refused(f"AS can't stand here{place_of(sql, node)}: name columns of a SELECT, tables and WITH")

    def _check_carried(self, sql: str, node: exp.Expr, carries: frozenset[str]) -> None:
        for name, value in node.args.items():
            if value and name not in carries:
                # A node that is on no list is refused as what it is, with its own name and place.
                inner = value[0] if isinstance(value, list) else value
                if isinstance(inner, exp.Expr) and type(inner) not in self._allowed:
                    raise Refused(self._what_is_refused(sql, inner))
                word = name.strip("_").replace("_", " ").upper()
                raise Refused(f"{word}{place_of(sql, node)} is no part of a query that is taken")

    def _check_type(self, sql: str, node: exp.DataType) -> None:
        types = self.dialect.types
        if not types:
            return
        own = node.args.get("kind")
        if isinstance(own, exp.Identifier):  # a type that the parser does not know
            name = self.dialect.key(own.name, quoted=bool(own.quoted))
        else:
            name = node.this.value.lower() if isinstance(node.this, exp.DType) else str(node.this).lower()
        if name not in types:
            raise Refused(
                f"type {name.upper()[:60]}{place_of(sql, node)} can't be used: cast to a plain type, such as TEXT or "
                "DATE"
            )

    def _check_function(self, sql: str, node: exp.Anonymous) -> None:
        if isinstance(node.parent, exp.Table | exp.Lateral) and node.arg_key == "this":
            return  # `rewriting` judges what stands where a table stands
        if isinstance(node.parent, exp.Dot):
            raise Refused(
                f"function {node.name[:60]!r} can't be used with a name before it{place_of(sql, node)}: write it alone"
            )
        if isinstance(node.this, str) and fold(node.this) in self.dialect.functions:
            return
        if isinstance(node.this, exp.Identifier) and fold(node.name) in self.dialect.functions:
            raise Refused(f"function {node.name!r} stands in quotes{place_of(sql, node)}: write it without")
        raise Refused(self.about_function(node.name, place_of(sql, node)))

    def about_function(self, name: str, where: str) -> str:
        """Return the sentence about a function that is not on the list."""
        foreign = self.dialect.foreign_functions.get(fold(name))
        near = [foreign] if foreign else nearest(name, self.dialect.functions)
        hint = f"did you mean {' or '.join(near)}?" if near else "it is not on the list of allowed functions"
        return f"function {name[:60]!r} can't be used{where}: {hint}"

    def _what_is_refused(self, sql: str, node: exp.Expr) -> str:
        where = place_of(sql, node)
        if isinstance(node, _WRITES):
            return f"found {node.key.upper()}{where}: this database is read-only"
        if isinstance(node, exp.Concat):
            return f"two texts side by side{where} can't be taken: write one, or || between them"
        if isinstance(node, exp.Func):
            return self.about_function(written(sql, node) or node.sql_name().lower(), where)
        return f"{written(sql, node) or node.key.upper()}{where} is no part of a query that is taken"


def _parameter(node: exp.Expr) -> str | None:
    """Return the name of a parameter, empty when it has none, or None for any other node."""
    if isinstance(node, _PARAMETERS):
        return node.this if isinstance(node.this, str) else node.name
    if isinstance(node, exp.Column) and node.name.startswith("$") and not node.this.args.get("quoted"):
        return node.name[1:]
    return None


def _name_parameter(sql: str, node: exp.Expr, name: str, parameters: frozenset[str]) -> None:
    """Turn a parameter that may be used into a placeholder of ours."""
    if isinstance(node, exp.SessionParameter) or name not in parameters or not name:
        where = place_of(sql, node)
        if not parameters and name and not isinstance(node, exp.SessionParameter):
            raise Refused(f"found a parameter{where} without a value: give {name[:60]!r} one in params")
        if not parameters:
            raise Refused(f"found a parameter{where}: write the value itself, or :name and its value in params")
        raise Refused(f"found a parameter{where} without a value; there are {', '.join(sorted(parameters))}")
    placeholder = exp.Placeholder(this=f"parameter_{name}")
    placeholder.meta.update(node.meta)
    node.replace(placeholder)
