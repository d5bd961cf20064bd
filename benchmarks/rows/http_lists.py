"""`tools/list` of 1,000 tools as one page."""

from benchmarks.load import Answer, Call
from benchmarks.measure import Goal, Outcome, Row
from benchmarks.race import Entry, Run, http_race

TOOLS = 1000
CONNECTIONS = 4  # an answer is some 300 kB: enough to keep the server busy, few enough that each comes in its turn


def _is_whole(answer: Answer) -> bool:
    tools = answer.result["tools"]
    schemas = [tool["inputSchema"]["properties"] for tool in tools]
    return len(tools) == TOOLS and not answer.result.get("nextCursor") and all(len(one) == 2 for one in schemas)  # noqa: PLR2004 - two parameters each


def measure(run: Run) -> Outcome:
    """List all of them."""
    outcome = Outcome()
    call = Call("tools/list", {}, _is_whole)
    settings = {"BENCH_TOOLS": str(TOOLS)}
    peers = run.choose(("dragoman", "fastmcp", "python_sdk", "typescript", "go", "rust"), outcome, feature="pages")
    return http_race(run, [Entry(peer.name, peer, call, settings, CONNECTIONS) for peer in peers], outcome)


ROWS = [
    Row(
        "list",
        "`tools/list`, 1,000 tools, as one page",
        (Goal("dragoman", "python_sdk", at_least=20), Goal("dragoman", "go", at_least=3)),
        measure,
    )
]
