"""`dragoman call`: one call of a tool, its arguments typed by the tool's schema."""

import argparse
import asyncio
import base64
import binascii
import json
import sys
from typing import Any, Final

import msgspec

from dragoman.cli import exits, output
from dragoman.cli.arguments import read_arguments, read_json
from dragoman.cli.connection import TARGETS, add_connection_arguments, connected
from dragoman.cli.parser import CommandParser
from dragoman.cli.tables import is_table, table
from dragoman.client.client import Client
from dragoman.client.replies import ToolReply
from dragoman.errors import UsageError
from dragoman.protocol.content import AudioContent, ContentBlock, EmbeddedResource, ImageContent, TextContent
from dragoman.protocol.messages import ToolInfo
from dragoman.server.suggest import nearest

DESCRIPTION = f"""\
Call a tool and print what it returns.

{TARGETS}

Arguments are typed by the tool's input schema:
  key=value     text where the tool takes text; numbers, true, false, [lists] and {{objects}} elsewhere
  key:=json     JSON, whatever the tool takes
  key=@file     the text of a file (@- for standard input, @@ for text that begins with @)
  key=a key=b   a list, where the tool takes one"""

_EXAMPLES: Final = """\
examples:
  dragoman call http://127.0.0.1:8000/mcp shop_query sql="select name from products limit 3"
  dragoman call shop.db shop_query sql=@report.sql limit=50
  dragoman call handbook_search --json '{"query": "refunds"}' -- dragoman serve ./handbook --stdio

--output json prints one object: content (the protocol's blocks), structuredContent (null without any), isError.
"""

EPILOG = f"{_EXAMPLES}\n{exits.EXPLAINED}"


def add_arguments(parser: CommandParser) -> None:
    """Say what the command takes."""
    add_connection_arguments(parser)
    parser.add_argument("tool", metavar="TOOL", help="the tool's name")
    parser.add_argument("arguments", nargs="*", default=[], metavar="KEY=VALUE", help="the tool's arguments, see above")
    parser.add_argument("--json", metavar="OBJECT", help="all arguments as one JSON object, or - to read it from stdin")
    parser.add_argument(
        "--save", metavar="FILE", help="write what the tool returns to a file: binary parts, or the text"
    )


def run(options: argparse.Namespace) -> int:
    """Call, and return the exit status."""
    if options.json is not None and options.arguments:
        raise UsageError("Arguments are given both as key=value and as --json; keep one.")
    given = None if options.json is None else read_json(options.json)
    return asyncio.run(_call(options, given))


async def _call(options: argparse.Namespace, given: dict[str, Any] | None) -> int:
    async with connected(options) as client:
        tool = await _find(client, options.tool)
        arguments = read_arguments(tool.name, tool.input_schema, options.arguments) if given is None else given
        on_progress = _show_progress if sys.stderr.isatty() else None
        reply = await client.call_tool(tool.name, arguments, on_progress=on_progress, raise_on_error=False)
    if options.output == "json":
        output.show_json(
            {
                "content": msgspec.to_builtins(reply.content),
                "structuredContent": reply.structured,
                "isError": reply.is_error,
            }
        )
    elif reply.is_error:
        output.complain(reply.text or f"The tool '{tool.name}' failed without saying why.")
    elif options.save:
        output.save(_pieces(reply), options.save)
    else:
        _show(reply)
    return exits.FAILED if reply.is_error else exits.OK


async def _find(client: Client, name: str) -> ToolInfo:
    tools = {tool.name: tool for tool in await client.list_tools()}
    if name not in tools:
        near = nearest(name, tools)
        hint = f"Did you mean '{near}'?" if near else f"It has: {', '.join(tools) or 'none'}."
        raise UsageError(f"The server has no tool '{name}'. {hint}")
    return tools[name]


def _show(reply: ToolReply) -> None:
    """Rows as a table, content as text, and structured content where there is no other."""
    structured = reply.structured
    if is_table(structured):
        output.show(table(structured, output.columns()))
    elif reply.content:
        for block in reply.content:
            _show_block(block)
    elif structured is not None:
        output.show(json.dumps(structured, indent=2, ensure_ascii=False))


def _show_block(block: ContentBlock) -> None:
    match block:
        case TextContent():
            output.show(block.text)
        case ImageContent() | AudioContent():
            output.show_bytes(_decoded(block.data), block.mime_type)
        case EmbeddedResource():
            if isinstance(block.resource.text, str):
                output.show(block.resource.text)
            else:
                output.show_bytes(_decoded(block.resource.blob or ""), block.resource.mime_type or "binary")
        case _:
            output.show(f"{block.uri}  {block.title or block.name}")


def _pieces(reply: ToolReply) -> list[bytes]:
    """What to write to files: the binary parts, or else the text."""
    pieces = []
    for block in reply.content:
        if isinstance(block, ImageContent | AudioContent):
            pieces.append(_decoded(block.data))
        elif isinstance(block, EmbeddedResource) and isinstance(block.resource.blob, str):
            pieces.append(_decoded(block.resource.blob))
    return pieces or [reply.text.encode()]


def _decoded(data: str) -> bytes:
    try:
        return base64.b64decode(data)
    except (binascii.Error, ValueError):
        return data.encode()  # not base64, so show what came


def _show_progress(progress: float, total: float | None, message: str | None) -> None:
    amount = f"{progress:g}" if total is None else f"{progress:g} of {total:g}"
    output.complain(f"{amount}: {message}" if message else amount)
