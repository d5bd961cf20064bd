"""What is served, where, and what to paste into a client's configuration: text for people, nothing is printed here."""

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from dragoman import __version__
from dragoman.cli.assembly import Part, Served, configuration_name
from dragoman.cli.widths import pad, width
from dragoman.secrets import masked


async def describe(served: Served) -> list[str]:
    """A line for each target: name, kind, place, and how much it brought."""
    rows = [(part.target.name, part.title, masked(part.target.word), await _amounts(part)) for part in served.parts]
    widths = [max(width(row[column]) for row in rows) for column in range(3)]
    lines = []
    for *left, amounts in rows:
        padded = "  ".join(pad(text, wide) for text, wide in zip(left, widths, strict=True))
        lines.append(f"  {padded}  {amounts}")
    return lines


async def announce(served: Served, url: str, words: Sequence[str], tries: Sequence[str] = ()) -> str:
    """The whole text for HTTP.

    Args:
        served: what is served.
        url: where.
        words: the command line that serves it over stdio, after the program's name.
        tries: things to try, one a line.
    """
    key = configuration_name(served.server)
    entry = {"mcpServers": {key: {"type": "http", "url": url}}}
    command = {"mcpServers": {key: stdio_entry(words)}}
    parts = [
        f"Dragoman {__version__} serves",
        "",
        *await describe(served),
        "",
        f"at {url} (Ctrl-C ends it)",
        "",
        "For a client's configuration:",
        "",
        json.dumps(entry, indent=2, ensure_ascii=False),
        "",
        "or, for a client that starts servers itself:",
        "",
        json.dumps(command, indent=2, ensure_ascii=False),
        "",
        "Try:",
        "",
        *(f"  {line}" for line in tries or [f"dragoman list {url}"]),
    ]
    return "\n".join(parts)


async def announce_stdio(served: Served) -> str:
    """The text for stdio, which a client shows in its log."""
    return "\n".join([f"Dragoman {__version__} serves on stdio", *await describe(served)])


def stdio_entry(words: Sequence[str], interpreter: str = sys.executable) -> dict[str, object]:
    """How a client starts this program.

    Args:
        words: what follows the program's name.
        interpreter: the Python that runs it; the program stands beside it where it is installed.
    """
    program = shutil.which("dragoman", path=str(Path(interpreter).parent))
    if program is not None:
        return {"command": program, "args": [*words]}
    return {"command": interpreter, "args": ["-m", "dragoman", *words]}


async def _amounts(part: Part) -> str:
    resources = await part.count_resources()
    silent = sum(1 for template in part.templates if template.lister is None)
    amounts = [_counted(len(part.tools), "tool"), _counted(resources, "resource")]
    if silent:
        amounts.append(_counted(silent, "template"))
    if part.prompts:
        amounts.append(_counted(len(part.prompts), "prompt"))
    return ", ".join(amounts)


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
