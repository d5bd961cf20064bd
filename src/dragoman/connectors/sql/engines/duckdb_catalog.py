"""What DuckDB says of relations, keys and plans, as JSON values. Runs in the worker's process.

The questions are our own text; they are asked of the database that is open and of no other. Of a plan only operators,
relations and numbers are told: its expressions may hold values of the policy, or of a view.
"""

import contextlib
import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

import duckdb

_RELATIONS: Final = """
SELECT schema_name, table_name, 'table', comment, estimated_size FROM duckdb_tables()
WHERE database_name = current_database() AND schema_name IN ({schemas}) AND NOT internal AND NOT temporary
UNION ALL
SELECT schema_name, view_name, 'view', comment, NULL FROM duckdb_views()
WHERE database_name = current_database() AND schema_name IN ({schemas}) AND NOT internal AND NOT temporary
ORDER BY 1, 2
"""

_COLUMNS: Final = """
SELECT schema_name, table_name, column_name, data_type, is_nullable, column_default, comment FROM duckdb_columns()
WHERE database_name = current_database() AND schema_name IN ({schemas}) AND NOT internal
ORDER BY schema_name, table_name, column_index
"""

_KEYS: Final = """
SELECT schema_name, table_name, constraint_type, constraint_column_names, constraint_name, referenced_table,
       referenced_column_names
FROM duckdb_constraints()
WHERE database_name = current_database() AND schema_name IN ({schemas})
    AND constraint_type IN ('PRIMARY KEY', 'FOREIGN KEY', 'UNIQUE')
ORDER BY schema_name, table_name, constraint_index
"""

_INDEXES: Final = """
SELECT index_name, expressions, is_unique FROM duckdb_indexes()
WHERE database_name = current_database() AND schema_name = ? AND table_name = ? ORDER BY index_name
"""


def quoted(name: str) -> str:
    """Return a name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def relations(
    connection: Any, schemas: Sequence[str], files: Collection[str], missing: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the relations of schemas with their columns.

    Args:
        connection: to the database.
        schemas: that are served.
        files: names of the tables that are data files, for which views stand.
        missing: those of them whose files have gone.
    """
    named = ", ".join(map(literal, schemas))
    columns: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for schema, table, name, kind, nullable, default, comment in _ask(connection, _COLUMNS.format(schemas=named)):
        columns.setdefault((schema, table), []).append(
            {"name": name, "type": kind, "nullable": nullable, "default": default, "key": 0, "comment": comment or ""}
        )
    for schema, table, kind, names, *_ in _ask(connection, _KEYS.format(schemas=named)):
        if kind == "PRIMARY KEY":
            for column in columns.get((schema, table), ()):
                column["key"] = names.index(column["name"]) + 1 if column["name"] in names else 0
    found = []
    for schema, name, kind, comment, rows in _ask(connection, _RELATIONS.format(schemas=named)):
        readable = kind == "table" or _is_readable(connection, schema, name)
        found.append(
            {
                "name": name,
                "kind": "table" if name in files else kind,
                "columns": columns.get((schema, name), []) if readable else [],
                "readable": readable,
                "schema": schema,
                "comment": comment or "",
                "rows": rows,
            }
        )
    seen = {each["name"] for each in found}
    for name in files:
        if name not in seen or name in missing:
            gone = {"name": name, "kind": "table", "columns": [], "readable": False, "schema": schemas[0]}
            found.append({**gone, "comment": "", "rows": None})
    return found


def _ask(connection: Any, sql: str) -> list[tuple[Any, ...]]:
    cursor = connection.cursor()
    try:
        return list(cursor.execute(sql).fetchall())
    finally:
        cursor.close()


def _is_readable(connection: Any, schema: str, name: str) -> bool:
    """Whether a view can be planned: what it reads may have gone, or be out of reach."""
    with contextlib.suppress(duckdb.Error):
        _ask(connection, f"SELECT 1 FROM {quoted(schema)}.{quoted(name)} LIMIT 0")  # noqa: S608 (names)
        return True
    return False


