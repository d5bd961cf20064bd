"""`dragoman serve`: targets become a server on HTTP or stdio, until somebody ends it."""

import argparse
import contextlib
import importlib
import logging
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Protocol, cast, get_args

from dragoman.cli import exits
from dragoman.cli.assembly import Served, assemble, configuration_of
from dragoman.cli.parser import CommandParser, port, workers
from dragoman.cli.targets import Target, read_targets
from dragoman.errors import UsageError
from dragoman.ops.config import DEFAULT_FILE
from dragoman.ops.logs import FORM, MaskedFormatter
from dragoman.ops.settings import ENDPOINT_PATH, LogLevel, ServerSettings, is_endpoint
from dragoman.secrets import masked

DESCRIPTION = """\
Serve databases, folders and Python servers to AI agents, read-only, over HTTP or stdio.

A TARGET is
  shop.db, sqlite:///shop.db   a SQLite database
  postgresql://user@host/shop  a database of a server; also mysql:// and mariadb://
  ./handbook                   a folder of text and Markdown files
  server.py, server.py:name    a Python file with a dragoman.Server at its top level
  dragoman.toml                a configuration, see docs/howto/configure.md; ./dragoman.toml where no TARGET is given
  name=TARGET                  any of these under another name (a Python file's features get it as a prefix)"""

EPILOG = """\
examples:
  dragoman serve shop.db ./handbook
  dragoman serve sales=/srv/data/2026.db --port 9000
  dragoman serve server.py:app shop.db --stdio
  dragoman serve shop.db ./handbook --workers 4
  dragoman serve shop.db --port 9001 --home http://10.0.0.7:9001/mcp

Nobody has to sign in unless --keys or the configuration says so ([auth], [roles]; see docs/howto/sign-in.md).
Exit status: 0 ended by Ctrl-C or a signal, 2 a target or setting cannot work."""

LOG_LEVELS: Final = get_args(LogLevel)
DEFAULTS: Final = ServerSettings()
# Option -> the field of [server] that holds where the option is not given.
_FIELDS: Final = {
    "host": "host",
    "port": "port",
    "path": "path",
    "allow_host": "allowed_hosts",
    "allow_origin": "allowed_origins",
    "home": "home",
    "workers": "workers",
    "sse": "sse",
    "log_level": "log_level",
}


class Wire(Protocol):
    """What the modules `over_http` and `over_stdio` hold."""

    def run(self, served: Served, options: argparse.Namespace, words: Sequence[str], tries: Sequence[str]) -> None:
        """Serve until somebody ends it."""


def add_arguments(parser: CommandParser) -> None:
    """Say what the command takes."""
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="what to serve, see above")
    parser.add_argument(
        "--name", help="the server's name where it is not one Python file that has its own (default: dragoman)"
    )
    add_wire_arguments(parser)


def add_wire_arguments(parser: CommandParser) -> None:
    """Say where and how to serve; what is not given is None, so that a configuration may say it."""
    parser.add_argument("--host", help=f"the address to listen on (default: {DEFAULTS.host})")
    parser.add_argument("--port", type=port, help=f"the port to listen on (default: {DEFAULTS.port})")
    parser.add_argument("--path", help=f"where the endpoint is (default: {DEFAULTS.path})")
    parser.add_argument("--stdio", action="store_true", help="serve on standard input and output instead of HTTP")
    parser.add_argument(
        "--keys", action="store_true", help="answer only callers with an API key; `dragoman keys add` makes one"
    )
    parser.add_argument(
        "--as",
        dest="roles",
        action="append",
        default=[],
        metavar="ROLE",
        help="the role of the configuration that the caller has (--stdio); may be repeated",
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        metavar="HOST",
        help="a Host header to accept besides loopback names, such as mcp.example.com; may be repeated",
    )
    parser.add_argument(
        "--allow-origin",
        action="append",
        metavar="ORIGIN",
        help="an Origin to accept besides loopback ones, such as https://app.example.com; may be repeated",
    )
    parser.add_argument(
        "--home",
        metavar="URL",
        help="where other processes behind the same balancer reach this one's endpoint, to send on the requests of its"
        " sessions (revisions up to 2025-11-25); all need the same DRAGOMAN_SECRET",
    )
    parser.add_argument(
        "--workers",
        type=workers,
        metavar="N",
        help=f"how many processes serve on the port (default: {DEFAULTS.workers}); SIGHUP replaces them by new ones",
    )
    parser.add_argument("--worker", help=argparse.SUPPRESS)  # what a worker is started with, see `workers`
    parser.add_argument(
        "--no-audit",
        dest="audit",
        action="store_false",
        help="keep no audit log; by default there is one over HTTP, see `dragoman audit`",
    )
    parser.set_defaults(audit_folder=None)  # where a command keeps the log with its own things
    parser.add_argument(
        "--sse",
        action="store_true",
        default=None,
        help="also serve HTTP+SSE, the transport of 2024-11-05, at /sse and /messages",
    )
    parser.add_argument(
        "--log-level", choices=LOG_LEVELS, help=f"what to log to stderr (default: {DEFAULTS.log_level})"
    )


