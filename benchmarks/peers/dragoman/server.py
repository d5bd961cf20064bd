"""The benchmark's server on Dragoman, started as users start theirs: `Server.run`."""

import os
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


def serve_guarded(port: int, folder: Path) -> None:
    """Serve behind API keys, with a role, a rate limit that is never reached and an audit log.

    Args:
        port: where.
        folder: where the keys are and the log comes to be.
    """
    import asyncio

    from dragoman.auth.gate import Gate, Views
    from dragoman.auth.keys import ApiKeys
    from dragoman.auth.policy import Role
    from dragoman.auth.quota import Quota
    from dragoman.ops.audit.settings import AuditSettings
    from dragoman.ops.oversight import overseen
    from dragoman.ops.settings import Settings
    from dragoman.store.keys import SqliteKeys
    from dragoman.transports.uvicorn import listen, serve_http

    roles = {"caller": Role(tools=("ad*",), deny=("admin*",), limits=Quota(calls_per_second=10**6))}
    settings = Settings(roles=roles, limits=Quota(calls_per_minute=10**8, rows_per_day=10**12))
    endpoint = server.asgi(gate=Gate(Views(server, roles), [ApiKeys(SqliteKeys(folder / "keys.sqlite3"))]))
    with overseen(server, settings, AuditSettings(folder=str(folder / "audit"))):
        asyncio.run(serve_http(endpoint, listen("127.0.0.1", port)))


if __name__ == "__main__":
    if sys.argv[1] == "stdio":
        server.run()
    elif "BENCH_GUARDED" in os.environ:
        serve_guarded(int(sys.argv[2]), Path(os.environ["BENCH_GUARDED"]))
    else:
        server.run("http", port=int(sys.argv[2]))
