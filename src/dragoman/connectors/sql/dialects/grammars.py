r"""How each dialect is parsed and written again: the parser's own dialects, with less of their knowledge.

Functions keep the name they were written with (no table of functions, so that nearly all of them are
`Anonymous`), operators keep their operands as they are, and every name is quoted when a tree is written. So
the allow-lists are lists of names, and what is written means what was read (security finding 7). Parameters and
our own values are written as `\0name\0`, which no text of an agent can hold.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from sqlglot import Dialect as Language
from sqlglot import Generator as BaseGenerator
from sqlglot import Parser as BaseParser
from sqlglot import Tokenizer, TokenType, exp
from sqlglot.dialects.dialect import trim_sql
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.dialects.mysql import MySQL
from sqlglot.dialects.postgres import Postgres
from sqlglot.dialects.sqlite import SQLite
from sqlglot.generators.duckdb import DuckDBGenerator
from sqlglot.generators.mysql import MySQLGenerator
from sqlglot.generators.postgres import PostgresGenerator
from sqlglot.generators.sqlite import SQLiteGenerator
from sqlglot.parsers.duckdb import DuckDBParser
from sqlglot.parsers.mysql import MySQLParser
from sqlglot.parsers.postgres import PostgresParser
from sqlglot.parsers.sqlite import SQLiteParser

# What is parsed as a function of its own syntax: CAST(x AS y) and its like.
_SYNTAX = ("CAST",)


# Words that may be the name of a parameter: all of them, `:from` and `:limit` too.
_NAMES: set[Any] = {token for word, token in Tokenizer.KEYWORDS.items() if word.isalpha()} | BaseParser.ID_VAR_TOKENS


def _only(table: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: table[name] for name in names}


def _binary(node: type[exp.Binary]) -> Any:
    """Return a builder that keeps both operands as they were written."""
    return lambda parser, left, right: parser.expression(node(this=left, expression=right))


def _written(operator: str) -> Any:
    return lambda generator, node: generator.binary(node, operator)


def _before(operator: str) -> Any:
    return lambda generator, node: operator + generator.sql(node, "this")


def _position(generator: Any, node: exp.StrPosition) -> str:
    return f"POSITION({generator.sql(node, 'substr')} IN {generator.sql(node, 'this')})"


def _silent(_parser: Any) -> None:
    """Log nothing: what the parser would log is the text of an agent."""


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
        _warn_unsupported = _silent
        JOINS_HAVE_EQUAL_PRECEDENCE: ClassVar = False  # they have, but a comma would become CROSS JOIN, a hint here
        COLON_PLACEHOLDER_TOKENS: ClassVar[set[Any]] = _NAMES
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
        """SQLite as text. Types keep their names: it is these that decide what becomes of a value."""

        TYPE_MAPPING: ClassVar = {exp.DType.VARBINARY: "BLOB"}
        TRANSFORMS: ClassVar = {
            **SQLiteGenerator.TRANSFORMS,
            exp.JSONExtract: _written("->"),
            exp.JSONExtractScalar: _written("->>"),
            exp.Placeholder: _slot,
        }

        def cast_sql(self, expression: exp.Cast, safe_prefix: str | None = None) -> str:
            """Write a cast as it was written, to a date, too."""
            return BaseGenerator.cast_sql(self, expression, safe_prefix)


_POSTGRESQL_OPERATORS: dict[TokenType, tuple[type[exp.Binary], str]] = {
    TokenType.ARROW: (exp.JSONExtract, "->"),
    TokenType.DARROW: (exp.JSONExtractScalar, "->>"),
    TokenType.HASH_ARROW: (exp.JSONBExtract, "#>"),
    TokenType.DHASH_ARROW: (exp.JSONBExtractScalar, "#>>"),
    TokenType.CARET: (exp.Pow, "^"),
}


class PostgresqlGrammar(Postgres):
    """PostgreSQL. Places in arrays are kept as they are counted."""

    INDEX_OFFSET = 0

    class Parser(PostgresParser):
        """Sentences of PostgreSQL."""

        FUNCTIONS: ClassVar = {}
        _warn_unsupported = _silent
        COLON_PLACEHOLDER_TOKENS: ClassVar[set[Any]] = _NAMES
        FUNCTION_PARSERS: ClassVar = _only(
            PostgresParser.FUNCTION_PARSERS, *_SYNTAX, "EXTRACT", "TRIM", "SUBSTRING", "POSITION", "OVERLAY"
        )
        NO_PAREN_FUNCTION_PARSERS: ClassVar = _only(PostgresParser.NO_PAREN_FUNCTION_PARSERS, "CASE", "ANY")
        JSON_OPERATORS: ClassVar = {
            **PostgresParser.JSON_OPERATORS,
            **{token: _binary(node) for token, (node, sign) in _POSTGRESQL_OPERATORS.items() if sign != "^"},
        }

    class Generator(PostgresGenerator):
        """PostgreSQL as text."""

        TRANSFORMS: ClassVar = {
            **PostgresGenerator.TRANSFORMS,
            **{node: _written(operator) for node, operator in _POSTGRESQL_OPERATORS.values()},
            exp.Sqrt: _before("|/ "),
            exp.Cbrt: _before("||/ "),
            exp.Placeholder: _slot,
        }


def _with_unit(parser: Any) -> exp.Expr:
    """Parse the arguments of a function whose first one is a unit of time: a word, no column."""
    name = parser._tokens[parser._index - 2].text  # noqa: SLF001
    unit = parser._parse_var(any_token=True)  # noqa: SLF001
    parser._match(TokenType.COMMA)  # noqa: SLF001
    rest = parser._parse_csv(parser._parse_lambda)  # noqa: SLF001
    return exp.Anonymous(this=name, expressions=[unit, *rest])


def _as(name: exp.DType) -> Callable[[exp.DataType], exp.DataType]:
    """Return how a type is written that CAST knows by another name only."""

    def convert(kind: exp.DataType) -> exp.DataType:
        kind.set("this", name)
        return kind

    return convert


def _group_concat(generator: Any, node: exp.GroupConcat) -> str:
    separator = generator.sql(node, "separator")
    return f"GROUP_CONCAT({generator.sql(node, 'this')}{f' SEPARATOR {separator}' if separator else ''})"


class MysqlGrammar(MySQL):
    """MySQL and MariaDB."""

    class Parser(MySQLParser):
        """Sentences of MySQL."""

        FUNCTIONS: ClassVar = {}
        _warn_unsupported = _silent
        COLON_PLACEHOLDER_TOKENS: ClassVar[set[Any]] = _NAMES
        FUNCTION_PARSERS: ClassVar = {
            **_only(MySQLParser.FUNCTION_PARSERS, *_SYNTAX, "EXTRACT", "TRIM", "SUBSTRING", "SUBSTR", "POSITION"),
            **_only(MySQLParser.FUNCTION_PARSERS, "GROUP_CONCAT", "CONVERT", "MATCH"),
            "TIMESTAMPDIFF": _with_unit,
            "TIMESTAMPADD": _with_unit,
        }
        NO_PAREN_FUNCTION_PARSERS: ClassVar = _only(MySQLParser.NO_PAREN_FUNCTION_PARSERS, "CASE", "ANY")
        TYPE_CONVERTERS: ClassVar = {
            **dict.fromkeys((exp.DType.INT, exp.DType.SMALLINT, exp.DType.TINYINT), _as(exp.DType.BIGINT)),
            exp.DType.UINT: _as(exp.DType.UBIGINT),
            exp.DType.NCHAR: _as(exp.DType.CHAR),
        }
        COLUMN_OPERATORS: ClassVar = {
            **MySQLParser.COLUMN_OPERATORS,
            TokenType.ARROW: _binary(exp.JSONExtract),
            TokenType.DARROW: _binary(exp.JSONExtractScalar),
        }

        def _parse_expression(self) -> exp.Expr | None:
            return labelled(self, super()._parse_expression)

    class Generator(MySQLGenerator):
        """MySQL as text."""

        TRANSFORMS: ClassVar = {
            **MySQLGenerator.TRANSFORMS,
            exp.JSONExtract: _written("->"),
            exp.JSONExtractScalar: _written("->>"),
            exp.RegexpLike: _written("REGEXP"),
            exp.StrPosition: _position,
            exp.GroupConcat: _group_concat,
            exp.Placeholder: _slot,
        }


class DuckdbGrammar(DuckDB):
    """DuckDB. Places in lists are kept as they are counted."""

    INDEX_OFFSET = 0

    class Parser(DuckDBParser):
        """Sentences of DuckDB."""

        FUNCTIONS: ClassVar = {}
        _warn_unsupported = _silent
        COLON_PLACEHOLDER_TOKENS: ClassVar[set[Any]] = _NAMES
        FUNCTION_PARSERS: ClassVar = _only(
            DuckDBParser.FUNCTION_PARSERS, *_SYNTAX, "TRY_CAST", "EXTRACT", "TRIM", "SUBSTRING", "POSITION"
        )
        NO_PAREN_FUNCTION_PARSERS: ClassVar = _only(DuckDBParser.NO_PAREN_FUNCTION_PARSERS, "CASE", "ANY", "MAP")
        JSON_OPERATORS: ClassVar = {
            TokenType.ARROW: _binary(exp.JSONExtract),
            TokenType.DARROW: _binary(exp.JSONExtractScalar),
        }

        def _parse_expression(self) -> exp.Expr | None:
            # Without `alias: value`, for the sake of `:parameter`.
            return BaseParser._parse_expression(self)  # noqa: SLF001

    class Generator(DuckDBGenerator):
        """DuckDB as text."""

        TRANSFORMS: ClassVar = {
            **DuckDBGenerator.TRANSFORMS,
            exp.JSONExtract: _written("->"),
            exp.JSONExtractScalar: _written("->>"),
            exp.Pow: _written("^"),
            exp.RegexpLike: _written("~"),
            exp.StrPosition: _position,
            exp.Trim: trim_sql,
            exp.Placeholder: _slot,
        }

        def join_sql(self, expression: exp.Join, join_op: str | None = None) -> str:
            """Write a join as it was written."""
            return BaseGenerator.join_sql(self, expression, join_op)


def _not(generator: Any, node: exp.Not) -> str:
    inner = node.this
    if isinstance(inner, exp.Is) and isinstance(inner.expression, exp.Null):
        return f"{generator.sql(inner, 'this')} IS NOT NULL"
    return f"NOT {generator.sql(inner)}"


def narrowed(language: type[Language]) -> Language:
    """Return one of the parser's own dialects with less of its knowledge: the standard's syntax, and no more.

    Args:
        language: the dialect.
    """
    parser: Any = language.parser_class
    generator: Any = language.generator_class
    # What would give columns of derived tables names that nobody wrote.
    renaming = (exp.CTE, exp.Subquery)
    transforms = {node: write for node, write in generator.TRANSFORMS.items() if node not in renaming}
    syntax = [name for name in (*_SYNTAX, "EXTRACT", "TRIM", "SUBSTRING") if name in parser.FUNCTION_PARSERS]
    inner = {
        "Parser": type(
            "Parser",
            (parser,),
            {
                "FUNCTIONS": {},
                "_warn_unsupported": _silent,
                "COLON_PLACEHOLDER_TOKENS": _NAMES,
                "FUNCTION_PARSERS": _only(parser.FUNCTION_PARSERS, *syntax),
                "NO_PAREN_FUNCTION_PARSERS": _only(parser.NO_PAREN_FUNCTION_PARSERS, "CASE"),
                "_parse_function": BaseParser._parse_function,  # noqa: SLF001 (a name is a name: no aggregates of their own)
            },
        ),
        "Generator": type(
            "Generator", (generator,), {"TRANSFORMS": {**transforms, exp.Placeholder: _slot, exp.Not: _not}}
        ),
    }
    metaclass: Any = type(language)
    made = metaclass(f"{language.__name__}Grammar", (language,), inner)
    grammar: Language = made()
    return grammar


GRAMMARS: dict[str, Language] = {
    "sqlite": SqliteGrammar(),
    "postgresql": PostgresqlGrammar(),
    "mysql": MysqlGrammar(),
    "duckdb": DuckdbGrammar(),
}
