"""When requests are sent, on lines whose answers the test decides."""

import asyncio
import time
from collections.abc import Callable
from itertools import pairwise

import pytest

from dragoman.cli.load import Load, Outcome, kind_of


class ScriptedLine:
    """Answers after a time, or fails."""

    def __init__(self, load: Load, seconds: Callable[[], float], failure: str = "") -> None:
        self.sent: list[float] = []
        self.looks = 0
        self._load, self._seconds, self._failure = load, seconds, failure

    def send(self, began: float) -> None:
        self.sent.append(time.monotonic())
        asyncio.get_running_loop().call_later(self._seconds(), self._answer, began)

    def _answer(self, began: float) -> None:
        if self._failure:
            self._load.fail(self, began, self._failure, "because")
        else:
            self._load.succeed(self, began)

    def look(self, now: float) -> None:
        self.looks += 1


def load_of(*, warm_up: float = 0.0, seconds: float = 0.5, most: int | None = None, rate: float | None = None) -> Load:
    return Load(warm_up=warm_up, seconds=seconds, most=most, rate=rate, patience=5)


async def run(
    load: Load, count: int, seconds: Callable[[], float], failure: str = ""
) -> tuple[Outcome, list[ScriptedLine]]:
    lines = [ScriptedLine(load, seconds, failure) for _ in range(count)]
    async with asyncio.timeout(20):
        return await load.run(list(lines)), lines


async def test_a_closed_loop_waits_for_each_answer() -> None:
    outcome, lines = await run(load_of(), 3, lambda: 0.02)
    assert outcome.calls == len(outcome.latencies) == sum(len(line.sent) for line in lines)
    assert min(after - before for line in lines for before, after in pairwise(line.sent)) >= 0.019
    assert min(outcome.latencies) >= 0.019
    assert all(line.looks for line in lines)


async def test_so_many_requests_and_no_more() -> None:
    outcome, lines = await run(load_of(seconds=60, most=25), 4, lambda: 0.001)
    assert outcome.calls == sum(len(line.sent) for line in lines) == 25
    assert outcome.seconds < 5


async def test_what_warms_up_does_not_count() -> None:
    outcome, lines = await run(load_of(warm_up=0.2, seconds=60, most=10), 2, lambda: 0.01)
    assert len(outcome.latencies) == 10
    assert sum(len(line.sent) for line in lines) > 20


async def test_at_a_rate_requests_are_due_at_fixed_times() -> None:
    outcome, _lines = await run(load_of(seconds=0.5, rate=100), 5, lambda: 0.001)
    assert 40 <= outcome.calls <= 51
    assert outcome.unsent == 0


async def test_a_stall_is_in_the_latencies_of_all_that_were_due() -> None:
    """One line, 100 a second, and one answer that takes 0.3 seconds: about 30 calls wait for it (no omission)."""
    stalls = iter([0.3])
    outcome, _lines = await run(load_of(seconds=2, most=60, rate=100), 1, lambda: next(stalls, 0.001))
    assert outcome.calls == 60
    assert sum(latency > 0.1 for latency in outcome.latencies) >= 15


async def test_what_could_not_be_sent_is_said() -> None:
    outcome, _lines = await run(load_of(seconds=0.4, rate=200), 1, lambda: 0.1)
    assert outcome.unsent > 50


async def test_failures_are_counted_by_kind() -> None:
    outcome, _lines = await run(load_of(most=5), 2, lambda: 0.001, "broken")
    assert (dict(outcome.failures), outcome.examples) == ({"broken": 5}, {"broken": "because"})
    assert not outcome.latencies


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"jsonrpc":"2.0","id":1,"result":{"content":[],"isError":false}}', None),
        (b'{"jsonrpc":"2.0","id":1,"result":{"content":[],"resultType":"complete"}}', None),
        (b'{"jsonrpc":"2.0","id":1,"result":{"content":[],"isError":true}}', "the tool failed"),
        (b'{"jsonrpc":"2.0","id":1,"result":{"resultType":"input_required"}}', "the answer is 'input_required'"),
        (b'{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"x"}}', "JSON-RPC error -32603"),
        (b'{"jsonrpc":"2.0","id":1,"error":"x"}', "not an answer"),
        (b'{"jsonrpc":"2.0","id":1}', "not an answer"),
        (b"<html>", "not an answer"),
        (b"", "not an answer"),
    ],
)
def test_what_is_wrong_with_an_answer(body: bytes, kind: str | None) -> None:
    assert kind_of(body) == kind
