"""`dragoman keys`: make, list, replace and take back the API keys of servers on this machine."""

import argparse
import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from msgspec import Struct, structs

from dragoman.auth.keys import make_key, rotate_key
from dragoman.auth.principal import Claim
from dragoman.cli import exits, output
from dragoman.cli.parser import CommandParser
from dragoman.cli.tables import table
from dragoman.errors import UsageError
from dragoman.server.suggest import nearest
from dragoman.settings import Seconds, read_settings
from dragoman.store.keys import KeyRecord, SqliteKeys
from dragoman.store.sqlite import state_file

DESCRIPTION = """\
Make, list, replace and take back the API keys with which callers sign in.

  add      make a key and print it, once: it is kept nowhere
  list     show every key, without its secret
  rotate   make a key that gives the same as ID, which ends after --overlap
  revoke   take ID back, at once
  expire   let ID end after --in

ID is the letters between drg_ and the next _, or enough of their beginning."""

EPILOG = """\
examples:
  dragoman keys add --for support-bot --role support --claim employee_id=3 --expires 90d
  dragoman keys list
  dragoman keys rotate k3mtu2 --overlap 1d
  dragoman keys revoke k3mtu2

A running server hears of every change within a second.
Exit status: 0 done, 2 a mistake in the command, or no such key."""

ACTIONS: Final = ("add", "list", "rotate", "revoke", "expire")
STORE: Final = "keys.sqlite3"
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")


class _Time(Struct):
    time: Seconds


def add_arguments(parser: CommandParser) -> None:
    """Say what the command takes."""
    parser.add_argument("action", choices=ACTIONS, metavar="ACTION", help="add, list, rotate, revoke or expire")
    parser.add_argument("id", nargs="?", metavar="ID", help="the key to rotate, revoke or expire")
    parser.add_argument("--for", dest="subject", metavar="NAME", help="who calls with it (add)")
    parser.add_argument("--role", action="append", default=[], metavar="ROLE", help="a role it gives; may be repeated")
    parser.add_argument(
        "--scope", action="append", default=[], metavar="SCOPE", help="a scope it gives; may be repeated"
    )
    parser.add_argument(
        "--claim",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a fact that row filters use as :principal.NAME; numbers, true and false are such; may be repeated",
    )
    parser.add_argument("--tenant", default="", metavar="NAME", help="the organisation it is for")
    parser.add_argument("--note", default="", metavar="TEXT", help="what people call it")
    parser.add_argument("--expires", metavar="TIME", help="how long it is good, such as 90d or 12h (default: for ever)")
    parser.add_argument("--in", dest="within", default="0s", metavar="TIME", help="when it ends (expire; default: now)")
    parser.add_argument(
        "--overlap", default="1d", metavar="TIME", help="how long the old key is still good (rotate; default: 1d)"
    )
    parser.add_argument("--store", metavar="FILE", help="the file of the keys (default: in the user's state folder)")
    parser.add_argument("--json", action="store_true", help="print JSON for programs")


def run(options: argparse.Namespace) -> int:
    """Do it and return the exit status."""
    store = SqliteKeys(Path(options.store) if options.store else state_file(STORE))
    try:
        {"add": _add, "list": _list, "rotate": _rotate, "revoke": _end, "expire": _end}[options.action](store, options)
    finally:
        store.close()
    return exits.OK


def _add(store: SqliteKeys, options: argparse.Namespace) -> None:
    if options.id is not None:
        raise UsageError(f"'{options.id}' has no place after add; say who the key is for with --for.")
    if not options.subject:
        raise UsageError("Say who calls with the key: --for NAME, such as --for support-bot.")
    text, record = make_key(
        store,
        options.subject,
        roles=tuple(options.role),
        scopes=tuple(options.scope),
        claims=read_claims(options.claim),
        tenant=options.tenant,
        note=options.note,
        seconds=None if options.expires is None else _seconds("--expires", options.expires),
    )
    _show_made(text, record, options)


def _rotate(store: SqliteKeys, options: argparse.Namespace) -> None:
    record = _find(store, options)
    if not record.is_good(time.time()):
        raise UsageError(f"The key {record.key_id} is no longer good; make another with: dragoman keys add.")
    text, fresh = rotate_key(store, record, _seconds("--overlap", options.overlap))
    _show_made(text, fresh, options)


