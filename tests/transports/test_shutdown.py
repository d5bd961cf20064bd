"""The end of a server over HTTP: calls in flight finish, streams end, the exit status is 0."""

import contextlib
import http.client
import signal
import socket
import time

import pytest

from dragoman.testing import assert_canonical_error
from tests.transports.peers import Peer, call, modern_call, post, read_answer, wait_for


def open_stream(peer: Peer, headers: dict[str, str]) -> socket.socket:
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    connection = peer.connect()
    connection.sendall(f"GET /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: text/event-stream\r\n{fields}\r\n".encode())
    assert connection.recv(4096).startswith(b"HTTP/1.1 200")
    return connection


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_calls_in_flight_finish(sig: signal.Signals) -> None:
    with Peer() as peer, contextlib.ExitStack() as stack:
        headers = peer.session()
        modern, older = stack.enter_context(peer.connect()), stack.enter_context(peer.connect())
        modern.sendall(modern_call("slow", name="modern", seconds=0.6))
        older.sendall(post(call("slow", modern=False, name="older", seconds=0.6), headers))
        wait_for(lambda: peer.became("modern") == peer.became("older") == "running")
        stream = stack.enter_context(open_stream(peer, headers))
        idle = stack.enter_context(peer.connect())
        idle.sendall(modern_call("add", a=1, b=2))
        assert read_answer(idle).text == "3"
        half = stack.enter_context(peer.connect())
        half.sendall(b"POST /mcp HTTP/1.1\r\nhost: 127")
        peer.process.send_signal(sig)
        assert read_answer(modern).text == "slept"
        assert read_answer(older).text == "slept"
        assert idle.recv(1) == b""
        assert half.recv(1) == b""
        assert everything(stream).endswith(b"0\r\n\r\n")
        assert peer.wait(3) == (0, "")


def everything(connection: socket.socket) -> bytes:
    received = b""
    while chunk := connection.recv(65536):
        received += chunk
    return received


def test_nothing_new_is_taken_meanwhile() -> None:
    with Peer() as peer, peer.connect() as connection:
        connection.sendall(modern_call("slow", name="x", seconds=0.8))
        wait_for(lambda: peer.became("x") == "running")
        peer.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        with pytest.raises(ConnectionRefusedError):
            peer.connect()
        assert read_answer(connection).text == "slept"
        assert peer.wait(3)[0] == 0


def test_idle_connections_do_not_delay_the_end() -> None:
    with Peer() as peer, contextlib.ExitStack() as stack:
        for _ in range(10):
            connection = stack.enter_context(peer.connect())
            connection.sendall(modern_call("add", a=1, b=2))
            read_answer(connection)
        began = time.monotonic()
        assert peer.end() == (0, "")
        assert time.monotonic() - began < 2


def test_the_grace_has_an_end() -> None:
    with Peer(limits={"grace_seconds": 1.0}) as peer, peer.connect() as connection:
        connection.sendall(modern_call("slow", name="x", seconds=60))
        wait_for(lambda: peer.became("x") == "running")
        began = time.monotonic()
        peer.process.send_signal(signal.SIGTERM)
        assert_canonical_error(read_answer(connection).json, code=-32603, request_id=1)
        status, errors = peer.wait(6)
        assert status == 0
        assert time.monotonic() - began < 4
        assert "Traceback" not in errors


def test_a_second_signal_ends_at_once() -> None:
    with Peer() as peer, peer.connect() as connection:
        connection.sendall(modern_call("slow", name="x", seconds=60))
        wait_for(lambda: peer.became("x") == "running")
        peer.process.send_signal(signal.SIGTERM)
        time.sleep(0.4)
        assert peer.process.poll() is None
        began = time.monotonic()
        assert peer.end()[0] == 0
        assert time.monotonic() - began < 2


def test_a_function_stuck_in_a_thread_does_not_keep_the_process() -> None:
    with Peer(limits={"grace_seconds": 0.5}) as peer, peer.connect() as connection:
        connection.sendall(modern_call("stuck", seconds=30))
        time.sleep(0.3)
        assert peer.end(seconds=5)[0] == 0


def test_a_stream_that_nobody_reads_does_not_keep_the_process() -> None:
    with Peer(limits={"grace_seconds": 1.0, "write_stall_seconds": 0.5}) as peer, peer.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(modern_call("flood", token=1, name="x", count=10**9, size=10_000))
        wait_for(lambda: peer.became("x") == "running")
        assert peer.end(seconds=6)[0] == 0


def test_half_a_body_does_not_outlast_the_grace() -> None:
    with Peer(limits={"grace_seconds": 1.0}) as peer, peer.connect() as connection:
        connection.sendall(modern_call("add", a=1, b=2)[:-5])
        time.sleep(0.2)
        assert peer.end(seconds=6)[0] == 0


def test_a_signal_before_the_first_request() -> None:
    with Peer() as peer:
        wait_for(lambda: answers(peer))
        assert peer.end() == (0, "")


def answers(peer: Peer) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", peer.port, timeout=1)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 404
    except OSError:
        return False
    finally:
        connection.close()
