"""The load on standard input and output: one writer of whole lines, one reader that knows each reply by its id.

Lines are encoded beforehand, and a reply is parsed for its id alone; that the answer is right is seen once before.
"""

import contextlib
import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.load import INFO, META, Answer, Call, Wrong, add
from benchmarks.measure import Sample
from benchmarks.peers import MODERN, Missing, Peer
from benchmarks.servers import Program, cpu_seconds

CHUNK = 1 << 16
REPLY_SECONDS = 30.0
RING = 4096  # ids are taken round and round; far more than there are in flight
_ID = re.compile(rb'"id": ?(\d+)')


def encoded(call: Call, request_id: int) -> bytes:
    """A call as a line of 2026-07-28."""
    meta = {f"{META}/protocolVersion": MODERN, f"{META}/clientInfo": INFO, f"{META}/clientCapabilities": {}}
    params = {**call.params, "_meta": {**meta, **call.meta}}
    message = {"jsonrpc": "2.0", "id": request_id, "method": call.method, "params": params}
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


DISCOVER = Call("server/discover", {}, lambda answer: MODERN in answer.result["supportedVersions"])
ADD = add()
LINES = [encoded(ADD, number) for number in range(RING)]


class Pipe:
    """A peer on standard input and output.

    Args:
        peer: what to start.
        settings: environment variables for the program.
        cores: where it runs.
    """

    def __init__(self, peer: Peer, settings: Mapping[str, str], cores: str) -> None:
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.program = Program(peer.command("stdio", 0), peer.environment(settings), cores, streams)
        process = self.program.process
        if process.stdin is None or process.stdout is None:
            raise Missing("it has no pipes")
        self._source, self._target = process.stdout.fileno(), process.stdin.fileno()
        self._kept = b""

    def stop(self) -> None:
        """Close its input, which ends it; otherwise end it."""
        process = self.program.process
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        self.program.stop()

    def end(self) -> float:
        """Close its input, wait until it has ended, and tell the processor time of its whole life, seconds."""
        process = self.program.process
        if process.stdin is not None:
            process.stdin.close()
        with self._not_for_ever(0):
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        return usage.ru_utime + usage.ru_stime

    def ask(self, call: Call, request_id: int) -> Answer:
        """Make a call once and see that the answer is right.

        Raises:
            Wrong: it is not, or there is none.
        """
        messages: list[dict[str, Any]] = []
        with self._not_for_ever(0):
            self.write(encoded(call, request_id))
            while not messages or "method" in messages[-1]:
                messages += [json.loads(line) for line in self.read().splitlines() if line.strip()]
        answer = Answer(messages[-1], messages[:-1], {}, 0)
        if answer.reply.get("id") != request_id or not call.check(answer):
            raise Wrong(f"another answer than expected: {json.dumps(answer.reply)[:300]}")
        return answer

    def write(self, lines: bytes) -> None:
        """Write whole lines."""
        rest = memoryview(lines)
        while rest:
            rest = rest[os.write(self._target, rest) :]

    def read(self) -> bytes:
        """Read until the last line is whole; what is there, one line or many.

        Raises:
            Wrong: it ended.
        """
        data = self._kept + self._more()
        self._kept = b""
        while not data.endswith(b"\n"):
            head, end, tail = data.rpartition(b"\n")
            if end:
                self._kept = tail
                return head + end
            data += self._more()
        return data

    def _more(self) -> bytes:
        data = os.read(self._source, CHUNK)
        if not data:
            raise Wrong(f"it ended, or said nothing for {REPLY_SECONDS:g} s: {self.program.complaint()}")
        return data

    @contextlib.contextmanager
    def _not_for_ever(self, seconds: float) -> Iterator[None]:
        """End the program when it hangs, which ends the read that waits for it; no read looks at the clock."""
        watch = threading.Timer(seconds + REPLY_SECONDS, self.program.process.kill)
        watch.start()
        try:
            yield
        finally:
            watch.cancel()

    def one_at_a_time(self, seconds: float) -> Sample:
        """Call, wait for the reply, call again.

        Raises:
            Wrong: a reply has another id.
        """
        with self._not_for_ever(seconds):
            return self._one_at_a_time(seconds)

    def _one_at_a_time(self, seconds: float) -> Sample:
        clock, times, number = time.perf_counter_ns, [], 0
        wanted = [b'"id":%d' % one for one in range(RING)]
        used, begun = cpu_seconds(self.program.pid), clock()
        end = now = begun + round(seconds * 1e9)
        before = begun
        while before < end:
            self.write(LINES[number])
            reply = self.read()
            now = clock()
            times.append(now - before)
            before = now
            if wanted[number] not in reply:
                raise Wrong(f"not the reply to {number}: {reply[:300]!r}")
            number = (number + 1) % RING
        used = cpu_seconds(self.program.pid) - used
        times.sort()
        calls = len(times)
        rate = calls * 1e9 / (before - begun)
        return Sample(rate, used * 1e6 / calls, times[calls // 2] / 1e3, times[calls * 99 // 100] / 1e3)

    def pipelined(self, seconds: float, in_flight: int) -> Sample:
        """Keep so many calls in flight; a reply may overtake another.

        Raises:
            Wrong: a reply is to nothing that was asked.
        """
        with self._not_for_ever(seconds):
            return self._pipelined(seconds, in_flight)

    def _pipelined(self, seconds: float, in_flight: int) -> Sample:
        clock, number, calls = time.perf_counter_ns, in_flight, 0
        waiting = set(range(in_flight))
        used, begun = cpu_seconds(self.program.pid), clock()
        end = begun + round(seconds * 1e9)
        self.write(b"".join(LINES[:in_flight]))
        while waiting:
            replies = self.read()
            now = clock()
            count = replies.count(b"\n")
            answered = list(map(int, _ID.findall(replies)))
            calls += count
            waiting.difference_update(answered)
            asked = [] if now >= end else [(number + one) % RING for one in range(count)]
            if asked:
                waiting.update(asked)
                self.write(b"".join([LINES[one] for one in asked]))
                number += count
            if len(answered) != count or len(waiting) > in_flight:
                raise Wrong(f"not one reply a line: {replies[:300]!r}")
        used = cpu_seconds(self.program.pid) - used
        return Sample(calls * 1e9 / (now - begun), used * 1e6 / calls)


@contextlib.contextmanager
def piped(peer: Peer, settings: Mapping[str, str], cores: str) -> Iterator[Pipe]:
    """Start a peer on pipes, see that it answers rightly, and end it afterwards."""
    pipe = Pipe(peer, settings, cores)
    try:
        pipe.ask(DISCOVER, 1)
        pipe.ask(ADD, 2)
        yield pipe
    finally:
        pipe.stop()
