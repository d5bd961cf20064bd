"""Load: the same request again and again on several lines, closed loop or at a rate, and what became of each.

A line (see `load_http`, `load_stdio`) carries one request at a time and tells the load when it is answered. At a rate a
request's time counts from when it was due, not from when a line was free for it: a server that stalls cannot hide it
(coordinated omission).
"""

import asyncio
import time
from array import array
from collections import Counter, deque
from typing import Any, Final, Protocol

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

_LONGEST_EXAMPLE: Final = 300
_LOOK_SECONDS: Final = 0.25


class Line(Protocol):
    """What carries one request at a time."""

    def send(self, began: float) -> None:
        """Send the request; `began` is when its time began."""

    def look(self, now: float) -> None:
        """Give up a request that takes too long."""


class _Answer(Struct):
    id: Any = None
    error: Raw | UnsetType = UNSET
    result: Raw | UnsetType = UNSET


class _Result(Struct):
    is_error: bool = msgspec.field(default=False, name="isError")
    result_type: str = msgspec.field(default="complete", name="resultType")


_answers: Final = msgspec.json.Decoder(_Answer)
_results: Final = msgspec.json.Decoder(_Result)


def kind_of(body: bytes) -> str | None:
    """What is wrong with an answer; None for nothing."""
    try:
        answer = _answers.decode(body)
        if answer.error is not UNSET:
            error = msgspec.json.decode(answer.error)
            return f"JSON-RPC error {error.get('code')}"
        if answer.result is UNSET:
            return "not an answer"
        result = _results.decode(answer.result)
    except (msgspec.MsgspecError, AttributeError):
        return "not an answer"
    if result.is_error:
        return "the tool failed"
    return None if result.result_type == "complete" else f"the answer is '{result.result_type}'"


class Outcome:
    """What became of the requests.

    `latencies` are those of calls that succeeded, seconds; `failures` counts the others by kind, `examples` shows one
    of each; `unsent` were due and never sent.
    """

    def __init__(self) -> None:
        self.latencies = array("d")
        self.failures: Counter[str] = Counter()
        self.examples: dict[str, str] = {}
        self.unsent = 0
        self.seconds = 0.0
        self.processor_seconds = 0.0  # of this process

    @property
    def calls(self) -> int:
        """How many were answered or failed."""
        return len(self.latencies) + self.failures.total()

    def fail(self, kind: str, example: str) -> None:
        """Count a failure."""
        self.failures[kind] += 1
        self.examples.setdefault(kind, example[:_LONGEST_EXAMPLE])


class Load:
    """One run.

    Args:
        warm_up: seconds whose requests are not counted.
        seconds: how long requests are sent after that.
        most: how many are sent then; None for as many as the time allows.
        rate: how many are due each second; None for a closed loop.
        patience: seconds an answer may take.
    """

    def __init__(
        self, *, warm_up: float, seconds: float, most: int | None, rate: float | None, patience: float
    ) -> None:
        self.outcome = Outcome()
        self.patience = patience
        self._warm_up, self._seconds, self._most, self._rate = warm_up, seconds, most, rate
        self._counted_from = self._until = 0.0
        self._sent = 0  # that count
        self._in_flight = 0
        self._idle: list[Line] = []
        self._due: deque[float] = deque()  # requests that no line was free for
        self._finished = asyncio.Event()

    async def run(self, lines: list[Line]) -> Outcome:
        """Send, and wait for the answers."""
        began = time.monotonic()
        self._counted_from, self._until = began + self._warm_up, began + self._warm_up + self._seconds
        self._idle = list(lines)
        looking = asyncio.create_task(self._look(lines))
        sending = asyncio.create_task(self._send_at_rate() if self._rate else self._send_at_once())
        finished = asyncio.create_task(self._finished.wait())
        try:
            await asyncio.sleep(self._warm_up)
            processor = time.process_time()
            await asyncio.wait((finished,), timeout=self._seconds)
            self.outcome.processor_seconds = time.process_time() - processor
            self.outcome.seconds = time.monotonic() - self._counted_from
            self._until = 0.0  # nothing more is sent
            self.outcome.unsent = len(self._due)
            self._due.clear()
            if self._in_flight:
                await asyncio.wait((finished,), timeout=self.patience + 2 * _LOOK_SECONDS)
        finally:
            for task in (looking, sending, finished):
                task.cancel()
            await asyncio.wait((looking, sending, finished))
        if sending.done() and not sending.cancelled():
            sending.result()
        return self.outcome

    def succeed(self, line: Line, began: float) -> None:
        """Take an answer as it should be."""
        now = time.monotonic()
        if began >= self._counted_from:
            self.outcome.latencies.append(now - began)
        self._next(line, now)

    def fail(self, line: Line, began: float, kind: str, example: str) -> None:
        """Take a failure; the line is used again."""
        if began >= self._counted_from:
            self.outcome.fail(kind, example)
        self._next(line, time.monotonic())

    def _next(self, line: Line, now: float) -> None:
        self._in_flight -= 1
        if self._rate is None:
            if self._may_send(now):
                self._send(line, now)
                return
        elif self._due:
            self._send(line, self._due.popleft())
            return
        self._idle.append(line)
        if not self._in_flight and not self._may_send(now):
            self._finished.set()

    def _may_send(self, now: float) -> bool:
        return now < self._until and (self._most is None or self._sent + len(self._due) < self._most)

    def _send(self, line: Line, began: float) -> None:
        self._in_flight += 1
        if began >= self._counted_from:
            self._sent += 1
        line.send(began)

    async def _send_at_once(self) -> None:
        while self._idle and self._may_send(now := time.monotonic()):
            self._send(self._idle.pop(), now)

    async def _send_at_rate(self) -> None:
        assert self._rate is not None  # noqa: S101 - the caller chose
        due = time.monotonic()
        while self._may_send(now := time.monotonic()):
            while due <= now and self._may_send(now):
                if self._idle:
                    self._send(self._idle.pop(), due)
                else:
                    self._due.append(due)
                due += 1 / self._rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _look(self, lines: list[Line]) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            now = time.monotonic()
            for line in lines:
                line.look(now)
