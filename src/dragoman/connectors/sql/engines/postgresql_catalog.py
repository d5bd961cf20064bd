"""What PostgreSQL's catalogs say: relations, keys, plans and the rights of the login.

The questions are constants with bound values; they run inside the engine's read-only transaction. Only what the
login may SELECT is in the answer, column by column.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from dragoman.connectors.sql.catalog import Catalog, Column, ForeignKey, Index, Relation, RelationKind, fold
from dragoman.connectors.sql.engines.engine import Plan, Rights, Scan

_RELATIONS = """
SELECT c.oid, n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind,
       c.reltuples::float8 AS rows, pg_catalog.obj_description(c.oid, 'pg_class') AS comment,
       parent.schema AS parent_schema, parent.name AS parent
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN LATERAL (
    SELECT pn.nspname::text AS schema, p.relname::text AS name
    FROM pg_catalog.pg_inherits i
    JOIN pg_catalog.pg_class p ON p.oid = i.inhparent
    JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
    WHERE i.inhrelid = c.oid ORDER BY i.inhseqno LIMIT 1
) parent ON true
WHERE n.nspname = ANY($1::text[]) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
ORDER BY 2, 3
"""

_COLUMNS = """
SELECT a.attrelid AS relation, a.attname::text AS name, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
       a.attnotnull AS required, pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS default,
       pg_catalog.col_description(a.attrelid, a.attnum) AS comment,
       coalesce(pg_catalog.array_position(k.conkey, a.attnum), 0) AS key,
       pg_catalog.has_schema_privilege(c.relnamespace, 'USAGE')
           AND pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'SELECT') AS readable
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_catalog.pg_constraint k ON k.conrelid = a.attrelid AND k.contype = 'p'
WHERE a.attrelid = ANY($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum
"""

_FOREIGN_KEYS = """
SELECT tn.nspname::text AS schema, t.relname::text AS name,
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS u(n, place)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n ORDER BY place) AS columns,
       ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY AS u(n, place)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.n ORDER BY place) AS target
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_class t ON t.oid = k.confrelid
JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
WHERE k.contype = 'f' AND n.nspname = $1 AND c.relname = $2 AND k.conparentid = 0
ORDER BY k.conname
"""

_INDEXES = """
SELECT i.relname::text AS name, x.indisunique AS unique,
       ARRAY(SELECT coalesce(a.attname::text, '(expression)')
             FROM unnest(x.indkey::int2[]) WITH ORDINALITY AS u(n, place)
             LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = u.n AND u.n <> 0
             WHERE place <= x.indnkeyatts ORDER BY place) AS columns
