"""Many open `subscriptions/listen` streams of one client: raw sockets and one epoll, so that the server is seen.

A stream is open when its acknowledgment came; a change has arrived when every stream has read its notification.
"""

import contextlib
import json
import resource
import select
import socket
import time
from collections.abc import Iterator

from benchmarks.load import Answer, Call, Wrong, tool_call
from benchmarks.peers import Missing

FLAG = "bench://flag"
PATIENCE = 30.0  # seconds until what should come must have come
TOGETHER = 200  # streams opened at a time; fewer than any backlog
SPARE = 200  # open files beside the streams
_ACKNOWLEDGED = b"notifications/subscriptions/acknowledged"
_UPDATED = b"notifications/resources/updated"
_TAIL = 64  # bytes; longer than what is looked for
_CHUNK = 1 << 16
LISTEN = Call("subscriptions/listen", {"notifications": {"resourceSubscriptions": [FLAG]}}, lambda _: True)


def _is_changed(answer: Answer) -> bool:
    return answer.text == "changed"


CHANGE = tool_call("change", {}, _is_changed)


def allow_files(count: int) -> None:
    """Let this process, and those that it starts, have so many files open.

    Raises:
        Missing: the machine does not.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count + SPARE:
        raise Missing(f"{count:,} streams need {count + SPARE:,} open files, at most {hard:,} are allowed (ulimit -Hn)")
    if soft < count + SPARE:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count + SPARE, hard))


def request_of(call: Call, request_id: int, port: int) -> bytes:
    """A call as an HTTP/1.1 request."""
    message = {**json.loads(call.body), "id": request_id}
    body = json.dumps(message, separators=(",", ":")).encode()
    head = [f"POST /mcp HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-length: {len(body)}\r\n"]
    head += [f"{name}: {value}\r\n" for name, value in call.all_headers.items()]
    return "".join([*head, "\r\n"]).encode() + body


class Streams:
    """Open streams to one server.

    Args:
        port: where it listens.
        count: how many streams.
    """

    def __init__(self, port: int, count: int) -> None:
        self._port = port
        self._sockets: dict[int, socket.socket] = {}
        self._epoll = select.epoll()
        self._caller = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._epoll.register(self._caller.fileno(), select.EPOLLIN)
        try:
            for first in range(0, count, TOGETHER):
                self._open(range(first, min(first + TOGETHER, count)))
        except BaseException:
            self.close()
            raise

    def _open(self, numbers: range) -> None:
        opened = []
        for number in numbers:
            one = socket.create_connection(("127.0.0.1", self._port), PATIENCE)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets[one.fileno()] = one
            opened.append(one)
            one.sendall(request_of(LISTEN, number + 1, self._port))
        for one in opened:
            read = b""
            while _ACKNOWLEDGED not in read or not read.endswith(b"\n"):
                more = one.recv(_CHUNK)
                if not more or len(read) > _CHUNK:
                    raise Wrong(f"a stream was not opened: {read[-300:]!r}")
                read += more
            one.setblocking(False)
            self._epoll.register(one.fileno(), select.EPOLLIN)

    def change(self) -> float:
        """Make the server tell a change; the seconds until the last stream has it.

        Raises:
            Wrong: the call fails, a stream ended, or one does not hear of it.
        """
        waiting = set(self._sockets)
        tails: dict[int, bytes] = {}
        answer = b""
        begun = time.perf_counter()
        self._caller.sendall(request_of(CHANGE, 1, self._port))
        while waiting:
            events = self._epoll.poll(PATIENCE, 1024)
            if not events:
                raise Wrong(f"{len(waiting)} of {len(self._sockets)} streams do not hear of a change")
            for number, _ in events:
                if number == self._caller.fileno():
                    answer = self._hear(answer)
                    continue
                data = self._sockets[number].recv(_CHUNK)
                if not data:
                    raise Wrong("a stream was ended by the server")
                data = tails.get(number, b"") + data
                if _UPDATED in data:
                    waiting.discard(number)
                    continue
                tails[number] = data[-_TAIL:]
        passed = time.perf_counter() - begun
        while b'"changed"' not in answer or not answer.endswith((b"}", b"\n")):
            answer = self._hear(answer)
        return passed

    def _hear(self, answer: bytes) -> bytes:
        """Read more of the answer of the call that makes the change."""
        more = self._caller.recv(_CHUNK)
        answer += more
        if not more or b'"error"' in answer or b'"isError":true' in answer:
            raise Wrong(f"the call of `change` failed: {answer[-300:]!r}")
        return answer

    def close(self) -> None:
        """Hang up."""
        self._epoll.close()
        for one in (*self._sockets.values(), self._caller):
            one.close()
        self._sockets.clear()


@contextlib.contextmanager
def streams(port: int, count: int) -> Iterator[Streams]:
    """Open streams, and close them afterwards."""
    opened = Streams(port, count)
    try:
        yield opened
    finally:
        opened.close()
