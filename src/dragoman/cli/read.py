"""`dragoman read`: what a resource holds."""

import argparse
import asyncio
import base64
from itertools import chain

from dragoman.cli import exits, output
from dragoman.cli.arguments import check_text
from dragoman.cli.connection import TARGETS, add_connection_arguments, connected
from dragoman.cli.parser import CommandParser
from dragoman.client.client import Client
from dragoman.client.replies import ResourceReply
from dragoman.errors import ServerFault
from dragoman.server.suggest import nearest

DESCRIPTION = f"""\
Read a resource.

{TARGETS}"""

EPILOG = f"""\
examples:
  dragoman read http://127.0.0.1:8000/mcp sql://shop/orders
  dragoman read ./handbook files://handbook/welcome.md --save welcome.md

--output json prints one object: contents, a list of uri, mimeType, and text or blob (base64).

{exits.EXPLAINED}"""


def add_arguments(parser: CommandParser) -> None:
    """Say what the command takes."""
    add_connection_arguments(parser)
    parser.add_argument("uri", metavar="URI", help="the resource's URI, as `dragoman list` shows it")
    parser.add_argument("--save", metavar="FILE", help="write it to a file, byte for byte")


def run(options: argparse.Namespace) -> int:
    """Read, and return the exit status."""
    check_text(options.uri)
    return asyncio.run(_read(options))


async def _read(options: argparse.Namespace) -> int:
    async with connected(options) as client:
        try:
            contents = await client.read_resource(options.uri)
        except ServerFault as fault:
            output.complain(f"dragoman: {fault.message}: {options.uri}.{await _hint(client, options.uri)}")
            return exits.FAILED
    if options.output == "json":
        output.show_json({"contents": [_shape(part) for part in contents]})
    elif options.save:
        output.save([part.data for part in contents] or [b""], options.save)
    else:
        for part in contents:
            if part.text is not None:
                output.show(part.text)
            else:
                output.show_bytes(part.data, part.mime_type or "binary")
    return exits.OK


async def _hint(client: Client, uri: str) -> str:
    """The resource that was probably meant, where the server can still be asked."""
    try:
        resources, templates = await client.list_resources(), await client.list_resource_templates()
    except ServerFault:
        return ""
    names = chain((one.uri for one in resources), (one.uri_template for one in templates))
    near = nearest(uri, names)
    return f" Did you mean {near}?" if near else ""


def _shape(part: ResourceReply) -> dict[str, str]:
    """One piece in the protocol's shape."""
    shape = {"uri": part.uri}
    if part.mime_type is not None:
        shape["mimeType"] = part.mime_type
    if part.text is not None:
        shape["text"] = part.text
    else:
        shape["blob"] = base64.b64encode(part.data).decode("ascii")
    return shape
