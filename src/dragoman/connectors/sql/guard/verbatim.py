"""Statements of a database whose grammar nobody here knows: those that an administrator declared, and no other.

They run as they were written; only `:name`, outside of quotes and comments, becomes a place for a bound value. There
are no masks and no filters for such a database: what its login may read is what is served.
"""

import re
from collections.abc import Iterable

from dragoman.connectors.sql.guard.statement import Slot, Statement
from dragoman.connectors.sql.parsing import Refused
from dragoman.connectors.sql.policy import View

# Texts, names and comments are passed over; what is left of a colon and a word is a parameter.
_WORDS = re.compile(
    r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|--[^\n]*|/\*.*?\*/|(?<![:\w]):(?P<name>[A-Za-z_]\w*)", re.DOTALL
)


class Verbatim:
    """Lets declared statements through.

    Args:
        declared: their texts.
        title: the kind of database, for its sentence.
    """

    def __init__(self, declared: Iterable[str], title: str) -> None:
        self._declared = frozenset(declared)
        self._title = title

    def check(self, sql: str, view: View, parameters: frozenset[str] = frozenset()) -> Statement:  # noqa: ARG002 (as `Guard.check`)
        """Return the statement if it was declared.

        Args:
            sql: its text.
            view: what its author may see; it changes nothing here.
            parameters: names of values that will be bound to it.

        Raises:
            Refused: it was not.
        """
        if sql not in self._declared:
            raise Refused(f"statements for {self._title} can't be judged here: only declared queries run")
        pieces: list[str] = []
        slots: list[Slot] = []
        end = 0
        for found in _WORDS.finditer(sql):
            if found["name"] in parameters:
                pieces.append(sql[end : found.start()])
                slots.append(Slot("parameter", found["name"]))
                end = found.end()
        pieces.append(sql[end:].rstrip().removesuffix(";"))
        return Statement(sql, (), tuple(pieces), tuple(slots))
