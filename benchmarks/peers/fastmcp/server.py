"""The benchmark's server on FastMCP 4: `run`, with JSON replies and uvicorn's fastest parts."""

import sys
from pathlib import Path

from fastmcp import Context, FastMCP

sys.path.append(str(Path(__file__).resolve().parents[1]))

from python_parts import BIG, SET, STREAM, UVICORN, Backends, numbered

server = FastMCP("bench", version="1")


@server.tool
async def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


if SET == "all":
    backends = Backends()

    @server.tool
    def add_sync(a: int, b: int) -> int:
        """Add two numbers in a thread."""
        return a + b

    @server.tool(output_schema=None)
    async def count(context: Context) -> str:
        """Count to ten, and say so at every step."""
        for step in range(1, 11):
            await context.report_progress(step, 10)
        return "done"

    @server.tool(output_schema=None)
    async def big() -> str:
        """Return a million letters."""
        return BIG

    @server.tool
    async def measure(text: str) -> int:
        """Tell how long a text is."""
        return len(text)

    @server.tool(output_schema=None)
    async def io(key: str) -> str:
        """Read Redis and a web page."""
        return await backends.read(key)


for name, function in numbered():
    server.tool(function, name=name)


if __name__ == "__main__":
    if sys.argv[1] == "stdio":
        server.run(show_banner=False, log_level="warning")
    else:
        server.run(
            "http",
            port=int(sys.argv[2]),
            json_response=not STREAM,
            show_banner=False,
            log_level="warning",
            uvicorn_config=UVICORN,
        )
