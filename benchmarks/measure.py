"""The arithmetic of a benchmark: samples, medians, spread, ratios, and whether a goal is reached. It starts nothing.

A row is one line of the table: what is measured, and the ratios that it must reach. Its contestants are named by
labels, such as `dragoman` or `dragoman, 1000 tools`; each gives one sample a round. The ratio of two contestants is
the ratio of their medians.
"""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.race import Run


@dataclass(frozen=True)
class Sample:
    """What one round gave for one contestant.

    Args:
        value: in the unit of the series.
        cpu: the server's processor time for one call, microseconds; None where it was not counted.
        p50: the median time of an answer, microseconds.
        p99: the time within which 99 of 100 answers came, microseconds.
    """

    value: float
    cpu: float | None = None
    p50: float | None = None
    p99: float | None = None


@dataclass
class Series:
    """The samples of one contestant.

    Args:
        label: its name in the row.
        unit: of the values, such as `calls/s`, `ms` or `MB`.
        samples: one a round.
    """

    label: str
    unit: str
    samples: list[Sample] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The middle value."""
        return statistics.median(sample.value for sample in self.samples)

    @property
    def lowest(self) -> float:
        """The lowest value."""
        return min(sample.value for sample in self.samples)

    @property
    def highest(self) -> float:
        """The highest value."""
        return max(sample.value for sample in self.samples)

    @property
    def cpu(self) -> float | None:
        """The median processor time of a call, microseconds; None where it was not counted."""
        return _median(sample.cpu for sample in self.samples)

    @property
    def p50(self) -> float | None:
        """The median over the rounds of the median answer time, microseconds."""
        return _median(sample.p50 for sample in self.samples)

    @property
    def p99(self) -> float | None:
        """The median over the rounds of the 99th percentile, microseconds."""
        return _median(sample.p99 for sample in self.samples)


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


@dataclass(frozen=True)
class Goal:
    """What a row must reach.

    Args:
        ours: the label that is judged.
        against: the label that its value is divided by; None judges the value itself.
        at_least: the lowest that is good enough; or
        at_most: the highest.
        words: how the goal is said in the table, where the labels do not say it.
    """

    ours: str
    against: str | None = None
    at_least: float | None = None
    at_most: float | None = None
    words: str = ""

    @property
    def text(self) -> str:
        """The goal in words."""
        bound = f">= {self.at_least:g}" if self.at_least is not None else f"<= {self.at_most:g}"
        subject = self.words or (f"{self.ours} / {self.against}" if self.against else self.ours)
        return f"{subject} {bound}"

    def judge(self, figure: float) -> bool:
        """Whether a figure reaches the goal."""
        if self.at_least is not None:
            return figure >= self.at_least
        return self.at_most is not None and figure <= self.at_most


@dataclass
class Outcome:
    """What measuring a row gave.

    Args:
        series: one for each contestant that was measured.
        left_out: of each contestant that was not, why.
        notes: what a reader of the figures should know.
    """

    series: list[Series] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def of(self, label: str) -> Series | None:
        """The series of a contestant, if it was measured."""
        return next((series for series in self.series if series.label == label and series.samples), None)


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Args:
        name: the word for `--rows`.
        title: what is measured.
        goals: what is to be reached.
        measure: does it; raises `peers.Missing` when nothing of it can be measured here.
    """

    name: str
    title: str
    goals: tuple[Goal, ...]
    measure: "Callable[[Run], Outcome]"


@dataclass(frozen=True)
class Verdict:
    """A goal beside what was measured.

    Args:
        goal: the goal.
        figure: the ratio, or the value; None when it was not measured.
        reason: why it was not.
        cpu_ratio: the same ratio by processor time: theirs by ours where more is better, as with calls a second.
    """

    goal: Goal
    figure: float | None
    reason: str = ""
    cpu_ratio: float | None = None

    @property
    def reached(self) -> bool | None:
        """Whether the goal is reached; None when it was not measured."""
        return None if self.figure is None else self.goal.judge(self.figure)


def ratio(ours: Series, theirs: Series) -> float:
    """The ratio of two medians; infinite where the other one is nothing."""
    return ours.median / theirs.median if theirs.median else float("inf")


def judge(goal: Goal, outcome: Outcome) -> Verdict:
    """Hold an outcome against a goal."""
    ours = outcome.of(goal.ours)
    if ours is None:
        return Verdict(goal, None, outcome.left_out.get(goal.ours, f"{goal.ours} was not measured"))
    if goal.against is None:
        return Verdict(goal, ours.median)
    theirs = outcome.of(goal.against)
    if theirs is None:
        return Verdict(goal, None, outcome.left_out.get(goal.against, f"{goal.against} was not measured"))
    cpu_ratio = None
    if theirs.cpu and ours.cpu:
        cpu_ratio = theirs.cpu / ours.cpu if goal.at_least is not None else ours.cpu / theirs.cpu
    return Verdict(goal, ratio(ours, theirs), cpu_ratio=cpu_ratio)


def rotated(labels: Sequence[str], turn: int) -> list[str]:
    """The labels in the order of a round: nobody is always first, or always after the same neighbour's warmth."""
    if not labels:
        return []
    start = turn % len(labels)
    order = [*labels[start:], *labels[:start]]
    return order[::-1] if turn // len(labels) % 2 else order
