"""The benchmark's server on the official Python SDK 2: its ASGI application, with JSON replies, on uvicorn."""

import sys
from pathlib import Path

import uvicorn
from mcp.server import MCPServer
from mcp.server.mcpserver import Context

sys.path.append(str(Path(__file__).resolve().parents[1]))

from python_parts import BIG, FLAG, SET, STREAM, UVICORN, Backends, numbered

server = MCPServer("bench", version="1", log_level="WARNING")


@server.tool()
async def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


if SET == "all":
    backends = Backends()

    @server.tool()
    def add_sync(a: int, b: int) -> int:
        """Add two numbers in a thread."""
        return a + b

    @server.tool(structured_output=False)
    async def count(context: Context) -> str:
        """Count to ten, and say so at every step."""
        for step in range(1, 11):
            await context.report_progress(step, 10)
        return "done"

    @server.tool(structured_output=False)
    async def big() -> str:
        """Return a million letters."""
        return BIG

    @server.tool()
    async def measure(text: str) -> int:
        """Tell how long a text is."""
        return len(text)

    @server.tool(structured_output=False)
    async def io(key: str) -> str:
        """Read Redis and a web page."""
        return await backends.read(key)

    @server.tool(structured_output=False)
    async def change(context: Context) -> str:
        """Tell everybody who listens that the flag changed."""
        await context.notify_resource_updated(FLAG)
        return "changed"

    @server.resource(FLAG, name="flag", mime_type="text/plain")
    async def flag() -> str:
        """The flag."""
        return "blue"


for name, function in numbered():
    server.add_tool(function, name=name)


if __name__ == "__main__":
    if sys.argv[1] == "stdio":
        server.run("stdio")
    else:
        uvicorn.run(server.streamable_http_app(json_response=not STREAM), port=int(sys.argv[2]), **UVICORN)
