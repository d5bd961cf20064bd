"""A harbour on the official Python SDK, 1.x: `server.py stdio`, `server.py http PORT` or `server.py sse PORT`.

Every harbour has the same: tools that add, count, ask, wait and raise the flag, and one resource that flies it.
"""

import asyncio
import contextlib
import sys

import mcp.types as types
import uvicorn
from mcp.server.lowlevel import NotificationOptions, Server
from mcp.server.sse import SseServerTransport
from mcp.server.stdio import stdio_server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from pydantic import AnyUrl
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Mount, Route

FLAG = "harbour://flag"
NUMBERS = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "required": ["a", "b"]}
TO = {"type": "object", "properties": {"to": {"type": "integer"}}, "required": ["to"]}
NOTHING = {"type": "object", "properties": {}}
BERTH = {
    "type": "object",
    "properties": {"length": {"type": "integer", "minimum": 1}, "pilot": {"type": "boolean", "default": True}},
    "required": ["length"],
}

app = Server("harbour", version="1")
followers = set()
cancelled = asyncio.Event()


@app.list_tools()
async def list_tools():
    shapes = {"add": NUMBERS, "count": TO, "berth": NOTHING, "wait": NOTHING, "waited": NOTHING, "raise_flag": NOTHING}
    return [types.Tool(name=name, description=name, inputSchema=schema) for name, schema in shapes.items()]


@app.call_tool()
async def call_tool(name, arguments):
    return [types.TextContent(type="text", text=str(await TOOLS[name](**arguments)))]


async def add(a, b):
    return a + b


async def count(to):
    context = app.request_context
    for step in range(1, to + 1):
        await context.session.send_progress_notification(
            context.meta.progressToken, step, to, f"step {step}", related_request_id=str(context.request_id)
        )
    return to


async def berth():
    context = app.request_context
    answer = await context.session.elicit(
        message="How long is the ship?", requestedSchema=BERTH, related_request_id=context.request_id
    )
    if answer.action != "accept":
        return answer.action
    return f"{answer.content['length']} m, {'with' if answer.content['pilot'] else 'without'} pilot"


async def wait():
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        cancelled.set()
        raise


async def waited():
    await asyncio.wait_for(cancelled.wait(), 10)
    return "cancelled"


async def raise_flag():
    for session in followers:
        await session.send_resource_updated(AnyUrl(FLAG))
    await app.request_context.session.send_tool_list_changed()
    return "raised"


TOOLS = {tool.__name__: tool for tool in (add, count, berth, wait, waited, raise_flag)}


@app.list_resources()
async def list_resources():
    return [types.Resource(uri=AnyUrl(FLAG), name="flag", mimeType="text/plain")]


@app.read_resource()
async def read_resource(uri):
    return "blue and white"


@app.subscribe_resource()
async def subscribe(uri):
    followers.add(app.request_context.session)


@app.unsubscribe_resource()
async def unsubscribe(uri):
    followers.discard(app.request_context.session)


create = app.create_initialization_options


def options(*_arguments, **_named):
    """What it can do: the SDK says of itself that it has no subscriptions."""
    made = create(NotificationOptions(tools_changed=True))
    made.capabilities.resources.subscribe = True
    return made


app.create_initialization_options = options


async def over_stdio():
    async with stdio_server() as (read, write):
        await app.run(read, write, options())


def over_sse(port):
    transport = SseServerTransport("/messages/")

    async def stream(request):
        async with transport.connect_sse(request.scope, request.receive, request._send) as (read, write):
            await app.run(read, write, options())
        return Response()

    routes = [Route("/sse", stream, methods=["GET"]), Mount("/messages/", transport.handle_post_message)]
    uvicorn.run(Starlette(routes=routes), port=port, log_level="warning")


def over_http(port):
    manager = StreamableHTTPSessionManager(app)

    @contextlib.asynccontextmanager
    async def lifespan(_):
        async with manager.run():
            yield

    async def handle(scope, receive, send):
        await manager.handle_request(scope, receive, send)

    uvicorn.run(Starlette(routes=[Mount("/", handle)], lifespan=lifespan), port=port, log_level="warning")


if sys.argv[1] == "stdio":
    asyncio.run(over_stdio())
else:
    {"http": over_http, "sse": over_sse}[sys.argv[1]](int(sys.argv[2]))
