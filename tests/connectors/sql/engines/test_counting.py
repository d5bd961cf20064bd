"""Counting in time: exact where it could be done, the estimate elsewhere, a fault where nothing can be read."""

import asyncio
import time

import pytest

from dragoman.connectors.sql.catalog import Count, Relation
from dragoman.connectors.sql.engines.counting import COUNTED_ROWS, count_in_time
from dragoman.connectors.sql.engines.engine import EngineFault, FaultKind


def relation(name: str, rows: int | None = None, *, readable: bool = True) -> Relation:
    return Relation(name, "table", (), readable=readable, rows=rows)


async def test_what_can_be_counted_is_and_the_rest_keeps_its_estimate() -> None:
    asked: list[str] = []

    async def count(one: Relation, seconds: float) -> int:
        asked.append(one.name)
        assert 0 < seconds <= 1
        return 7

    relations = [
        relation("a"),
        relation("huge", COUNTED_ROWS + 1),
        relation("broken", 3, readable=False),
        relation("b", 2),
    ]
    assert await count_in_time(relations, count) == [
        Count(7, exact=True), Count(COUNTED_ROWS + 1, exact=False), Count(3, exact=False), Count(7, exact=True),
    ]  # fmt: skip
    assert asked == ["a", "b"]


@pytest.mark.parametrize("kind", ["timeout", "statement", "refused", "locked", "too_big"])
async def test_one_that_cannot_be_counted_does_not_stop_the_others(kind: FaultKind) -> None:
    async def count(one: Relation, _seconds: float) -> int:
        if one.name == "a":
            raise EngineFault(kind)
        return 7

    assert await count_in_time([relation("a", 5), relation("b")], count) == [
        Count(5, exact=False),
        Count(7, exact=True),
    ]


async def test_a_database_that_is_not_there_is_a_fault() -> None:
    async def count(_one: Relation, _seconds: float) -> int:
        raise EngineFault("unreachable")

    with pytest.raises(EngineFault, match="unreachable"):
        await count_in_time([relation("a", 5)], count)


async def test_the_time_is_that_of_all_together() -> None:
    async def count(_one: Relation, seconds: float) -> int:
        await asyncio.sleep(min(seconds, 0.6))
        return 7

    begin = time.monotonic()
    counts = await count_in_time([relation(name) for name in "abcdef"], count)
    assert time.monotonic() - begin < 2
    assert counts[-1] == Count(None, exact=False)
