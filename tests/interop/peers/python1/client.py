"""The official Python client, 1.x: `client.py PLAN http URL` or `client.py PLAN stdio COMMAND...`.

PLAN is JSON: {"calls": {label: [tool, arguments]}, "watched": the same, with progress and log messages asked for,
"reads": {label: uri}, "prompts": {label: [prompt, arguments]}, "answer": what the user fills into a form}.
What the client saw is printed as one JSON document. It runs in an environment of its own.
"""

import asyncio
import json
import sys
from contextlib import asynccontextmanager

from mcp import ClientSession, McpError, StdioServerParameters, types
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


class User:
    """Who sits at the client: fills in forms and keeps what was said."""

    def __init__(self, answer):
        self.answer, self.asked, self.logs = answer, [], []

    async def fill_in(self, _context, params):
        self.asked.append(params.message)
        return types.ElicitResult(action="accept", content=self.answer)

    async def note(self, params):
        self.logs.append([params.level, params.data])


async def watch(session, user, tool, arguments):
    steps = []

    async def step(progress, total, message):
        steps.append([progress, total, message])

    user.logs.clear()
    result = await outcome(session.call_tool(tool, arguments, progress_callback=step))
    return {"result": result, "progress": steps, "logs": user.logs[:]}


async def look(plan, wire, target):
    user = User(plan.get("answer"))
    callbacks = {"logging_callback": user.note}
    if user.answer is not None:
        callbacks["elicitation_callback"] = user.fill_in
    async with open_streams(wire, target) as (read, write), ClientSession(read, write, **callbacks) as session:
        hello = await session.initialize()
        if plan["watched"]:
            await session.set_logging_level("debug")
        prompts = hello.capabilities.prompts is not None
        return {
            "revision": hello.protocolVersion,
            "server": hello.serverInfo.model_dump(mode="json", exclude_none=True),
            "instructions": hello.instructions,
            "tools": [tool.name for tool in await every_page(session.list_tools, "tools")],
            "resources": [str(one.uri) for one in await every_page(session.list_resources, "resources")],
            "templates": [
                one.uriTemplate for one in await every_page(session.list_resource_templates, "resourceTemplates")
            ],
            "prompts": [one.name for one in await every_page(session.list_prompts, "prompts")] if prompts else [],
            "calls": {label: await outcome(session.call_tool(*call)) for label, call in plan["calls"].items()},
            "watched": {label: await watch(session, user, *call) for label, call in plan["watched"].items()},
            "reads": {label: await outcome(session.read_resource(AnyUrl(uri))) for label, uri in plan["reads"].items()},
            "got": {label: await outcome(session.get_prompt(*prompt)) for label, prompt in plan["prompts"].items()},
            "asked": user.asked,
        }


print(json.dumps(asyncio.run(look(json.loads(sys.argv[1]), sys.argv[2], sys.argv[3:]))))
