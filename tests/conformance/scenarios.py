"""What the suite has, frozen in scenarios.txt: the side that is tested, the scenario, the revisions it is run at."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

Side = Literal["server", "client"]
EXTENSION: Final = "extension"
"""Instead of a revision: the scenario belongs to an extension, and runs at the revision the suite chooses."""


@dataclass(frozen=True)
class Case:
    """One scenario at one revision."""

    scenario: str
    revision: str

    def __str__(self) -> str:
        return f"{self.scenario}-{self.revision}"


def known() -> dict[tuple[str, str], tuple[str, ...]]:
    """The revisions of every scenario, by side and name."""
    lines = Path(__file__).with_name("scenarios.txt").read_text("utf-8").splitlines()
    return {(side, name): tuple(revisions) for side, name, *revisions in map(str.split, lines)}


def cases(side: Side) -> list[Case]:
    """Everything to run on one side."""
    return [Case(name, revision) for (of, name), revisions in known().items() if of == side for revision in revisions]
