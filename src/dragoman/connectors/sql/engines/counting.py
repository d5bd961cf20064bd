"""Counting rows of relations on a database server, as far as a second reaches.

What is not counted in time, or can't be, keeps the estimate of the catalog; a server that is not there is a fault.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from dragoman.connectors.sql.catalog import Count, Relation
from dragoman.connectors.sql.engines.engine import EngineFault, FaultKind

COUNT_SECONDS: Final = 1.0
COUNTED_ROWS: Final = 1_000_000
_SHORTEST: Final = 0.01  # no count is begun with less time than this, seconds
_OF_THE_RELATION: Final[frozenset[FaultKind]] = frozenset({"timeout", "statement", "refused", "locked", "too_big"})


async def count_in_time(
    relations: Sequence[Relation], count: Callable[[Relation, float], Awaitable[int]]
) -> list[Count]:
    """Return the row counts of relations, in one second for all of them together.

    Args:
        relations: of the catalog.
        count: counts the rows of one relation within so many seconds.

    Raises:
        EngineFault: the database can't be read.
    """
    found = [Count(relation.rows, exact=False) for relation in relations]
    end = time.monotonic() + COUNT_SECONDS
    for place, relation in enumerate(relations):
        left = end - time.monotonic()
        if left <= _SHORTEST or (relation.rows or 0) > COUNTED_ROWS or not relation.readable:
            continue
        try:
            found[place] = Count(await count(relation, left), exact=True)
        except EngineFault as fault:
            if fault.kind not in _OF_THE_RELATION:
                raise
    return found
