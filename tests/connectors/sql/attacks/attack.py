"""What one row of the tables of attacks says."""

from typing import NamedTuple

MASKED = "masked"
"""Expected of a statement that may run, or fail in the database, but shows nothing that policy hides."""


class Attack(NamedTuple):
    """A statement that must not do what it is meant to.

    Args:
        sql: the statement.
        why: what it would do.
        told: a pattern of the sentence that refuses it, or `MASKED`.
    """

    sql: str
    why: str
    told: str


def attacks(why: str, *rows: tuple[str, str]) -> tuple[Attack, ...]:
    """Return attacks of one kind."""
    return tuple(Attack(sql, why, told) for sql, told in rows)
