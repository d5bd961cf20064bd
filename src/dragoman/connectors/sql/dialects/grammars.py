r"""How each dialect is parsed and written again: the parser's own dialects, with less of their knowledge.

Functions keep the name they were written with (no table of functions, so that nearly all of them are
`Anonymous`), operators keep their operands as they are, and every name is quoted when a tree is written. So
the allow-lists are lists of names, and what is written means what was read (security finding 7). Parameters and
our own values are written as `\0name\0`, which no text of an agent can hold.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from sqlglot import Dialect as Language
from sqlglot import TokenType, exp
from sqlglot.dialects.sqlite import SQLite
from sqlglot.generators.sqlite import SQLiteGenerator
from sqlglot.parsers.sqlite import SQLiteParser

# What is parsed as a function of its own syntax: CAST(x AS y) and its like.
_SYNTAX = ("CAST",)


def _only(table: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: table[name] for name in names}


def _binary(node: type[exp.Binary]) -> Any:
    """Return a builder that keeps both operands as they were written."""
    return lambda parser, left, right: parser.expression(node(this=left, expression=right))


def _written(operator: str) -> Any:
    return lambda generator, node: generator.binary(node, operator)


def slot_text(number: str) -> str:
    """Return what stands in a written statement where a value goes."""
    return f"\0{number}\0"


def _slot(_generator: Any, node: exp.Placeholder) -> str:
    return slot_text(node.name)


def labelled(parser: Any, parse: Callable[[], exp.Expr | None]) -> exp.Expr | None:
    """Parse an expression of a SELECT list and note how it was written, for the label of its column."""
    start = parser._curr  # noqa: SLF001
    node = parse()
    if node is not None and start:
        node.meta["text"] = parser.sql[start.start : parser._prev.end + 1]  # noqa: SLF001
    return node


class SqliteGrammar(SQLite):
    """SQLite. Names are quoted with backticks: a name in double quotes that is unknown would become a text."""

    class Tokenizer(SQLite.Tokenizer):
        """Words of SQLite."""

        IDENTIFIERS: ClassVar = ["`", '"', ("[", "]")]

    class Parser(SQLiteParser):
        """Sentences of SQLite."""

        FUNCTIONS: ClassVar = {}
        FUNCTION_PARSERS: ClassVar = _only(SQLiteParser.FUNCTION_PARSERS, *_SYNTAX)
        NO_PAREN_FUNCTION_PARSERS: ClassVar = _only(SQLiteParser.NO_PAREN_FUNCTION_PARSERS, "CASE")
        CONCAT_OPERATORS: ClassVar = {
            **SQLiteParser.CONCAT_OPERATORS,
            TokenType.ARROW: _binary(exp.JSONExtract),
            TokenType.DARROW: _binary(exp.JSONExtractScalar),
        }

        def _parse_expression(self) -> exp.Expr | None:
            return labelled(self, super()._parse_expression)

    class Generator(SQLiteGenerator):
        """SQLite as text."""

        TRANSFORMS: ClassVar = {
            **SQLiteGenerator.TRANSFORMS,
            exp.JSONExtract: _written("->"),
            exp.JSONExtractScalar: _written("->>"),
            exp.Placeholder: _slot,
        }


GRAMMARS: dict[str, Language] = {"sqlite": SqliteGrammar()}
