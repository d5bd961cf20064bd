"""`tools/call` of an async `add` over HTTP: against the limits, against peers, among 1,000 tools, in older sessions."""

from benchmarks.load import add
from benchmarks.measure import Goal, Outcome, Row
from benchmarks.peers import LEGACY, MODERN, Peer
from benchmarks.race import Entry, Run, http_race

EVERYBODY = ("raw", "bare", "dragoman", "fastmcp", "python_sdk", "typescript", "go", "rust")
THOUSAND = "dragoman, 1000 tools"


def measure_call(run: Run) -> Outcome:
    """Every peer and both limits, one tool, 2026-07-28."""
    outcome = Outcome()
    peers = run.choose(EVERYBODY, outcome, revision=MODERN)
    return http_race(run, [_entry(peer) for peer in peers], outcome)


def _entry(peer: Peer) -> Entry:
    return Entry(peer.name, peer, add(), refusing=peer.name not in ("raw", "bare"))


def measure_tools(run: Run) -> Outcome:
    """Dragoman with one tool and with a thousand; a hundred for those who are slower the more there are."""
    outcome = Outcome()
    entries = []
    for peer in run.choose(("dragoman", "fastmcp"), outcome, revision=MODERN):
        entries.append(Entry(peer.name, peer, add()))
        many = "1000" if peer.name == "dragoman" else "100"
        entries.append(Entry(f"{peer.name}, {many} tools", peer, add(), {"BENCH_TOOLS": many}))
    return http_race(run, entries, outcome)


def measure_session(run: Run) -> Outcome:
    """The same call in a session of 2025-11-25."""
    outcome = Outcome()
    entries = []
    for peer in run.choose([name for name in EVERYBODY if name not in ("raw", "bare")], outcome, revision=LEGACY):
        entries.append(Entry(peer.name, peer, add(), session=True))
        if peer.name in ("fastmcp", "python_sdk"):
            streamed = {"BENCH_REPLY": "stream"}
            entries.append(Entry(f"{peer.name}, event streams", peer, add(), streamed, session=True))
            outcome.notes.append(f"{peer.title} answers with event streams unless told otherwise; both are here.")
    return http_race(run, entries, outcome)


ROWS = [
    Row(
        "call",
        "`tools/call` of an async `add`, HTTP 2026-07-28, JSON reply, 16 connections",
        (
            Goal("dragoman", "bare", at_least=0.80),
            Goal("dragoman", "fastmcp", at_least=30),
            Goal("dragoman", "python_sdk", at_least=7),
            Goal("dragoman", "typescript", at_least=12),
            Goal("dragoman", "go", at_least=4),
            Goal("dragoman", "rust", at_least=1),
        ),
        measure_call,
    ),
    Row("tools", "the same among 1,000 tools", (Goal(THOUSAND, "dragoman", at_least=0.97),), measure_tools),
    Row(
        "session",
        "the same in a session of 2025-11-25",
        (Goal("dragoman", "python_sdk", at_least=15), Goal("dragoman", "fastmcp", at_least=15)),
        measure_session,
    ),
]
