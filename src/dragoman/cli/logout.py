"""`dragoman logout`: forget a sign-in, here and at the authorization server."""

import argparse
import asyncio

from dragoman.cli import exits, output
from dragoman.cli.login import check_url
from dragoman.cli.parser import CommandParser
from dragoman.client.oauth.faults import SignInFault
from dragoman.client.oauth.options import OAuth
from dragoman.client.oauth.sign_in import SignIn
from dragoman.client.oauth.storage import default_tokens

DESCRIPTION = """\
Forget the sign-in at a server. Where the authorization server takes tokens back (RFC 7009) it is told, so that they end
at once."""

EPILOG = f"""\
examples:
  dragoman logout https://mcp.example.com/mcp

{exits.EXPLAINED}"""


def add_arguments(parser: CommandParser) -> None:
    """Say what the command takes."""
    parser.add_argument("url", metavar="URL", help="the server")


def run(options: argparse.Namespace) -> int:
    """Sign out, and return the exit status."""
    check_url(options.url)
    was_signed_in = asyncio.run(_sign_out(options.url))
    output.show("Signed out." if was_signed_in else "Nobody was signed in there.")
    return exits.OK


async def _sign_out(url: str) -> bool:
    sign_in = SignIn(url, OAuth(tokens=default_tokens()))
    try:
        return await sign_in.sign_out()
    except SignInFault as fault:
        output.complain(f"The sign-in is forgotten here, but its tokens may go on until they end: {fault}")
        return True
    finally:
        await sign_in.close()
