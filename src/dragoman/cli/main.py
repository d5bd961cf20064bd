"""`dragoman`: chooses the command, loads it, and turns errors into one sentence and an exit status.

It knows the commands by name and nothing of what they do.
"""

import argparse
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Protocol, cast

from dragoman import __version__
from dragoman.cli import exits
from dragoman.cli.parser import CommandParser
from dragoman.errors import ClientError, ConnectionFault, DragomanError, UsageError
from dragoman.secrets import any_known, masked
from dragoman.server.suggest import nearest

COMMANDS: Final = {
    "serve": "serve databases, folders, Python servers or a configuration over HTTP or stdio",
    "check": "check a configuration and show what it would serve",
    "explain": "say what would become of a call of somebody, and by which line of the configuration",
    "audit": "read and prove the audit log",
    "keys": "make, list, replace and take back API keys",
    "demo": "serve a made-up shop and its handbook, to try things on",
    "list": "list what a server offers",
    "call": "call a tool",
    "read": "read a resource",
    "prompt": "fetch a prompt",
    "login": "sign in at a server, so that the other commands may use it",
    "logout": "forget a sign-in",
    "bench": "measure how fast a server answers",
}

_EXAMPLES: Final = """\
examples:
  dragoman serve shop.db ./handbook
  dragoman call http://127.0.0.1:8000/mcp shop_query sql="select count(*) from orders"
  dragoman list -- python server.py
"""


class Command(Protocol):
    """What the module of a command holds."""

    DESCRIPTION: str
    EPILOG: str

    def add_arguments(self, parser: CommandParser) -> None:
        """Say what the command takes."""

    def run(self, options: argparse.Namespace) -> int:
        """Do it and return the exit status."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: the words after the program's name; those of this process by default.

    Returns:
        The exit status, see `exits`.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):  # not a text stream of the interpreter: None, or somebody's replacement
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        status = _run(words)
        sys.stdout.flush()
    except BrokenPipeError:
        _let_go_of_stdout()
        return exits.OK
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    except DragomanError as error:
        print(f"dragoman: {masked(str(error))}", file=sys.stderr)
        return _status_of(error)
    except Exception:
        if not any_known():
            raise  # the interpreter shows it
        print(masked(traceback.format_exc()), end="", file=sys.stderr)
        return exits.FAILED
    return status


def _run(words: list[str]) -> int:
    top = _top_parser()
    name = words[0] if words else ""
    try:
        if name not in COMMANDS:
            if name and not name.startswith("-"):
                raise UsageError(_unknown(name))
            top.parse_args(words)
            top.print_help()
            return exits.OK
        command = cast("Command", importlib.import_module(f"dragoman.cli.{name}"))
        parser = CommandParser(f"dragoman {name}", command.DESCRIPTION, command.EPILOG)
        command.add_arguments(parser)
        options = parser.read(words[1:])
        options.words = words
    except SystemExit as end:  # how argparse ends after --help and --version
        return int(end.code or 0)
    return command.run(options)


def _top_parser() -> CommandParser:
    top = CommandParser(
        "dragoman",
        "Serve an organisation's data to AI agents over the Model Context Protocol.",
        f"{_EXAMPLES}\n{exits.EXPLAINED}",
    )
    top.add_argument("--version", action="version", version=f"dragoman {__version__}")
    commands = top.add_subparsers(title="commands", parser_class=argparse.ArgumentParser)
    for name, line in COMMANDS.items():
        commands.add_parser(name, help=line)
    return top


def _unknown(name: str) -> str:
    near = nearest(name, COMMANDS)
    hint = f"Did you mean '{near}'?" if near else f"There are {', '.join(COMMANDS)}."
    return f"There is no command '{name}'. {hint}"


def _status_of(error: DragomanError) -> int:
    if isinstance(error, ConnectionFault):
        return exits.CONNECTION
    return exits.USAGE if isinstance(error, UsageError) or not isinstance(error, ClientError) else exits.FAILED


def _let_go_of_stdout() -> None:
    """Whoever reads our output has had enough: what is left is dropped, also at the interpreter's end."""
    with suppress(OSError, ValueError):  # not a file of the system, as under a test
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
