"""Bars of a row as SVG: one contestant a line, the whisker from its lowest to its highest round."""

from collections.abc import Sequence
from html import escape

from benchmarks.measure import Series

WIDTH, LEFT, RIGHT, TOP, STEP, BAR = 760, 190, 110, 48, 30, 18
FONT = 'font-family="sans-serif" font-size="13"'
INK, PALE, OURS, THEIRS = "#222", "#888", "#b3541e", "#7d93a8"


def bars(title: str, series: Sequence[Series]) -> str:
    """Draw the medians, the largest first; what is ours has a colour of its own."""
    ordered = sorted(series, key=lambda one: -one.median)
    scale = (WIDTH - LEFT - RIGHT) / (max(one.highest for one in ordered) or 1)
    height = TOP + STEP * len(ordered) + 12
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" {FONT}>',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        _text(12, 24, f"{title.replace('`', '')} ({ordered[0].unit})", INK, "start", 'font-weight="bold"'),
    ]
    for number, one in enumerate(ordered):
        top = TOP + STEP * number
        middle = top + BAR / 2
        colour = OURS if one.label.startswith("dragoman") else THEIRS
        low, high = LEFT + one.lowest * scale, LEFT + one.highest * scale
        parts += [
            _text(LEFT - 8, middle + 4, one.label, INK, "end"),
            f'<rect x="{LEFT}" y="{top}" width="{one.median * scale:.1f}" height="{BAR}" fill="{colour}"/>',
            f'<path d="M{low:.1f} {middle}H{high:.1f}m0 -4v8M{low:.1f} {middle - 4}v8" stroke="{INK}"/>',
            _text(high + 8, middle + 4, f"{one.median:,.4g}", PALE, "start"),
        ]
    return "\n".join([*parts, "</svg>", ""])


def _text(x: float, y: float, text: str, colour: str, anchor: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}" {more}>{escape(text)}</text>'
