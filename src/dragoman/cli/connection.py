"""TARGET as the commands that ask a server take it: a URL, a command after `--`, or what `serve` takes.

What `serve` takes is served in memory, in this process, for the one command.
"""

import argparse
import importlib
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from dragoman.cli import output
from dragoman.cli.parser import CommandParser, seconds
from dragoman.client.client import Client
from dragoman.client.oauth.options import AuthorizationCode, OAuth
from dragoman.errors import UsageError
from dragoman.secrets import Secret

TARGETS: Final = """\
TARGET is
  http://127.0.0.1:8000/mcp   the URL of a server
  shop.db, ./handbook, ...    anything `dragoman serve` takes, served in memory
  -- COMMAND ...              in place of TARGET, at the end: a command that serves on stdio"""

TOKEN_VARIABLE: Final = "DRAGOMAN_TOKEN"  # noqa: S105  (the name of a variable)
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
        "--token",
        metavar="TOKEN",
        help=f"a token such as an API key, for a URL; others on this machine can see it here, not in ${TOKEN_VARIABLE}",
    )
    parser.add_argument(
        "--sign-in", action="store_true", help="sign in with the browser where the URL wants it (see dragoman login)"
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
        auth = credentials(options, headers)
        async with Client(options.target, timeout=timeout, headers=headers, auth=auth) as client:
            yield client
        return
    for given, name in ((options.header, "--header"), (options.token, "--token"), (options.sign_in, "--sign-in")):
        if given:
            raise UsageError(f"{name} goes with a URL only; this target is reached without HTTP.")
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


def credentials(options: argparse.Namespace, headers: Mapping[str, str]) -> str | OAuth | None:
    """Who the user is to a URL: a token, a sign-in of now or of before, or nobody.

    Args:
        options: the command's.
        headers: the headers given; one of them may say it.

    Raises:
        UsageError: it is said twice.
    """
    if options.token is not None and options.sign_in:
        raise UsageError("--token and --sign-in are two ways of saying who you are; keep one.")
    said = any(name.lower() == "authorization" for name in headers)
    if options.token is not None:
        return Secret(options.token)
    if options.sign_in:
        return signing_in(announce=announce)
    if said:
        return None
    if token := os.environ.get(TOKEN_VARIABLE):
        return Secret(token)
    storage = importlib.import_module("dragoman.client.oauth.storage")  # loaded for URLs only
    return signing_in(ask=False) if storage.any_kept() else None


def signing_in(**grant: Any) -> OAuth:
    """A sign-in of a person.

    Args:
        grant: the options of `AuthorizationCode`.
    """
    return OAuth(grant=AuthorizationCode(**grant))


def announce(url: str) -> None:
    """Show where to sign in, for those whose browser is elsewhere."""
    output.complain(f"To sign in, visit {url}")


def read_header(text: str) -> tuple[str, str]:
    """Understand `--header`.

    Raises:
        UsageError: it is no header field.
    """
    name, colon, value = text.partition(":")
    if not colon or not name.strip() or not (name + value).isprintable():
        raise UsageError(f"--header '{text}': write it as 'Name: value'.")
    return name.strip(), value.strip()
