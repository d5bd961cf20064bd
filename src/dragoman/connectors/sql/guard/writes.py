"""The guard for writes: what a statement would change, as queries that are rewritten like every other.

Nothing of an agent's INSERT, UPDATE or DELETE is ever run as such. Its WHERE and its expressions become queries: the
keys of the rows it means, and the values it would give them; they see what the agent sees, masks and filters and all.
What is written afterwards are bound values, in statements of ours. So a form that is not understood here is refused,
and one that is misunderstood still changes only permitted rows of permitted tables.
"""

from collections.abc import Iterable

from msgspec import Struct, structs
from sqlglot import Token, TokenType, exp

from dragoman.connectors.sql.catalog import Column, fold, nearest
from dragoman.connectors.sql.dialects import Dialect
from dragoman.connectors.sql.engines.engine import SqlLimits
from dragoman.connectors.sql.guard.guard import _limit, _slot
from dragoman.connectors.sql.guard.nodes import Nodes
from dragoman.connectors.sql.guard.rewriting import Rewriting
from dragoman.connectors.sql.guard.statement import Statement
from dragoman.connectors.sql.parsing import TOO_COMPLEX, Refused, Text, UnknownRelation, place, place_of
from dragoman.connectors.sql.policy import Served, View, matches_key
from dragoman.connectors.sql.settings import SqlSettings

VERBS = ("insert", "update", "delete")
_FORMS: dict[type[exp.Expr], frozenset[str]] = {
    exp.Insert: frozenset({"this", "expression"}),
    exp.Update: frozenset({"this", "expressions", "where"}),
    exp.Delete: frozenset({"this", "where"}),
}
_MADE_OF = (exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Schema)
_MOVING = frozenset(
    """
    now clock_timestamp statement_timestamp transaction_timestamp timeofday sysdate curdate curtime utc_date utc_time
    utc_timestamp localtime localtimestamp current_timestamp current_date current_time unix_timestamp unixepoch date
    time datetime julianday strftime timediff age today random random_normal randomblob rand uuid gen_random_uuid
    uuid_short
    """.split()
)


class Change(Struct, frozen=True):
    """What one statement would change.

    Args:
        verb: `insert`, `update` or `delete`.
        sql: the text of its author.
        served: the table, as its author sees it.
        columns: the columns that are given values, in their order.
        keys: gives the keys of the rows that are meant; None for an insert.
        values: gives, for an update, keys and values; for an insert, the values; None for a delete.
        groups: how many rows stand in one row of `values`, side by side.
        moving: whether its values may be others each time, because of a clock or of chance.
    """

    verb: str
    sql: str
    served: Served
    columns: tuple[str, ...]
    keys: Statement | None
    values: Statement | None
    groups: int = 1
    moving: bool = False

    @property
    def parameters(self) -> frozenset[str]:
        """The names of the parameters that it uses."""
        return frozenset(name for each in (self.keys, self.values) if each is not None for name in names_of(each))


