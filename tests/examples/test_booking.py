"""`examples/booking.py`: the same tool asks on every revision, and reserves once however often it runs."""

import json
from typing import Any

import pytest

from dragoman.protocol.revisions import LEGACY, MODERN
from dragoman.transports.memory import MemoryConnection
from examples import booking

WISH = {"action": "accept", "content": {"nights": 2, "room": "double"}}
YES = {"action": "accept", "content": {"confirm": True}}
NO = {"action": "accept", "content": {"confirm": False}}
CALL = {"name": "book", "arguments": {"hotel": "Adria"}}


class Person:
    """A client of one revision with a person who gives these answers, in this order."""

    def __init__(self, revision: str, answers: list[dict[str, Any]]) -> None:
        self.revision = revision
        self.answers = answers
        self.asked: list[str] = []
        self._connection = MemoryConnection(booking.server)
        self._connection.on_notification = self._asked_on_the_wire

    async def book(self) -> str:
        """Call the tool and answer until it is done."""
        result = await (self._with_retries() if self.revision in MODERN else self._with_requests())
        text: str = result["content"][0]["text"]
        return text

    async def _send(self, method: str, params: dict[str, Any]) -> Any:
        message = {"jsonrpc": "2.0", "id": len(self.asked) + 1, "method": method, "params": params}
        reply = await self._connection.send(json.dumps(message).encode())
        assert reply is not None
        return json.loads(reply)["result"]

    async def _with_requests(self) -> Any:
        """Up to 2025-11-25: questions are requests of the server."""
        hello = {
            "protocolVersion": self.revision,
            "capabilities": {"elicitation": {}},
            "clientInfo": {"name": "x", "version": "1"},
        }
        await self._send("initialize", hello)
        return await self._send("tools/call", CALL)

    async def _asked_on_the_wire(self, line: bytes) -> None:
        message = json.loads(line)
        answer = {"jsonrpc": "2.0", "id": message["id"], "result": self._answer(message)}
        await self._connection.send(json.dumps(answer).encode())

    async def _with_retries(self) -> Any:
        """From 2026-07-28 on: the result asks, and the call is repeated with the answers."""
        meta = {
            "io.modelcontextprotocol/protocolVersion": self.revision,
            "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}},
        }
        params: dict[str, Any] = {**CALL, "_meta": meta}
        result = await self._send("tools/call", params)
        while result["resultType"] == "input_required":
            answers = {key: self._answer(request) for key, request in result["inputRequests"].items()}
            retry = {**params, "inputResponses": answers, "requestState": result["requestState"]}
            result = await self._send("tools/call", retry)
        return result

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(request["params"]["message"])
        return self.answers[len(self.asked) - 1]


@pytest.fixture(autouse=True)
def _nothing_reserved() -> None:
    booking.reserved.clear()


@pytest.mark.parametrize("revision", [*LEGACY, *MODERN])
async def test_two_questions_and_one_reservation(revision: str) -> None:
    person = Person(revision, [WISH, YES])
    assert await person.book() == "Booked 2 nights in a double room at Adria: R-1"
    assert person.asked == ["Which room at Adria?", "Book 2 nights in a double room as R-1?"]
    assert booking.reserved == ["Adria"]


@pytest.mark.parametrize("revision", ["2025-11-25", "2026-07-28"])
async def test_a_no_is_a_no(revision: str) -> None:
    assert await Person(revision, [WISH, NO]).book() == "Nothing was booked; the reservation R-1 lapses."


@pytest.mark.parametrize("revision", ["2025-11-25", "2026-07-28"])
async def test_whoever_declines_is_asked_no_more(revision: str) -> None:
    person = Person(revision, [{"action": "decline"}])
    assert await person.book() == "Nothing was booked: the user did not say which room."
    assert len(person.asked) == 1
    assert booking.reserved == []
