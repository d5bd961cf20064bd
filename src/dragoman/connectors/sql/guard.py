"""The first lock: whether a statement is one query over what is served, decided on its syntax tree.

Everything is bounded before and while it is parsed (security invariant P17): bytes, tokens, nesting, and the
steps of the parser, because some short inputs (a chain of joins without conditions) cost it exponential time.
Nodes, functions and relations are allow-lists; what the tree can't name is refused. Engines check again with
means of their own and run the text itself, so a disagreement between parsers costs an error, never a write.
"""

from collections.abc import Iterator

from msgspec import Struct
from sqlglot import Dialect as Grammar
from sqlglot import Token, TokenType, exp
from sqlglot.errors import ParseError, TokenError

from dragoman.connectors.sql.catalog import UNREADABLE, Catalog, Relation, fold, nearest
from dragoman.connectors.sql.dialects import Dialect
from dragoman.connectors.sql.engines.engine import SqlFault, SqlLimits

STEPS_PER_TOKEN = 60
STEPS_ALWAYS = 20_000
BEGINNINGS = frozenset({"select", "values", "with"})
OPENING = frozenset({TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE, TokenType.CASE})
CLOSING = frozenset({TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE, TokenType.END})

WRITES = (exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Create, exp.Drop, exp.Alter, exp.TruncateTable)


class Refused(SqlFault):
    """The guard does not let the statement through."""


class UnknownRelation(Refused):
    """The statement names a relation that the catalog lacks; a newer catalog may have it."""


class _TooManySteps(Exception):
    """The parser took more steps than a statement of this length needs."""


class Statement(Struct, frozen=True):
    """A statement that was let through.

    Args:
        sql: its text, unchanged.
        relations: the relations it names, as the catalog writes them, each once.
    """

    sql: str
    relations: tuple[str, ...]


