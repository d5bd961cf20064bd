"""A call that sends ten progress notifications, which makes its reply an event stream."""

from benchmarks.load import Answer, tool_call
from benchmarks.measure import Goal, Outcome, Row
from benchmarks.race import Entry, Run, http_race

STEPS = 10


def _has_steps(answer: Answer) -> bool:
    said = [message for message in answer.notifications if message["method"] == "notifications/progress"]
    rising = [message["params"]["progress"] for message in said] == list(range(1, STEPS + 1))
    tokens = {message["params"]["progressToken"] for message in said}
    return rising and tokens == {"bench"} and answer.text == "done"


def measure(run: Run) -> Outcome:
    """Count to ten and say so at every step."""
    outcome = Outcome()
    call = tool_call("count", {}, _has_steps, meta={"progressToken": "bench"})
    settings = {"BENCH_SET": "all", "BENCH_REPLY": "stream"}
    names = ("dragoman", "fastmcp", "python_sdk", "typescript", "go", "rust")
    peers = run.choose(names, outcome, feature="sse-progress")
    return http_race(run, [Entry(peer.name, peer, call, settings) for peer in peers], outcome)


ROWS = [
    Row(
        "progress",
        "a call that sends 10 progress notifications as SSE",
        (Goal("dragoman", "python_sdk", at_least=8), Goal("dragoman", "go", at_least=2)),
        measure,
    )
]
