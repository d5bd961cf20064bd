"""The official Python client, 2.x: `client.py PLAN http URL` or `client.py PLAN stdio COMMAND...`.

PLAN is JSON: {"calls": {label: [tool, arguments]}, "watched": the same, with progress and log messages asked for,
"reads": {label: uri}, "prompts": {label: [prompt, arguments]}, "answer": what the user fills into a form, "mode": "auto"}.
What the client saw is printed as one JSON document. It runs in an environment of its own.
"""

import asyncio
import json
import sys

from mcp import Client, MCPError, StdioServerParameters
from mcp_types import ElicitResult


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


class User:
    """Who sits at the client: fills in forms and keeps what was said."""

    def __init__(self, answer):
        self.answer, self.asked, self.logs = answer, [], []

    async def fill_in(self, _context, params):
        self.asked.append(params.message)
        return ElicitResult(action="accept", content=self.answer)

    async def note(self, params):
        self.logs.append([params.level, params.data])


async def watch(client, user, tool, arguments):
    steps = []

    async def step(progress, total, message):
        steps.append([progress, total, message])

    user.logs.clear()
    result = await outcome(client.call_tool(tool, arguments, progress_callback=step))
    return {"result": result, "progress": steps, "logs": user.logs[:]}


async def look(plan, wire, target):
    place = target[0] if wire == "http" else StdioServerParameters(command=target[0], args=target[1:])
    user = User(plan.get("answer"))
    options = {"mode": plan["mode"], "logging_callback": user.note}
    if plan["watched"]:
        options["log_level"] = "debug"
    if user.answer is not None:
        options["elicitation_callback"] = user.fill_in
    async with Client(place, **options) as client:
        if plan["watched"] and plan["mode"] == "legacy":
            await client.set_logging_level("debug")
        prompts = client.server_capabilities.prompts is not None
        return {
            "revision": client.protocol_version,
            "server": client.server_info and client.server_info.model_dump(mode="json", exclude_none=True),
            "instructions": client.instructions,
            "tools": [tool.name for tool in await every_page(client.list_tools, "tools")],
            "resources": [str(one.uri) for one in await every_page(client.list_resources, "resources")],
            "templates": [
                one.uri_template for one in await every_page(client.list_resource_templates, "resource_templates")
            ],
            "prompts": [one.name for one in await every_page(client.list_prompts, "prompts")] if prompts else [],
            "calls": {label: await outcome(client.call_tool(*call)) for label, call in plan["calls"].items()},
            "watched": {label: await watch(client, user, *call) for label, call in plan["watched"].items()},
            "reads": {label: await outcome(client.read_resource(uri)) for label, uri in plan["reads"].items()},
            "got": {label: await outcome(client.get_prompt(*prompt)) for label, prompt in plan["prompts"].items()},
            "asked": user.asked,
        }


print(json.dumps(asyncio.run(look(json.loads(sys.argv[1]), sys.argv[2], sys.argv[3:]))))
