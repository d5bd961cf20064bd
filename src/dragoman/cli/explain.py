"""`dragoman explain`: what would become of somebody's call, and by which line of the configuration; nothing is run."""

import argparse
import asyncio
import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from dragoman.auth.policy import Access, Decision
from dragoman.auth.principal import Claim, Principal
from dragoman.cli import exits, output
from dragoman.cli.assembly import assemble, started
from dragoman.cli.parser import CommandParser
from dragoman.cli.serve import default_target
from dragoman.cli.targets import read_targets
from dragoman.connectors.connector import Connector, Foreseen
from dragoman.errors import UsageError
from dragoman.ops.config import Config
from dragoman.ops.places import line_of
from dragoman.ops.sign_in import check_roles
from dragoman.server.server import Server

DESCRIPTION = """\
Say what would become of a call of somebody with a role: whether it is allowed, what of it is rewritten, and by which
line of the configuration. The database is asked for its tables; nothing is run and no row is read."""

EPILOG = """\
examples:
  dragoman explain --as support shop_query '{"sql": "SELECT * FROM Customer"}'
  dragoman explain --as support --as night --claim employee_id=3 shop_query '{"sql": "SELECT 1"}'
  dragoman explain --config deploy/shop.toml --as analyst shop_execute --json

Exit status: 0 it would be let through, 1 it would be refused, 2 a mistake in the command or configuration."""

_RULE: Final = re.compile(r"roles\.(.+)\.(tools|resources|prompts|connectors|deny)\[(\d+)\]")
_REFUSED: Final = ("refused",)


def add_arguments(parser: CommandParser) -> None:
    """Say what the command takes."""
    parser.add_argument("tool", metavar="TOOL", help="the name of the tool")
    parser.add_argument("arguments", nargs="?", default="{}", metavar="JSON", help="its arguments, a JSON object")
    parser.add_argument(
        "--as", dest="roles", action="append", default=[], metavar="ROLE", help="a role of the caller; may be repeated"
    )
    parser.add_argument(
        "--claim",
        dest="claims",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="what is known of the caller, for row filters; may be repeated",
    )
    parser.add_argument("--config", metavar="FILE", help="the configuration (default: ./dragoman.toml)")
    parser.add_argument("--json", action="store_true", help="print JSON for programs")


def run(options: argparse.Namespace) -> int:
    """Explain, and return the exit status."""
    try:
        arguments = msgspec.json.decode(options.arguments, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise UsageError(f"The arguments are no JSON object: {error}.") from None
    served = assemble(read_targets([options.config or default_target()]))
    if served.config is None:
        raise UsageError("Name a configuration with --config; what has none has no roles.")
    check_roles(options.roles, served.config.settings, ("--as",))
    claims = tuple(sorted(_claim(word) for word in options.claims))
    principal = Principal("explain", roles=tuple(options.roles), claims=claims)

    async def found() -> list[Foreseen]:
        async with started(served):
            return await _foreseen(served.server, principal, options.tool, arguments)

    access = _access(served.server, served.config, principal)
    decision = access.decide("tool", options.tool)
    if decision.allowed and options.tool not in served.server.tools.named:
        decision = Decision(False, "there is no such tool")
    rest = asyncio.run(found()) if decision.allowed else []
    _show(options, served.config, decision, rest)
    refused = not decision.allowed or any(one.what in _REFUSED for one in rest)
    return exits.FAILED if refused else exits.OK


def _access(server: Server, config: Config, principal: Principal) -> Access:
    access = Access(config.settings.roles or None, principal.roles)
    access.connector_of = lambda kind, key: server.origins.get((kind, key))
    return access


async def _foreseen(server: Server, principal: Principal, tool: str, arguments: dict[str, Any]) -> list[Foreseen]:
    name = server.origins.get(("tool", tool))
    connector = None if name is None else server.connectors.get(name)
    found = await connector.foresee(tool, arguments, principal) if isinstance(connector, Connector) else []
    return [one if not one.path else msgspec.structs.replace(one, path=_placed(str(name), one.path)) for one in found]


def _placed(connector: str, path: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """A path within a connector's settings as one of the file; of a role's, both places where it may stand."""
    if path[0] == "roles":
        return ("roles", path[1], "connectors", connector, *path[2:])
    return ("connectors", connector, *path)


def _show(options: argparse.Namespace, config: Config, decision: Decision, found: Iterable[Foreseen]) -> None:
    rule = _RULE.match(decision.rule)
    path = None if rule is None else ("roles", rule[1], rule[2], int(rule[3]))
    rows = [("allowed" if decision.allowed else "not there", decision.rule, _line(config, path))]
    rows += [(one.what, one.text, _line(config, one.path or None)) for one in found]
    if options.json:
        output.show_json([{"what": what, "text": text} | ({"line": line} if line else {}) for what, text, line in rows])
        return
    wide = max(len(what) for what, _, _ in rows)
    output.show("\n".join(f"{what:<{wide}}  {text}{f'  ({line})' if line else ''}" for what, text, line in rows))


def _line(config: Config, path: tuple[str | int, ...] | None) -> str:
    """Where the file says so; empty where it does not, and a default holds."""
    if path is None:
        return ""
    own = path
    if path[0] == "roles" and "connectors" in path and path[:4] not in config.lines:
        own = ("connectors", path[3], "roles", path[1], *path[4:])  # in the connector's own settings
    is_said = any(line[: len(own)] == own for line in config.lines)
    return f"{config.file}:{line_of(config.lines, own)}" if is_said else "default"


def _claim(word: str) -> tuple[str, Claim]:
    name, equals, value = word.partition("=")
    if not name or not equals:
        raise UsageError(f"--claim '{word}': write NAME=VALUE.")
    if re.fullmatch(r"-?\d{1,18}", value):
        return name, int(value)
    return name, {"true": True, "false": False}.get(value, value)
