"""Latencies as numbers and as a picture: percentiles, and a histogram for a terminal of any width and encoding."""

import math
from collections.abc import Sequence
from typing import Final

_ROWS: Final = 12
_NARROWEST: Final = 8  # columns of a bar, whatever the terminal's width
_EIGHTHS: Final = " ▏▎▍▌▋▊▉"
_FULL: Final = "█"
_ASCII: Final = "#"

PERCENTILES: Final = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999, "max": 1.0}


def percentiles(ordered: Sequence[float]) -> dict[str, float]:
    """The latency that so many calls did not exceed, by name, seconds.

    Args:
        ordered: at least one latency, ascending.
    """
    count = len(ordered)
    return {name: ordered[max(0, math.ceil(share * count) - 1)] for name, share in PERCENTILES.items()}


def histogram(ordered: Sequence[float], columns: int, *, blocks: bool) -> list[str]:
    """How many calls took how long, a line for each range; ranges grow by a constant factor.

    Args:
        ordered: at least one latency, ascending.
        columns: how wide a line may be.
        blocks: whether the terminal shows block characters.
    """
    edges = _edges(ordered[0], ordered[-1])
    counts = _counts(ordered, edges)
    labels = [f"<= {milliseconds(edge)}" for edge in edges]
    numbers = [f"{count:,}" for count in counts]
    label_width, number_width = max(map(len, labels)), max(map(len, numbers))
    longest = max(_NARROWEST, columns - label_width - number_width - 4)
    most = max(counts)
    return [
        f"{label:>{label_width}}  {number:>{number_width}}  {bar(count / most * longest, blocks=blocks)}".rstrip()
        for label, number, count in zip(labels, numbers, counts, strict=True)
    ]


def bar(length: float, *, blocks: bool) -> str:
    """A bar of so many columns; whatever is more than nothing can be seen."""
    if length <= 0:
        return ""
    if not blocks:
        return _ASCII * max(1, round(length))
    eighths = max(1, round(length * 8))
    return (_FULL * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip()


def milliseconds(seconds: float) -> str:
    """A latency for people: three digits that matter."""
    value = seconds * 1000
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3  # noqa: PLR2004 - three digits
    return f"{value:,.{digits}f} ms"


def _edges(least: float, most: float) -> list[float]:
    """The upper ends of the ranges."""
    least = max(least, 1e-6)
    if most <= least * 1.01:
        return [most]
    step = (most / least) ** (1 / _ROWS)
    return [*(least * step**row for row in range(1, _ROWS)), most]


def _counts(ordered: Sequence[float], edges: Sequence[float]) -> list[int]:
    counts = [0] * len(edges)
    row = 0
    for latency in ordered:
        while latency > edges[row] and row < len(edges) - 1:
            row += 1
        counts[row] += 1
    return counts
