"""`add` with API key, role policy, rate limits and audit on, beside the same call without."""

import tempfile
from dataclasses import replace
from pathlib import Path

from benchmarks.load import add
from benchmarks.measure import Goal, Outcome, Row
from benchmarks.peers import MODERN
from benchmarks.race import Entry, Run, http_race
from dragoman.auth.keys import make_key
from dragoman.store.keys import SqliteKeys

GUARDED = "dragoman, everything on"


def measure(run: Run) -> Outcome:
    """The same call, with a key and without; two audit lines a call, as `add` does not promise to change nothing."""
    outcome = Outcome()
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteKeys(Path(folder) / "keys.sqlite3")
        key, _ = make_key(store, "bench", roles=("caller",))
        store.close()
        call = replace(add(), headers={"authorization": f"Bearer {key}"})
        entries = []
        for peer in run.choose(("dragoman",), outcome, revision=MODERN):
            entries += [Entry(peer.name, peer, add()), Entry(GUARDED, peer, call, {"BENCH_GUARDED": folder})]
        return http_race(run, entries, outcome)


ROWS = [
    Row(
        "everything",
        "the same with API key, role policy, rate limits, audit on",
        (Goal(GUARDED, "dragoman", at_least=0.75),),
        measure,
    )
]
