"""The official Python client, 2.x: `client.py PLAN http URL` or `client.py PLAN stdio COMMAND...`.

PLAN is JSON: {"calls": {label: [tool, arguments]}, "reads": {label: uri}, "mode": "auto"}. What the client saw is
printed as one JSON document. It runs in an environment of its own and imports nothing of this repository.
"""

import asyncio
import json
import sys

from mcp import Client, MCPError, StdioServerParameters


async def every_page(fetch, name):
    found, cursor = [], None
    while True:
        page = await fetch(cursor=cursor)
        found += getattr(page, name)
        cursor = page.next_cursor
        if cursor is None:
            return found


async def outcome(request):
    try:
        result = await request
    except MCPError as error:
        return {"error": {"code": error.error.code, "message": error.error.message}}
    return result.model_dump(mode="json", by_alias=True, exclude_none=True)


async def look(plan, wire, target):
    place = target[0] if wire == "http" else StdioServerParameters(command=target[0], args=target[1:])
    async with Client(place, mode=plan["mode"]) as client:
        prompts = client.server_capabilities.prompts is not None
        return {
            "revision": client.protocol_version,
            "server": client.server_info and client.server_info.model_dump(mode="json", exclude_none=True),
            "tools": [tool.name for tool in await every_page(client.list_tools, "tools")],
            "resources": [str(one.uri) for one in await every_page(client.list_resources, "resources")],
            "templates": [
                one.uri_template for one in await every_page(client.list_resource_templates, "resource_templates")
            ],
            "prompts": [one.name for one in await every_page(client.list_prompts, "prompts")] if prompts else [],
            "calls": {
                label: await outcome(client.call_tool(tool, arguments))
                for label, (tool, arguments) in plan["calls"].items()
            },
            "reads": {label: await outcome(client.read_resource(uri)) for label, uri in plan["reads"].items()},
        }


print(json.dumps(asyncio.run(look(json.loads(sys.argv[1]), sys.argv[2], sys.argv[3:]))))
