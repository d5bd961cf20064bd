"""How wide text is on a terminal: East Asian characters take two columns, marks that combine take none."""

import unicodedata
from typing import Final

_ELLIPSIS: Final = "…"
_INVISIBLE: Final = {"Mn", "Me", "Cf"}


def width(text: str) -> int:
    """Columns that text takes."""
    return len(text) if text.isascii() else sum(map(_character_width, text))


def pad(text: str, columns: int, *, right: bool = False) -> str:
    """Fill text up with spaces, before it where it belongs to the right."""
    space = " " * max(0, columns - width(text))
    return space + text if right else text + space


def cut(text: str, columns: int) -> str:
    """Shorten text to a number of columns, with an ellipsis where something is missing."""
    if width(text) <= columns:
        return text
    kept, used = [], 1
    for character in text:
        used += _character_width(character)
        if used > columns:
            break
        kept.append(character)
    return "".join(kept) + _ELLIPSIS


def _character_width(character: str) -> int:
    if unicodedata.category(character) in _INVISIBLE:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
