"""Serving on standard input and output: what is served is said on stderr, stdout belongs to the messages."""

import argparse
import asyncio
import sys
from collections.abc import Mapping, Sequence

from dragoman.auth.gate import Views
from dragoman.auth.policy import Role
from dragoman.auth.principal import ANONYMOUS, Principal
from dragoman.cli.announcement import announce_stdio
from dragoman.cli.assembly import Served, started
from dragoman.errors import UsageError
from dragoman.ops.oversight import audit_of, overseen
from dragoman.ops.settings import Settings
from dragoman.ops.sign_in import is_asked, stdio_principal
from dragoman.transports.stdio import serve_stdio


def run(served: Served, options: argparse.Namespace, words: Sequence[str], tries: Sequence[str]) -> None:
    """Serve until the input ends or a signal comes.

    Args:
        served: what to serve.
        options: the roles of whoever calls.
        words: not needed: a client has them already.
        tries: likewise.

    Raises:
        UsageError: the server does not start, or nobody says who calls.
    """
    del words, tries
    if options.keys:
        raise UsageError("--keys is for HTTP; over stdio say who calls with --as ROLE.")
    settings = Settings() if served.config is None else served.config.settings
    principal = ANONYMOUS
    if options.roles or is_asked(settings):
        principal = stdio_principal(settings, options.roles) or ANONYMOUS
    audit = audit_of(settings, on=is_asked(settings), folder=options.audit_folder) if options.audit else None
    with overseen(served.server, settings, audit):
        asyncio.run(_serve(served, principal, settings.roles))


async def _serve(served: Served, principal: Principal, roles: Mapping[str, Role]) -> None:
    async with started(served) as problems:
        for problem in problems:
            print(f"Warning: {problem}", file=sys.stderr)
        print(await announce_stdio(served), file=sys.stderr, flush=True)
        views = Views(served.server, roles) if roles else None
        await serve_stdio(served.server if views is None else views.of(principal), principal)
