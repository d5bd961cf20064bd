"""Buckets of this process: a bounded map, from which full ones go first because they say nothing."""

import time
from collections import OrderedDict
from collections.abc import Callable

from dragoman.ops.rates.bucket import Rate, charge, take


class MemoryRates:
    """Buckets in memory.

    Args:
        most: how many are kept; above that the longest untouched are forgotten, and count as full.
        clock: the time in seconds, which never goes back.
    """

    def __init__(self, most: int = 100_000, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, wanted: list[tuple[str, Rate, float]]) -> tuple[int, float]:
        """Take from several buckets, from all of them or from none.

        Args:
            wanted: key, rate and cost of each.

        Returns:
            Which of them refuses and the seconds to wait; (-1, 0) when all give.
        """
        now = self._clock()
        kept: list[tuple[str, float]] = []
        for place, (key, rate, cost) in enumerate(wanted):
            taken = take(rate, self._full_at.get(key, 0.0), now, cost)
            if taken.wait:
                return place, taken.wait
            kept.append((key, taken.full_at))
        for key, full_at in kept:
            self._keep(key, full_at, now)
        return -1, 0.0

    def charge(self, used: list[tuple[str, Rate, float]]) -> None:
        """Charge buckets for what was used already."""
        now = self._clock()
        for key, rate, cost in used:
            self._keep(key, charge(rate, self._full_at.get(key, 0.0), now, cost), now)

    def _keep(self, key: str, full_at: float, now: float) -> None:
        if full_at <= now:
            return
        self._full_at[key] = full_at
        self._full_at.move_to_end(key)
        while len(self._full_at) > self._most:
            self._full_at.popitem(last=False)
