"""After some hundred abuses a server holds what it held before: tasks, descriptors, threads, sessions."""

import contextlib
import json
import random
import socket
import struct
import threading
import time
from collections.abc import Callable

import pytest

from tests.transports.peers import Peer, call, modern_call, post, read_answer, request, wait_for

CANCEL = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}


def leave_in_the_middle(peer: Peer) -> None:
    with peer.connect() as connection:
        connection.sendall(modern_call("slow", name="leak", seconds=60))


def reset_in_the_middle(peer: Peer) -> None:
    with peer.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sendall(modern_call("slow", name="leak", seconds=60))
        time.sleep(random.random() / 50)


def leave_a_stream(peer: Peer) -> None:
    with peer.connect() as connection:
        connection.sendall(modern_call("flood", token=1, name="leak", count=10**9, size=1000))
        connection.recv(1000)


def half_a_request(peer: Peer) -> None:
    data = modern_call("add", a=1, b=2)
    with peer.connect() as connection:
        connection.sendall(data[: random.randrange(1, len(data))])


def garbage(peer: Peer) -> None:
    with peer.connect() as connection:
        connection.sendall(random.randbytes(2000) + b"\r\n\r\n")


def no_json(peer: Peer) -> None:
    peer.send(post(random.randbytes(500)))


def too_large(peer: Peer) -> None:
    peer.send(post(b"", {"content-length": "50000000"}))


def a_session(peer: Peer) -> None:
    headers, name = peer.session(), random.randbytes(8).hex()
    with peer.connect() as connection:
        connection.sendall(post(call("slow", modern=False, name=name, seconds=60), headers))
        wait_for(lambda: peer.became(name) == "running")
        assert peer.send(post(json.dumps(CANCEL).encode(), headers)).status == 202
        assert read_answer(connection).status == 200
    end(peer, headers)


def a_stream_of_a_session(peer: Peer) -> None:
    headers = peer.session()
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    get = f"GET /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: text/event-stream\r\n{fields}\r\n".encode()
    with peer.connect() as connection:
        connection.sendall(get)
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")
    end(peer, headers)


def a_session_that_ends_under_its_calls(peer: Peer) -> None:
    headers, name = peer.session(), random.randbytes(8).hex()
    with peer.connect() as connection:
        connection.sendall(post(call("slow", modern=False, name=name, seconds=60), headers))
        wait_for(lambda: peer.became(name) == "running")
        end(peer, headers)
        assert read_answer(connection).status == 200


def end(peer: Peer, headers: dict[str, str]) -> None:
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    data = f"DELETE /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\n{fields}\r\n".encode()
    assert peer.send(data).status in (200, 204)
    assert peer.send(post(request("ping"), headers)).status == 404


ABUSES: list[Callable[[Peer], None]] = [
    leave_in_the_middle,
    reset_in_the_middle,
    leave_a_stream,
    half_a_request,
    garbage,
    no_json,
    too_large,
    a_session,
    a_stream_of_a_session,
    a_session_that_ends_under_its_calls,
]


@pytest.mark.parametrize("rounds", [30, pytest.param(300, marks=pytest.mark.slow)])
def test_nothing_is_left_behind(rounds: int) -> None:
    with Peer() as peer:
        for abuse in ABUSES:  # what is made once is made now
            abuse(peer)
        before = settled(peer)
        threads = [threading.Thread(target=repeat, args=(peer, abuse, rounds)) for abuse in ABUSES]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wait_for(lambda: settled(peer) == before, 10)
        assert peer.end() == (0, peer.errors())
        assert "Traceback" not in peer.errors()
        assert "never retrieved" not in peer.errors()


def repeat(peer: Peer, abuse: Callable[[Peer], None], rounds: int) -> None:
    for _ in range(rounds):
        with contextlib.suppress(ConnectionError):
            abuse(peer)


def settled(peer: Peer) -> dict[str, int]:
    """How it is once nothing changes any more."""
    health = peer.health()
    while True:
        time.sleep(0.15)
        health, last = peer.health(), health
        if health == last:
            return health
