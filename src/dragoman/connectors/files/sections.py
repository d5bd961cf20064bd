"""From a document's text to the sections that are searched, each with the line it begins at.

Laws: pure and linear in the text; a section never spans two headings and is never larger than a screen or
two, so that a hit points at a place and not at a file. Headings inside code fences are code.
"""

import re
from pathlib import PurePosixPath
from typing import Final, NamedTuple

MARKDOWN_SUFFIXES: Final = frozenset({".md", ".markdown", ".mdx", ".mkd"})

MAX_LINES: Final = 60
MAX_CHARACTERS: Final = 4_000
MAX_HEADING: Final = 200
MAX_PIECES: Final = 20_000  # headings of one document; later ones are plain lines
HEADING_SEAM: Final = " > "
_FRONT_MATTER_LINES: Final = 200

_BEGINNINGS: Final = frozenset("#=-`~")  # of headings, underlines and fences; other lines are plain
_FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})")
_ATX: Final = re.compile(r" {0,3}(#{1,6})(?:[ \t]|$)")
_SETEXT: Final = re.compile(r" {0,3}(=+|-{2,})[ \t]*$")
_NO_PARAGRAPH: Final = re.compile(r"[ \t]*(?:[-*+>|#]|\d+[.)]|$)")
_LINK: Final = re.compile(r"!?\[([^\[\]]{0,200})\]\([^()]{0,500}\)")
_TAG: Final = re.compile(r"</?[A-Za-z][^<>]{0,300}>")
_MARKUP: Final = re.compile(r"[`*]+|\\(?=[^\w\s])|\{#[^{}]{0,100}\}$")


class Section(NamedTuple):
    """A piece of a document.

    Args:
        line: the line it begins at, counted from 1.
        column: the character of that line it begins at, counted from 1; above 1 only inside a very long line.
        heading: the headings it stands under, outermost first, joined by ` > `; empty without any.
        text: the piece, lines joined by line ends.
    """

    line: int
    column: int
    heading: str
    text: str


class Outline(NamedTuple):
    """A document taken apart: its title, empty where it has none, and its sections in order."""

    title: str
    sections: list[Section]


class _Piece(NamedTuple):
    """Lines that stand under one heading, before they are cut to size."""

    line: int
    headings: tuple[str, ...]
    lines: list[str]


def outline(path: str, text: str) -> Outline:
    r"""Take a document apart; what the file name says decides whether it has headings.

    Args:
        path: the file's path, for its suffix.
        text: the document with `\\n` line ends.
    """
    lines = text.split("\n")
    if PurePosixPath(path).suffix.lower() not in MARKDOWN_SUFFIXES:
        return Outline("", _cut(_Piece(1, (), lines)))
    title = _front_matter_title(lines)
    pieces = _pieces(lines)
    if not title:
        title = next((piece.headings[-1] for piece in pieces if piece.headings), "")
    return Outline(title, [section for piece in pieces for section in _cut(piece)])


def plain_heading(text: str) -> str:
    """A heading's words without Markdown and HTML markup."""
    text = _LINK.sub(r"\1", text[: 4 * MAX_HEADING])
    text = _MARKUP.sub("", _TAG.sub("", text))
    return " ".join(text.split())[:MAX_HEADING]


def _front_matter_length(lines: list[str]) -> int:
    """How many lines the front matter takes, both `---` included; 0 without one."""
    if lines[0].rstrip() == "---":
        for number, line in enumerate(lines[1:_FRONT_MATTER_LINES], start=2):
            if line.rstrip() in {"---", "..."}:
                return number
    return 0


def _front_matter_title(lines: list[str]) -> str:
    for line in lines[: _front_matter_length(lines)]:
        if line.startswith("title:"):
            return plain_heading(line[6:].strip().strip("\"'"))
    return ""


def _pieces(lines: list[str]) -> list[_Piece]:
    """Cut Markdown at its headings (CommonMark 0.31, sections 4.2 and 4.3)."""
    start = _front_matter_length(lines)
    current = _Piece(1, (), lines[:start])
    pieces = [current]
    trail: list[tuple[int, str]] = []
    fence = ""
    for index in range(start, len(lines)):
        line = lines[index]
        if line.lstrip(" ")[:1] not in _BEGINNINGS:
            current.lines.append(line)
            continue
        mark = _FENCE.match(line)
        if fence:
            current.lines.append(line)
            if mark and mark[1].startswith(fence) and not line[mark.end() :].strip():
                fence = ""
            continue
        if mark:
            fence = mark[1]
        level, heading, first = _heading(lines, index, current) if len(pieces) < MAX_PIECES else (0, "", index)
        if not level:
            current.lines.append(line)
            continue
        while trail and trail[-1][0] >= level:
            trail.pop()
        trail.append((level, heading))
        current = _Piece(first + 1, tuple(text for _, text in trail), [])
        current.lines.extend(lines[first : index + 1])
        pieces.append(current)
    return pieces


def _heading(lines: list[str], index: int, current: _Piece) -> tuple[int, str, int]:
    """The level (0: none), words and first line's index of the heading that ends at this line."""
    line = lines[index]
    if len(line) > 4 * MAX_HEADING:
        return 0, "", index
    if found := _ATX.match(line):
        words = line[found.end() :].strip()
        bare = words.rstrip("#")
        return len(found[1]), plain_heading(words if bare and not bare.endswith((" ", "\t")) else bare), index
    underline = _SETEXT.match(line)
    above = current.lines[-1] if current.lines else ""
    if underline and len(above) <= MAX_HEADING and not _NO_PARAGRAPH.match(above) and index > 0:
        beginning = len(current.lines) < 2 or not current.lines[-2].strip()  # noqa: PLR2004 (a line above it)
        if beginning and not (len(current.lines) == 1 and current.headings):
            current.lines.pop()
            return 1 if underline[1][0] == "=" else 2, plain_heading(above), index - 1
    return 0, "", index


def _cut(piece: _Piece) -> list[Section]:
    """Cut to at most `MAX_LINES` lines and about `MAX_CHARACTERS` characters; very long lines are cut too."""
    heading = HEADING_SEAM.join(piece.headings)
    sections: list[Section] = []
    kept: list[str] = []
    size = 0
    begin = piece.line

    def finish(next_line: int) -> None:
        nonlocal kept, size, begin
        if any(line.strip() for line in kept):
            sections.append(Section(begin, 1, heading, "\n".join(kept)))
        kept, size, begin = [], 0, next_line

    for number, line in enumerate(piece.lines, start=piece.line):
        if kept and (len(kept) >= MAX_LINES or size + len(line) > MAX_CHARACTERS):
            finish(number)
        if len(line) > MAX_CHARACTERS:
            sections.extend(
                Section(number, at + 1, heading, line[at : at + MAX_CHARACTERS])
                for at in range(0, len(line), MAX_CHARACTERS)
            )
            begin = number + 1
            continue
        kept.append(line)
        size += len(line) + 1
    finish(0)
    return sections