FROM pg_catalog.pg_index x
JOIN pg_catalog.pg_class c ON c.oid = x.indrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
WHERE n.nspname = $1 AND c.relname = $2
ORDER BY x.indisprimary DESC, i.relname
"""

_KINDS: dict[str, RelationKind] = {
    "r": "table",
    "p": "table",
    "v": "view",
    "m": "materialized",
    "f": "foreign",
}


def called(schema: str, name: str, schemas: Sequence[str]) -> str:
    """Return how a relation is called: with its schema where that is not the first one that is served."""
    return name if schema == schemas[0] else f"{schema}.{name}"


async def read(session: Any, schemas: Sequence[str]) -> Catalog:
    """Return the relations of the schemas that the login may read.

    Args:
        session: a connection in a transaction.
        schemas: schemas that are served, the default one first.
    """
    found = await session.fetch(_RELATIONS, list(schemas))
    columns: dict[int, list[Column]] = {}
    for row in await session.fetch(_COLUMNS, [row["oid"] for row in found]):
        if row["readable"]:
            column = Column(
                row["name"],
                row["type"],
                nullable=not row["required"],
                default=row["default"],
                key=row["key"],
                comment=row["comment"] or "",
            )
            columns.setdefault(row["relation"], []).append(column)
    relations: dict[str, Relation] = {}
    hidden = set()
    for row in found:
        name = called(row["schema"], row["name"], schemas)
        if row["oid"] not in columns:
            hidden.add(fold(name))
            continue
        key = fold(name)
        relations[key if key not in relations else name] = Relation(
            row["name"],
            "partition" if row["parent"] else _KINDS[row["kind"]],
            tuple(columns[row["oid"]]),
            schema=row["schema"],
            parent=called(row["parent_schema"], row["parent"], schemas) if row["parent"] else "",
            comment=row["comment"] or "",
            rows=int(row["rows"]) if row["rows"] >= 0 and row["kind"] in ("r", "m", "p") else None,
        )
    return Catalog(_version(relations), relations, frozenset(hidden))


def _version(relations: dict[str, Relation]) -> str:
    """Return a digest of everything but the numbers of rows."""
    settled = [msgspec.structs.replace(relation, rows=None) for relation in relations.values()]
    return hashlib.sha256(msgspec.msgpack.encode(settled)).hexdigest()[:16]


async def keys_and_indexes(
    session: Any, relation: Relation, schemas: Sequence[str]
) -> tuple[tuple[ForeignKey, ...], tuple[Index, ...]]:
    """Return the foreign keys and the indexes of a relation."""
    where = (relation.schema or schemas[0], relation.name)
    keys = tuple(
        ForeignKey(tuple(row["columns"]), called(row["schema"], row["name"], schemas), tuple(row["target"]))
        for row in await session.fetch(_FOREIGN_KEYS, *where)
    )
    indexes = tuple(
        Index(row["name"], tuple(row["columns"]), unique=row["unique"]) for row in await session.fetch(_INDEXES, *where)
    )
    return keys, indexes


# --- plans ---


def plan(document: list[dict[str, Any]], catalog: Catalog) -> Plan:
    """Return a plan without its expressions: these may hold values of the policy, or of a view.

    Args:
        document: what `EXPLAIN (FORMAT JSON)` says.
        catalog: whose numbers of rows are told of relations that are read from end to end.
    """
    root = document[0]["Plan"]
    steps = list(_steps(root, 0))
    scans = []
    read = 0.0
    for _, node in steps:
        if node.get("Plans"):
            continue
        rows = float(node["Plan Rows"])
        if node["Node Type"] == "Seq Scan":
            known = catalog.find(node["Relation Name"])
            rows = float(known.rows) if known is not None and known.rows is not None else rows
            scans.append(Scan(node["Relation Name"], rows))
        read += rows
    most = max(float(node["Plan Rows"]) for _, node in steps)
    return Plan(
        text="\n".join(f"{'  ' * depth}{_told(node)}" for depth, node in steps),
        rows=max(read, most),
        cost=float(root["Total Cost"]),
        scans=tuple(scans),
    )


def _steps(node: dict[str, Any], depth: int) -> Iterator[tuple[int, dict[str, Any]]]:
    yield depth, node
    for child in node.get("Plans", ()):
        yield from _steps(child, depth + 1)


def _told(node: dict[str, Any]) -> str:
    words = [node["Node Type"]]
    if "Join Type" in node and node["Join Type"] != "Inner":
        words.append(f"({node['Join Type']})")
    if "Index Name" in node:
        words.append(f"using {node['Index Name']}")
    if "Relation Name" in node:
        words.append(f"on {node['Relation Name']}")
    elif "Function Name" in node:
        words.append(f"on {node['Function Name']}()")
    elif "CTE Name" in node:
        words.append(f"on {node['CTE Name']}")
    if "Filter" in node:
        words.append("(filtered)")
    return f"{' '.join(words)}: {node['Plan Rows']:,} rows, cost {node['Total Cost']:,.0f}"


# --- rights ---

_ROLE = """
SELECT rolname::text AS name, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls
FROM pg_catalog.pg_roles WHERE rolname = current_user
"""
_MEMBERSHIPS = """
SELECT rolname::text FROM pg_catalog.pg_roles
WHERE rolname = ANY($1::text[]) AND pg_catalog.pg_has_role(current_user, oid, 'MEMBER') ORDER BY 1
"""
_WRITABLE = """
SELECT n.nspname::text AS schema, c.relname::text AS name,
       pg_catalog.pg_has_role(current_user, c.relowner, 'USAGE') AS owned
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY($1::text[]) AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND (
    pg_catalog.pg_has_role(current_user, c.relowner, 'USAGE')
    OR pg_catalog.has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER')
    OR pg_catalog.has_any_column_privilege(c.oid, 'INSERT, UPDATE'))
