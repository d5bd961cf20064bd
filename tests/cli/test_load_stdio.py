"""Lines over stdio against programs that answer as the test wants."""

import asyncio
import sys

import pytest

from dragoman import ConnectionFault
from dragoman.cli.load import Load, Outcome
from dragoman.cli.load_stdio import Pipe, StdioLine, encode

ECHO = """
import json, sys
print("hello", flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    if asked["id"] == {refused!r}:
        answer = {{"error": {{"code": 7}}}}
    else:
        answer = {{"result": {{"content": []}}}}
    if {silent!r} != asked["id"]:
        print(json.dumps({{"method": "notifications/message", "params": {{}}}}))
        print(json.dumps({{"jsonrpc": "2.0", "id": asked["id"], **answer}}), flush=True)
"""


def program(refused: object = None, silent: object = None) -> list[str]:
    return [sys.executable, "-c", ECHO.format(refused=refused, silent=silent)]


async def measure(command: list[str], *, most: int = 30, patience: float = 5.0) -> Outcome:
    load = Load(warm_up=0, seconds=1 if patience < 1 else 30, most=most, rate=None, patience=patience)
    pipe = Pipe()
    await pipe.start(command)
    try:
        for number in range(3):
            pipe.waiting[number] = StdioLine(load, pipe, encode("tools/call", {}, number))
        async with asyncio.timeout(30):
            return await load.run(list(pipe.waiting.values()))
    finally:
        await pipe.close()


async def test_answers_are_told_apart_by_their_ids() -> None:
    outcome = await measure(program(refused=1))
    assert outcome.calls == 30
    assert outcome.failures.keys() == {"JSON-RPC error 7"}
    assert len(outcome.latencies) >= 10


async def test_an_answer_that_does_not_come() -> None:
    outcome = await measure(program(silent=2), most=10**6, patience=0.3)
    assert outcome.failures.keys() == {"no answer in time"}
    assert outcome.latencies


async def test_a_program_that_ends() -> None:
    outcome = await measure([sys.executable, "-c", "input()"], most=6)
    assert outcome.failures == {"process ended": 6}


async def test_a_handshake() -> None:
    pipe = Pipe()
    await pipe.start(program(silent="ping"))
    await pipe.ask("initialize", {}, 5)
    with pytest.raises(ConnectionFault, match=r"did not answer 'ping' within 0\.2 seconds"):
        await pipe.ask("ping", {}, 0.2)
    await pipe.close()


async def test_a_program_that_ends_before_it_answers() -> None:
    pipe = Pipe()
    await pipe.start([sys.executable, "-c", "input()"])
    with pytest.raises(ConnectionFault, match="ended before it answered"):
        await pipe.ask("initialize", {}, 5)
    await pipe.close()


async def test_a_program_that_is_not_there() -> None:
    pipe = Pipe()
    with pytest.raises(ConnectionFault, match="Cannot start 'no-such-program'"):
        await pipe.start(["no-such-program"])
    await pipe.close()


def test_lines() -> None:
    assert encode("a", {"b": 1}, 2) == b'{"jsonrpc":"2.0","method":"a","params":{"b":1},"id":2}\n'
    assert encode("a", {}) == b'{"jsonrpc":"2.0","method":"a","params":{}}\n'
