"""The table of a run: as text for the terminal, Markdown and JSON for the record, and bars as SVG."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measure import Outcome, Row, Series, Verdict, judge
from benchmarks.peers import PEERS
from benchmarks.plot import bars

HEAD = ("what", "to reach", "measured", "by CPU time", "")


def verdicts(row: Row, outcome: Outcome) -> list[Verdict]:
    """Every goal of a row beside what was measured."""
    return [judge(goal, outcome) for goal in row.goals]


def figure(number: float) -> str:
    """A number with three digits that count."""
    if number >= 1000:  # noqa: PLR2004 - thousands are written out
        return f"{number:,.0f}"
    return f"{number:.3g}" if number < 100 else f"{number:.0f}"  # noqa: PLR2004 - three digits


def measured(verdict: Verdict) -> str:
    """What the column of the figure says."""
    return f"not measured: {verdict.reason}" if verdict.figure is None else f"**{figure(verdict.figure)}**"


def reached(verdict: Verdict) -> str:
    """Whether it is enough."""
    return {True: "reached", False: "missed", None: ""}[verdict.reached]


def goal_table(results: Sequence[tuple[Row, Outcome]]) -> list[str]:
    """The table of goals, in Markdown."""
    lines = [f"| {' | '.join(HEAD)} |", "|---|---|---|---|---|"]
    for row, outcome in results:
        for number, verdict in enumerate(verdicts(row, outcome)):
            title = row.title if number == 0 else ""
            by_cpu = "" if verdict.cpu_ratio is None else figure(verdict.cpu_ratio)
            cells = [title, verdict.goal.text, measured(verdict), by_cpu, reached(verdict)]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def series_table(outcome: Outcome) -> list[str]:
    """What every contestant of a row gave, in Markdown."""
    lines = [
        "| | median | lowest to highest | unit | CPU of a call, us | p50, us | p99, us |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [series_line(series) for series in sorted(outcome.series, key=lambda one: -one.median)]
    return lines


def series_line(series: Series) -> str:
    """One contestant's line."""
    spread = f"{figure(series.lowest)} to {figure(series.highest)}"
    times = ["" if time is None else figure(time) for time in (series.cpu, series.p50, series.p99)]
    return f"| {' | '.join([series.label, figure(series.median), spread, series.unit, *times])} |"


def markdown(results: Sequence[tuple[Row, Outcome]], facts: Mapping[str, str], versions: Mapping[str, str]) -> str:
    """The whole record."""
    lines = [
        "# Benchmark",
        "",
        *(f"- {name}: {fact}" for name, fact in facts.items()),
        "",
        "| peer | version |",
        "|---|---|",
    ]
    lines += [f"| {PEERS[name].title} ({PEERS[name].language}) | {version} |" for name, version in versions.items()]
    lines += ["", "## Goals", "", *goal_table(results)]
    for row, outcome in results:
        lines += ["", f"## {row.name}: {row.title}", ""]
        if outcome.series:
            lines += [*series_table(outcome), ""]
        lines += [f"- {label} is left out: {reason}" for label, reason in outcome.left_out.items()]
        lines += [f"- {note}" for note in outcome.notes]
    return "\n".join(lines) + "\n"


def as_json(results: Sequence[tuple[Row, Outcome]], facts: Mapping[str, str], versions: Mapping[str, str]) -> Any:
    """The whole record as plain data."""
    rows = {row.name: _row(row, outcome) for row, outcome in results}
    return {"machine": dict(facts), "versions": dict(versions), "rows": rows}


def _row(row: Row, outcome: Outcome) -> dict[str, Any]:
    return {
        "title": row.title,
        "goals": [
            {
                "goal": verdict.goal.text,
                "measured": verdict.figure,
                "by_cpu_time": verdict.cpu_ratio,
                "reached": verdict.reached,
                "reason": verdict.reason,
            }
            for verdict in verdicts(row, outcome)
        ],
        "series": {
            series.label: {
                "unit": series.unit,
                "median": series.median,
                "samples": [sample.value for sample in series.samples],
                "cpu_microseconds": series.cpu,
                "p50_microseconds": series.p50,
                "p99_microseconds": series.p99,
            }
            for series in outcome.series
        },
        "left_out": outcome.left_out,
        "notes": outcome.notes,
    }


def write(
    folder: Path, results: Sequence[tuple[Row, Outcome]], facts: Mapping[str, str], versions: Mapping[str, str]
) -> None:
    """Write latest.md, latest.json and one plot for each row with several contestants."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "latest.md").write_text(markdown(results, facts, versions), "utf-8")
    text = json.dumps(as_json(results, facts, versions), indent=1)
    (folder / "latest.json").write_text(text + "\n", "utf-8")
    for row, outcome in results:
        if len(outcome.series) > 1:
            (folder / f"{row.name}.svg").write_text(bars(row.title, outcome.series), "utf-8")