class WriteGuard:
    """Lets changes of one connector through.

    Args:
        dialect: what expressions may say.
        limits: the sizes it holds statements to.
        settings: which tables and verbs are allowed.
        describe: the name of the tool that tells about tables, for its sentences.
    """

    def __init__(self, dialect: Dialect, limits: SqlLimits, settings: SqlSettings, describe: str) -> None:
        self.dialect = dialect
        self.settings = settings
        self.describe = describe
        self._text = _WriteText(dialect, limits)
        self._nodes = Nodes(dialect)
        self._forms = Nodes(structs.replace(dialect, nodes=dialect.nodes | {"Insert", "Update", "Delete", "Schema"}))

    def check(self, sql: str, view: View, parameters: frozenset[str]) -> Change:
        """Return what a statement would change, if all of it may be.

        Args:
            sql: the text of an agent.
            view: what its author may see.
            parameters: names of values that will be bound to it.

        Raises:
            Refused: it is no INSERT, UPDATE or DELETE that is allowed.
        """
        try:
            return self._judge(sql, view, parameters)
        except RecursionError:
            raise Refused(TOO_COMPLEX) from None
        except (AttributeError, IndexError, KeyError, TypeError):  # of the parser, over a tree that nobody foresaw
            raise Refused("the statement can't be understood: say it more simply") from None

    def keyed(self, sql: str, view: View, parameters: frozenset[str]) -> Statement:
        """Return a query of ours over what callers see, in which values are parameters.

        Raises:
            Refused: it can't be asked.
        """
        return self._query(sql, self._text.query(sql), view, parameters)

    def _judge(self, sql: str, view: View, parameters: frozenset[str]) -> Change:
        tree = self._text.statement(sql)
        verb = tree.key
        self._check_form(sql, tree, verb)
        table = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
        served = self._target(sql, table, view)
        self._forms.check(sql, tree.copy(), parameters)
        if isinstance(tree, exp.Insert):
            return self._insert(sql, tree, served, view, parameters)
        where = tree.args.get("where")
        if where is None:
            raise Refused(f"{verb.upper()} needs a WHERE that says which rows are meant")
        if _is_always_true(where.this):
            raise Refused(f"the WHERE of this {verb.upper()} is true of every row: say which rows are meant")
        keys = self._query(sql, self._select(table, served, [], where), view, parameters)
        if isinstance(tree, exp.Delete):
            return Change(verb, sql, served, (), keys, None)
        columns, given = self._assignments(sql, tree, served)
        values = self._query(sql, self._select(table, served, given, where), view, parameters)
        return Change(verb, sql, served, columns, keys, values, moving=_is_moving(given))

    def _check_form(self, sql: str, tree: exp.Expr, verb: str) -> None:
        if verb not in self.settings.write_verbs:
            allowed = ", ".join(each.upper() for each in self.settings.write_verbs) or "nothing"
            raise Refused(f"{verb.upper()} is not allowed here: allowed are {allowed}")
        for name, value in tree.args.items():
            if value and name not in _FORMS[type(tree)]:
                raise Refused(
                    f"{name.strip('_').replace('_', ' ').upper()} can't stand in {verb.upper()} here: what it does "  # noqa: S608 (a sentence)
                    "could not be previewed. Write INSERT INTO ... VALUES or SELECT, UPDATE ... SET ... WHERE, or "
                    "DELETE FROM ... WHERE"
                )
        for node in tree.walk():
            if isinstance(node, _MADE_OF) and node is not tree and node is not tree.this:
                raise Refused(f"found {node.key.upper()}{place_of(sql, node)}: one statement changes one table")

    def _target(self, sql: str, table: exp.Expr, view: View) -> Served:
        """Return the table that is written.

        Raises:
            UnknownRelation: its author sees none of that name.
            Refused: it may not be written.
        """
        if not isinstance(table, exp.Table) or not isinstance(table.this, exp.Identifier):
            raise Refused("write the name of one table behind INTO, UPDATE or FROM")
        extra = {name for name, value in table.args.items() if value} - {"this", "db", "alias"}
        alias = table.args.get("alias")
        if extra or (alias is not None and alias.args.get("columns")):
            raise Refused("one statement changes one table, which is named alone")
        schema = table.args.get("db")
        served = view.lookup(
            schema.name if schema is not None else None,
            table.name,
            quoted=bool(table.this.quoted),
            schema_quoted=bool(schema is not None and schema.quoted),
        )
        if served is None:
            near = view.nearest_relations(table.name)
            hint = f"did you mean {' or '.join(near)}?" if near else f"call {self.describe} to see tables and columns"
            raise UnknownRelation(f"no such table: {table.name[:100]}{place_of(sql, table)}: {hint}")
        base = served.base
        if not any(matches_key(self.dialect, key, base, view.schemas) for key in self.settings.write_tables):
            raise Refused(f"{served.relation.name} may not be written{place_of(sql, table)}: it can only be read")
        if base.kind != "table":
            raise Refused(f"{served.relation.name} is a {base.kind}, and only tables can be written")
        seen = {column.name for column in served.relation.columns if column.name not in served.masks}
        key = [column.name for column in base.columns if column.key]
        if not key:
            raise Refused(
                f"{base.name} has no primary key: without one its rows can't be told apart, so it isn't written"
            )
        if not set(key) <= seen:
            raise Refused(f"the primary key of {base.name} isn't shown to you: its rows can't be written")
        return served

    def _insert(self, sql: str, tree: exp.Insert, served: Served, view: View, parameters: frozenset[str]) -> Change:
        if isinstance(tree.this, exp.Schema):
            names = tree.this.expressions
            if any(not isinstance(each, exp.Identifier) for each in names):
                raise Refused("write names of columns, parted by commas, behind the name of the table")
            columns = self._columns(sql, names, served)
        else:
            if served.restriction is not None and len(served.relation.columns) != len(served.base.columns):
                raise Refused(f"name the columns that you give: INSERT INTO {served.relation.name} (...)")
            columns = self._columns(
                sql, [exp.to_identifier(each.name, quoted=True) for each in served.relation.columns], served
            )
        source = tree.expression
        if isinstance(source, exp.Values):
            return self._insert_values(sql, source, served, columns, view, parameters)
        if not isinstance(source, exp.Select | exp.SetOperation | exp.Subquery):
            raise Refused("write VALUES (...) or one SELECT behind the columns")
        moving = _is_moving([source])
        values = self._query(sql, source.copy(), view, parameters)
        return Change("insert", sql, served, columns, None, values, moving=moving)

    def _insert_values(
        self,
        sql: str,
        source: exp.Values,
        served: Served,
        columns: tuple[str, ...],
        view: View,
        parameters: frozenset[str],
    ) -> Change:
        if source.args.get("alias"):
            raise Refused("VALUES takes no alias here")
        rows = [each.expressions if isinstance(each, exp.Tuple) else [each] for each in source.expressions]
        for row in rows:
            if len(row) != len(columns):
                raise Refused(f"{len(row)} values for {len(columns)} columns: {', '.join(columns)}")
        given = [value for row in rows for value in row]
        for value in given:
            if isinstance(value, exp.Var | exp.Star):
                raise Refused(f"{value.name[:40].upper()} is no value: leave the column out for its default")
        values = self._query(sql, exp.Select(expressions=[_alone(each) for each in given]), view, parameters)
        return Change("insert", sql, served, columns, None, values, len(rows), _is_moving(given))

    def _assignments(self, sql: str, tree: exp.Expr, served: Served) -> tuple[tuple[str, ...], list[exp.Expr]]:
        names, given = [], []
        for each in tree.expressions:
            if not isinstance(each, exp.EQ) or not isinstance(each.this, exp.Column):
                raise Refused("write SET column = value, parted by commas")
            if isinstance(each.expression, exp.Var | exp.Star):
                raise Refused(f"{each.expression.name[:40].upper()} is no value: write one")
            names.append(each.this.this)
            given.append(each.expression)
        columns = self._columns(sql, names, served)
        keys = {fold(column.name) for column in served.base.columns if column.key}
        for name in columns:
            if fold(name) in keys:
                raise Refused(f"{name} is of the primary key and can't be changed: insert a new row and delete the old")
        return columns, given

    def _columns(self, sql: str, names: Iterable[exp.Expr], served: Served) -> tuple[str, ...]:
        """Return the columns of a table that names mean, if they may be written."""
        known = {self.dialect.key(each.name, quoted=True): each for each in served.relation.columns}
        found: list[str] = []
        for name in names:
            column: Column | None = known.get(
                self.dialect.key(name.name, quoted=bool(isinstance(name, exp.Identifier) and name.quoted))
            )
            where = place_of(sql, name)
            if column is None:
                near = nearest(name.name, [each.name for each in served.relation.columns])
                hint = f" - did you mean {' or '.join(near)}?" if near else ""
                raise Refused(f"no such column: {name.name[:60]}{where}{hint}")
            if column.name in served.masks:
                raise Refused(f"{column.name}{where} is shown masked, so it can't be written")
            if column.name in found:
                raise Refused(f"{column.name}{where} is given a value twice")
            found.append(column.name)
        if not found:
            raise Refused("name the columns that you give")
        return tuple(found)

    def _select(self, table: exp.Table, served: Served, given: list[exp.Expr], where: exp.Expr) -> exp.Expr:
        """Return the query for the keys of the rows that are meant, and expressions over them."""
        alias = table.args.get("alias")
        name = alias.this if alias is not None else table.this
        keys = [
            exp.Column(this=exp.to_identifier(column.name, quoted=True), table=name.copy())
            for column in sorted((each for each in served.base.columns if each.key), key=lambda each: each.key)
        ]
        select = exp.Select(expressions=[*keys, *(_alone(each) for each in given)])
        select.set("from_", exp.From(this=table.copy()))
        select.set("where", where.copy())
        return select

    def _query(self, sql: str, tree: exp.Expr, view: View, parameters: frozenset[str]) -> Statement:
        """Return a tree as a query that was let through, on the same road as every other."""
        self._nodes.check(sql, tree, parameters)
        rewriting = Rewriting(sql, self.dialect, view, self.describe)
        rewriting.apply(tree)
        _limit(tree)
        pieces = self._text.write(tree).split("\0")
        slots = tuple(_slot(name, view) for name in pieces[1::2])
        return Statement(sql, tuple(rewriting.relations), tuple(pieces[::2]), slots)


