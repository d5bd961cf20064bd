"""The text of a transcript: settings, what the client says, what the server must answer. Nothing is sent here."""

import re
from pathlib import Path
from typing import Final, Literal

from msgspec import Struct

from dragoman.errors import UsageError
from dragoman.protocol.revisions import LEGACY, MODERN, REVISIONS, Revision

Wire = Literal["memory", "stdio", "http"]
WIRES: Final[tuple[Wire, ...]] = ("memory", "stdio", "http")

_GROUPS: Final = {"all": [*REVISIONS.values()], "legacy": [*LEGACY.values()], "modern": [*MODERN.values()]}
_KEYS: Final = ("revisions", "wires", "features", "handshake", "fixed bugs")
_STEP: Final = re.compile(r"(?P<mark>[<>])(?P<only>[a-z0-9-]*)\s+(?P<text>\S.*)")


class Step(Struct):
    """One message of a transcript: who says it, in which revisions, its text and the line it begins on."""

    from_client: bool
    only: str
    text: str
    line: int

    def counts_in(self, revision: Revision) -> bool:
        """Whether it is said in this revision."""
        return self.only in ("", revision.name, "modern" if revision.modern else "legacy")


class Transcript:
    """A conversation in a text file.

    The file begins with a comment that says what it shows and with these settings, each on a line of its own:

    - `Revisions:` the protocol versions to play it in: names, `legacy`, `modern` or `all`.
    - `Wires:` `memory`, `stdio`, `http`; all of them when left out.
    - `Features:` what the server must have, for the one who builds it.
    - `Handshake: no` when the transcript opens older connections itself, or not at all.
    - `Fixed bugs:` what went wrong before this transcript was written, or `none`.

    Then `>` says what the client sends and `<` what the server must answer, in this order. `>legacy`, `<modern` or
    `<2025-06-18` count there only. A line that begins with white space goes on with the one before. `"jsonrpc"` and,
    in the modern era, the required `_meta` of a request are added; `"_meta": null` leaves them out.

    In an answer, `"..."` stands for any value, `...` inside a string for any text, `"...": "..."` for any other
    members and `"..."` at the end of a list for the rest of it. What 2026-07-28 stamps on every result (`resultType`,
    `_meta`, `ttlMs`, `cacheScope`) is compared where the transcript names it.

    Args:
        path: the file.

    Raises:
        UsageError: the file is no transcript; says the line.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.revisions: list[Revision] = []
        self.wires: list[Wire] = list(WIRES)
        self.features: list[str] = []
        self.fixed_bugs = ""
        self.handshake = True
        self.steps: list[Step] = []
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            self._read(line, number)
        if not self.revisions or not self.steps or not self.fixed_bugs:
            raise UsageError(f"{path}: a transcript needs 'Revisions:', 'Fixed bugs:' and messages.")

    def _read(self, line: str, number: int) -> None:
        if not line.strip() or line.startswith("#"):
            return
        step = _STEP.fullmatch(line)
        if step is not None:
            self.steps.append(Step(step["mark"] == ">", step["only"], step["text"], number))
            return
        if line[0].isspace() and self.steps:
            self.steps[-1].text += "\n" + line
            return
        key, colon, value = line.partition(":")
        key, words = key.strip().lower(), value.replace(",", " ").split()
        if not colon or key not in _KEYS or self.steps:
            known = ", ".join(_KEYS)
            raise UsageError(f"{self.path}:{number}: neither '>', '<' or '#' nor one of the settings {known}.")
        self._set(key, words, value.strip())

    def _set(self, key: str, words: list[str], value: str) -> None:
        match key:
            case "revisions":
                unknown = set(words) - set(REVISIONS) - set(_GROUPS)
                if unknown:
                    raise UsageError(f"{self.path}: no protocol version: {', '.join(sorted(unknown))}.")
                self.revisions = [each for word in words for each in _GROUPS.get(word) or [REVISIONS[word]]]
            case "wires":
                self.wires = [wire for wire in WIRES if wire in words]
            case "features":
                self.features = words
            case "handshake":
                self.handshake = words != ["no"]
            case _:
                self.fixed_bugs = value
