"""`dragoman list`: what a server offers."""

import argparse
import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from dragoman.cli import exits, output
from dragoman.cli.connection import TARGETS, add_connection_arguments, connected
from dragoman.cli.parser import CommandParser
from dragoman.cli.widths import cut, pad, width
from dragoman.client.client import Client
from dragoman.errors import UsageError
from dragoman.protocol.messages import PromptInfo, ResourceInfo, ResourceTemplateInfo, ToolInfo
from dragoman.server.suggest import nearest

DESCRIPTION = f"""\
List the tools, resources, resource templates and prompts of a server.

{TARGETS}"""

EPILOG = f"""\
examples:
  dragoman list http://127.0.0.1:8000/mcp
  dragoman list shop.db tools
  dragoman list --output json -- python server.py

--output json prints one object: server (name, version), revision, and each list asked for under the protocol's name
(tools, resources, resourceTemplates, prompts), its entries as the server sent them.

{exits.EXPLAINED}"""

KINDS: Final = ("tools", "resources", "templates", "prompts")
_CAPABILITIES: Final = {"templates": "resources"}
_MEMBERS: Final = {"templates": "resourceTemplates"}
_WIDEST_NAME: Final = 60

Entry = ToolInfo | ResourceInfo | ResourceTemplateInfo | PromptInfo


def add_arguments(parser: CommandParser) -> None:
    """Say what the command takes."""
    add_connection_arguments(parser)
    parser.add_argument("kind", nargs="?", metavar="KIND", help=f"only one of {', '.join(KINDS)}")


def run(options: argparse.Namespace) -> int:
    """List, and return the exit status."""
    if options.kind is not None and options.kind not in KINDS:
        near = nearest(options.kind, KINDS)
        hint = f" Did you mean '{near}'?" if near else ""
        raise UsageError(f"'{options.kind}' cannot be listed; use {', '.join(KINDS)}.{hint}")
    return asyncio.run(_list(options))


async def _list(options: argparse.Namespace) -> int:
    async with connected(options) as client:
        kinds = [kind for kind in KINDS if options.kind in (None, kind)]
        found = {kind: await _fetch(client, kind) for kind in kinds}
        info, revision = client.server_info, client.revision
    if options.output == "json":
        server = {} if info is None else {"name": info.name, "version": info.version}
        lists = {_MEMBERS.get(kind, kind): msgspec.to_builtins(entries) for kind, entries in found.items()}
        output.show_json({"server": server, "revision": revision, **lists})
        return exits.OK
    blocks = [_block(kind, entries) for kind, entries in found.items() if entries or options.kind]
    output.show("\n\n".join(blocks) or "The server offers nothing.")
    return exits.OK


async def _fetch(client: Client, kind: str) -> Sequence[Entry]:
    """One list; a server that does not declare the capability is not asked."""
    if _CAPABILITIES.get(kind, kind) not in client.capabilities:
        return []
    match kind:
        case "tools":
            return await client.list_tools()
        case "resources":
            return await client.list_resources()
        case "templates":
            return await client.list_resource_templates()
        case _:
            return await client.list_prompts()


def _block(kind: str, entries: Sequence[Entry]) -> str:
    rows = [_row(entry) for entry in entries]
    names = min(max((width(name) for name, _ in rows), default=0), _WIDEST_NAME)
    screen = output.columns()
    lines = [f"{kind} ({len(rows):,})"]
    for name, description in rows:
        line = f"  {pad(name, names)}  {description}".rstrip()
        lines.append(line if screen is None else cut(line, screen))
    return "\n".join(lines)


def _row(entry: Entry) -> tuple[str, str]:
    """What to call it by, and what it is."""
    match entry:
        case ToolInfo():
            name = f"{entry.name}({', '.join(_parameters(entry.input_schema))})"
        case ResourceInfo():
            name = entry.uri
        case ResourceTemplateInfo():
            name = entry.uri_template
        case _:
            arguments = entry.arguments or ()
            name = f"{entry.name}({', '.join(_marked(one.name, one.required is True) for one in arguments)})"
    return name, _first_sentence(entry.description or entry.title or "")


def _parameters(schema: Any) -> Iterable[str]:
    """A tool's parameters; optional ones are marked."""
    properties = schema.get("properties") if isinstance(schema, dict) else None
    required = schema.get("required", ()) if isinstance(schema, dict) else ()
    return [_marked(name, name in required) for name in properties or ()]


def _marked(name: str, is_required: bool) -> str:  # noqa: FBT001  (a pair, nothing to choose)
    return name if is_required else f"{name}?"


def _first_sentence(text: str) -> str:
    line = " ".join(text.split())
    sentence, stop, _ = line.partition(". ")
    return sentence + stop.strip()
