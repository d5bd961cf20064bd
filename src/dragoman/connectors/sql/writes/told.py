"""What is said of writes: the preview that somebody consents to, results, and what went wrong.

Only names, counts and what the reader sees anyway are told. An engine's words about a write may hold values of rows,
so they are never passed on: its code or the shape of its message chooses one of the sentences here (invariant P21).
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from dragoman.connectors.sql import rows as results
from dragoman.connectors.sql.engines.engine import EngineFault
from dragoman.connectors.sql.guard.statement import Statement
from dragoman.connectors.sql.policy import View

if TYPE_CHECKING:
    from dragoman.connectors.sql.gate import Gate
    from dragoman.connectors.sql.writes.batch import Outcome, Sample

LONGEST_CELL: Final = 60
LONGEST_PREVIEW: Final = 6000

_UNIQUE: Final = "another row has the same key, or the same value where each must have its own"
_PARENT: Final = "a row that it refers to is not there, or rows of other tables still refer to it"
_MISSING: Final = "a column that must have a value has none"
_CHECK: Final = "a value breaks a rule (CHECK) of the table"
_LONG: Final = "a value is too long for its column"
_KIND: Final = "a value is not of the type of its column, or beyond its range"
_RACE: Final = "others write the same rows just now: try again"

_BY_MESSAGE: Final = tuple(
    (re.compile(pattern, re.DOTALL), text)
    for pattern, text in (
        # SQLite's words, PostgreSQL's SQLSTATE, the numbers of MySQL and MariaDB
        (r"UNIQUE constraint failed.*|23505 .*|(1062|1586) .*", _UNIQUE),
        (r"FOREIGN KEY constraint failed.*|23503 .*|23001 .*|(1451|1452|1216|1217) .*", _PARENT),
        (r"NOT NULL constraint failed.*|23502 .*|(1048|1364) .*", _MISSING),
        (r"CHECK constraint failed.*|23514 .*|23P01 .*|44000 .*|(3819|4025) .*", _CHECK),
        (r"22001 .*|1406 .*", _LONG),
        (
            (r"datatype mismatch.*|cannot store .*|argument .*|22P02 .*|2200[378] .*|22P0[35] .*|42804 .*|428C9 .*"
            r"|42846 .*|(1264|1265|1292|1366|1690) .*"),
            _KIND,
        ),
        (r"40001 .*|40P01 .*", _RACE),
        (r"not UTF-8", "a text of the table is not UTF-8: it could not be put back as it was"),
        (r"no such table: dragoman_writes|42P01 .*dragoman_writes.*|1146 .*dragoman_writes.*",
         "the table in which writes are noted is gone: an administrator makes it anew"),
    )
)  # fmt: skip
_BY_KIND: Final = {
    "locked": "others write to it just now: try again in a moment",
    "refused": "the database refused it: its login may not do that",
    "forbidden": "the server may only read the database file, or not its folder",
    "away": "the connection to the database broke in the middle",
    "lost": "the database engine ended in the middle",
    "scratch": "there is no room left where the database is",
}


def write_sentence(
    fault: EngineFault, gate: "Gate", table: str | None, statement: Statement | None = None, view: View | None = None
) -> str:
    """Return what is told of a fault within a write.

    Args:
        fault: what the engine raised.
        gate: whose sentences are used for everything that is not about writing.
        table: the table that a statement of ours was about.
        statement: the query of the author that it was about.
        view: what the author sees.
    """
    about = f"{table}: " if table else ""
    if fault.kind == "statement":
        for pattern, text in _BY_MESSAGE:
            if pattern.fullmatch(fault.message):
                return about + text
        if statement is None:
            return f"{about}the database could not do it: check types and names"
    elif fault.kind in _BY_KIND:
        return about + _BY_KIND[fault.kind]
    return about + gate.sentence(fault, statement, view)


def is_duplicate(fault: EngineFault) -> bool:
    """Return whether a fault says that there is such a row already."""
    return fault.kind == "statement" and _BY_MESSAGE[0][0].fullmatch(fault.message) is not None


def preview(name: str, outcomes: Sequence["Outcome"], earlier: str | None) -> str:
    """Return what somebody consents to: each statement, its rows, and some of them before and after.

    Args:
        name: the connector's.
        outcomes: what the statements did, before that was rolled back.
        earlier: when the same statements were committed before, if they were.
    """
    lines = [f"{name}: shall this be written?"]
    for number, outcome in enumerate(outcomes, 1):
        change, count = outcome.change, len(outcome.rows)
        lines.append(f"{number}. {change.verb.upper()} {results.escape(outcome.target.name)}: {counted(count)}")
        lines += [f"   {line}" for line in _sampled(outcome.sample, change.verb)]
        if count > max(len(outcome.sample.before), len(outcome.sample.after)) > 0:
            lines.append("   ...")
        if outcome.target.triggers:
            lines.append(
                "   The table has triggers: what they do elsewhere isn't shown, and none of this can be undone."
            )
    if earlier:
        lines.append(f"The same was already written at {earlier}: this would be once more.")
    text = "\n".join(lines)
    return text if len(text) <= LONGEST_PREVIEW else f"{text[:LONGEST_PREVIEW]}... (cut)"


def counted(rows: int) -> str:
    """Return a number of rows."""
    return f"{rows} row{'' if rows == 1 else 's'}"


def _sampled(sample: "Sample", verb: str) -> list[str]:
    width = len(sample.keys[0]) if sample.keys else 0
    lines = []
    if verb == "update":
        for before, after in zip(sample.before, sample.after, strict=False):
            changes = [
                f"{results.escape(column)} {_cell(old)} -> {_cell(new)}"
                for column, old, new in zip(sample.columns[width:], before[width:], after[width:], strict=True)
            ]
            lines.append(f"{_pairs(sample.columns[:width], before)}: {', '.join(changes)}")
        return lines
    return [_pairs(sample.columns, row) for row in (sample.after if verb == "insert" else sample.before)]


def _pairs(columns: Sequence[str], row: Sequence[Any]) -> str:
    return ", ".join(f"{results.escape(column)}={_cell(value)}" for column, value in zip(columns, row, strict=False))


def _cell(value: Any) -> str:
    text = results.cell(value)
    text = text if len(text) <= LONGEST_CELL else f"{text[: LONGEST_CELL - 1]}…"
    return f"'{text}'" if isinstance(value, str) else text
