"""Everything the asking commands print: text made harmless for terminals, JSON for programs, bytes into files.

Answers come from strangers: control characters never reach a terminal, where they could move the cursor or worse.
What is not a terminal gets text as it came.
"""

import json
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from dragoman.errors import UsageError

_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_UTF8: Final = ("utf-8", "utf8")


def on_terminal() -> bool:
    """Whether people read standard output as it comes."""
    return sys.stdout.isatty()


def columns() -> int | None:
    """How wide the terminal is; None where there is none."""
    return shutil.get_terminal_size().columns if on_terminal() else None


def clean(text: str) -> str:
    """Text without what a terminal would obey; line ends and tabs stay."""
    return _CONTROLS.sub(_escape, text.replace("\r\n", "\n"))


def show(text: str) -> None:
    """Print text, with one line end."""
    print(clean(text) if on_terminal() else text, end="" if text.endswith("\n") else "\n")


def show_json(value: Any) -> None:
    """Print JSON for a program: one document; in ASCII where the output is not UTF-8."""
    is_utf8 = (sys.stdout.encoding or "").lower() in _UTF8
    print(json.dumps(value, ensure_ascii=not is_utf8, indent=2))


def complain(text: str) -> None:
    """Print what the server complains of, on standard error."""
    print(clean(text).rstrip("\n"), file=sys.stderr)


def show_bytes(data: bytes, what: str) -> None:
    """Write bytes to a program, or tell people that there are some."""
    if on_terminal():
        print(f"[{what}, {len(data):,} bytes; write them to a file with --save FILE]")
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def save(pieces: Sequence[bytes], place: str) -> None:
    """Write bytes to a file; several go to numbered files beside each other.

    Args:
        pieces: at least one.
        place: the first file's path.

    Raises:
        UsageError: it cannot be written.
    """
    first = Path(place)
    for number, data in enumerate(pieces, 1):
        path = first if number == 1 else first.with_name(f"{first.stem}-{number}{first.suffix}")
        try:
            path.write_bytes(data)
        except OSError as error:
            raise UsageError(f"'{path}' cannot be written: {error.strerror or error}.") from error
        print(f"{path}: {len(data):,} bytes", file=sys.stderr)


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")
