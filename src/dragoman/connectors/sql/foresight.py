"""What would become of a statement, and by which lines of the settings; nothing is run and no row is read.

For administrators: it names settings and shows the statement after the guard, which callers never see.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from dragoman import Foreseen, Principal
from dragoman.connectors.sql.engines.engine import SqlFault
from dragoman.connectors.sql.guard import Statement
from dragoman.connectors.sql.policy import Policy, View, matches_key
from dragoman.connectors.sql.settings import RolePolicy, SqlSettings

if TYPE_CHECKING:
    from dragoman.connectors.sql.connector import Sql


async def foresee(sql: "Sql", arguments: Mapping[str, Any], principal: Principal) -> list[Foreseen]:
    """Say what would become of a call with a statement.

    Args:
        sql: the connector.
        arguments: those of the call: `sql`, and `params` where there are some.
        principal: who would call.
    """
    text, params = arguments.get("sql"), arguments.get("params") or {}
    if not isinstance(text, str) or not isinstance(params, Mapping):
        return []
    policy = sql.gate.policy(principal)
    try:
        statement, view = await sql.gate.check(text, principal, frozenset(params))
    except SqlFault as fault:
        return [Foreseen(what="refused", text=str(fault)), *await _hidden(sql, policy, principal)]
    found = [Foreseen(what="runs", text=_shown(statement))]
    found += [one for name in statement.relations for one in _lines_of(policy, view, name)]
    return [*found, *_caps(sql, principal)]


async def _hidden(sql: "Sql", policy: Policy, principal: Principal) -> list[Foreseen]:
    """What is there for callers without these roles."""
    seen, whole = await sql.gate.view(principal), await sql.gate.view(Principal())
    return [
        Foreseen(what="not there", text=f"{relation.name} for this caller", path=where)
        for relation in whole.relations.values()
        if seen.find(relation.name) is None
        for where in _layers_without(policy, whole, relation.name)
    ]


def _layers_without(policy: Policy, whole: View, name: str) -> Iterator[tuple[str, ...]]:
    relation = whole.find(name)
    for where, layer in policy.layers.items():
        if relation is None or not where:
            continue
        if any(matches_key(policy.dialect, key, relation, whole.schemas) for key in layer.deny):
            yield (*_place(where), "deny")
        elif layer.allow and not any(matches_key(policy.dialect, key, relation, whole.schemas) for key in layer.allow):
            yield (*_place(where), "allow")


def _lines_of(policy: Policy, view: View, name: str) -> Iterator[Foreseen]:
    relation = view.find(name)
    if relation is None:
        return
    for where, layer in policy.layers.items():
        for key, table in layer.tables.items():
            if not matches_key(policy.dialect, key, relation, view.schemas):
                continue
            place: tuple[str | int, ...] = (*_place(where), "tables", key)
            for column, rule in table.mask.items():
                yield Foreseen(what="masked", text=f"{name}.{column}: {_rule(rule)}", path=(*place, "mask", column))
            if table.rows is not None:
                yield Foreseen(what="rows", text=f"{name}: {table.rows}", path=(*place, "rows"))
            for column in table.deny_columns:
                yield Foreseen(what="not there", text=f"{name}.{column}", path=(*place, "deny_columns"))
            if table.allow_columns:
                yield Foreseen(
                    what="only", text=f"{name}: {', '.join(table.allow_columns)}", path=(*place, "allow_columns")
                )


def _caps(sql: "Sql", principal: Principal) -> Iterator[Foreseen]:
    limits = sql.gate.limits_of(principal)
    layers: dict[str, SqlSettings | RolePolicy] = dict(sql.gate.policy(principal).layers)
    for name, value, unit in (
        ("max_rows", limits.rows, "rows"),
        ("max_bytes", limits.result_bytes, "bytes"),
        ("timeout", limits.seconds, "seconds"),
    ):
        where = next((where for where, layer in reversed(layers.items()) if getattr(layer, name) == value), "")
        yield Foreseen(what="at most", text=f"{value:g} {unit}", path=(*_place(where), name))


def _place(where: str) -> tuple[str, ...]:
    """`roles.NAME.` as the steps of a path."""
    return ("roles", where.removeprefix("roles.").removesuffix(".")) if where else ()


def _rule(rule: Any) -> str:
    if isinstance(rule, str):
        return rule
    return f"sql {rule.sql}" if isinstance(rule.sql, str) else f"constant {rule.constant!r}"


def _shown(statement: Statement) -> str:
    parts = [statement.pieces[0]]
    for slot, piece in zip(statement.slots, statement.pieces[1:], strict=True):
        match slot.kind:
            case "parameter":
                shown = ":" + slot.name
            case "principal":
                shown = f":principal.{slot.name}"
            case "known":
                shown = f"(principal.{slot.name} is known)"
            case "limit":
                shown = ":limit" if slot.value is None else f"least(:limit, {slot.value!r})"
            case _:
                shown = repr(slot.value)
        parts += [shown, piece]
    return "".join(parts)