def run(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM; then the exit status is 0."""
    return serve(read_targets(options.targets or [default_target()]), options, name=options.name)


def default_target() -> str:
    """What is meant where no target is given.

    Raises:
        UsageError: there is no configuration in this folder.
    """
    if not Path(DEFAULT_FILE).is_file():
        raise UsageError(
            f"Name what to serve, such as shop.db or ./handbook, or write a {DEFAULT_FILE} in this folder."
        )
    return DEFAULT_FILE


def serve(
    targets: Sequence[Target],
    options: argparse.Namespace,
    *,
    name: str | None = None,
    tries: Sequence[str] = (),
    said: str = "",
) -> int:
    """Serve targets as the wire's options say.

    Args:
        targets: what to serve.
        options: those of `add_wire_arguments`.
        name: the server's name.
        tries: things to try, printed with the announcement.
        said: a line printed before everything.

    Raises:
        UsageError: a target or a setting cannot work.
    """
    config = configuration_of(targets)
    _fill(options, DEFAULTS if config is None else config.settings.server)
    if not ENDPOINT_PATH.fullmatch(options.path):
        message = f"--path '{options.path}': begin with / and use letters, digits, - . _ ~ and /, such as /mcp."
        raise UsageError(message)
    _check_home(options)
    if options.worker is not None:
        options.worker = importlib.import_module("dragoman.transports.workers").take_seat(options.worker)
    elif options.workers > 1:
        return _supervise(options, said)
    words = ["serve", *(masked(word) for target in targets for word in _absolute(target))]
    words += [] if name is None else ["--name", name]
    wire = cast("Wire", importlib.import_module(f"dragoman.cli.over_{'stdio' if options.stdio else 'http'}"))
    if said and options.worker is None:
        print(said, file=sys.stderr if options.stdio else sys.stdout)
    with _ended_quietly(), _logging(options.log_level):
        # What a Python file prints while it is loaded must not reach a client that reads messages.
        with contextlib.redirect_stdout(sys.stderr) if options.stdio else contextlib.nullcontext():
            served = assemble(targets, name, config)
        wire.run(served, options, [*words, "--stdio"], tries)
    return exits.OK


def _supervise(options: argparse.Namespace, said: str) -> int:
    """Have workers serve, and return the exit status."""
    supervise = importlib.import_module("dragoman.cli.workers").supervise
    if said:
        print(said)
    with _logging(options.log_level):
        return cast("int", supervise(options))


def _fill(options: argparse.Namespace, settings: ServerSettings) -> None:
    """Take from the settings what the command line leaves open; over stdio there is one process."""
    for option, field in _FIELDS.items():
        if getattr(options, option) is None:
            setattr(options, option, 1 if options.stdio and field == "workers" else getattr(settings, field))


def _check_home(options: argparse.Namespace) -> None:
    """See that other processes could reach the home.

    Raises:
        UsageError: it is no URL of the endpoint.
    """
    if options.home is not None and not is_endpoint(options.home):
        message = (
            f"--home '{options.home}': write the URL of this process's endpoint, such as http://10.0.0.7:8000/mcp."
        )
        raise UsageError(message)


def _absolute(target: Target) -> list[str]:
    """The words of a target as they can be typed in any folder."""
    if target.files:
        return [f"{table}={Path(place).resolve()}" for table, place in target.files]
    place = target.location
    if "://" not in place:
        place = str(Path(place).resolve())
    elif ":///" in place and not place.partition(":///")[2].startswith("/"):
        scheme, _, path = place.partition(":///")
        place = f"{scheme}:///{Path(path).resolve()}"
    if target.attribute is not None:
        place += f":{target.attribute}"
    return [f"{target.name}={place}" if target.is_named else place]


@contextlib.contextmanager
def _ended_quietly() -> Iterator[None]:
    """Take Ctrl-C and SIGTERM as the way to end, whatever is going on."""
    before = None
    with contextlib.suppress(ValueError):  # not the main thread: whoever owns the process ends it
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        return
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _logging(level: str) -> Iterator[None]:
    """Log to stderr for as long as it is served."""
    handler = logging.StreamHandler()
    handler.setFormatter(MaskedFormatter(FORM))
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(level.upper())
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