class Guard:
    """Lets queries of one dialect through.

    Args:
        dialect: what it allows.
        limits: the sizes it holds statements to.
        describe: the name of the tool that tells about tables, for its sentences.
    """

    def __init__(self, dialect: Dialect, limits: SqlLimits, describe: str) -> None:
        self.dialect = dialect
        self.limits = limits
        self.describe = describe
        self._grammar = Grammar.get_or_raise(dialect.name)
        # Paths stay literals: the parser would log those that it can't read, and they are the engine's to judge.
        self._grammar.to_json_path = lambda path: path  # type: ignore[method-assign]
        self._nodes = frozenset(getattr(exp, name) for name in dialect.nodes if hasattr(exp, name))

    def check(self, sql: str, catalog: Catalog) -> Statement:
        """Return the statement if it is one query over served relations.

        Args:
            sql: the text of an agent.
            catalog: what the database holds.

        Raises:
            UnknownRelation: it names a table that there isn't.
            Refused: it is anything else but one such query.
        """
        tokens = self._tokens(sql)
        tree = self._tree(sql, tokens)
        own_names = self._common_table_names(sql, tree, catalog)
        relations: dict[str, None] = {}
        for node in tree.walk():
            self._check_node(sql, node)
            if isinstance(node, exp.Table) and node.arg_key != "indexed":  # INDEXED BY names an index
                relation = self._relation(sql, node, own_names, catalog)
                if relation is not None:
                    relations[relation.name] = None
        return Statement(sql, tuple(relations))

    def _tokens(self, sql: str) -> list[Token]:
        """Return the tokens of one statement that begins like a query."""
        tokens = self._bounded_tokens(sql)
        if tokens and tokens[-1].token_type is TokenType.SEMICOLON:
            tokens.pop()
        if not tokens:
            raise Refused("there is no statement: write one SELECT")
        for token in tokens:
            if token.token_type is TokenType.SEMICOLON:
                raise Refused(f"more than one statement: found ;{place(sql, token.start)}. Send them one by one")
        first = tokens[0].text
        if fold(first) not in BEGINNINGS:
            raise Refused(
                f"found {first.upper()[:40]}{place(sql, tokens[0].start)}: this database is read-only and takes "
                "SELECT, VALUES and WITH ... SELECT"
            )
        self._check_nesting(sql, tokens)
        return tokens

    def _bounded_tokens(self, sql: str) -> list[Token]:
        """Return the tokens of a text of bearable size."""
        limits = self.limits
        try:
            size = len(sql.encode("utf-8"))
        except UnicodeEncodeError:
            raise Refused("the statement is no Unicode text: it holds half a surrogate pair") from None
        if size > limits.statement_bytes:
            raise Refused(f"the statement has {size} bytes; at most {limits.statement_bytes} are allowed")
        if "\0" in sql:
            raise Refused("the statement holds a NUL character")
        try:
            tokens = self._grammar.tokenize(sql)
        except TokenError:
            raise Refused("a quoted text, a name or a comment in the statement has no end") from None
        if len(tokens) > limits.tokens:
            raise Refused(f"the statement has {len(tokens)} tokens; at most {limits.tokens} are allowed")
        return tokens

    def _check_nesting(self, sql: str, tokens: list[Token]) -> None:
        depth = 0
        for token in tokens:
            if token.token_type in OPENING:
                depth += 1
                if depth > self.limits.nesting:
                    raise Refused(
                        f"nested more than {self.limits.nesting} levels deep{place(sql, token.start)}: use WITH"
                    )
            elif token.token_type in CLOSING:
                depth -= 1

    def _tree(self, sql: str, tokens: list[Token]) -> exp.Expr:
        parser = self._grammar.parser()
        advance = parser._advance  # noqa: SLF001 (the one step that every path of the parser takes)
        left = STEPS_ALWAYS + STEPS_PER_TOKEN * len(tokens)

        def counted_advance(times: int = 1) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise _TooManySteps
            advance(times)

        parser._advance = counted_advance  # type: ignore[method-assign]  # noqa: SLF001
        try:
            (tree,) = parser.parse(tokens, sql)
        except ParseError as error:
            raise Refused(_syntax_error(error)) from None
        except (RecursionError, _TooManySteps):
            raise Refused("the statement is too complex: give every JOIN its ON or USING, or use WITH") from None
        except ValueError:
            raise Refused("the statement can't be understood") from None
        if not isinstance(tree, exp.Select | exp.SetOperation | exp.Values):
            raise Refused("the statement is no query: write one SELECT")
        return tree

    def _common_table_names(self, sql: str, tree: exp.Expr, catalog: Catalog) -> frozenset[str]:
        """Return what the statement itself names by WITH; nothing that is hidden may be named so.

        Names are not resolved by scope, so a name that WITH gives counts everywhere. That would matter if it
        could stand for a hidden relation somewhere else.
        """
        names = set()
        for common in tree.find_all(exp.CTE):
            name = fold(common.alias)
            if self._is_hidden(name, catalog):
                raise Refused(f"{common.alias!r} is a name of the database itself{_place_of(sql, common)}: rename it")
            names.add(name)
        return frozenset(names)

    def _is_hidden(self, folded: str, catalog: Catalog) -> bool:
        return folded in catalog.hidden or folded.startswith(self.dialect.system_prefixes)

    def _check_node(self, sql: str, node: exp.Expr) -> None:
        if isinstance(node, exp.Anonymous) and not isinstance(node.parent, exp.Table):
            self._check_function(sql, node)
        elif isinstance(node, exp.In) and node.args.get("field") is not None:
            raise Refused("IN needs parentheses here: IN (1, 2) or IN (SELECT ...)")
        elif type(node) not in self._nodes:
            raise Refused(self._what_is_refused(sql, node))

    def _check_function(self, sql: str, node: exp.Anonymous) -> None:
        name = fold(node.name)
        if name in self.dialect.functions:
            return
        raise Refused(self._about_function(node.name, _place_of(sql, node)))

    def _about_function(self, name: str, where: str) -> str:
        foreign = self.dialect.foreign_functions.get(fold(name))
        near = [foreign] if foreign else nearest(name, self.dialect.functions)
        hint = f"did you mean {' or '.join(near)}?" if near else "it is not on the list of allowed functions"
        return f"function {name[:60]!r} can't be used{where}: {hint}"

    def _what_is_refused(self, sql: str, node: exp.Expr) -> str:
        where = _place_of(sql, node)
        if isinstance(node, exp.Placeholder | exp.Parameter | exp.SessionParameter):
            return f"found a parameter{where}: write the value itself"
        if isinstance(node, WRITES):
            return f"found {node.key.upper()}{where}: this database is read-only"
        if isinstance(node, exp.Func):
            return self._about_function(_written(sql, node) or node.sql_name().lower(), where)
        return f"{_written(sql, node) or node.key.upper()}{where} is no part of a query that is taken"

    def _relation(self, sql: str, table: exp.Table, own_names: frozenset[str], catalog: Catalog) -> Relation | None:
        """Return the relation that a table of the tree is, or None for one the statement makes itself."""
        schema = table.text("db")
        where = _place_of(sql, table)
        if isinstance(table.this, exp.Func):
            return self._table_function(sql, table.this, catalog)
        name = table.name
        if not schema and fold(name) in own_names:
            return None
        if table.text("catalog") or (schema and fold(schema) != self.dialect.schema):
            raise Refused(f"schema {schema!r} is not served{where}: name the table alone")
        relation = catalog.find(name)
        if relation is not None:
            if not relation.readable:
                raise Refused(f"{relation.name} can't be read{where}: {UNREADABLE}")
            return relation
        if self._is_hidden(fold(name), catalog):
            raise Refused(f"{name!r} is not served{where}: call {self.describe} to see tables and columns")
        near = catalog.nearest_relations(name)
        hint = f"did you mean {' or '.join(near)}?" if near else f"call {self.describe} to see tables and columns"
        raise UnknownRelation(f"no such table: {name[:100]}{where}: {hint}")

    def _table_function(self, sql: str, function: exp.Expr, catalog: Catalog) -> Relation | None:
        name = function.name if isinstance(function, exp.Anonymous) else function.key
        if isinstance(function, exp.GenerateSeries):
            name = "generate_series"
        if fold(name) in self.dialect.table_functions:
            return None
        relation = catalog.find(name)
        if relation is not None and relation.kind == "virtual":  # FROM documents('word') of full-text tables
            return relation
        raise Refused(
            f"table function {name!r} can't be used{_place_of(sql, function)}; allowed are "
            f"{', '.join(sorted(self.dialect.table_functions))}"
        )


