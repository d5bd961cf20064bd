"""`dragoman login`: sign in at a server once; the other commands use it from then on."""

import argparse
import asyncio
import os
from typing import Final

from dragoman.cli import exits, output
from dragoman.cli.connection import announce
from dragoman.cli.parser import CommandParser, seconds
from dragoman.client.oauth.options import SIGN_IN_SECONDS, AuthorizationCode, ClientCredentials, OAuth
from dragoman.client.oauth.records import Account
from dragoman.client.oauth.sign_in import SignIn
from dragoman.client.oauth.storage import default_tokens
from dragoman.errors import UsageError
from dragoman.secrets import Secret

SECRET_VARIABLE: Final = "DRAGOMAN_CLIENT_SECRET"  # noqa: S105  (the name of a variable)

DESCRIPTION = """\
Sign in at a server, in the browser (OAuth 2.1). `dragoman list`, `call`, `read` and `prompt` use the sign-in from then
on, and renew it by themselves as long as the server's authorization server lets them.

It is kept in the system's keyring where the package keyring is installed, else in a file that only you can read."""

EPILOG = f"""\
examples:
  dragoman login https://mcp.example.com/mcp
  dragoman login https://mcp.example.com/mcp --client-id 3f2c --scope files:read
  dragoman login https://mcp.example.com/mcp --as-program --client-id nightly    (secret in {SECRET_VARIABLE})

{exits.EXPLAINED}"""


def add_arguments(parser: CommandParser) -> None:
    """Say what the command takes."""
    parser.add_argument("url", metavar="URL", help="the server")
    parser.add_argument(
        "--client-id", metavar="ID", help=f"a client registered by hand; its secret in ${SECRET_VARIABLE}"
    )
    parser.add_argument("--issuer", metavar="URL", help="the authorization server that the client is registered at")
    parser.add_argument("--redirect-uri", metavar="URL", help="the http://127.0.0.1:PORT/... that is registered for it")
    parser.add_argument("--scope", action="append", metavar="SCOPE", help="what to ask for; may be repeated")
    parser.add_argument("--as-program", action="store_true", help="sign in as the client itself, without a person")
    parser.add_argument(
        "--timeout", type=seconds, default=SIGN_IN_SECONDS, help="seconds a person may take (default: %(default)g)"
    )


def run(options: argparse.Namespace) -> int:
    """Sign in, and return the exit status."""
    account = asyncio.run(_sign_in(options))
    output.show(f"Signed in at {account.issuer} for {account.resource}.")
    if account.token is not None and account.token.scopes:
        output.show(f"It is good for: {' '.join(account.token.scopes)}")
    return exits.OK


async def _sign_in(options: argparse.Namespace) -> Account:
    check_url(options.url)
    secret = os.environ.get(SECRET_VARIABLE)
    if secret and options.client_id is None:
        raise UsageError(f"{SECRET_VARIABLE} is set; say with --client-id whose secret it is.")
    person = AuthorizationCode(redirect_uri=options.redirect_uri, announce=announce)
    oauth = OAuth(
        grant=ClientCredentials() if options.as_program else person,
        client_id=options.client_id,
        client_secret=Secret(secret) if secret else None,
        issuer=options.issuer,
        scopes=options.scope,
        tokens=default_tokens(),
        timeout=options.timeout,
    )
    sign_in = SignIn(options.url, oauth)
    try:
        return await sign_in.sign_in()
    finally:
        await sign_in.close()


def check_url(url: str) -> None:
    """Raise UsageError where a target is no URL."""
    if not url.lower().startswith(("http://", "https://")):
        raise UsageError(f"'{url[:200]}' is no URL; signing in is for servers reached over HTTP.")
