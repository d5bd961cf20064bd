"""Where in a TOML text each key stands.

Pure, and no parser of values: the text was read by tomllib before, and this only keeps count of keys and lines. Of a
text that is no TOML it finds what it can.
"""

import re
import tomllib
from bisect import bisect_right
from collections.abc import Mapping
from typing import Final

Path = tuple[str | int, ...]

_BLANK: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE: Final = re.compile(r"[ \t]*")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_STRING: Final = re.compile(
    r"""
    \"\"\"(?:\\.|(?!\"\"\").)*\"{3,5}  # up to two more quotes stand before the end
    |'''(?:(?!''').)*'{3,5}
    |"(?:\\.|[^"\\\n])*"
    |'[^'\n]*'
    """,
    re.DOTALL | re.VERBOSE,
)
_SCALAR: Final = re.compile(r"[^,\]}#\n]*")
_DEEPEST: Final = 200


def lines_of_keys(text: str) -> dict[Path, int]:
    """Return the line, counted from 1, of every key, table and place in a list; where it stands first.

    Args:
        text: TOML.
    """
    scanner = _Scanner(text)
    scanner.document()
    return scanner.lines


def line_of(lines: Mapping[Path, int], path: Path) -> int:
    """Return the line of a key, or of the nearest table around it that stands in the text; 1 where none does.

    Args:
        lines: what `lines_of_keys` returned.
        path: names, and numbers for places in lists.
    """
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return 1


class _Scanner:
    """One pass over a text; every step moves on or ends it."""

    def __init__(self, text: str) -> None:
        self.lines: dict[Path, int] = {}
        self._text = text
        self._at = 0
        self._starts = [0, *(found.end() for found in re.finditer("\n", text))]
        self._tables: dict[Path, int] = {}  # by path of an array of tables, how many it has so far

    def document(self) -> None:
        """Headers and pairs, to the end of the text or to what is neither."""
        table: Path = ()
        while True:
            self._skip(_BLANK)
            if self._at >= len(self._text):
                return
            before = self._at
            if self._sees("["):
                header = self._header()
                if header is None:
                    return
                table = header
            elif not self._pair(table, 0):
                return
            if self._at == before:
                return

    def _header(self) -> Path | None:
        """`[a.b]` or `[[a.b]]`: the path of the table that begins."""
        many = self._sees("[[")
        line = self._line()
        self._at += 2 if many else 1
        names = self._key()
        self._skip(_SPACE)
        if names is None or not self._sees("]]" if many else "]"):
            return None
        self._at += 2 if many else 1
        path: Path = ()
        for name in names[:-1]:
            path = (*path, name)
            self.lines.setdefault(path, line)
            path = self._last_of(path)
        path = (*path, names[-1])
        self.lines.setdefault(path, line)
        if many:
            count = self._tables.get(path, 0)
            self._tables[path] = count + 1
            self.lines[*path, count] = line
            return (*path, count)
        return path

    def _last_of(self, path: Path) -> Path:
        """An array of tables stands for its last table."""
        count = self._tables.get(path)
        return path if count is None else (*path, count - 1)

    def _pair(self, table: Path, depth: int) -> bool:
        """`a.b = value`; whether there was one."""
        line = self._line()
        names = self._key()
        self._skip(_SPACE)
        if names is None or not self._sees("="):
            return False
        self._at += 1
        path = table
        for name in names:
            path = (*path, name)
            self.lines.setdefault(path, line)
        self._skip(_SPACE)
        return self._value(path, depth)

    def _value(self, path: Path, depth: int) -> bool:
        if depth > _DEEPEST:
            return False
        if self._sees("{"):
            return self._members(path, depth, "}")
        if self._sees("["):
            return self._members(path, depth, "]")
        if self._sees('"') or self._sees("'"):
            return self._skip(_STRING)
        return self._skip(_SCALAR)

    def _members(self, path: Path, depth: int, end: str) -> bool:
        """What an inline table or a list holds."""
        self._at += 1
        index = 0
        while True:
            self._skip(_BLANK)
            if self._sees(end):
                self._at += 1
                return True
            before = self._at
            if end == "]":
                self.lines.setdefault((*path, index), self._line())
                read = self._value((*path, index), depth + 1)
            else:
                read = self._pair(path, depth + 1)
            if not read:
                return False
            index += 1
            self._skip(_BLANK)
            if self._sees(","):
                self._at += 1
            if self._at == before:
                return False

    def _key(self) -> list[str] | None:
        """The names of a dotted key."""
        names: list[str] = []
        while True:
            self._skip(_SPACE)
            quoted = self._sees('"') or self._sees("'")
            found = (_STRING if quoted else _BARE).match(self._text, self._at)
            if found is None:
                return None
            self._at = found.end()
            names.append(_unquoted(found[0]) if quoted else found[0])
            after = _SPACE.match(self._text, self._at)
            if after is None or not self._text.startswith(".", after.end()):
                return names
            self._at = after.end() + 1

    def _sees(self, mark: str) -> bool:
        return self._text.startswith(mark, self._at)

    def _skip(self, pattern: re.Pattern[str]) -> bool:
        found = pattern.match(self._text, self._at)
        if found is None:
            return False
        self._at = found.end()
        return True

    def _line(self) -> int:
        return bisect_right(self._starts, self._at)


def _unquoted(text: str) -> str:
    try:
        return str(tomllib.loads(f"key = {text}")["key"])
    except tomllib.TOMLDecodeError:  # in a text that is no TOML
        return text[1:-1]
