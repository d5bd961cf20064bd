"""What the information schema of MySQL and MariaDB says: relations, keys, plans and the rights of the login.

The questions are our own text; names in them are literals that no setting of the session reads otherwise. Only
what the login may SELECT is in the answer, column by column.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import msgspec

from dragoman.connectors.sql.catalog import Catalog, Column, ForeignKey, Index, Relation, RelationKind, fold
from dragoman.connectors.sql.engines.engine import Plan, Rights, Scan
from dragoman.connectors.sql.engines.mysql_values import literal


class Asks(Protocol):
    """What answers questions: a connection in a transaction."""

    async def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a statement."""


_RELATIONS = """
SELECT table_schema, table_name, table_type, engine, table_rows, table_comment
FROM information_schema.tables
WHERE table_schema IN ({schemas}) AND table_type IN ('BASE TABLE', 'VIEW', 'SYSTEM VERSIONED')
ORDER BY table_schema, table_name
"""

_COLUMNS = """
SELECT c.table_schema, c.table_name, c.column_name, c.column_type, c.is_nullable, c.column_default,
       c.column_comment, COALESCE(k.ordinal_position, 0), c.privileges
FROM information_schema.columns c
LEFT JOIN information_schema.key_column_usage k
    ON k.table_schema = c.table_schema AND k.table_name = c.table_name AND k.column_name = c.column_name
    AND k.constraint_name = 'PRIMARY'
WHERE c.table_schema IN ({schemas})
ORDER BY c.table_schema, c.table_name, c.ordinal_position
"""

_FOREIGN_KEYS = """
SELECT constraint_name, column_name, referenced_table_schema, referenced_table_name, referenced_column_name
FROM information_schema.key_column_usage
WHERE table_schema = {schema} AND table_name = {name} AND referenced_table_name IS NOT NULL
ORDER BY constraint_name, ordinal_position
"""

_INDEXES = """
SELECT index_name, non_unique, column_name FROM information_schema.statistics
WHERE table_schema = {schema} AND table_name = {name}
ORDER BY index_name <> 'PRIMARY', index_name, seq_in_index
"""

_ELSEWHERE = frozenset({"FEDERATED", "SPIDER", "CONNECT", "FEDERATEDX"})


def quoted(name: str) -> str:
    """Return a name as an SQL identifier."""
    return "`" + name.replace("`", "``") + "`"


def called(schema: str, name: str, schemas: Sequence[str]) -> str:
    """Return how a relation is called: with its database where that is not the first one that is served."""
    return name if schema == schemas[0] else f"{schema}.{name}"


async def read(session: Asks, schemas: Sequence[str]) -> Catalog:
    """Return the relations of the databases that the login may read.

    Args:
        session: a connection in a transaction.
        schemas: databases that are served, the default one first.
    """
    listed = ", ".join(map(literal, schemas))
    columns: dict[tuple[str, str], list[Column]] = {}
    for schema, table, name, kind, nullable, default, comment, key, privileges in await session.ask(
        _COLUMNS.format(schemas=listed)
    ):
        if "select" in privileges.lower():
            column = Column(
                name,
                kind,
                nullable=nullable == "YES",
                default=None if default == "NULL" else default,  # MariaDB's way to say that there is none
                key=int(key),
                comment=comment or "",
            )
            columns.setdefault((schema, table), []).append(column)
    relations: dict[str, Relation] = {}
    hidden = set()
    for schema, table, kind, engine, rows, comment in await session.ask(_RELATIONS.format(schemas=listed)):
        name = called(schema, table, schemas)
        found = columns.get((schema, table))
        broken = kind == "VIEW" and comment.startswith("View '")
        if found is None and not broken:
            hidden.add(fold(name))
            continue
        key_of_name = fold(name)
        relations[key_of_name if key_of_name not in relations else name] = Relation(
            table,
            _kind(kind, engine),
            tuple(found or ()),
            readable=not broken,
            schema=schema,
            comment="" if kind == "VIEW" else comment or "",
            rows=None if rows is None or kind == "VIEW" else int(rows),
        )
    settled = [msgspec.structs.replace(relation, rows=None) for relation in relations.values()]
    version = hashlib.sha256(msgspec.msgpack.encode(settled)).hexdigest()[:16]
    return Catalog(version, relations, frozenset(hidden))


def _kind(kind: str, engine: str | None) -> RelationKind:
    if kind == "VIEW":
        return "view"
    return "foreign" if (engine or "").upper() in _ELSEWHERE else "table"


async def keys_and_indexes(
    session: Asks, relation: Relation, schemas: Sequence[str]
) -> tuple[tuple[ForeignKey, ...], tuple[Index, ...]]:
    """Return the foreign keys and the indexes of a relation."""
    where = {"schema": literal(relation.schema or schemas[0]), "name": literal(relation.name)}
    keys: dict[str, tuple[str, list[str], list[str]]] = {}
    for name, column, schema, table, target in await session.ask(_FOREIGN_KEYS.format(**where)):
        key = keys.setdefault(name, (called(schema, table, schemas), [], []))
        key[1].append(column)
        key[2].append(target)
    indexes: dict[str, tuple[bool, list[str]]] = {}
    for name, repeated, column in await session.ask(_INDEXES.format(**where)):
        indexes.setdefault(name, (not int(repeated), []))[1].append(column or "(expression)")
    return (
        tuple(ForeignKey(tuple(columns), table, tuple(targets)) for table, columns, targets in keys.values()),
        tuple(Index(name, tuple(columns), unique=unique) for name, (unique, columns) in indexes.items()),
    )


