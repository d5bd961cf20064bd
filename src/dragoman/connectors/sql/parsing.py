"""From text to a syntax tree and back, with everything bounded before and while it happens (invariant P17).

Bytes, tokens, nesting and the steps of the parser are counted, because some short inputs (a chain of joins
without conditions) cost it exponential time. This module knows no policy and decides nothing about a tree.
"""

import re
from collections.abc import Iterator

from sqlglot import ErrorLevel, Token, TokenType, exp
from sqlglot.errors import ParseError, SqlglotError, TokenError

from dragoman.connectors.sql.catalog import fold
from dragoman.connectors.sql.dialects import Dialect
from dragoman.connectors.sql.dialects.grammars import GRAMMARS
from dragoman.connectors.sql.engines.engine import SqlFault, SqlLimits

STEPS_PER_TOKEN = 60
STEPS_ALWAYS = 20_000
OPENING = frozenset({TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE, TokenType.CASE})
CLOSING = frozenset({TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE, TokenType.END})
_UNCLEAR = "the statement is not complete, or could be understood in two ways"
TOO_COMPLEX = "the statement is too complex: give every JOIN its ON or USING, or use WITH"

_SLOT = re.compile("\0(\\w+)\0")


class Refused(SqlFault):
    """The guard does not let the statement through."""


class UnknownRelation(Refused):
    """The statement names a relation that the catalog lacks; a newer catalog may have it."""


class _TooManySteps(Exception):
    """The parser took more steps than a statement of this length needs."""


class Text:
    """The texts of one dialect, read and written.

    Args:
        dialect: whose texts they are.
        limits: the sizes they are held to.
    """

    def __init__(self, dialect: Dialect, limits: SqlLimits) -> None:
        self.dialect = dialect
        self.limits = limits
        self._grammar = GRAMMARS[dialect.name]

    def query(self, sql: str) -> exp.Expr:
        """Return the tree of one query, which may end in one semicolon.

        Raises:
            Refused: it is none, more than one, too large, or can't be parsed.
        """
        tokens = self._tokens(sql)
        if tokens and tokens[-1].token_type is TokenType.SEMICOLON:
            tokens.pop()
        if not tokens:
            raise Refused("there is no statement: write one SELECT")
        for token in tokens:
            if token.token_type is TokenType.SEMICOLON:
                raise Refused(f"more than one statement: found ;{place(sql, token.start)}. Send them one by one")
        first = tokens[0].text
        if fold(first) not in self.dialect.beginnings:
            raise Refused(
                f"found {first.upper()[:40]}{place(sql, tokens[0].start)}: this database is read-only and takes "
                "SELECT, VALUES and WITH ... SELECT"
            )
        self._check_nesting(sql, tokens)
        tree = self._tree(sql, tokens)
        inner = tree.unnest() if isinstance(tree, exp.Subquery) else tree
        if not isinstance(inner, exp.Select | exp.SetOperation | exp.Values):
            raise Refused("the statement is no query: write one SELECT")
        return tree

    def expression(self, sql: str) -> exp.Expr:
        """Return the tree of one expression, as an administrator writes it in the settings.

        Raises:
            Refused: it is none, more than one, too large, or can't be parsed.
        """
        tree = self.query(f"SELECT {sql}")
        if not isinstance(tree, exp.Select) or len(tree.expressions) != 1 or _clauses(tree) != {"expressions"}:
            raise Refused("it is not one expression")
        (expression,) = tree.expressions
        if isinstance(expression, exp.Alias) and self.dialect.name == "mssql" and not sql.startswith("("):
            return self.expression(f"({sql})")  # there, `name = value` gives a name
        if isinstance(expression, exp.Alias):
            raise Refused("it has an alias: write the expression alone")
        detached: exp.Expr = expression.pop()
        return detached

    def write(self, tree: exp.Expr) -> str:
        r"""Return a tree as text, in which `\0name\0` stands for the placeholder of that name.

        The text is parsed again and must give the same tree, so that nothing is run that was not judged.

        Raises:
            Refused: it can't be said so that it is understood as it was meant.
        """
        try:
            text = self._grammar.generate(
                tree, comments=False, identify=True, normalize_functions=False, unsupported_level=ErrorLevel.RAISE
            )
            again = self._parsed(_SLOT.sub(lambda found: f":{found[1]}", text))
        except RecursionError:
            raise Refused(TOO_COMPLEX) from None
        except (SqlglotError, ValueError, _TooManySteps):
            raise Refused(f"{_UNCLEAR}: check its syntax, or say it more simply") from None
        if again != tree:
            raise Refused(f"{_UNCLEAR}: check its syntax, or say it more simply")
        return text

    def _parsed(self, text: str) -> exp.Expr:
        tokens = self._grammar.tokenize(text)
        return self._counted(text, tokens)

    def _tokens(self, sql: str) -> list[Token]:
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
        for token in tokens:
            for comment in token.comments:
                if comment.lstrip("M").startswith("!") and self.dialect.name == "mysql":
                    raise Refused(f"found a comment that MySQL runs{place(sql, token.start)}: leave out /*! and */")
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
        try:
            return self._counted(sql, tokens)
        except ParseError as error:
            raise Refused(_syntax_error(error)) from None
        except (RecursionError, _TooManySteps):
            raise Refused(TOO_COMPLEX) from None
        except ValueError:
            raise Refused("the statement can't be understood") from None

    def _counted(self, sql: str, tokens: list[Token]) -> exp.Expr:
        """Parse, within a number of steps that any real statement of this length stays far below."""
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
        (tree,) = parser.parse(tokens, sql)
        if tree is None:
            raise ValueError("no statement")
        return tree


def _clauses(tree: exp.Expr) -> set[str]:
    return {name for name, value in tree.args.items() if value}


def place(sql: str, offset: int) -> str:
    """Return where an offset into a statement is, to be put behind a word."""
    line = sql.count("\n", 0, offset) + 1
    column = offset - (sql.rfind("\n", 0, offset) + 1) + 1
    return f" at line {line}, column {column}" if "\n" in sql.strip() else f" at column {column}"


def place_of(sql: str, node: exp.Expr) -> str:
    """Return where a node stands, or nothing when the parser did not note it for this or an inner node."""
    for inner in _names_first(node):
        start = inner.meta.get("start")
        if start is not None:
            return place(sql, start)
    return ""


def written(sql: str, node: exp.Expr) -> str:
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
