"""`tools/call` of an async `add` over standard input and output: one call at a time, and 32 in flight."""

import contextlib
import os
from collections.abc import Callable
from functools import partial

from benchmarks.load import Wrong
from benchmarks.measure import Goal, Outcome, Row, Sample
from benchmarks.peers import MODERN, Missing
from benchmarks.pipes import Pipe, piped
from benchmarks.race import WARM_SECONDS, Run, in_turns, say

EVERYBODY = ("dragoman", "fastmcp", "python_sdk", "typescript", "go", "rust")
IN_FLIGHT = 32

Turn = Callable[[Pipe, float], Sample]


def measure_one(run: Run) -> Outcome:
    """One call at a time."""
    return race(run, lambda pipe, seconds: pipe.one_at_a_time(seconds))


def measure_pipelined(run: Run) -> Outcome:
    """Many calls in flight, written by one writer."""
    return race(run, lambda pipe, seconds: pipe.pipelined(seconds, IN_FLIGHT))


def race(run: Run, turn: Turn) -> Outcome:
    """Start everybody, see that each answers rightly, then call in turns, from the core of the load."""
    outcome = Outcome()
    usable = os.sched_getaffinity(0)
    with contextlib.ExitStack() as stack:
        stack.callback(os.sched_setaffinity, 0, usable)
        turns: dict[str, Callable[[], Sample]] = {}
        for peer in run.choose(EVERYBODY, outcome, revision=MODERN):
            say(f"starting {peer.name}")
            try:
                pipe = stack.enter_context(piped(peer, {}, run.cores.serve))
                turn(pipe, WARM_SECONDS)
            except (Wrong, Missing, OSError) as reason:
                outcome.left_out[peer.name] = str(reason)
                continue
            turns[peer.name] = partial(turn, pipe, run.seconds)
        os.sched_setaffinity(0, set(map(int, run.cores.load.split(","))))
        say(f"measuring {len(turns)} in {run.rounds} rounds")
        return in_turns(outcome, turns, run.rounds)


ROWS = [
    Row(
        "stdio",
        "`tools/call`, stdio, one call at a time",
        (Goal("dragoman", "python_sdk", at_least=6), Goal("dragoman", "typescript", at_least=1.5)),
        measure_one,
    ),
    Row(
        "stdio-pipelined",
        f"`tools/call`, stdio, {IN_FLIGHT} in flight",
        (Goal("dragoman", "python_sdk", at_least=20), Goal("dragoman", "typescript", at_least=1.5)),
        measure_pipelined,
    ),
]