def place(sql: str, offset: int) -> str:
    """Return where an offset into a statement is, to be put behind a word."""
    line = sql.count("\n", 0, offset) + 1
    column = offset - (sql.rfind("\n", 0, offset) + 1) + 1
    return f" at line {line}, column {column}" if "\n" in sql.strip() else f" at column {column}"


def _place_of(sql: str, node: exp.Expr) -> str:
    """Return where a node stands, or nothing when the parser did not note it for this or an inner node."""
    for inner in _names_first(node):
        start = inner.meta.get("start")
        if start is not None:
            return place(sql, start)
    return ""


def _written(sql: str, node: exp.Expr) -> str:
    """Return the word that a node was written as, when the parser noted where."""
    start, end = node.meta.get("start"), node.meta.get("end")
    word = sql[start : end + 1] if start is not None and end is not None else ""
    return word if word.isidentifier() else ""


def _names_first(node: exp.Expr) -> Iterator[exp.Expr]:
    yield node
    yield from node.find_all(exp.Identifier, exp.Anonymous)


def _syntax_error(error: ParseError) -> str:
    """Return where a parse failed, in one sentence without the parser's own markup."""
    first = error.errors[0] if error.errors else {}
    line, column, word = first.get("line"), first.get("col"), first.get("highlight")
    if line is None or column is None or not word:
        return "syntax error: the statement ends too early or has a word too many"
    begin = column - len(word) + 1
    where = f"at column {begin}" if line == 1 else f"at line {line}, column {begin}"
    return f"syntax error {where}, near {word[:60]!r}"
