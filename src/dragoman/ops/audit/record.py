"""One line of the audit log, and what of a call's arguments it may hold.

A line is JSON without line breaks, so nothing that a caller sends can forge another (invariant P27). Arguments are
kept as they are but for what looks like a secret by its name, and what is long.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec
from msgspec import Raw, Struct

Event = Literal["begin", "call", "refused", "sign_in", "change"]
Outcome = Literal["ok", "error", "asked", "fault", "cancelled", ""]

LONGEST_TEXT: Final = 512
MOST_ENTRIES: Final = 50
DEEPEST: Final = 6
LONGEST_ARGUMENTS: Final = 256 * 1024
_SECRET_NAME: Final = re.compile(
    r"pass(word|wd|phrase)?|secret|token|api_?key|credential|authorization|cookie|pin\b", re.IGNORECASE
)
_encode: Final = msgspec.json.Encoder().encode

_NOT_PLAIN: Final = re.compile(rb"[\\\x00-\x1f]|" + _SECRET_NAME.pattern.encode(), re.IGNORECASE)


class AuditRecord(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What happened, once.

    Args:
        at: when, seconds since 1970.
        event: `begin` stands before the work of a call that may change something, `call` after every call, `refused`
            where nothing was begun, `sign_in` for a credential that was checked, `change` for settings and keys.
        subject: who called.
        issuer: who vouches for the caller.
        client: the credential or program of the caller.
        tenant: the caller's organisation.
        roles: the roles the caller had.
        address: where the connection came from.
        program: name and version that the client gave of itself.
        revision: the protocol version.
        method: the method, such as `tools/call`.
        name: the tool, URI or prompt.
        arguments: what it was called with, without secrets.
        decision: the rule that decided, as the configuration names it.
        outcome: what came of it.
        rows: rows of the result, where there are rows.
        size: bytes of the answer.
        seconds: how long it took.
        reference: the id of a masked error, which the log has too.
        call: what `begin` and `call` of one call have in common.
    """

    at: float
    event: Event
    subject: str = ""
    issuer: str = ""
    client: str = ""
    tenant: str = ""
    roles: tuple[str, ...] = ()
    address: str = ""
    program: str = ""
    revision: str = ""
    method: str = ""
    name: str = ""
    arguments: Raw = Raw(b"null")
    decision: str = ""
    outcome: Outcome = ""
    rows: int | None = None
    size: int | None = None
    seconds: float | None = None
    reference: str = ""
    call: str = ""


def line_of(record: AuditRecord) -> bytes:
    """The record as one line of JSON, without its end."""
    return _encode(record)


def redacted(arguments: Any) -> Raw:
    """Arguments as the log may hold them.

    Args:
        arguments: raw JSON or a value of JSON types.
    """
    if isinstance(arguments, Raw):
        plain = arguments if _is_plain(bytes(arguments)) else None
        if len(bytes(arguments)) > LONGEST_ARGUMENTS:
            return Raw(_encode(f"[{len(bytes(arguments))} bytes]"))
        try:
            arguments = msgspec.json.decode(arguments)
        except (msgspec.MsgspecError, RecursionError):
            return Raw(b'"[no JSON]"')
        if plain is not None:
            return plain
    return Raw(_encode(_plain(arguments, DEEPEST)))


def _is_plain(arguments: bytes) -> bool:
    """Whether arguments may stand as they came: short, in one line, and without a name that could be a secret's.

    A backslash could hide a letter of a name; other letters than ASCII may not even be UTF-8, as nobody looked yet.
    """
    return (
        len(arguments) <= LONGEST_TEXT
        and arguments.isascii()
        and _NOT_PLAIN.search(arguments) is None
        and arguments.count(b",") < MOST_ENTRIES
        and arguments.count(b"{") + arguments.count(b"[") <= DEEPEST
    )


def _plain(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return value if len(value) <= LONGEST_TEXT else f"{value[:LONGEST_TEXT]}… [{len(value)} characters]"
    if isinstance(value, Mapping):
        if depth == 0:
            return "[nested]"
        kept = {
            key[:LONGEST_TEXT]: "[redacted]" if _SECRET_NAME.search(key) else _plain(inner, depth - 1)
            for key, inner in list(value.items())[:MOST_ENTRIES]
        }
        return kept if len(value) <= MOST_ENTRIES else {**kept, "…": f"[{len(value)} entries]"}
    if isinstance(value, list | tuple):
        if depth == 0:
            return "[nested]"
        listed = [_plain(inner, depth - 1) for inner in value[:MOST_ENTRIES]]
        return listed if len(value) <= MOST_ENTRIES else [*listed, f"[{len(value)} entries]"]
    return value
