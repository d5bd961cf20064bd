"""A race: every contestant of a row is started, checked, and measured in turns, round after round, in one run."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.load import Call, Wrong, checked, in_session, refuses, same_size, sample_of, send, wrk, wrong_add
from benchmarks.measure import Outcome, Sample, Series, rotated
from benchmarks.peers import PEERS, Missing, Peer
from benchmarks.servers import Cores, Program, cpu_seconds, serving

WARM_SECONDS = 1.0
QUICK_WARM_SECONDS = 0.3

# What may go wrong with a contestant, a wrong answer of any shape included: it is left out, the others are measured.
FAILURES = (Wrong, Missing, OSError, subprocess.SubprocessError, LookupError, TypeError, ValueError)


@dataclass
class Run:
    """One run of the benchmark: what is there, and how long to measure.

    Args:
        peers: the installed peers, by name.
        left_out: of each other peer, why it is not there.
        rounds: how many times everybody takes a turn.
        seconds: how long each turn is.
        cores: where servers and load run.
        is_quick: whether a look is enough, with little to warm the servers.
    """

    peers: Mapping[str, Peer]
    left_out: Mapping[str, str]
    rounds: int
    seconds: float
    cores: Cores = field(default_factory=Cores)
    is_quick: bool = False

    def choose(self, names: Iterable[str], outcome: Outcome, *, feature: str = "", revision: str = "") -> list[Peer]:
        """The named peers that are there and can do what a row needs; the outcome says why another one is left out."""
        chosen = []
        for name in names:
            peer = self.peers.get(name)
            if peer is None:
                outcome.left_out[name] = self.left_out.get(name, "not installed")
            elif feature and feature not in peer.features:
                outcome.left_out[name] = f"{PEERS[name].title} has no {feature}"
            elif revision and revision not in peer.revisions:
                outcome.left_out[name] = f"{PEERS[name].title} does not speak {revision}"
            else:
                chosen.append(peer)
        return chosen


@dataclass(frozen=True)
class Entry:
    """One contestant of a race over HTTP.

    Args:
        label: its name in the row.
        peer: what is started.
        call: what is asked.
        settings: environment variables for the program, such as `BENCH_TOOLS`.
        connections: how many calls at a time.
        session: whether the call is made in a session of 2025-11-25.
        cores: where it runs; the serving core by default.
        refusing: whether it must refuse arguments of the wrong type, as everybody does but the limits.
    """

    label: str
    peer: Peer
    call: Call
    settings: Mapping[str, str] = field(default_factory=dict)
    connections: int = 16
    session: bool = False
    cores: str = ""
    refusing: bool = True


def say(text: str) -> None:
    """Tell who waits what is going on."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


def words_of(reason: BaseException) -> str:
    """What went wrong, on one line."""
    said = " ".join(str(reason).split())
    return said if isinstance(reason, Wrong | Missing) else f"{type(reason).__name__}: {said}"


def in_turns(
    outcome: Outcome, turns: Mapping[str, Callable[[], Sample]], rounds: int, unit: str = "calls/s"
) -> Outcome:
    """Take one sample of each contestant a round, in an order that changes.

    Args:
        outcome: where the series are written; a contestant that fails is left out there, with the reason.
        turns: by label, what takes a sample; what it may raise is in `FAILURES`.
        rounds: how many.
        unit: of the values.
    """
    series = {label: Series(label, unit) for label in turns}
    for turn in range(rounds):
        for label in rotated(list(turns), turn):
            if label in outcome.left_out:
                continue
            try:
                series[label].samples.append(turns[label]())
            except FAILURES as reason:
                outcome.left_out[label] = words_of(reason)
    outcome.series += [one for label, one in series.items() if label not in outcome.left_out]
    return outcome


def http_race(run: Run, entries: Sequence[Entry], outcome: Outcome) -> Outcome:
    """Start everybody, see that each answers rightly, then load them in turns."""
    with contextlib.ExitStack() as stack:
        turns: dict[str, Callable[[], Sample]] = {}
        for entry in entries:
            say(f"starting {entry.label}")
            cores = entry.cores or run.cores.serve
            try:
                program, port = stack.enter_context(serving(entry.peer, entry.settings, cores))
                turns[entry.label] = _ready(run, entry, program, port)
            except FAILURES as reason:
                outcome.left_out[entry.label] = words_of(reason)
                say(f"{entry.label} is left out: {words_of(reason)}")
        say(f"measuring {len(turns)} in {run.rounds} rounds")
        return in_turns(outcome, turns, run.rounds)


def _ready(run: Run, entry: Entry, program: Program, port: int) -> Callable[[], Sample]:
    """Check and warm one contestant; what takes a sample of it."""
    call = in_session(entry.call, port) if entry.session else entry.call
    answer = checked(port, call)
    if entry.refusing and not refuses(port, wrong_add()):
        raise Wrong("it takes arguments of the wrong type")
    if run.is_quick:
        end = time.monotonic() + QUICK_WARM_SECONDS
        while time.monotonic() < end:
            send(port, call)
    else:
        wrk(port, call, WARM_SECONDS, run.cores.load, entry.connections)

    def sample() -> Sample:
        before = cpu_seconds(program.pid)
        said = wrk(port, call, run.seconds, run.cores.load, entry.connections)
        used = cpu_seconds(program.pid) - before
        if not same_size(said, answer):
            raise Wrong(f"replies under load have another size than the one that was checked: {said}")
        return sample_of(said, used)

    return sample
