"""5,000 open `subscriptions/listen` streams: memory of each, the time until all hear of a change, calls beside them.

The Go SDK has no other way to subscribe in 2026-07-28; everybody tells the same resource's update. As a process keeps
what it once needed, every turn has a process of its own, warmed with a few streams.
"""

import contextlib
import os
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial

from benchmarks.load import Wrong, add, checked, sample_of, wrk
from benchmarks.measure import Goal, Outcome, Row, Sample, Series, rotated
from benchmarks.peers import MODERN, Missing, Peer
from benchmarks.race import WARM_SECONDS, Run, in_turns, say
from benchmarks.servers import cpu_seconds, resident_bytes, serving
from benchmarks.streams import CHANGE, allow_files, streams

STREAMS = 5000
WARM_STREAMS = 20
EVERYBODY = ("dragoman", "typescript", "go", "rust")
SETTINGS = {"BENCH_SET": "all"}
SETTLE_SECONDS = 1.0
MOST_TURNS = 3
BESIDE = f"dragoman, {STREAMS} streams open"
_done: list[tuple[Run, Outcome, Outcome]] = []  # both rows are of one measurement


def take(peer: Peer, run: Run) -> tuple[Sample, Sample]:
    """Open the streams of a fresh process; the kilobytes of each, and the milliseconds of a change."""
    with serving(peer, SETTINGS, run.cores.serve) as (program, port):
        checked(port, CHANGE)
        with streams(port, WARM_STREAMS) as few:
            few.change()
        time.sleep(SETTLE_SECONDS)
        before = resident_bytes(program.pid)
        with streams(port, STREAMS) as many:
            many.change()
            time.sleep(SETTLE_SECONDS)
            each = (resident_bytes(program.pid) - before) / STREAMS
            times: list[float] = []
            used, end = cpu_seconds(program.pid), time.monotonic() + run.seconds
            while not times or time.monotonic() < end:
                times.append(many.change())
            used = cpu_seconds(program.pid) - used
    return Sample(each / 1e3), Sample(statistics.median(times) * 1e3, used * 1e6 / len(times) / STREAMS)


def measure_streams(run: Run) -> tuple[Outcome, Outcome]:
    """Memory and change, of everybody in turns."""
    for known, *outcomes in _done:
        if known is run:
            return outcomes[0], outcomes[1]
    memory, change = Outcome(), Outcome()
    change.notes.append("The processor time is that of the server for one stream.")
    allow_files(STREAMS)
    names = [peer.name for peer in run.choose(EVERYBODY, memory, feature="listen", revision=MODERN)]
    found = {name: (Series(name, "kB"), Series(name, "ms")) for name in names}
    with on_cores(run.cores.load):
        for turn in range(min(run.rounds, MOST_TURNS)):
            for name in rotated(names, turn):
                if name in memory.left_out:
                    continue
                say(f"{STREAMS:,} streams of {name}")
                try:
                    samples = take(run.peers[name], run)
                except (Wrong, Missing, OSError) as reason:
                    memory.left_out[name] = str(reason)
                    continue
                for series, sample in zip(found[name], samples, strict=True):
                    series.samples.append(sample)
    change.left_out = memory.left_out
    for name, (kilobytes, milliseconds) in found.items():
        if name not in memory.left_out:
            memory.series.append(kilobytes)
            change.series.append(milliseconds)
    _done.append((run, memory, change))
    return memory, change


@contextlib.contextmanager
def on_cores(cores: str) -> Iterator[None]:
    """Keep this process, which reads the streams, on the cores of the load."""
    usable = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(map(int, cores.split(","))))
    try:
        yield
    finally:
        os.sched_setaffinity(0, usable)


def measure_beside(run: Run) -> Outcome:
    """The same call to two processes, one of which holds the streams."""
    outcome = Outcome()
    allow_files(STREAMS)
    with contextlib.ExitStack() as stack:
        turns: dict[str, Callable[[], Sample]] = {}
        for peer in run.choose(("dragoman",), outcome, feature="listen", revision=MODERN):
            for label in ("dragoman", BESIDE):
                program, port = stack.enter_context(serving(peer, SETTINGS, run.cores.serve))
                checked(port, add())
                if label == BESIDE:
                    stack.enter_context(streams(port, STREAMS))
                wrk(port, add(), WARM_SECONDS, run.cores.load)
                turns[label] = partial(_load, run, program.pid, port)
        return in_turns(outcome, turns, run.rounds)


def _load(run: Run, pid: int, port: int) -> Sample:
    used = cpu_seconds(pid)
    said = wrk(port, add(), run.seconds, run.cores.load)
    return sample_of(said, cpu_seconds(pid) - used)


ROWS = [
    Row(
        "listen-memory",
        f"memory of each of {STREAMS:,} open `subscriptions/listen` streams",
        (Goal("dragoman", at_most=25, words="kB each"),),
        lambda run: measure_streams(run)[0],
    ),
    Row(
        "listen-change",
        f"time for one change to reach {STREAMS:,} open streams",
        (Goal("dragoman", "go", at_most=1.0),),
        lambda run: measure_streams(run)[1],
    ),
    Row(
        "listen-calls",
        f"`tools/call` beside {STREAMS:,} open streams",
        (Goal(BESIDE, "dragoman", at_least=0.9),),
        measure_beside,
    ),
]
