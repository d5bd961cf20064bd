"""A statement that was let through: its text in pieces, and what is put between them when it runs.

Values are bound, never pasted (security invariant P18). Pasted are only two things that are ours: the number of
rows, and whether every attribute that a row filter asks for is known.
"""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from dragoman.connectors.sql.engines.engine import Query, Scalar
from dragoman.connectors.sql.parsing import Refused

NO_LIMIT = 2**63 - 1

SlotKind = Literal["parameter", "principal", "known", "value", "limit"]


class Slot(Struct, frozen=True):
    """What stands between two pieces.

    Args:
        kind: a parameter of the statement, an attribute of the principal, whether that is known (1 or 0), a
            value of the policy, or the LIMIT of the statement.
        name: of the parameter or attribute.
        value: of the policy, or the author's own LIMIT (None for none).
    """

    kind: SlotKind
    name: str = ""
    value: Scalar = None


class Statement(Struct, frozen=True):
    """A statement that was let through.

    Args:
        sql: the text of its author, for sentences; it is never run.
        relations: the relations it names, as callers see them named, each once.
        pieces: the text that runs, one piece more than there are slots.
        slots: what stands between them.
    """

    sql: str
    relations: tuple[str, ...]
    pieces: tuple[str, ...] = ("",)
    slots: tuple[Slot, ...] = ()

    @property
    def size(self) -> int:
        """The number of characters that are kept of it."""
        return len(self.sql) + sum(map(len, self.pieces)) + 100 * len(self.slots)

    def bind(self, values: Mapping[str, Scalar], principal: Mapping[str, Scalar], *, limit: int | None = None) -> Query:
        """Return what runs.

        Args:
            values: of the statement's parameters.
            principal: attributes of the caller; a row filter that asks for one that is missing is not met.
            limit: most rows that are wanted, where the statement's own LIMIT is not lower.

        Raises:
            Refused: a parameter has no value, or a value no parameter.
        """
        text, *rest = self.pieces
        parts: list[str] = []
        arguments: list[Scalar] = []
        for slot, piece in zip(self.slots, rest, strict=True):
            if slot.kind == "known":
                text += ("1" if principal.get(slot.name) is not None else "0") + piece
                continue
            if slot.kind == "limit":
                text += _limit(slot.value, limit) + piece
                continue
            parts.append(text)
            text = piece
            if slot.kind == "principal":
                arguments.append(principal.get(slot.name))
            elif slot.kind == "value":
                arguments.append(slot.value)
            elif slot.name in values:
                arguments.append(values[slot.name])
            else:
                raise Refused(f"parameter {slot.name!r} has no value: give it one in params")
        if values:
            self._check_names(values)
        parts.append(text)
        return Query(tuple(parts), tuple(arguments))

    def _check_names(self, values: Mapping[str, Scalar]) -> None:
        known = {slot.name for slot in self.slots if slot.kind == "parameter"}
        unknown = [name for name in values if name not in known]
        if unknown:
            raise Refused(f"the statement has no parameter {unknown[0][:60]!r}: write :{unknown[0][:60]} where it goes")


def _limit(own: Scalar, limit: int | None) -> str:
    """Return the lower of two numbers of rows, or one that nothing reaches."""
    numbers = [number for number in (own, limit) if isinstance(number, int)]
    return str(min(numbers, default=NO_LIMIT))
