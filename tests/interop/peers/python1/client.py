"""The official Python client, 1.x: `client.py PLAN http URL` or `client.py PLAN stdio COMMAND...`.

PLAN is JSON: {"calls": {label: [tool, arguments]}, "reads": {label: uri}}. What the client saw is printed as one
JSON document. It runs in an environment of its own and imports nothing of this repository.
"""

import asyncio
import json
import sys
from contextlib import asynccontextmanager

from mcp import ClientSession, McpError, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from pydantic import AnyUrl


@asynccontextmanager
async def open_streams(wire, target):
    if wire == "http":
        async with streamable_http_client(target[0]) as (read, write, _session_id):
            yield read, write
    else:
        async with stdio_client(StdioServerParameters(command=target[0], args=target[1:])) as (read, write):
            yield read, write


async def every_page(fetch, name):
    found, cursor = [], None
    while True:
        page = await fetch(cursor)
        found += getattr(page, name)
        cursor = page.nextCursor
        if cursor is None:
            return found


async def outcome(request):
    try:
        result = await request
    except McpError as error:
        return {"error": {"code": error.error.code, "message": error.error.message}}
    return result.model_dump(mode="json", by_alias=True, exclude_none=True)


async def look(plan, wire, target):
    async with open_streams(wire, target) as (read, write), ClientSession(read, write) as session:
        hello = await session.initialize()
        prompts = hello.capabilities.prompts is not None
        return {
            "revision": hello.protocolVersion,
            "server": hello.serverInfo.model_dump(mode="json", exclude_none=True),
            "tools": [tool.name for tool in await every_page(session.list_tools, "tools")],
            "resources": [str(one.uri) for one in await every_page(session.list_resources, "resources")],
            "templates": [
                one.uriTemplate for one in await every_page(session.list_resource_templates, "resourceTemplates")
            ],
            "prompts": [one.name for one in await every_page(session.list_prompts, "prompts")] if prompts else [],
            "calls": {
                label: await outcome(session.call_tool(tool, arguments))
                for label, (tool, arguments) in plan["calls"].items()
            },
            "reads": {
                label: await outcome(session.read_resource(AnyUrl(uri))) for label, uri in plan["reads"].items()
            },
        }


print(json.dumps(asyncio.run(look(json.loads(sys.argv[1]), sys.argv[2], sys.argv[3:]))))
