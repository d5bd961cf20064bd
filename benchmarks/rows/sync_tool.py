"""A synchronous tool, which every Python server runs in a thread."""

from benchmarks.load import Answer, tool_call
from benchmarks.measure import Goal, Outcome, Row
from benchmarks.race import Entry, Run, http_race


def _is_three(answer: Answer) -> bool:
    return answer.text == "3" and answer.value == 3  # noqa: PLR2004 - 1 + 2


def measure(run: Run) -> Outcome:
    """Add in a thread."""
    outcome = Outcome()
    call = tool_call("add_sync", {"a": 1, "b": 2}, _is_three)
    peers = run.choose(("dragoman", "fastmcp", "python_sdk"), outcome)
    return http_race(run, [Entry(peer.name, peer, call, {"BENCH_SET": "all"}) for peer in peers], outcome)


ROWS = [Row("sync", "a sync tool (thread)", (Goal("dragoman", "fastmcp", at_least=8),), measure)]