ORDER BY 1, 2
"""
_SCHEMAS = """
SELECT nspname::text FROM pg_catalog.pg_namespace
WHERE nspname = ANY($1::text[]) AND pg_catalog.has_schema_privilege(oid, 'CREATE') ORDER BY 1
"""
_DATABASE = """
SELECT current_database()::text AS name,
       pg_catalog.has_database_privilege(current_database(), 'TEMPORARY') AS temporary,
       pg_catalog.has_database_privilege(current_database(), 'CREATE') AS creates
"""
_POWERS = {
    "rolsuper": "it is a superuser",
    "rolcreatedb": "it may create databases",
    "rolcreaterole": "it may create roles",
    "rolreplication": "it may start replication",
    "rolbypassrls": "it ignores row-level security",
}
_DANGEROUS = (
    "pg_checkpoint pg_create_subscription pg_database_owner pg_execute_server_program pg_maintain pg_monitor "
    "pg_read_all_data pg_read_all_settings pg_read_all_stats pg_read_server_files pg_signal_backend "
    "pg_stat_scan_tables pg_write_all_data pg_write_server_files"
).split()
MOST_NAMED = 5


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


async def rights(session: Any, catalog: Catalog, schemas: Sequence[str]) -> Rights:
    """Return what the login may do beyond reading the schemas, and the statements that make the right one."""
    role = await session.fetchrow(_ROLE)
    excess = [sentence for power, sentence in _POWERS.items() if role[power]]
    if not role["rolsuper"]:
        member = [row[0] for row in await session.fetch(_MEMBERSHIPS, list(_DANGEROUS))]
        if member:
            excess.append(f"it is a member of {', '.join(member)}")
        found = await session.fetch(_WRITABLE, list(schemas))
        owned = [called(row["schema"], row["name"], schemas) for row in found if row["owned"]]
        writable = [called(row["schema"], row["name"], schemas) for row in found if not row["owned"]]
        if owned:
            excess.append(f"it owns {_listed(owned)}")
        if writable:
            excess.append(f"it may write {_listed(writable)}")
        creating = [row[0] for row in await session.fetch(_SCHEMAS, list(schemas))]
        if creating:
            excess.append(f"it may create tables in {', '.join(creating)}")
    database = await session.fetchrow(_DATABASE)
    if not role["rolsuper"]:
        if database["creates"]:
            excess.append("it may create schemas")
        if database["temporary"]:
            excess.append("it may create temporary tables")
    if not excess:
        return Rights()
    return Rights(tuple(excess), tuple(_remedy(database["name"], catalog.relations.values(), schemas)))


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def _remedy(database: str, relations: Iterable[Relation], schemas: Sequence[str]) -> Iterator[str]:
    yield "CREATE ROLE dragoman_reader LOGIN PASSWORD 'choose one' NOSUPERUSER NOCREATEDB NOCREATEROLE;"
    yield "ALTER ROLE dragoman_reader SET default_transaction_read_only = on;"
    yield f"REVOKE TEMPORARY ON DATABASE {_quoted(database)} FROM PUBLIC;"
    yield f"GRANT CONNECT ON DATABASE {_quoted(database)} TO dragoman_reader;"
    for name in schemas:
        yield f"REVOKE CREATE ON SCHEMA {_quoted(name)} FROM PUBLIC;"
        yield f"GRANT USAGE ON SCHEMA {_quoted(name)} TO dragoman_reader;"
    for relation in relations:
        yield f"GRANT SELECT ON {_quoted(relation.schema or schemas[0])}.{_quoted(relation.name)} TO dragoman_reader;"
