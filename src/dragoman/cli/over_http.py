"""Serving over HTTP: the socket first, then the server, then what is served is said, then requests are answered."""

import argparse
import asyncio
import contextlib
import socket
import sys
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final

import uvicorn

from dragoman.cli.announcement import announce
from dragoman.cli.assembly import Served, started
from dragoman.cli.sign_in import following, install, refuse_as, settings_of
from dragoman.errors import UsageError
from dragoman.ops.oversight import audit_of, overseen
from dragoman.transports.guards import is_loopback
from dragoman.transports.http import Endpoint
from dragoman.transports.uvicorn import collect_seldom, listen, serve_http, url_of
from dragoman.transports.workers import Ready, Seat, joined, serve_worker

_EVERY_ADDRESS: Final = ("", "0.0.0.0", "::")  # noqa: S104  (compared with, not listened on)
_SSE: Final = ("/sse", "/messages")


def run(served: Served, options: argparse.Namespace, words: Sequence[str], tries: Sequence[str]) -> None:
    """Serve until SIGINT or SIGTERM; calls in flight finish.

    Args:
        served: what to serve.
        options: host, port, path, allowed hosts and origins, home, whether HTTP+SSE is served.
        words: the command line that serves the same over stdio.
        tries: things to try; `{url}` in them becomes the URL.

    Raises:
        UsageError: the port is taken, a home without a shared secret, or the server does not start.
    """
    if options.home is not None and not served.server.seal.is_shared:
        message = "--home needs a secret that all processes share: set DRAGOMAN_SECRET, at least 32 characters."
        raise UsageError(message)
    refuse_as(options)
    settings = settings_of(served, options)
    seat: Seat | None = options.worker
    listening = listen(options.host, options.port) if seat is None else seat.listening
    named = [] if is_loopback(options.host) or options.host in _EVERY_ADDRESS else [options.host]
    endpoint = Endpoint(
        served.server,
        options.path,
        allowed_hosts=[*options.allow_host, *named],
        allowed_origins=options.allow_origin,
        sse=_SSE if options.sse else None,
        home=options.home if seat is None else seat.home(options.path),
    )
    url = url_of(listening, endpoint.path)
    resource = url if is_loopback(options.host) else None
    with served.config.placed() if served.config is not None else contextlib.nullcontext():
        install(endpoint, settings, resource)
    if not is_loopback(options.host) and (seat is None or seat.number == 1):
        print(_warning(options.host, listening, options.allow_host, endpoint), file=sys.stderr)
    loop_factory = uvicorn.Config(endpoint).get_loop_factory()
    collect_seldom()
    audit = audit_of(settings, on=True, folder=options.audit_folder) if options.audit else None
    watched = overseen(served.server, settings, audit)
    with contextlib.closing(listening), watched as oversight, asyncio.Runner(loop_factory=loop_factory) as runner:
        endpoint.refusals.append(oversight.refused)
        tries = [line.replace("{url}", url) for line in tries]
        following_it = following(served, options, endpoint, resource, oversight.follow)
        runner.run(_serve(served, endpoint, seat or listening, words, tries, following_it))


async def _serve(
    served: Served,
    endpoint: Endpoint,
    place: socket.socket | Seat,
    words: Sequence[str],
    tries: Sequence[str],
    following_it: AbstractAsyncContextManager[None],
) -> None:
    async with started(served) as problems, following_it:
        listening = place.listening if isinstance(place, Seat) else place
        announcement = await announce(served, url_of(listening, endpoint.path), words, tries)
        if isinstance(place, Seat):
            async with joined(served.server, place) as channel:
                told = Ready(announcement, problems, served.server.limits.grace_seconds)
                await serve_worker(endpoint, place, channel, told)
        else:
            for problem in problems:
                print(f"Warning: {problem}", file=sys.stderr)
            print(announcement, flush=True)
            await serve_http(endpoint, listening)


def _warning(host: str, listening: socket.socket, allowed: Sequence[str], endpoint: Endpoint) -> str:
    port = listening.getsockname()[1]
    warning = f"Warning: {host or 'every address'} is more than this machine, and "
    if endpoint.gate is None:
        warning += f"nobody has to sign in: whoever reaches port {port} can read what is served."
    else:
        warning += f"port {port} speaks no TLS: put something before it that does, or keys and tokens can be read."
        if endpoint.gate.lets_anybody_in:
            warning += " Callers who have not signed in are let in, as [auth] anonymous says."
    if host in _EVERY_ADDRESS and not allowed:
        warning += " Requests are answered only under loopback names until you name others with --allow-host."
    return warning