def _end(store: SqliteKeys, options: argparse.Namespace) -> None:
    record, now = _find(store, options), time.time()
    if options.action == "revoke":
        store.save(structs.replace(record, revoked=record.revoked or now))
        said = f"The key {record.key_id} of {record.subject} is revoked."
    else:
        end = now + _seconds("--in", options.within)
        store.save(structs.replace(record, expires=end))
        said = f"The key {record.key_id} of {record.subject} ends {_moment(end)}."
    if options.json:
        output.show_json(_shown(store.load(record.key_id) or record, None))
    else:
        output.show(said)


def _list(store: SqliteKeys, options: argparse.Namespace) -> None:
    every = store.every()
    if options.json:
        output.show_json([_shown(record, used) for record, used in every])
        return
    if not every:
        output.show("There are no keys; make one with: dragoman keys add --for NAME --role ROLE")
        return
    now = time.time()
    rows = [
        [
            record.key_id,
            record.subject,
            ", ".join(record.roles),
            " ".join(f"{name}={value}" for name, value in sorted(record.claims.items())),
            _state(record, now),
            "never" if used is None else _moment(used),
            record.note,
        ]
        for record, used in every
    ]
    columns = ["id", "for", "roles", "claims", "state", "last used", "note"]
    output.show(table({"columns": columns, "rows": rows}, output.columns()))


def _show_made(text: str, record: KeyRecord, options: argparse.Namespace) -> None:
    if options.json:
        output.show_json({"key": text, **_shown(record, None)})
        return
    roles = f" with the roles {', '.join(record.roles)}" if record.roles else " without a role"
    output.show(
        f"{text}\n\nThis is the key of {record.subject}{roles}. It is shown now and never again."
        "\nCallers send it as: Authorization: Bearer <key>"
    )


def _find(store: SqliteKeys, options: argparse.Namespace) -> KeyRecord:
    if not options.id:
        raise UsageError(f"Say which key to {options.action}; `dragoman keys list` shows their ids.")
    wanted = options.id.removeprefix("drg_").partition("_")[0]
    ids = [record.key_id for record, _ in store.every()]
    found = [key_id for key_id in ids if key_id.startswith(wanted)]
    if len(found) > 1 and wanted not in found:
        raise UsageError(f"'{wanted}' is the beginning of {len(found)} keys: {', '.join(found[:5])}; write more of it.")
    record = store.load(wanted if wanted in found else found[0]) if found else None
    if record is None:
        near = nearest(wanted, ids)
        hint = f"Did you mean {near}?" if near else "`dragoman keys list` shows what there is."
        raise UsageError(f"There is no key '{wanted[:40]}'. {hint}")
    return record


def read_claims(words: Iterable[str]) -> dict[str, Claim]:
    """Understand `NAME=VALUE`; whole numbers and true or false are such, anything else is text.

    Raises:
        UsageError: one has no name, or the name of one of the principal's own fields.
    """
    claims: dict[str, Claim] = {}
    for word in words:
        name, mark, value = word.partition("=")
        if not mark or not _NAME.fullmatch(name):
            raise UsageError(f"--claim '{word}': write NAME=VALUE, such as employee_id=3.")
        if name in ("subject", "issuer", "client", "tenant"):
            raise UsageError(f"--claim '{word}': '{name}' is known of every caller already; choose another name.")
        truths = {"true": True, "false": False}
        claims[name] = int(value) if re.fullmatch(r"-?[0-9]{1,15}", value) else truths.get(value, value)
    return claims


def _seconds(option: str, text: str) -> float:
    if re.fullmatch(r"0\s*[a-z]*", text):
        return 0.0
    try:
        return read_settings({"time": text}, _Time).time
    except UsageError:
        raise UsageError(f"{option} '{text}': write a time such as 90d, 12h or 30m.") from None


def _state(record: KeyRecord, now: float) -> str:
    if record.revoked is not None:
        return f"revoked {_moment(record.revoked)}"
    if record.expires is None:
        return "good"
    return f"{'good until' if now < record.expires else 'expired'} {_moment(record.expires)}"


def _moment(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at))


def _shown(record: KeyRecord, used: float | None) -> dict[str, Any]:
    """A key without what proves it."""
    shown = structs.asdict(record)
    del shown["digest"]
    return {**shown, "roles": list(record.roles), "scopes": list(record.scopes), "used": used}
