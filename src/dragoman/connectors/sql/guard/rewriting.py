"""What callers may see, put into the tree of their query: relation by relation.

Every reference to a relation becomes qualified with its schema, and where the view hides anything of it, a derived
table of the visible columns, masked, and the permitted rows. So whatever the statement does afterwards sees only
that (security invariant P18). Names that WITH gives are renamed where they are given and where they are used, so
that none of them can stand for a relation, or hide one, whatever the database makes of their scopes.
"""

from collections.abc import Iterator

from msgspec import Struct
from sqlglot import exp

from dragoman.connectors.sql.catalog import UNREADABLE, fold, nearest
from dragoman.connectors.sql.dialects import Dialect
from dragoman.connectors.sql.guard.statement import NO_LIMIT
from dragoman.connectors.sql.parsing import Refused, UnknownRelation, place_of
from dragoman.connectors.sql.policy import Served, View

COMMON = "dragoman_"
MOST_NODES = 30_000

Scope = dict[str, str]
"""New names of common table expressions by key of their own, as seen from one place."""


class _Source(Struct):
    """What a qualifier of a column stands for: a relation, or something that the statement makes itself."""

    alias: exp.Identifier
    served: Served | None
    plain: bool = False
    renamed: tuple[str, ...] = ()


class Rewriting:
    """The rewriting of one statement.

    Args:
        sql: its text, for places.
        dialect: how names compare.
        view: what its author may see.
        describe: the name of the tool that tells about tables, for sentences.
    """

    def __init__(self, sql: str, dialect: Dialect, view: View, describe: str) -> None:
        self.sql = sql
        self.dialect = dialect
        self.view = view
        self.describe = describe
        self.relations: dict[str, None] = {}
        self._commons = 0
        self._weight = 0
        self._sources: dict[int, dict[str, _Source]] = {}
        self._replacements: list[tuple[exp.Table, Served]] = []

    def apply(self, tree: exp.Expr) -> None:
        """Rewrite a tree in place.

        Raises:
            UnknownRelation: it names a relation that callers don't see.
            Refused: it names a column that they don't see, or something that can't be rewritten.
        """
        for node, scope in self._scoped(tree):
            if isinstance(node, exp.Table):
                self._visit_table(node, scope)
            elif isinstance(node, exp.Subquery | exp.Values | exp.Lateral | exp.Unnest):
                self._note_source(node, node.args.get("alias"), None)
                if isinstance(node, exp.Lateral) and isinstance(node.this, exp.Anonymous):
                    self._visit_table_function(node, node.this)
        for column in list(tree.find_all(exp.Column)):
            self._visit_column(column)
        for identifier in tree.find_all(exp.Identifier):
            self._fold(identifier)
        if self.dialect.labels:
            _label(tree)
        for table, served in self._replacements:
            self._put(table, served)

    def _scoped(self, tree: exp.Expr) -> Iterator[tuple[exp.Expr, Scope]]:
        """Return every node with the common table expressions that it sees, and rename those on the way."""
        waiting: list[tuple[exp.Expr, Scope]] = [(tree, {})]
        while waiting:
            node, scope = waiting.pop()
            yield node, scope
            common = node.args.get("with_")
            if isinstance(common, exp.With):
                scope = self._enter(common, scope, waiting)
            waiting.extend((child, scope) for child in node.iter_expressions() if child is not common)

    def _enter(self, common: exp.With, outer: Scope, waiting: list[tuple[exp.Expr, Scope]]) -> Scope:
        """Rename the expressions of one WITH, put their bodies on the waiting list, and return the new scope."""
        forward = self.dialect.forward == "always" or (self.dialect.forward == "recursive" and common.recursive)
        own: Scope = {}
        bodies: list[tuple[exp.CTE, Scope]] = []
        for each in common.expressions:
            identifier = each.args["alias"].this
            if not isinstance(identifier, exp.Identifier) or self._key(identifier) in own:
                raise Refused(f"WITH gives the name {each.alias!r} twice{self._where(each)}: rename one")
            self._refuse_system_name(identifier)
            self._commons += 1
            name = f"{COMMON}{self._commons}"
            before = {**outer, **own}
            own[self._key(identifier)] = name
            bodies.append((each, {**outer, **own} if common.recursive else before))
            identifier.replace(exp.to_identifier(name, quoted=True))
        scope = {**outer, **own}
        waiting.extend((each.this, scope if forward else seen) for each, seen in bodies)
        waiting.extend((column, scope) for each, _ in bodies for column in each.args["alias"].columns)
        return scope

    def _refuse_system_name(self, identifier: exp.Identifier) -> None:
        if self._is_hidden(fold(identifier.name)):
            raise Refused(f"{identifier.name!r} is a name of the database itself{self._where(identifier)}: rename it")

    def _is_hidden(self, folded: str) -> bool:
        return folded in self.view.hidden or folded.startswith(self.dialect.system_prefixes)

    def _visit_table(self, table: exp.Table, scope: Scope) -> None:
        if table.arg_key == "indexed":  # INDEXED BY names an index
            return
        identifier = table.this
        alias = table.args.get("alias")
        if isinstance(identifier, exp.Anonymous):
            self._note_source(table, alias, None, otherwise=exp.to_identifier(identifier.name))
            self._visit_table_function(table, identifier)
            return
        if not isinstance(identifier, exp.Identifier):
            raise Refused(f"{identifier.key.upper()}{self._where(table)} is no table that can be read")
        if table.args.get("ordinality"):
            raise Refused(f"WITH ORDINALITY{self._where(table)} needs a function that returns rows")
        given = alias.this if isinstance(alias, exp.TableAlias) and alias.this is not None else None
        new_name = None if table.args.get("db") is not None else scope.get(self._key(identifier))
        if new_name is not None:
            self._note_source(table, alias, None, otherwise=identifier)
            self._name(table, exp.to_identifier(new_name, quoted=True), None, given or identifier)
            return
        served = self._served(table, identifier)
        self.relations[self.view.name_of(served)] = None
        self._note_source(table, alias, served, otherwise=identifier)
        self._name(table, *self._real_name(served), given or identifier)
        if served.restriction is not None:
            self._weight += served.restriction.weight
            if self._weight > MOST_NODES:
                raise Refused(
                    f"the statement names {served.relation.name} and others too often{self._where(table)}: read them "
                    "once, with WITH"
                )
            self._replacements.append((table, served))

    def _visit_table_function(self, table: exp.Expr, function: exp.Anonymous) -> None:
        if isinstance(function.this, str) and fold(function.name) in self.dialect.table_functions:
            if table.args.get("db") is None:
                return
            raise Refused(
                f"schema {table.text('db')[:60]!r} is not served{self._where(table)}: name the function alone"
            )
        served = self.view.lookup(None, function.name, quoted=False)
        if served is not None and served.base.kind == "virtual" and served.restriction is None:
            self.relations[self.view.name_of(served)] = None  # FROM documents('word') of full-text tables
            return
        allowed = ", ".join(sorted(self.dialect.table_functions))
        raise Refused(
            f"table function {function.name!r} can't be used{self._where(function)}; "
            + (f"allowed are {allowed}" if allowed else "none can be used here")
        )

    def _served(self, table: exp.Table, identifier: exp.Identifier) -> Served:
        """Return the relation that a table of the tree is.

        Raises:
            UnknownRelation: callers see none of that name.
            Refused: its schema is not served, or it can't be read.
        """
        where = self._where(table)
        schema = table.args.get("db")
        if table.args.get("catalog") is not None or (schema is not None and self._key(schema) not in self.view.schemas):
            raise Refused(f"schema {table.text('db')[:60]!r} is not served{where}: name the table alone")
        served = self.view.lookup(
            schema.name if schema is not None else None,
            identifier.name,
            quoted=bool(identifier.quoted),
            schema_quoted=bool(schema is not None and schema.quoted),
        )
        name = identifier.name
        if served is not None:
            if not served.relation.readable:
                raise Refused(f"{served.relation.name} can't be read{where}: {UNREADABLE}")
            return served
        if self._is_hidden(fold(name)):
            raise Refused(f"{name!r} is not served{where}: call {self.describe} to see tables and columns")
        near = self.view.nearest_relations(name)
        hint = f"did you mean {' or '.join(near)}?" if near else f"call {self.describe} to see tables and columns"
        raise UnknownRelation(f"no such table: {name[:100]}{where}: {hint}")

    def _real_name(self, served: Served) -> tuple[exp.Identifier, exp.Identifier | None]:
        schema = served.base.schema or self.dialect.schema
        return (
            exp.to_identifier(served.base.name, quoted=True),
            exp.to_identifier(schema, quoted=True) if schema else None,
        )

    @staticmethod
    def _name(table: exp.Table, name: exp.Identifier, schema: exp.Identifier | None, alias: exp.Identifier) -> None:
        """Give a table of the tree its real name, and the name that the statement knows it by as its alias."""
        table.set("this", name)
        table.set("db", schema)
        written = table.args.get("alias")
        if isinstance(written, exp.TableAlias):
            written.set("this", alias)
        else:
            table.set("alias", exp.TableAlias(this=alias))

    def _note_source(
        self,
        node: exp.Expr,
        alias: exp.Expr | None,
        served: Served | None,
        otherwise: exp.Identifier | None = None,
    ) -> None:
        """Note what a name before a column stands for in the SELECT around."""
        given = alias.args.get("this") if alias is not None else None
        identifier = given if isinstance(given, exp.Identifier) else otherwise
        select = node.find_ancestor(exp.Select)
        if identifier is None or select is None:
            return
        renamed = tuple(each.name for each in (alias.args.get("columns") or ())) if alias is not None else ()
        source = _Source(identifier, served, given is None, renamed)
        self._sources.setdefault(id(select), {})[self._key(identifier)] = source

    def _visit_column(self, column: exp.Column) -> None:
        """Check a qualified column against what its qualifier is, and take schemas off."""
        if fold(column.name) in self.dialect.secret_columns and not isinstance(column.this, exp.Star):
            raise Refused(f"no such column: {column.name[:60]}{self._where(column)}")
        qualifier = column.args.get("table")
        if qualifier is None:
            return
        schema = column.args.get("db")
        source = self._source(column, qualifier)
        if schema is not None:
            if (
                source is None
                or source.served is None
                or not source.plain
                or not self._is_schema(source.served, schema)
            ):
                self._unknown_column(column, [])
            column.set("db", None)
        if source is None or source.served is None or isinstance(column.this, exp.Star):
            return
        self._check_column(column, source.served, source.renamed)

    def _check_column(self, column: exp.Column, served: Served, renamed: tuple[str, ...]) -> None:
        name = column.this
        key = self._key(name)
        columns = [*renamed, *(each.name for each in served.relation.columns[len(renamed) :])]
        if any(self.dialect.key(each, quoted=True) == key for each in columns) or key in map(fold, renamed):
            return
        if served.restriction is None and (
            served.base.kind == "virtual" or fold(name.name) in self.dialect.row_columns
        ):
            return
        self._unknown_column(column, columns)

    def _unknown_column(self, column: exp.Column, columns: list[str]) -> None:
        near = nearest(column.name, columns)
        if near:
            hint = f" - did you mean {' or '.join(near)}?"
        else:
            hint = f" - the columns are {', '.join(columns[:40])}" if columns else ""
        written = ".".join(part.name[:60] for part in column.parts)
        raise Refused(f"no such column: {written}{self._where(column.parts[0])}{hint}")

    def _is_schema(self, served: Served, schema: exp.Identifier) -> bool:
        return self.dialect.key(served.base.schema or self.dialect.schema, quoted=True) == self._key(schema)

    def _source(self, column: exp.Column, qualifier: exp.Identifier) -> _Source | None:
        """Return what a qualifier stands for, looked up from the SELECT around the column outwards."""
        key = self._key(qualifier)
        select = column.find_ancestor(exp.Select)
        while select is not None:
            source = self._sources.get(id(select), {}).get(key)
            if source is not None:
                return source
            select = select.find_ancestor(exp.Select)
        return None

    def _put(self, table: exp.Table, served: Served) -> None:
        """Replace a table by what may be seen of it."""
        restriction = served.restriction
        assert restriction is not None  # noqa: S101 (only restricted ones are noted)
        inner = exp.to_identifier(served.base.name, quoted=True)
        columns: list[exp.Expr] = []
        for column, mask in restriction.columns:
            identifier = exp.to_identifier(column, quoted=True)
            value = exp.Column(this=identifier, table=inner.copy()) if mask is None else mask.copy()
            columns.append(exp.Alias(this=value, alias=identifier.copy()))
        select = exp.Select(expressions=columns)
        name, schema = self._real_name(served)
        source = exp.Table(this=name, db=schema, alias=exp.TableAlias(this=inner))
        select.set("from_", exp.From(this=source))
        condition: exp.Expr | None = None
        for each in restriction.conditions:
            condition = each.copy() if condition is None else exp.And(this=condition, expression=each.copy())
        if condition is not None:
            select.set("where", exp.Where(this=condition))
            if self.dialect.fence == "fetch":
                most = exp.Literal.number(NO_LIMIT)
                select.set("limit", exp.Fetch(direction="FIRST", count=most, limit_options=exp.LimitOptions(rows=True)))
            elif self.dialect.fence == "offset":
                select.set("offset", exp.Offset(expression=exp.Literal.number(0)))
            else:
                select.set("limit", exp.Limit(expression=exp.Literal.number(NO_LIMIT)))
        derived = exp.Subquery(this=select, alias=table.args["alias"])
        for name_of_part in ("joins", "laterals"):
            part = table.args.get(name_of_part)
            if part:
                derived.set(name_of_part, part)
        table.replace(derived)

    def _fold(self, identifier: exp.Identifier) -> None:
        """Write a name as the dialect understands it, in quotes: no bare word can mean anything else then."""
        if isinstance(identifier.parent, exp.PropertyEQ) and isinstance(identifier.parent.parent, exp.Struct):
            return  # the name of a field is a text
        if not identifier.quoted:
            if self.dialect.comparison != "insensitive":
                identifier.set("this", self._key(identifier))
            identifier.set("quoted", True)

    def _key(self, identifier: exp.Identifier) -> str:
        return self.dialect.key(identifier.name, quoted=bool(identifier.quoted))

    def _where(self, node: exp.Expr) -> str:
        return place_of(self.sql, node)


LONGEST_LABEL = 200


def _label(tree: exp.Expr) -> None:
    """Give expressions of SELECT lists the label that the database would give them: their text as written."""
    for select in tree.find_all(exp.Select):
        select.set("expressions", [_labelled(node) for node in select.expressions])


def _labelled(node: exp.Expr) -> exp.Expr:
    text = node.meta.get("text")
    if isinstance(node, exp.Alias | exp.Column | exp.Star) or not text or len(text) > LONGEST_LABEL:
        return node
    if isinstance(node, exp.Literal) and node.is_string:
        return node  # labelled with itself, with or without quotes
    return exp.Alias(this=node, alias=exp.to_identifier(text, quoted=True))
