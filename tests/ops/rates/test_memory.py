"""Buckets in memory: all or nothing, and never more of them than allowed."""

from dragoman.ops.rates.bucket import Rate
from dragoman.ops.rates.memory import MemoryRates


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_several_buckets_give_together_or_not_at_all() -> None:
    clock = Clock()
    rates = MemoryRates(clock=clock)
    wide, narrow = Rate(100, 60.0), Rate(2, 1.0)
    wanted = [("a/minute", wide, 1.0), ("a/second", narrow, 1.0)]
    assert rates.take(wanted) == (-1, 0.0)
    assert rates.take(wanted) == (-1, 0.0)
    place, wait = rates.take(wanted)
    assert place == 1
    assert 0.4 < wait < 0.6
    for _ in range(98):
        assert rates.take([("a/minute", wide, 1.0)])[0] == -1
    assert rates.take([("a/minute", wide, 1.0)])[0] == 0
    clock.now += 60
    assert rates.take(wanted) == (-1, 0.0)


def test_what_was_used_is_charged_afterwards() -> None:
    clock = Clock()
    rates = MemoryRates(clock=clock)
    day = Rate(1000, 86_400.0)
    assert rates.take([("a/rows", day, 0.0)])[0] == -1
    rates.charge([("a/rows", day, 2500)])
    assert rates.take([("a/rows", day, 0.0)])[0] == 0
    assert rates.take([("b/rows", day, 0.0)])[0] == -1


def test_ten_thousand_callers_take_bounded_memory() -> None:
    rates = MemoryRates(most=100)
    for number in range(10_000):
        assert rates.take([(f"caller-{number}", Rate(10, 1.0), 1.0)])[0] == -1
    assert len(rates) == 100
