"""The cost gate: whether a plan is too dear to be run, why, and what would make it cheap.

Pure functions of plans. Whoever is told knows the statement already; of the data nothing is said but numbers of rows
that the planner expects, and those only when an administrator set a limit on them.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from dragoman.connectors.sql.catalog import Details, Relation, fold
from dragoman.connectors.sql.dialects.grammars import GRAMMARS
from dragoman.connectors.sql.engines.engine import Plan
from dragoman.connectors.sql.settings import CostSettings

_MOST_NAMES = 8

# What a step of a plan says of rows, of conditions and of indexes, as the engines write it.
_NUMBERS: Final = re.compile(r": [\d,.]+ rows?(, cost [\d,.]+)?$")
_CONDITIONS: Final = re.compile(r" \(.*[<>=].*\)")
_INDEX: Final = re.compile(r" using (?!integer primary key).*?( on .*)?$", re.IGNORECASE)

_READ: Final = re.compile(
    r"(?: *(?:SCAN|SEARCH|CO-ROUTINE|MATERIALIZE) |.*\b(?:on|ON) )(?![(<]|CONSTANT ROW|\d+ CONSTANT ROWS)"
    r"(?P<name>.+?)(?<!\(\))(?: using .*| VIRTUAL TABLE.*| LEFT-JOIN| EXISTS| \(\w+\))*$"
)


def is_limited(settings: CostSettings) -> bool:
    """Whether any plan could be too dear."""
    return bool(settings.max_rows or settings.max_cost or settings.full_scan_rows)


def reasons(plan: Plan, settings: CostSettings, *, numbered: bool = True) -> list[str]:
    """Return why a plan is too dear, as ends of a sentence that begins with `the plan`; none when it is not.

    Args:
        plan: of the statement.
        settings: the limits.
        numbered: whether what the plan expects is told; of relations that a caller sees in part it is not.
    """
    most = settings.full_scan_rows
    found = [
        f"reads {scan.relation} from end to end ("
        + (f"{scan.rows:.0f} rows, where at most {most} may be read so)" if numbered else f"more than {most} rows)")
        for scan in plan.scans
        if most and scan.rows is not None and scan.rows > most
    ]
    if settings.max_rows and plan.rows is not None and plan.rows > settings.max_rows:
        expected = f"{plan.rows:.0f}" if numbered else "too many"
        found.append(f"expects to read {expected} rows (at most {settings.max_rows} are allowed)")
    if settings.max_cost and plan.cost is not None and plan.cost > settings.max_cost:
        found.append(f"has cost {plan.cost:.0f}" if numbered else "has a high cost")
        found[-1] += f" (at most {settings.max_cost:g} is allowed)"
    return list(dict.fromkeys(found))


def veiled(text: str) -> str:
    """Return the steps of a plan without numbers of rows, conditions and names of indexes.

    What stands there may come from rows, columns and conditions that the caller of a policy does not see.
    """
    return "\n".join(_veiled_step(line) for line in text.split("\n"))


def names_read(text: str) -> Iterator[tuple[str, str]]:
    """Give each veiled step of a plan, and the relation that it reads; empty where it reads none."""
    for line in veiled(text).split("\n"):
        found = _READ.match(line)
        yield line, found["name"] if found else ""


def only_seen(text: str, is_seen: Callable[[str], bool]) -> str | None:
    """Return the steps of a plan, veiled and without names of relations that callers do not see.

    A plan names what is behind a view, and the parts of a table.

    Args:
        text: the plan.
        is_seen: whether a name may be told.

    Returns:
        None when every name may be told.
    """
    steps = list(names_read(text))
    if all(not name or is_seen(name) for _, name in steps):
        return None
    return "\n".join(
        step if not name or is_seen(name) else step.replace(name, "a part of it", 1) for step, name in steps
    )


def _veiled_step(step: str) -> str:
    step = _NUMBERS.sub("", step)
    filtered = " (filtered)" if step.endswith(" (filtered)") else ""
    step = _CONDITIONS.sub("", step.removesuffix(filtered))
    return _INDEX.sub(lambda found: f" using an index{found[1] or ''}", step) + filtered


def advice(sql: str, grammar: str, scanned: Sequence[Relation], details: Mapping[str, Details]) -> str:
    """Return what would make a statement cheap.

    Args:
        sql: the statement.
        grammar: its dialect, as the parser names it.
        scanned: the relations that its plan reads from end to end.
        details: their indexes, by name.
    """
    compared = compared_columns(sql, grammar)
    told = []
    for relation in scanned:
        own = {fold(column.name): column.name for column in relation.columns}
        first = [fold(index.columns[0]) for index in details[relation.name].indexes if index.columns]
        first += [fold(column.name) for column in relation.columns if column.key == 1]
        indexed = [own[name] for name in dict.fromkeys(first) if name in own]
        missing = [own[name] for name in compared if name in own and own[name] not in indexed]
        if indexed:
            told.append(f"filter {relation.name} by an indexed column ({', '.join(indexed[:_MOST_NAMES])})")
        if missing:
            told.append(f"an index of {relation.name} on {', '.join(missing[:_MOST_NAMES])} would help")
    return "; ".join(told) if told else "filter more, or aggregate fewer rows"


def names_behind(sql: str, grammar: str) -> dict[str, list[str]]:
    """Return by folded alias what it stands for somewhere in a statement: plans name relations by their aliases."""
    try:
        tree = parse_one(sql, dialect=GRAMMARS[grammar])
    except (SqlglotError, RecursionError):
        return {}
    names: dict[str, list[str]] = {}
    for table in tree.find_all(exp.Table):
        qualified = f"{table.db}.{table.name}" if table.db else table.name
        names.setdefault(fold(table.alias_or_name), []).append(qualified)
    return names


def compared_columns(sql: str, grammar: str) -> list[str]:
    """Return the folded names of the columns that a statement compares in WHERE and ON, each once."""
    try:
        tree = parse_one(sql, dialect=GRAMMARS[grammar])
    except (SqlglotError, RecursionError):
        return []
    names: dict[str, None] = {}
    for clause in tree.find_all(exp.Where, exp.Join):
        condition = clause.this if isinstance(clause, exp.Where) else clause.args.get("on")
        for column in condition.find_all(exp.Column) if condition is not None else ():
            names[fold(column.name)] = None
    return list(names)
