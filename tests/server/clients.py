"""A client of few words for the tests of the server: JSON in, JSON out, over the in-memory wire.

It answers the server's questions from a script, on every revision, and hears everything that comes before an answer.
"""

import asyncio
import itertools
import json
from collections.abc import Callable
from typing import Any

from dragoman import ANONYMOUS, Principal, Server
from dragoman.protocol.revisions import LATEST_MODERN, REVISIONS
from dragoman.transports.memory import MemoryConnection

VERSION = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
LOG_LEVEL = "io.modelcontextprotocol/logLevel"
SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"
ALL_CAPABILITIES: dict[str, Any] = {"elicitation": {"form": {}, "url": {}}, "sampling": {"tools": {}}, "roots": {}}
MODERN = LATEST_MODERN.name
EVERY_REVISION = list(REVISIONS)
ERAS = ["2025-11-25", "2026-07-28"]

Script = Callable[[str, dict[str, Any]], Any]
"""Method and parameters of a question -> the result, or an exception to refuse with, or None to stay silent."""


class Talker:
    """One client.

    Args:
        server: what it talks to.
        revision: the protocol version it speaks.
        capabilities: what it declares.
        principal: who it is.
        script: how it answers questions.
    """

    def __init__(
        self,
        server: Server,
        revision: str = MODERN,
        *,
        capabilities: dict[str, Any] | None = None,
        principal: Principal = ANONYMOUS,
        script: Script | None = None,
    ) -> None:
        self.connection = MemoryConnection(server)
        self.connection.principal = principal
        self.connection.on_notification = self._hear
        self.revision = REVISIONS[revision]
        self.capabilities = ALL_CAPABILITIES if capabilities is None else capabilities
        self.heard: list[dict[str, Any]] = []
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.meta: dict[str, Any] = {}
        self._script = script
        self._ids = itertools.count(1)
        self._open = False

    async def send(self, method: str, params: dict[str, Any] | None = None, request_id: Any = None) -> Any:
        """Send one request; gives the whole message that answers it, None where none does."""
        if not self.revision.modern and not self._open:
            self._open = True
            hello = {"protocolVersion": self.revision.name, "capabilities": self.capabilities}
            await self.send("initialize", {**hello, "clientInfo": {"name": "talker", "version": "1"}})
            await self.notify("notifications/initialized")
        meta = dict(self.meta)
        if self.revision.modern:
            meta = {VERSION: MODERN, CAPABILITIES: self.capabilities, **meta}
        own = {**(params or {}), **({"_meta": meta} if meta else {})}
        request_id = next(self._ids) if request_id is None else request_id
        line = json.dumps({"jsonrpc": "2.0", "id": request_id, "method": method, "params": own})
        reply = await self.connection.send(line.encode())
        return None if reply is None else json.loads(reply)

    async def notify(self, method: str, params: dict[str, Any] | None = None) -> None:
        """Send one notification."""
        line = json.dumps({"jsonrpc": "2.0", "method": method, "params": params or {}})
        assert await self.connection.send(line.encode()) is None

    async def result(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """The result of a request that succeeds."""
        message = await self.send(method, params)
        assert "result" in message, message
        result: dict[str, Any] = message["result"]
        return result

    async def error(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """The error of a request that fails."""
        message = await self.send(method, params)
        assert "error" in message, message
        error: dict[str, Any] = message["error"]
        return error

    async def call(self, name: str, arguments: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        """The result of a tool, which may be a question."""
        return await self.result("tools/call", {"name": name, "arguments": arguments or {}, **more})

    async def text(self, name: str, arguments: dict[str, Any] | None = None) -> str:
        """The text of a tool's result, once all its questions are answered."""
        result = await self.finish("tools/call", {"name": name, "arguments": arguments or {}})
        assert not result.get("isError"), result
        return str(result["content"][0]["text"])

    async def refusal(self, name: str, arguments: dict[str, Any] | None = None) -> str:
        """The text of a tool's result that is marked as an error."""
        result = await self.finish("tools/call", {"name": name, "arguments": arguments or {}})
        assert result["isError"], result
        return str(result["content"][0]["text"])

    async def finish(self, method: str, params: dict[str, Any], rounds: int = 10) -> dict[str, Any]:
        """The result of a request, its questions answered from the script in as many rounds as it takes."""
        result = await self.result(method, params)
        for _ in range(rounds):
            if result.get("resultType") != "input_required":
                return result
            result = await self.result(method, {**params, **self.retry(result)})
        raise AssertionError(f"still asked after {rounds} rounds: {result}")

    def retry(self, result: dict[str, Any]) -> dict[str, Any]:
        """What a retry brings besides the request itself: the state, and what the script answers."""
        answers = {}
        for key, question in result["inputRequests"].items():
            answer = self._answer(question["method"], question["params"])
            if answer is not None:
                answers[key] = answer
        return {"inputResponses": answers, "requestState": result["requestState"]}

    def told(self, method: str) -> list[dict[str, Any]]:
        """The parameters of the notifications of this method, so far."""
        return [message["params"] for message in self.heard if message["method"] == method]

    def _answer(self, method: str, params: dict[str, Any]) -> Any:
        self.asked.append((method, params))
        assert self._script is not None, f"asked for {method} without a script"
        return self._script(method, params)

    async def _hear(self, line: bytes) -> None:
        message = json.loads(line)
        if "id" not in message:
            self.heard.append(message)
            return
        answer = self._answer(message["method"], message["params"])
        reply: dict[str, Any] = {"jsonrpc": "2.0", "id": message["id"]}
        if isinstance(answer, Exception):
            reply["error"] = {"code": -1, "message": str(answer)}
        else:
            reply["result"] = answer
        if answer is not None:
            await self.connection.send(json.dumps(reply).encode())


async def settle(turns: int = 10) -> None:
    """Let everything that is ready run, a few turns of the event loop; no time has to pass."""
    for _ in range(turns):
        await asyncio.sleep(0)


def accept(**content: Any) -> dict[str, Any]:
    """The answer to a form that was filled in."""
    return {"action": "accept", "content": content}
