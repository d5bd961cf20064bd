"""From a section with its matches marked to the few lines worth showing.

Laws: pure; what is shown is the file's own text (seams and marks removed), cut at words, on one line.
"""

import re
from bisect import bisect_right
from itertools import accumulate
from typing import Final, NamedTuple

from dragoman.connectors.files.terms import SEAM

WIDTH: Final = 280
_LEAD: Final = 60
_MARK: Final = re.compile("[\x02\x03]")
_WORD_LENGTH: Final = 30


class Snippet(NamedTuple):
    """A few lines of a file.

    Args:
        text: on one line, `…` where it was cut.
        line: the line of the first match in it, counted from 1.
        column: the character of that line where a very long line was cut, else 1.
    """

    text: str
    line: int
    column: int


def best_snippet(marked: str, *, line: int, column: int, words: list[str]) -> Snippet:
    """The stretch of a section that has the most different matches.

    Args:
        marked: the section with U+0002 before and U+0003 after each match.
        line: the line the section begins at.
        column: the character of that line it begins at.
        words: what was asked for, to find in names where the engine marks nothing.
    """
    text, matches = _unmark(marked.replace(SEAM, ""))
    if not matches:
        matches = _by_words(text, words)
    first = _densest(matches)
    before = text.rfind("\n", 0, first)
    return Snippet(
        _stretch(text, first),
        line + text.count("\n", 0, first),
        column + first if column > 1 and before < 0 else 1,
    )


def _unmark(marked: str) -> tuple[str, list[tuple[int, str]]]:
    """The text without marks, and the position and folded words of each match."""
    parts = _MARK.split(marked)
    starts = [0, *accumulate(len(part) for part in parts)]
    matches = [(starts[index], parts[index].casefold()) for index in range(1, len(parts), 2)]
    return "".join(parts), matches


def _by_words(text: str, words: list[str]) -> list[tuple[int, str]]:
    folded = text.lower()
    if len(folded) != len(text):
        return []
    places = ((folded.find(word.lower()), word.lower()) for word in words)
    return sorted((place, word) for place, word in places if place >= 0)


def _densest(matches: list[tuple[int, str]]) -> int:
    """The first match of the window with the most different words; 0 without matches."""
    if not matches:
        return 0
    positions = [position for position, _ in matches]

    def richness(index: int) -> int:
        end = bisect_right(positions, positions[index] + WIDTH - _LEAD)
        return len({_root(word) for _, word in matches[index:end]})

    return positions[max(range(len(matches)), key=lambda index: (richness(index), -index))]


def _root(word: str) -> str:
    """Forms of one word count once: a stem is about the first five letters."""
    return word[:5]


def _stretch(text: str, first: int) -> str:
    """About `WIDTH` characters around a match, cut at words where words are short enough."""
    begin = max(0, first - _LEAD)
    end = min(len(text), begin + WIDTH)
    if begin > 0:
        space = re.search(r"\s", text[begin : min(first, begin + _WORD_LENGTH)])
        begin += space.end() if space else 0
    if end < len(text):
        space = re.search(r"\s\S*$", text[end - _WORD_LENGTH : end])
        end -= _WORD_LENGTH - space.start() if space else 0
    shown = " ".join(text[begin:end].split())
    return ("… " if text[:begin].strip() else "") + shown + (" …" if text[end:].strip() else "")
