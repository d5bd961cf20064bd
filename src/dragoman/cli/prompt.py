"""`dragoman prompt`: a prompt's messages, filled in."""

import argparse
import asyncio

import msgspec

from dragoman.cli import exits, output
from dragoman.cli.arguments import read_arguments
from dragoman.cli.connection import TARGETS, add_connection_arguments, connected
from dragoman.cli.parser import CommandParser
from dragoman.client.client import Client
from dragoman.errors import UsageError
from dragoman.protocol.content import TextContent
from dragoman.protocol.messages import PromptInfo
from dragoman.server.suggest import nearest

DESCRIPTION = f"""\
Fetch a prompt and print its messages.

{TARGETS}

Arguments are text: key=value, or key=@file for the text of a file."""

EPILOG = f"""\
examples:
  dragoman prompt http://127.0.0.1:8000/mcp review language=Python
  dragoman prompt server.py summary text=@report.md

--output json prints one object: description (null without one) and messages, each with role and content.

{exits.EXPLAINED}"""


def add_arguments(parser: CommandParser) -> None:
    """Say what the command takes."""
    add_connection_arguments(parser)
    parser.add_argument("name", metavar="NAME", help="the prompt's name")
    parser.add_argument("arguments", nargs="*", default=[], metavar="KEY=VALUE", help="the prompt's arguments")


def run(options: argparse.Namespace) -> int:
    """Fetch, and return the exit status."""
    return asyncio.run(_fetch(options))


async def _fetch(options: argparse.Namespace) -> int:
    async with connected(options) as client:
        prompt = await _find(client, options.name)
        arguments = read_arguments(prompt.name, _schema(prompt), options.arguments, noun="Prompt")
        found = await client.get_prompt(prompt.name, {key: _text(value) for key, value in arguments.items()})
    if options.output == "json":
        messages = msgspec.to_builtins(found.messages)
        output.show_json({"description": found.description or None, "messages": messages})
        return exits.OK
    for message in found.messages:
        content = message.content
        shown = content.text if isinstance(content, TextContent) else f"[{type(content).__name__}]"
        output.show(f"{message.role}:\n{shown}")
    return exits.OK


async def _find(client: Client, name: str) -> PromptInfo:
    has_prompts = "prompts" in client.capabilities
    prompts = {prompt.name: prompt for prompt in (await client.list_prompts() if has_prompts else ())}
    if name not in prompts:
        near = nearest(name, prompts)
        hint = f"Did you mean '{near}'?" if near else f"It has: {', '.join(prompts) or 'none'}."
        raise UsageError(f"The server has no prompt '{name}'. {hint}")
    return prompts[name]


def _schema(prompt: PromptInfo) -> dict[str, object]:
    """The prompt's arguments as an input schema: text, all of them."""
    arguments = prompt.arguments or []
    return {
        "properties": {one.name: {"type": "string"} for one in arguments},
        "required": [one.name for one in arguments if one.required is True],
        "additionalProperties": False,
    }


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise UsageError("A prompt's arguments are text; write key=value, not key:=json.")
    return value
