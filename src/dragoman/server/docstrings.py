"""Docstrings apart: the text for the tool, and what each parameter is.

Reads Google, NumPy and Sphinx (also Epytext) style sections, mixed if need be, without knowing the function.
Sections on parameters and exceptions leave the description; all others stay in it.
"""

import re
from dataclasses import dataclass, field
from inspect import cleandoc

_PARAMETERS = frozenset(
    {
        "args",
        "arguments",
        "params",
        "parameters",
        "keyword args",
        "keyword arguments",
        "other parameters",
        "other args",
    }
)
_EXCEPTIONS = frozenset({"raises", "raise", "except", "exceptions"})
_GOOGLE_HEADER = re.compile(r"([A-Za-z][A-Za-z ]*):\s*$")
_GOOGLE_ENTRY = re.compile(r"\*{0,2}(\w+)(?:\s*\(.*?\))?\s*:(?:\s+(.*))?$")
_NUMPY_RULE = re.compile(r"-{3,}\s*$")
_NUMPY_ENTRY = re.compile(r"(\*{0,2}\w+(?:\s*,\s*\*{0,2}\w+)*)\s*(?::.*)?$")
_FIELD = re.compile(r"[:@]([a-z]+)(?:\s+([^:]*?))?\s*:(?:\s+(.*))?$")
_FIELD_PARAMETERS = frozenset({"param", "parameter", "arg", "argument", "key", "keyword", "kwarg"})
_FIELD_DROPPED = frozenset({"type", "rtype", "raises", "raise", "except", "exception", "vartype", "meta"})
_BLANK_LINES = re.compile(r"\n{3,}")


@dataclass(slots=True)
class Docstring:
    """A docstring in its parts.

    Args:
        description: summary and body, without the sections on parameters and exceptions.
        parameters: parameter name -> its description on one line.
    """

    description: str = ""
    parameters: dict[str, str] = field(default_factory=dict)


def read_docstring(text: str | None) -> Docstring:
    """Take a docstring apart.

    Args:
        text: as `__doc__` has it; None is an empty one.
    """
    lines = cleandoc(text or "").splitlines()
    found = Docstring()
    kept: list[str] = []
    at = 0
    while at < len(lines):
        end = _numpy(lines, at, found) or _google(lines, at, found) or _sphinx(lines, at, found)
        if not end:
            kept.append(lines[at].rstrip())
        at = end or at + 1
    found.description = _BLANK_LINES.sub("\n\n", "\n".join(kept)).strip()
    return found


def _numpy(lines: list[str], at: int, found: Docstring) -> int:
    """Read a NumPy section that begins at this line; the line after it, or 0 when none begins or it is kept."""
    if not _underlined(lines, at):
        return 0
    title = lines[at].strip().casefold()
    if title not in _PARAMETERS | _EXCEPTIONS:
        return 0
    end = at + 2
    while end < len(lines) and not _underlined(lines, end):
        end += 1
    if title in _PARAMETERS:
        names: list[str] = []
        for line in lines[at + 2 : end]:
            entry = None if _indent(line) else _NUMPY_ENTRY.match(line)
            if entry:
                names = [name.strip().lstrip("*") for name in entry[1].split(",")]
            for name in names:
                _add(found, name, "" if entry else line)
    return end


def _underlined(lines: list[str], at: int) -> bool:
    return (
        at + 1 < len(lines)
        and bool(lines[at].strip())
        and not _indent(lines[at])
        and _NUMPY_RULE.match(lines[at + 1]) is not None
    )


def _google(lines: list[str], at: int, found: Docstring) -> int:
    """Read a Google section that begins at this line; the line after it, or 0 when none begins or it is kept."""
    header = _GOOGLE_HEADER.match(lines[at])
    title = header[1].casefold() if header else ""
    if title not in _PARAMETERS | _EXCEPTIONS:
        return 0
    end = at + 1
    while end < len(lines) and (not lines[end].strip() or _indent(lines[end])):
        end += 1
    body = [line for line in lines[at + 1 : end] if line.strip()]
    if not body:
        return 0
    if title in _PARAMETERS:
        margin, name = _indent(body[0]), ""
        for line in body:
            entry = _GOOGLE_ENTRY.match(line.strip()) if _indent(line) == margin else None
            if entry:
                name = entry[1]
            if name:
                _add(found, name, (entry[2] or "") if entry else line)
    return end


def _sphinx(lines: list[str], at: int, found: Docstring) -> int:
    """Read a Sphinx or Epytext field at this line; the line after it, or 0 when there is none or it is kept."""
    entry = _FIELD.match(lines[at])
    if entry is None or entry[1] not in _FIELD_PARAMETERS | _FIELD_DROPPED:
        return 0
    end = at + 1
    while end < len(lines) and lines[end].strip() and _indent(lines[end]):
        end += 1
    words = (entry[2] or "").split()
    if entry[1] in _FIELD_PARAMETERS and words:
        for line in [entry[3] or "", *lines[at + 1 : end]]:
            _add(found, words[-1].lstrip("*"), line)
    return end


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _add(found: Docstring, name: str, text: str) -> None:
    known = found.parameters.get(name, "")
    found.parameters[name] = f"{known} {text.strip()}".strip()