class _WriteText(Text):
    """Texts that begin with INSERT, UPDATE or DELETE."""

    def statement(self, sql: str) -> exp.Expr:
        """Return the tree of one statement, which may end in one semicolon.

        Raises:
            Refused: it is none, more than one, too large, or can't be parsed.
        """
        tokens: list[Token] = self._tokens(sql)
        if tokens and tokens[-1].token_type is TokenType.SEMICOLON:
            tokens.pop()
        if not tokens:
            raise Refused("there is no statement: write one INSERT, UPDATE or DELETE")
        for token in tokens:
            if token.token_type is TokenType.SEMICOLON:
                raise Refused(f"more than one statement: found ;{place(sql, token.start)}. Send them as a list")
        first = tokens[0].text
        if fold(first) not in VERBS:
            raise Refused(
                f"found {first.upper()[:40]}{place(sql, tokens[0].start)}: what changes rows here are INSERT, UPDATE "
                "and DELETE"
            )
        self._check_nesting(sql, tokens)
        tree = self._tree(sql, tokens)
        if type(tree) not in _FORMS:
            raise Refused("the statement is no INSERT, UPDATE or DELETE that is understood")
        return tree


def names_of(statement: Statement) -> frozenset[str]:
    """Return the names of the parameters that a statement uses."""
    return frozenset(slot.name for slot in statement.slots if slot.kind == "parameter")


def _alone(expression: exp.Expr) -> exp.Expr:
    """Return an expression as one of a SELECT list; without the note of its text, which would be its label."""
    copy = expression.copy()
    copy.meta.pop("text", None)
    return exp.Paren(this=copy) if isinstance(copy, exp.Condition | exp.Binary) else copy


def _is_moving(trees: Iterable[exp.Expr]) -> bool:
    kinds = (exp.CurrentDate, exp.CurrentTime, exp.CurrentTimestamp)
    return any(
        isinstance(node, kinds) or (isinstance(node, exp.Func) and fold(node.name or node.sql_name()) in _MOVING)
        for tree in trees
        for node in tree.walk()
    )


def _is_always_true(node: exp.Expr) -> bool:
    """Whether a condition plainly holds for every row; what is less plain is held by the row cap."""
    if isinstance(node, exp.Paren):
        return _is_always_true(node.this)
    if isinstance(node, exp.Or):
        return _is_always_true(node.this) or _is_always_true(node.expression)
    if isinstance(node, exp.And):
        return _is_always_true(node.this) and _is_always_true(node.expression)
    if isinstance(node, exp.Binary) and node.this == node.expression:
        return True
    return node.find(exp.Column) is None