def version(listing: list[dict[str, Any]]) -> str:
    """Return a digest of everything but the numbers of rows."""
    settled = [{**relation, "rows": None} for relation in listing]
    return hashlib.sha256(json.dumps(settled).encode()).hexdigest()[:16]


def keys_and_indexes(cursor: Any, schema: str, name: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the foreign keys and the indexes of a relation; what must be unique has an index."""
    keys, indexes = [], []
    for _, table, kind, columns, called, target, references in cursor.execute(
        _KEYS.format(schemas=literal(schema))
    ).fetchall():
        if table != name:
            continue
        if kind == "FOREIGN KEY":
            keys.append({"columns": columns, "table": target, "references": references})
        else:
            indexes.append({"name": called or kind.lower(), "columns": columns, "unique": True})
    for called, expressions, unique in cursor.execute(_INDEXES, [schema, name]).fetchall():
        parts = [part.strip() for part in (expressions or "").strip("[]").split(",")]
        columns = [part.strip("'\"") if part.strip("'\"").isidentifier() else "(expression)" for part in parts]
        indexes.append({"name": called, "columns": columns, "unique": bool(unique)})
    return keys, indexes


# --- plans ---


def plan(document: str, listing: list[dict[str, Any]], files: Collection[str]) -> dict[str, Any]:
    """Return a plan.

    Args:
        document: what `EXPLAIN (FORMAT json)` says.
        listing: the relations, whose numbers of rows are told of what is read from end to end.
        files: tables of the statement that are data files: the plan does not name these, and reads them whole.
    """
    steps = [step for root in json.loads(document) for step in _steps(root, 0)]
    by_name = {each["name"].casefold(): each for each in listing}
    scans: dict[str, dict[str, Any]] = {}
    read = 0.0
    for _, node in steps:
        if node.get("children"):
            continue
        rows = _number(node)
        table = _table_of(node)
        if table and node["extra_info"].get("Type") == "Sequential Scan":
            known = by_name.get(table.casefold(), {}).get("rows")
            rows = float(known) if known is not None else rows
            scans[table] = {"relation": table, "rows": rows}
        read += rows
    scans.update({name: {"relation": name, "rows": None} for name in files})
    most = max((_number(node) for _, node in steps), default=0.0)
    return {
        "text": "\n".join(f"{'  ' * depth}{_told(node)}" for depth, node in steps),
        "rows": max(read, most),
        "cost": None,
        "scans": list(scans.values()),
    }


def _steps(node: dict[str, Any], depth: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Give the steps of a plan; those that only compute columns are left out, they say nothing."""
    deeper = depth
    if node.get("name", "").strip() != "PROJECTION" or not node.get("children"):
        yield depth, node
        deeper = depth + 1
    for child in node.get("children", ()):
        yield from _steps(child, deeper)


def _info(node: dict[str, Any]) -> dict[str, Any]:
    info = node.get("extra_info")
    return info if isinstance(info, dict) else {}


def _number(node: dict[str, Any]) -> float:
    try:
        return float(str(_info(node).get("Estimated Cardinality", 0)))
    except ValueError:
        return 0.0


def _table_of(node: dict[str, Any]) -> str:
    """Return the relation that a step reads, without its database and schema."""
    return str(_info(node).get("Table", "")).rpartition(".")[2].strip('"')


def _told(node: dict[str, Any]) -> str:
    words = [node.get("name", "?").strip().replace("_", " ").capitalize()]
    info = _info(node)
    if str(info.get("Join Type", "INNER")) != "INNER":
        words.append(f"({str(info['Join Type']).lower()})")
    if table := _table_of(node):
        words.append(f"on {table}")
        if info.get("Type", "Sequential Scan") != "Sequential Scan":
            words.append(f"({str(info['Type']).lower()})")
    return " ".join(words)
