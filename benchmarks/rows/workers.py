"""`dragoman serve --workers 2` beside one worker, on all cores.

Where the load generator has no core for itself, a cheap call shows as much of it as of the server; hence a dearer one.
"""

import subprocess

from benchmarks.load import add, tool_call
from benchmarks.measure import Goal, Outcome, Row
from benchmarks.peers import Dragoman, Missing
from benchmarks.race import Entry, Run, http_race

TWO = "dragoman, 2 workers"
WORK, WORK_OF_TWO = "dragoman, progress", "dragoman, progress, 2 workers"
CONNECTIONS = 32
ALL = {"BENCH_SET": "all"}


class Served(Dragoman):
    """Dragoman from its command line, with so many workers.

    Args:
        workers: how many; one leaves the option away.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def command(self, mode: str, port: int) -> list[str]:
        """The command line."""
        words = [self.python, "-m", "dragoman", "serve", str(self.home / "server.py"), "--log-level", "warning"]
        words += ["--stdio"] if mode == "stdio" else ["--port", str(port)]
        return words if self.workers == 1 else [*words, "--workers", str(self.workers)]

    def check_option(self) -> None:
        """See that the option exists.

        Raises:
            Missing: it does not.
        """
        ask = [self.python, "-m", "dragoman", "serve", "--help"]
        said = subprocess.run(ask, capture_output=True, text=True, check=False).stdout
        if "--workers" not in said:
            raise Missing("`dragoman serve` has no --workers yet")


def measure(run: Run) -> Outcome:
    """One worker, then two."""
    outcome = Outcome()
    if not run.choose(("dragoman",), outcome):
        return outcome
    Served(2).check_option()
    if not run.cores.apart:
        raise Missing("two workers need two cores")
    if len(run.cores.all.split(",")) == 2:  # noqa: PLR2004 - with more, the load has one for itself
        outcome.notes.append("There are two cores: the load generator shares them with both workers, in either case.")
    count = tool_call("count", {}, lambda answer: answer.text == "done", meta={"progressToken": "bench"})
    one, two = Served(1), Served(2)
    kinds = (("dragoman", one, add()), (TWO, two, add()), (WORK, one, count), (WORK_OF_TWO, two, count))
    entries = [Entry(label, peer, call, ALL, CONNECTIONS, cores=run.cores.all) for label, peer, call in kinds]
    return http_race(run, entries, outcome)


ROWS = [
    Row(
        "workers",
        "`dragoman serve --workers 2` on two cores: `add`, and ten progress notifications",
        (Goal(TWO, "dragoman", at_least=1.7), Goal(WORK_OF_TWO, WORK, at_least=1.7)),
        measure,
    )
]
