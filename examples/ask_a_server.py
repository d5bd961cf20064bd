"""A client script: lists what a server offers and asks it something.

    python examples/ask_a_server.py http://127.0.0.1:8000/mcp
    python examples/ask_a_server.py dragoman serve examples/tools.py --stdio

One word is the URL of a server; several are a command that serves on stdio.
"""

import asyncio
import sys

from dragoman import Client, ClientError


async def ask(target: str | list[str]) -> None:
    """Print what there is, then the result of the first tool that needs no arguments."""
    async with Client(target, timeout=10) as client:
        name = client.server_info.name if client.server_info else "a server"
        print(f"{name}, protocol version {client.revision}")
        tools = await client.list_tools()
        for tool in tools:
            print(f"  {tool.name}: {tool.description}")
        for resource in await client.list_resources():
            print(f"  {resource.uri}")
        ready = [tool.name for tool in tools if not tool.input_schema.get("required")]
        if ready:
            reply = await client.call_tool(ready[0])
            print(f"{ready[0]}() gives {reply.text}")


if __name__ == "__main__":
    words = sys.argv[1:]
    try:
        asyncio.run(ask(words[0] if len(words) == 1 else words))
    except ClientError as error:
        sys.exit(f"No answer: {error}")
