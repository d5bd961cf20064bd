"""One bucket, as arithmetic: the generic cell rate algorithm (GCRA; ITU-T I.371), in virtual time.

A bucket is one number: the time at which it would be full again. Taking moves that time on; what would move it further
ahead of now than the burst allows is refused, with the time to wait. What is known only afterwards, such as the rows
of a result, is charged then: the bucket may go into debt, and the debt is waited for.
"""

from msgspec import Struct


class Rate(Struct, frozen=True):
    """How fast a bucket fills.

    Args:
        amount: how much comes in `seconds`; what may be taken at once, too.
        seconds: the length of the period.
    """

    amount: float
    seconds: float

    @property
    def interval(self) -> float:
        """The time that one unit takes to come, seconds."""
        return self.seconds / self.amount


class Taken(Struct, frozen=True):
    """What became of taking.

    Args:
        wait: 0 when it was given, else the seconds after which it would be.
        full_at: the bucket afterwards: when it is full again, on the clock of `now`.
        left: what could still be taken at once.
    """

    wait: float
    full_at: float
    left: float


def take(rate: Rate, full_at: float, now: float, cost: float = 1.0) -> Taken:
    """Take from a bucket, or say how long to wait.

    Args:
        rate: how fast it fills.
        full_at: when it is full again; anything before `now` for a full one.
        now: the time.
        cost: how much to take; more than the burst is never given, 0 asks whether there is no debt.
    """
    before = max(full_at, now)
    after = before + cost * rate.interval
    horizon = now + rate.seconds
    if after > horizon + 1e-9 * rate.seconds or (not cost and before >= horizon):
        wait = max(after - horizon, rate.interval if not cost else 0.0)
        return Taken(wait, before, max(0.0, (horizon - before) / rate.interval))
    return Taken(0.0, after, max(0.0, (horizon - after) / rate.interval))


def charge(rate: Rate, full_at: float, now: float, cost: float) -> float:
    """Charge a bucket for what was used already, into debt if need be, and return when it is full again."""
    return max(full_at, now) + cost * rate.interval
