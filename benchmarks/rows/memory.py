"""What the server holds in memory after 100,000 calls over HTTP, and whether the second half of them made it grow."""

import math
from pathlib import Path

from benchmarks.load import add, checked, wrk
from benchmarks.measure import Goal, Outcome, Row, Sample, Series
from benchmarks.peers import Missing
from benchmarks.race import Run, say
from benchmarks.servers import family, resident_bytes, serving

CALLS = 100_000
MOST = 45.0
NOISE = 0.5  # MB; sixteen closed connections of the load leave a third of it until the collector comes: no call's
FEWEST = 2
MEGABYTE = 1e6


def proportional_bytes(pid: int) -> int:
    """The memory of a process and its descendants, each shared page divided by those who share it (Pss)."""
    kilobytes = 0
    for one in family(pid):
        for line in Path(f"/proc/{one}/smaps_rollup").read_text("utf-8").splitlines():
            if line.startswith("Pss:"):
                kilobytes += int(line.split()[1])
    return kilobytes * 1024


def measure_memory(run: Run) -> Outcome:
    """Fresh processes, one after the other: read before, in the middle and after the calls."""
    outcome = Outcome()
    names = ("dragoman, at start", "dragoman", "dragoman, Pss", "dragoman, growth")
    before, after, shared, growth = (Series(name, "MB") for name in names)
    for peer in run.choose(("dragoman",), outcome):
        for turn in range(max(FEWEST, min(run.rounds, 3))):
            say(f"{CALLS:,} calls, process {turn + 1}")
            with serving(peer, {}, run.cores.serve) as (program, port):
                checked(port, add())
                before.samples.append(_megabytes(resident_bytes(program.pid)))
                called = _call(run, port, CALLS // 2)
                middle = resident_bytes(program.pid)
                _call(run, port, CALLS - called)
                last = resident_bytes(program.pid)
                after.samples.append(_megabytes(last))
                growth.samples.append(_megabytes(last - middle))
                try:
                    shared.samples.append(_megabytes(proportional_bytes(program.pid)))
                except OSError as reason:
                    raise Missing(f"/proc/PID/smaps_rollup cannot be read: {reason}") from reason
        outcome.series += [before, after, shared, growth]
    return outcome


def _megabytes(size: int) -> Sample:
    return Sample(size / MEGABYTE)


def _call(run: Run, port: int, calls: int) -> int:
    """Make so many calls or some more: a second of them to know the pace, then the rest on the same connections."""
    made = pace = wrk(port, add(), 1, run.cores.load)["requests"]
    while made < calls:
        made += wrk(port, add(), math.ceil((calls - made) / pace), run.cores.load)["requests"]
    return made


ROWS = [
    Row(
        "memory",
        f"resident memory after {CALLS:,} calls over HTTP",
        (
            Goal("dragoman", at_most=MOST, words="MB"),
            Goal("dragoman, growth", at_most=NOISE, words=f"MB of growth over the second half (noise: {NOISE:g})"),
        ),
        measure_memory,
    ),
]
