"""`dragoman audit`: read, prove and take along the audit log of servers on this machine."""

import argparse
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from dragoman.cli import exits, output
from dragoman.cli.parser import CommandParser
from dragoman.cli.tables import table
from dragoman.errors import UsageError
from dragoman.ops.audit.archive import Archive, Wanted
from dragoman.ops.audit.log import ARCHIVE, KEY, move, read_key
from dragoman.ops.audit.record import AuditRecord
from dragoman.ops.audit.settings import AuditSettings
from dragoman.settings import Seconds, read_settings

DESCRIPTION = """\
Read the audit log: who asked what, what was decided, what came of it.

  tail      show the newest lines; with --follow, new ones as they come
  search    show lines by caller, name, outcome, time or any text in them
  verify    prove that no line was changed, cut, added or moved
  export    write lines as they were recorded, one JSON object a line"""

EPILOG = """\
examples:
  dragoman audit tail --follow
  dragoman audit search --for support-bot --outcome error --since 2d
  dragoman audit search customer@example.com
  dragoman audit verify
  dragoman audit export --since 2026-11-01 > november.jsonl

A time is an age (30m, 2d) or a date (2026-11-20, 2026-11-20T09:30), in UTC.
Exit status: 0 done, 1 verify found a change, 2 a mistake in the command, or there is no log."""

ACTIONS: Final = ("tail", "search", "verify", "export")
_EVERYTHING: Final = 2**62
_POLL_SECONDS: Final = 0.5
_OVERLAP: Final = 5.0  # lines of several processes may arrive in another order than they were written, seconds


class _Age(msgspec.Struct):
    age: Seconds


def add_arguments(parser: CommandParser) -> None:
    """Say what the command takes."""
    parser.add_argument("action", choices=ACTIONS, metavar="ACTION", help="tail, search, verify or export")
    parser.add_argument("text", nargs="?", metavar="TEXT", help="what stands anywhere in the line")
    parser.add_argument("--for", dest="subject", metavar="NAME", help="who called")
    parser.add_argument("--name", help="the tool, URI or prompt")
    parser.add_argument("--outcome", choices=("ok", "error", "asked", "fault", "cancelled"), help="what came of it")
    parser.add_argument("--since", metavar="TIME", help="from this time on")
    parser.add_argument("--until", metavar="TIME", help="before this time")
    parser.add_argument("--most", type=int, metavar="N", help="how many lines, the newest (default: 20, export: all)")
    parser.add_argument("--follow", action="store_true", help="go on showing new lines until Ctrl-C (tail)")
    parser.add_argument("--folder", help="where the log is (default: in the user's state folder)")
    parser.add_argument("--json", action="store_true", help="print JSON for programs")


def run(options: argparse.Namespace) -> int:
    """Do it and return the exit status."""
    folder = AuditSettings(folder=options.folder).place()
    if not (folder / KEY).exists():
        raise UsageError(f"There is no audit log in '{folder}'; name another folder with --folder.")
    archive = Archive(folder / ARCHIVE, read_key(folder))
    try:
        move(folder, archive)
        if options.action == "verify":
            return _verify(archive, options)
        if options.action == "export":
            for line in archive.search(_wanted(options, _EVERYTHING)):
                output.show(line.decode())
        elif options.follow and options.action == "tail":
            _follow(archive, options)
        else:
            _show(list(archive.search(_wanted(options, 20))), options)
    finally:
        archive.close()
    return exits.OK


def _verify(archive: Archive, options: argparse.Namespace) -> int:
    found = list(archive.verify())
    lines = archive.count()
    if options.json:
        output.show_json({"ok": not found, "lines": lines, "problems": [msgspec.to_builtins(one) for one in found]})
    elif found:
        output.show("\n".join(f"chain {one.chain}: {one.problem}" for one in found))
        output.show("The log is not as it was written.")
    else:
        output.show(f"Every one of {lines:,} lines is as it was written.")
    return exits.FAILED if found else exits.OK


def _follow(archive: Archive, options: argparse.Namespace) -> None:
    shown: dict[bytes, float] = {}
    since = time.time() - _OVERLAP
    for line in archive.search(_wanted(options, 20)):
        shown[line] = since
        output.show(_told(line, options))
    while True:
        sys.stdout.flush()  # whoever reads through a pipe sees each line when it comes
        now = time.time()
        wanted = msgspec.structs.replace(_wanted(options, _EVERYTHING), since=now - _OVERLAP)
        for line in archive.search(wanted):
            if line not in shown:
                output.show(_told(line, options))
            shown[line] = now
        shown = {line: seen for line, seen in shown.items() if seen > now - 2 * _OVERLAP}
        time.sleep(_POLL_SECONDS)


def _wanted(options: argparse.Namespace, most: int) -> Wanted:
    if options.most is not None and options.most < 1:
        raise UsageError("--most takes a number from 1 on.")
    return Wanted(
        since=None if options.since is None else _moment("--since", options.since),
        until=None if options.until is None else _moment("--until", options.until),
        subject=options.subject,
        name=options.name,
        outcome=options.outcome,
        text=options.text,
        most=options.most or most,
    )


def _moment(option: str, text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except ValueError:
        pass
    try:
        return time.time() - read_settings({"age": text}, _Age).age
    except UsageError:
        raise UsageError(f"{option} '{text}': write an age such as 2d or 30m, or a date such as 2026-11-20.") from None


def _show(lines: list[bytes], options: argparse.Namespace) -> None:
    if options.json:
        output.show_json([msgspec.json.decode(line) for line in lines])
        return
    if not lines:
        output.show("No line is like that.")
        return
    columns = ["time", "caller", "what", "outcome", "seconds", "rows"]
    rows = [list(_cells(_read(line))) for line in lines]
    output.show(table({"columns": columns, "rows": rows}, output.columns()))


def _told(line: bytes, options: argparse.Namespace) -> str:
    if options.json:
        return line.decode()
    return "  ".join(str(cell) for cell in _cells(_read(line)) if cell not in (None, ""))


def _cells(record: AuditRecord) -> Iterator[Any]:
    yield datetime.fromtimestamp(record.at, UTC).strftime("%Y-%m-%d %H:%M:%S")
    yield record.subject or "anonymous"
    yield f"{record.method} {record.name}".strip()
    yield record.outcome or record.event
    yield record.seconds
    yield record.rows


def _read(line: bytes) -> AuditRecord:
    try:
        return msgspec.json.decode(line, type=AuditRecord)
    except (msgspec.MsgspecError, RecursionError):
        return AuditRecord(at=0.0, event="change", name="a line that can't be read: run dragoman audit verify")
