"""The benchmark's server on Dragoman, started as users start theirs: `Server.run`."""

import sys
from pathlib import Path

from dragoman import Context, Server

sys.path.append(str(Path(__file__).resolve().parents[1]))

from python_parts import BIG, FLAG, SET, Backends, numbered

server = Server("bench", "1")


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

    @server.tool
    async def count(context: Context) -> str:
        """Count to ten, and say so at every step."""
        for step in range(1, 11):
            await context.progress(step, 10)
        return "done"

    @server.tool
    async def big() -> str:
        """Return a million letters."""
        return BIG

    @server.tool
    async def measure(text: str) -> int:
        """Tell how long a text is."""
        return len(text)

    @server.tool
    async def io(key: str) -> str:
        """Read Redis and a web page."""
        return await backends.read(key)

    @server.tool
    async def change() -> str:
        """Tell everybody who listens that the flag changed."""
        server.notify_resource_updated(FLAG)
        return "changed"

    @server.resource(FLAG)
    def flag() -> str:
        """The flag."""
        return "blue"


for name, function in numbered():
    server.add_tool(function, name=name)


if __name__ == "__main__":
    if sys.argv[1] == "stdio":
        server.run()
    else:
        server.run("http", port=int(sys.argv[2]))
