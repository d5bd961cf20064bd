"""Serving on standard input and output: what is served is said on stderr, stdout belongs to the messages."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from dragoman.cli.announcement import announce_stdio
from dragoman.cli.assembly import Served, started
from dragoman.transports.stdio import serve_stdio


def run(served: Served, options: argparse.Namespace, words: Sequence[str], tries: Sequence[str]) -> None:
    """Serve until the input ends or a signal comes.

    Args:
        served: what to serve.
        options: not needed: stdio has no settings.
        words: likewise.
        tries: likewise.

    Raises:
        UsageError: the server does not start.
    """
    del options, words, tries
    asyncio.run(_serve(served))


async def _serve(served: Served) -> None:
    async with started(served) as problems:
        for problem in problems:
            print(f"Warning: {problem}", file=sys.stderr)
        print(await announce_stdio(served), file=sys.stderr, flush=True)
        await serve_stdio(served.server)
