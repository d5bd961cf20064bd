"""TARGET as the commands that ask a server take it: a URL, a command after `--`, or what `serve` takes.

What `serve` takes is served in memory, in this process, for the one command.
"""

import argparse
import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from dragoman.cli.parser import CommandParser, seconds
from dragoman.client.client import Client
from dragoman.errors import UsageError

TARGETS: Final = """\
TARGET is
  http://127.0.0.1:8000/mcp   the URL of a server
  shop.db, ./handbook, ...    anything `dragoman serve` takes, served in memory
  -- COMMAND ...              in place of TARGET, at the end: a command that serves on stdio"""

_URLS: Final = ("http://", "https://")


def add_connection_arguments(parser: CommandParser) -> None:
    """Say how a server is found and how answers are shown."""
    parser.takes_command = True
    parser.add_argument("target", metavar="TARGET", help="the server, see above")
    parser.add_argument(
        "--timeout", type=seconds, default=60.0, help="seconds an answer may take (default: %(default)g)"
    )
    parser.add_argument(
        "--header",
        action="append",
        default=[],
        metavar="'NAME: VALUE'",
        help="a header for every request to a URL; may be repeated",
    )
    parser.add_argument(
        "--output",
        choices=("text", "json"),
        default="text",
        help="text for people, or JSON in the protocol's own shapes for programs (default: %(default)s)",
    )


@asynccontextmanager
async def connected(options: argparse.Namespace) -> AsyncIterator[Client]:
    """A connection to the target.

    Raises:
        UsageError: the target or a header cannot work.
        ConnectionFault: nothing usable answers.
    """
    timeout: float = options.timeout
    if options.command is None and options.target.lower().startswith(_URLS):
        headers = dict(map(read_header, options.header))
        async with Client(options.target, timeout=timeout, headers=headers) as client:
            yield client
        return
    if options.header:
        raise UsageError("--header goes with a URL only; this target is reached without HTTP.")
    if options.command is not None:
        async with Client(options.command, timeout=timeout) as client:
            yield client
        return
    # What serving needs is loaded only here.
    targets = importlib.import_module("dragoman.cli.targets")
    assembly = importlib.import_module("dragoman.cli.assembly")
    served = assembly.assemble(targets.read_targets([options.target]))
    async with assembly.started(served), Client(served.server, timeout=timeout) as client:
        yield client


def read_header(text: str) -> tuple[str, str]:
    """Understand `--header`.

    Raises:
        UsageError: it is no header field.
    """
    name, colon, value = text.partition(":")
    if not colon or not name.strip() or not (name + value).isprintable():
        raise UsageError(f"--header '{text}': write it as 'Name: value'.")
    return name.strip(), value.strip()
