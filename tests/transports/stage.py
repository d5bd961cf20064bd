"""A server whose tools go on when the test says so."""

import asyncio

from dragoman import Context, Limits, Server
from dragoman.auth.principal import Principal
from dragoman.store.sqlite import SqliteEvents
from dragoman.transports.http import Endpoint
from dragoman.transports.sessions import Session
from tests.transports.reading import Visitor


class Stage:
    """A server whose tools go on when the test says so."""

    def __init__(self, limits: Limits | None = None, events: SqliteEvents | None = None) -> None:
        self.server = Server("stage", "1", limits=limits or Limits())
        self.gates: dict[str, asyncio.Event] = {}
        self.ended: list[str] = []
        self.server.tool(self.steps)
        self.server.tool(self.away)
        self.server.tool(self.ask)
        self.server.tool(self.add)
        self.server.add_resource("a://b", lambda: "", name="b")
        self.app = Endpoint(self.server, events=events)

    def gate(self, name: str) -> asyncio.Event:
        return self.gates.setdefault(name, asyncio.Event())

    async def steps(self, context: Context, name: str, count: int = 3, size: int = 0) -> str:
        """Say the first step, wait at the gate, say the rest."""
        try:
            await context.progress(1, message="x" * size)
            await self.gate(name).wait()
            for number in range(2, count + 1):
                await context.progress(number, message="x" * size)
        finally:
            self.ended.append(name)
        return f"{name} done"

    async def away(self, context: Context, name: str, times: int = 1) -> str:
        """Let the connection go, several times; each time a gate."""
        for number in range(times):
            await context.release_connection()
            await self.gate(f"{name}{number}").wait()
            await context.progress(number + 1)
        return f"{name} back"

    async def ask(self, context: Context) -> str:
        await context.release_connection()
        return "yes" if await context.confirm("Sure?") else "no"

    async def add(self, a: int, b: int) -> int:
        return a + b

    def session_of(self, visitor: Visitor) -> Session:
        session = self.app.sessions.find(visitor.session, Principal())
        assert session is not None
        return session
