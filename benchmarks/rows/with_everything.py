"""`add` with API key, role policy, rate limit, audit and metrics on, beside the same call without."""

from benchmarks.measure import Goal, Outcome, Row
from benchmarks.race import Run

HOOKED = "dragoman, everything on"
NOT_YET = "key, policy, rate limit, audit and metrics come with their issues"


def measure(_run: Run) -> Outcome:
    """Say that there is nothing to switch on yet."""
    return Outcome(left_out={HOOKED: NOT_YET})


ROWS = [
    Row(
        "everything",
        "the same with API key, role policy, rate limit, audit, metrics on",
        (Goal(HOOKED, "dragoman", at_least=0.75),),
        measure,
    )
]
