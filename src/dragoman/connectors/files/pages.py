"""A stretch of a long text, in lines, that fits into one answer and says where the next begins.

Laws: pure; every character of a text is reachable by following `next_offset` and `next_column`, however
long its lines are; no answer is larger than its budget, none is empty while text is left.
"""

from typing import Final, NamedTuple

_MARGIN: Final = 4  # bytes of the longest character in UTF-8


class Page(NamedTuple):
    """Some lines of a text.

    Args:
        text: the lines, joined by line ends.
        last: the last line that is in it, whole or in part; 0 in an empty text.
        total: lines of the whole text.
        next_offset: the line to go on with, None at the end.
        next_column: the character of that line to go on with, above 1 only where a line was cut.
    """

    text: str
    last: int
    total: int
    next_offset: int | None
    next_column: int


def count_lines(text: str) -> int:
    """Lines of a text; a line end at the very end does not begin another."""
    return text.count("\n") + (1 if text and not text.endswith("\n") else 0)


def page_of(text: str, *, offset: int, column: int, limit: int, budget: int) -> Page:
    r"""The page that begins at a line.

    Args:
        text: the whole text with `\\n` line ends.
        offset: the first line, counted from 1; not above `count_lines`.
        column: the first character of that line, counted from 1.
        limit: most lines.
        budget: most bytes in UTF-8, at least one character's.
    """
    lines = text.split("\n")
    total = count_lines(text)
    kept: list[str] = []
    left = budget
    for number in range(offset, min(total, offset + limit - 1) + 1):
        line = lines[number - 1]
        start = column - 1 if number == offset else 0
        line = line[start:]
        size = len(line.encode()) + (1 if kept else 0)
        if size > left:
            if kept:
                return Page("\n".join(kept), number - 1, total, number, 1)
            part = _fitting(line, max(left, _MARGIN))
            return Page(part, number, total, number, start + len(part) + 1)
        kept.append(line)
        left -= size
    last = offset + len(kept) - 1
    return Page("\n".join(kept), last, total, last + 1 if last < total else None, 1)


def _fitting(line: str, budget: int) -> str:
    """The longest beginning of a line that has at most `budget` bytes."""
    return line.encode()[:budget].decode(errors="ignore")
