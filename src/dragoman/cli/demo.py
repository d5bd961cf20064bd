"""`dragoman demo`: a made-up shop and its handbook, made once and served."""

import argparse
from pathlib import Path
from typing import Final

from dragoman.cli import exits
from dragoman.cli.parser import CommandParser
from dragoman.cli.serve import add_wire_arguments, serve
from dragoman.cli.targets import read_targets
from dragoman.demo.folder import Demo, prepare

DESCRIPTION = """\
Serve a made-up shop and its handbook, to try things on.

The shop is an SQLite database: customers from sixteen countries, products, orders, returns, stock, reviews. The
handbook says how the shop works, in Markdown. Both are written to ./demo (or --folder) the first time and kept."""

EPILOG = """\
examples:
  dragoman demo
  dragoman demo --folder /tmp/shop --port 9000
  dragoman demo --no-serve"""

_TRIES: Final = (
    "dragoman call {url} shop_query sql='select * from monthly_revenue order by month desc limit 6'",
    'dragoman call {url} handbook_search query="who may approve a refund of 120 euros"',
    "and ask your agent: which refunds of October 2026 were decided by whom, and did the handbook allow it?",
)


def add_arguments(parser: CommandParser) -> None:
    """Say what the command takes."""
    parser.add_argument(
        "--folder", type=Path, default=Path("demo"), help="where the shop and handbook are (default: ./%(default)s)"
    )
    parser.add_argument("--no-serve", action="store_true", help="only make them, and say how to serve them")
    add_wire_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Make what is missing, serve, and return the exit status."""
    demo = prepare(options.folder.expanduser())
    if options.no_serve:
        print(_told(demo))
        print(f"Serve them with: dragoman serve {demo.database} {demo.handbook}")
        return exits.OK
    options.audit_folder = options.folder.expanduser() / "audit"
    targets = read_targets([f"shop={demo.database}", f"handbook={demo.handbook}"])
    return serve(targets, options, name="dragoman-demo", tries=_TRIES, said=_told(demo))


def _told(demo: Demo) -> str:
    """Where things are, and what became of older ones."""
    place = demo.database.parent
    told = f"The demo is in {place.resolve()}, made just now." if demo.made else f"The demo is in {place.resolve()}."
    if demo.set_aside is not None:
        told += f" The one that was there, of another version, is now {demo.set_aside}."
    return told
