"""One megabyte as the result of a call, and as its argument, beside the bare application that does the same."""

from benchmarks.load import Answer, Call, tool_call
from benchmarks.measure import Goal, Outcome, Row
from benchmarks.race import Entry, Run, http_race

MEGABYTE = 2**20
CONNECTIONS = 8
ALL = {"BENCH_SET": "all"}


def _is_big(answer: Answer) -> bool:
    return answer.text == "x" * MEGABYTE


def _is_length(answer: Answer) -> bool:
    return bool(answer.value == MEGABYTE)


def _race(run: Run, call: Call) -> Outcome:
    outcome = Outcome()
    peers = run.choose(("bare", "dragoman", "python_sdk", "go"), outcome)
    entries = [Entry(peer.name, peer, call, ALL, CONNECTIONS, refusing=peer.name != "bare") for peer in peers]
    return http_race(run, entries, outcome)


def measure_result(run: Run) -> Outcome:
    """A text of 2^20 letters comes back."""
    return _race(run, tool_call("big", {}, _is_big))


def measure_argument(run: Run) -> Outcome:
    """A text of 2^20 letters is sent, and its length comes back."""
    return _race(run, tool_call("measure", {"text": "y" * MEGABYTE}, _is_length))


ROWS = [
    Row("result-1mb", "1 MB text result", (Goal("dragoman", "bare", at_least=0.7),), measure_result),
    Row("argument-1mb", "1 MB argument", (Goal("dragoman", "bare", at_least=0.7),), measure_argument),
]
