#!/usr/bin/env python3
"""Measures this project and its peers on the same work, in one run, and writes the table: `make bench`.

What each row is and how fairness is kept is said in benchmarks/README.md.
"""

import argparse
import importlib
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

REPOSITORY = Path(__file__).resolve().parents[1]
PYTHON = REPOSITORY / ".venv" / "bin" / "python"

# The lines of the table, in its order.
ORDER = (
    "call everything tools session progress sync list result-1mb argument-1mb io "
    "stdio stdio-pipelined startup memory listen-memory listen-change listen-calls workers sql "
    "sql-guard sql-guard-share in-memory"
).split()

if TYPE_CHECKING:
    from benchmarks.measure import Row


def rows() -> "dict[str, Row]":
    """Every row of the files in benchmarks/rows, by name, in the order of the table."""
    files = sorted((REPOSITORY / "benchmarks" / "rows").glob("*.py"))
    modules = [importlib.import_module(f"benchmarks.rows.{file.stem}") for file in files]
    found: dict[str, Row] = {row.name: row for module in modules for row in module.ROWS}
    return {name: found[name] for name in sorted(found, key=lambda name: ORDER.index(name) if name in ORDER else 99)}


def names(text: str) -> list[str]:
    """Words between commas."""
    return [word for word in text.split(",") if word]


def read_arguments(known: "dict[str, Row]", peers: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=names, help=f"which rows, between commas: {', '.join(known)}")
    parser.add_argument("--peers", type=names, help=f"which peers, between commas: {', '.join(peers)}")
    parser.add_argument("--rounds", type=int, default=7, help="turns of everybody (default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=1, help="length of a turn (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="one round of one second: a look, not a result")
    parser.add_argument("--out", type=Path, help="folder of the record (default: benchmarks/results for a whole run)")
    options = parser.parse_args()
    for word, given, right in (("row", options.rows, list(known)), ("peer", options.peers, peers)):
        wrong = [one for one in given or () if one not in right]
        if wrong:
            parser.error(f"no {word} {', '.join(wrong)}; there are {', '.join(right)}")
    if options.quick:
        options.rounds, options.seconds = 1, 1
    return options


def main() -> int:
    """Install, check, measure, write."""
    if PYTHON.exists() and Path(sys.prefix).resolve() != PYTHON.parents[1].resolve():
        os.execv(PYTHON, [str(PYTHON), *sys.argv])  # noqa: S606 - itself, in the environment that `make setup` makes
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whatever ends it, the servers end with it
    sys.path.insert(0, str(REPOSITORY))
    from benchmarks import machine, report
    from benchmarks.measure import Outcome
    from benchmarks.peers import PEERS, install
    from benchmarks.race import FAILURES, Run, say, words_of

    known = rows()
    options = read_arguments(known, list(PEERS))
    facts = machine.describe()
    wanted = options.peers or list(PEERS)
    there, missing = install(wanted)
    missing |= dict.fromkeys(set(PEERS) - set(wanted), "not asked for")
    run = Run(there, missing, options.rounds, options.seconds, is_quick=options.quick)
    facts["cores used"] = f"server on {run.cores.serve}, load on {run.cores.load}"
    facts["rounds"] = f"{run.rounds} of {run.seconds:g} s each, in turns"
    versions = {name: peer.version for name, peer in there.items()}
    whole = not (options.rows or options.peers or options.quick)
    folder = options.out or (REPOSITORY / "benchmarks" / "results" if whole else None)
    results = []
    others = machine.Others()
    for name in options.rows or known:
        say(f"row {name}")
        try:
            outcome = known[name].measure(run)
        except FAILURES as reason:
            outcome = Outcome(left_out={goal.ours: words_of(reason) for goal in known[name].goals})
        results.append((known[name], outcome))
        facts["not ours of all processor time"] = others.share()
        if folder is not None:  # after each row: a run that is broken off leaves what it has
            report.write(folder, results, facts, versions)
    print(report.markdown(results, facts, versions))
    return 0


if __name__ == "__main__":
    sys.exit(main())