# --- plans ---


def plan(document: Any) -> Plan:
    """Return a plan without its conditions: these may hold values of the policy, or of a view.

    Args:
        document: what `EXPLAIN FORMAT=JSON` says, of MySQL or of MariaDB.
    """
    root = json.loads(document) if isinstance(document, str) else document
    lines: list[str] = []
    scans: list[Scan] = []
    read = _walk(root, 0, lines, scans)
    return Plan(text="\n".join(lines), rows=read, cost=_cost(root), scans=tuple(scans))


_STEPS = {
    "query_block": "Query",
    "union_result": "Union",
    "filesort": "Sort",
    "ordering_operation": "Sort",
    "grouping_operation": "Group",
    "temporary_table": "Temporary table",
    "materialized": "Materialize",
    "materialized_from_subquery": "Materialize",
    "duplicates_removal": "Distinct",
    "block-nl-join": "Nested loop over blocks",
    "read_sorted_file": "Read sorted",
    "expression_cache": "Cached subquery",
}


def _walk(node: Any, depth: int, lines: list[str], scans: list[Scan]) -> float:
    """Write the steps of a part of a plan, and return how many rows it expects to read."""
    if isinstance(node, list):
        return sum(_walk(each, depth, lines, scans) for each in node)
    if not isinstance(node, dict):
        return 0.0
    read = 0.0
    for name, part in node.items():
        if name == "nested_loop":
            read += _loop(part, depth, lines, scans)
        elif name == "table":
            read += _table(part, depth, lines, scans)
        elif name in _STEPS:
            lines.append("  " * depth + _STEPS[name])
            read += _walk(part, depth + 1, lines, scans)
        elif isinstance(part, dict | list):
            read += _walk(part, depth, lines, scans)
    return read


def _loop(tables: list[Any], depth: int, lines: list[str], scans: list[Scan]) -> float:
    """Return how many rows a join reads: each table once for each combination of rows before it."""
    total, times = 0.0, 1.0
    for each in tables:
        read = _walk(each, depth, lines, scans)
        times *= max(1.0, read)
        total += times
    return total


def _table(table: dict[str, Any], depth: int, lines: list[str], scans: list[Scan]) -> float:
    name = table.get("table_name")
    if name is None:
        lines.append("  " * depth + str(table.get("message", "No table")))
        return 0.0
    rows = float(table.get("rows", table.get("rows_examined_per_scan", 0)) or 0)
    how = str(table.get("access_type", "?"))
    key = f" using {table['key']}" if "key" in table else ""
    filtered = " (filtered)" if "attached_condition" in table else ""
    step = {"ALL": "Scan", "index": "Scan of an index"}.get(how, f"Lookup ({how})")
    lines.append(f"{'  ' * depth}{step} on {name}{key}{filtered}: {rows:,.0f} rows")
    if how in ("ALL", "index") and not str(name).startswith("<"):
        scans.append(Scan(str(name), rows))
    inner = {key: part for key, part in table.items() if isinstance(part, dict | list)}
    return rows + _walk(inner, depth + 1, lines, scans)


def _cost(root: Any) -> float | None:
    block = root.get("query_block", {}) if isinstance(root, dict) else {}
    told = block.get("cost_info", {}).get("query_cost", block.get("cost"))
    return None if told is None else float(told)


# --- rights ---

_GRANT = re.compile(r"GRANT (?P<rights>.+?) ON (?:(?:TABLE|FUNCTION|PROCEDURE|PACKAGE) )?(?P<place>\S+) TO ")
_ROLE = re.compile(r"GRANT (?P<role>[`'\"].+?) TO ")
_HARMLESS = frozenset({"USAGE", "SELECT", "SHOW VIEW"})
_COLUMNS_OF_RIGHT = re.compile(r"\s*\([^)]*\)")
MOST_NAMED = 8


async def rights(session: Asks, catalog: Catalog, schemas: Sequence[str]) -> Rights:
    """Return what the login may do beyond reading the databases, and the statements that make the right one."""
    excess = []
    for (line,) in await session.ask("SHOW GRANTS"):
        found = _GRANT.match(line)
        if found is None:
            role = _ROLE.match(line)
            if role is not None:
                excess.append(f"it has the role {role['role']}")
            continue
        place = found["place"].replace("\\_", "_").replace("\\%", "%")
        granted = [right.strip() for right in _COLUMNS_OF_RIGHT.sub("", found["rights"]).split(",")]
        more = [right for right in granted if right.upper() not in _HARMLESS]
        if more:
            told = ", ".join(more[:MOST_NAMED]) + (f" and {len(more) - MOST_NAMED} more" if more[MOST_NAMED:] else "")
            excess.append(f"it has {told} on {place}")
        elif "SELECT" in granted and place == "*.*":
            excess.append("it may read every database, with the passwords of mysql.user")
        if "WITH GRANT OPTION" in line:
            excess.append(f"it may pass on its rights on {place}")
    if not excess:
        return Rights()
    return Rights(tuple(excess), tuple(_remedy(catalog, schemas)))


def _remedy(catalog: Catalog, schemas: Sequence[str]) -> Iterator[str]:
    yield "CREATE USER 'dragoman_reader'@'%' IDENTIFIED BY 'choose one';"
    for relation in catalog.relations.values():
        name = f"{quoted(relation.schema or schemas[0])}.{quoted(relation.name)}"
        yield f"GRANT SELECT ON {name} TO 'dragoman_reader'@'%';"
