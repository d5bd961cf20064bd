"""From the start of a process to its first answer over stdio, as a client begins: discover, then `tools/call`.

Every start is a new process on all processors, as a client starts a server; a round gives the median of several.
"""

import os
import statistics
import time
from collections.abc import Callable
from functools import partial

from benchmarks.load import Wrong
from benchmarks.measure import Goal, Outcome, Row, Sample
from benchmarks.peers import MODERN, Missing, Peer
from benchmarks.pipes import ADD, DISCOVER, Pipe
from benchmarks.race import Run, in_turns, say

EVERYBODY = ("dragoman", "fastmcp", "python_sdk", "typescript", "go", "rust")
FEWEST = 3


def start(peer: Peer, cores: str) -> tuple[float, float]:
    """Start a peer and call it once; the time until the answer, and the processor time of its life, in seconds."""
    begun = time.perf_counter()
    pipe = Pipe(peer, {}, cores)
    try:
        pipe.ask(DISCOVER, 1)
        pipe.ask(ADD, 2)
        passed = time.perf_counter() - begun
        return passed, pipe.end()
    finally:
        pipe.stop()


def take(peer: Peer, run: Run) -> Sample:
    """Start a peer until the turn is over, three times at least."""
    starts: list[tuple[float, float]] = []
    end = time.monotonic() + run.seconds
    while len(starts) < FEWEST or time.monotonic() < end:
        starts.append(start(peer, run.cores.all))
    passed, used = (statistics.median(one) for one in zip(*starts, strict=True))
    return Sample(passed * 1e3, used * 1e6)


def measure_start(run: Run) -> Outcome:
    """Everybody once to warm the page cache, then in turns."""
    outcome = Outcome(notes=["The processor time is that of the whole process, from its start to its end."])
    turns: dict[str, Callable[[], Sample]] = {}
    for peer in run.choose(EVERYBODY, outcome, revision=MODERN):
        try:
            start(peer, run.cores.all)
        except (Wrong, Missing, OSError) as reason:
            outcome.left_out[peer.name] = str(reason)
            continue
        turns[peer.name] = partial(take, peer, run)
    say(f"measuring {len(turns)} in {run.rounds} rounds")
    return in_turns(outcome, turns, run.rounds, "ms")


ROWS = [
    Row(
        "startup",
        f"process start to the first answer of `tools/call`, stdio, {len(os.sched_getaffinity(0))} cores",
        (Goal("dragoman", "typescript", at_most=1.0),),
        measure_start,
    ),
]
