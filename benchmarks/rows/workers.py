"""`dragoman serve --workers 2` beside one worker, on all cores."""

import subprocess

from benchmarks.load import add
from benchmarks.measure import Goal, Outcome, Row
from benchmarks.peers import Dragoman, Missing
from benchmarks.race import Entry, Run, http_race

TWO = "dragoman, 2 workers"


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
    cores = run.cores.all
    entries = [Entry("dragoman", Served(1), add(), cores=cores), Entry(TWO, Served(2), add(), cores=cores)]
    return http_race(run, entries, outcome)


ROWS = [Row("workers", "`dragoman serve --workers 2` on two cores", (Goal(TWO, "dragoman", at_least=1.7),), measure)]
