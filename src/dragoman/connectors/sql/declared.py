"""Declared queries: statements of an administrator, each a tool of its own with typed parameters.

Their values are bound, and their statements go the way of all others, policy and caps included; besides their
parameters they may name what is known of the caller, as `:principal.NAME`. Each is planned when the server starts; a
database that is not there then is no reason not to serve: it is planned when it is back, and until then by calls.
"""

import datetime as dt
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from msgspec import structs

from dragoman import ANONYMOUS, Context, Principal, Server, ToolResult, UsageError
from dragoman.connectors.sql import rows as results
from dragoman.connectors.sql.engines.engine import Scalar, SqlFault, SqlLimits
from dragoman.connectors.sql.gate import CALLER, attributes_of, with_attributes
from dragoman.connectors.sql.rows import QueryResult
from dragoman.connectors.sql.settings import DeclaredParameter, DeclaredQuery
from dragoman.connectors.sql.tools import READ_ONLY, told

if TYPE_CHECKING:
    from dragoman.connectors.sql.connector import Sql

_TYPES: Final = {"date": "string", "datetime": "string"}  # every other type is JSON Schema's own
_FORMATS: Final = {"date": "date", "datetime": "date-time"}
_CURSOR: Final = "cursor"
_ATTRIBUTE: Final = re.compile(r":principal\.([A-Za-z_][A-Za-z0-9_]*)")


class Declared:
    """One declared query.

    Args:
        sql: the connector.
        key: its name among the connector's settings; the tool is `<connector>_<key>`.
        query: what was declared.

    Raises:
        UsageError: a parameter can't be what it is declared to be.
    """

    def __init__(self, sql: "Sql", key: str, query: DeclaredQuery) -> None:
        self.name = f"{sql.name}_{key}"
        self.query = query
        self._sql = sql
        where = f"connector {sql.name!r}: tools.{key}"
        self._statement = with_attributes(query.sql)
        self._attributes = frozenset(_ATTRIBUTE.findall(query.sql))
        for name, parameter in query.parameters.items():
            if name == _CURSOR or name.startswith(CALLER):
                raise UsageError(f"{where}.parameters.{name}: the name is taken, choose another one")
            _check(parameter, f"{where}.parameters.{name}")
        self.limits: SqlLimits = structs.replace(
            sql.gate.limits,
            rows=query.max_rows or sql.gate.limits.rows,
            result_bytes=query.max_bytes or sql.gate.limits.result_bytes,
            seconds=query.timeout or sql.gate.limits.seconds,
        )

    def add(self, server: Server) -> None:
        """Add its tool to a server."""

        async def run(arguments: dict[str, Any], context: Context) -> ToolResult:
            with told(self._sql):
                result = await self._run(arguments, context)
            context.count_rows(len(result.rows))
            return results.shown(self._sql.settings.results, results.as_text(result), result)

        server.add_tool(
            run,
            name=self.name,
            title=self.query.title or None,
            description=self.description,
            input_schema=self.schema,
            annotations=READ_ONLY,
            roles=self.query.roles,
        )

    @property
    def description(self) -> str:
        """What it answers, and what its columns mean."""
        columns = "; ".join(f"{name}: {meaning}" for name, meaning in self.query.columns.items())
        return f"{self.query.description}. Columns: {columns}" if columns else self.query.description

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of its arguments."""
        properties = {name: _schema(parameter) for name, parameter in self.query.parameters.items()}
        properties[_CURSOR] = {"type": "string", "description": "`next` of the last result"}
        required = [name for name, parameter in self.query.parameters.items() if _is_required(parameter)]
        schema: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
        return {**schema, "required": required} if required else schema

    async def problem(self) -> str | None:
        """Return why it can't run, as a sentence; None when it can be planned."""
        values: dict[str, Scalar] = dict.fromkeys([*self.query.parameters, *self._known_of(ANONYMOUS)])
        try:
            await self._sql.gate.explain(self._statement, values, ANONYMOUS)
        except SqlFault as fault:
            return f"tool {self.name}: {fault}"
        return None

    async def _run(self, arguments: Mapping[str, Any], context: Context) -> QueryResult:
        values: dict[str, Scalar] = {
            name: _value(name, parameter, arguments) for name, parameter in self.query.parameters.items()
        }
        return await self._sql.page(
            self._statement,
            values | self._known_of(context.principal),
            context.principal,
            rows=self.limits.rows,
            cursor=arguments.get(_CURSOR) or None,
            limits=self.limits,
            confirm=context.confirm,
        )

    def _known_of(self, principal: Principal) -> dict[str, Scalar]:
        """Return the values of what the statement asks of the caller; NULL for what is not known."""
        known = attributes_of(principal)
        return {f"{CALLER}{name}": known.get(name) for name in self._attributes}


def _is_required(parameter: DeclaredParameter) -> bool:
    return not parameter.optional and parameter.default is None


def _schema(parameter: DeclaredParameter) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": _TYPES.get(parameter.type, parameter.type)}
    said = {
        "format": _FORMATS.get(parameter.type),
        "description": parameter.description or None,
        "enum": list(parameter.enum) or None,
        "minimum": parameter.minimum,
        "maximum": parameter.maximum,
        "maxLength": parameter.max_length,
        "default": parameter.default,
    }
    return schema | {name: value for name, value in said.items() if value is not None}


def _value(name: str, parameter: DeclaredParameter, arguments: Mapping[str, Any]) -> Scalar:
    """Return the value to bind: the one given, which fits the schema, or the default.

    Raises:
        SqlFault: a date is none.
    """
    value: Scalar = arguments.get(name, parameter.default)
    if isinstance(value, str) and parameter.type in _FORMATS and not _is_moment(value, parameter.type):
        example = "2024-02-29" if parameter.type == "date" else "2024-02-29T13:45:00"
        raise SqlFault(f"parameter {name!r} is no {parameter.type}: write it as in {example}")
    return value


def _is_moment(text: str, kind: str) -> bool:
    try:
        if kind == "date":
            dt.date.fromisoformat(text)
        else:
            dt.datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _check(parameter: DeclaredParameter, where: str) -> None:
    """See that a default and an enum are what the parameter is declared to be.

    Raises:
        UsageError: one is not.
    """
    expected: dict[str, tuple[type, ...]] = {
        "integer": (int,),
        "number": (int, float),
        "boolean": (bool,),
    }
    types = expected.get(parameter.type, (str,))
    for said, values in (("default", (parameter.default,)), ("enum", parameter.enum)):
        for value in values:
            if value is None:
                continue
            if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
                raise UsageError(f"{where}.{said}: {value!r} is no {parameter.type}")
    if parameter.enum and parameter.default is not None and parameter.default not in parameter.enum:
        raise UsageError(f"{where}.default: it is not among the values of enum")
    if parameter.minimum is not None and parameter.maximum is not None and parameter.minimum > parameter.maximum:
        raise UsageError(f"{where}: minimum is above maximum, so that no number fits")
