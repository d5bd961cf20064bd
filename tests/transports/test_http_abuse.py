"""A real uvicorn process, abused over raw sockets: it answers or closes, and goes on serving everybody else."""

import contextlib
import itertools
import json
import socket
import struct
import threading
import time
from collections.abc import Iterable
from typing import Any

import pytest

from dragoman.testing import assert_canonical_error
from tests.transports.peers import (
    META,
    MODERN,
    Answer,
    Peer,
    call,
    killed_client,
    mirrored,
    modern_call,
    post,
    read_answer,
    request,
    wait_for,
)

CLOSE = {"connection": "close"}


def still_serves(peer: Peer) -> None:
    assert peer.tool("add", a=1, b=2) == "3"


# Clients that leave


def test_a_killed_client_cancels_its_modern_call_within_two_seconds(peer: Peer) -> None:
    with killed_client(peer.port, modern_call("slow", name="killed", seconds=30)):
        wait_for(lambda: peer.became("killed") == "running")
    wait_for(lambda: peer.became("killed") == "cancelled", 2)


def test_a_killed_client_does_not_cancel_its_older_call(peer: Peer) -> None:
    headers = peer.session()
    body = call("slow", modern=False, name="older", seconds=0.6)
    with killed_client(peer.port, post(body, headers)):
        wait_for(lambda: peer.became("older") == "running")
    wait_for(lambda: peer.became("older") == "finished", 3)


def test_a_client_that_leaves_an_event_stream_cancels_its_call(peer: Peer) -> None:
    data = modern_call("flood", token=1, name="left stream", count=10**9, size=10)
    with peer.connect() as connection:
        connection.sendall(data)
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
    wait_for(lambda: peer.became("left stream") == "cancelled", 2)


def test_a_client_that_resets_cancels_its_call(peer: Peer) -> None:
    with peer.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sendall(modern_call("slow", name="reset", seconds=30))
        wait_for(lambda: peer.became("reset") == "running")
    wait_for(lambda: peer.became("reset") == "cancelled", 2)


def test_leaving_is_noticed_while_another_request_waits_behind(peer: Peer) -> None:
    with peer.connect() as connection:
        connection.sendall(modern_call("slow", name="piped", seconds=30) + modern_call("add", a=1, b=1))
        wait_for(lambda: peer.became("piped") == "running")
    wait_for(lambda: peer.became("piped") == "cancelled", 2)


# Halves


@pytest.mark.parametrize("size", [1, 30, 120, 200])
def test_half_a_request_and_gone(peer: Peer, size: int) -> None:
    with peer.connect() as connection:
        connection.sendall(modern_call("add", a=1, b=2)[:size])
    still_serves(peer)


def test_half_a_header_section_has_a_deadline(hasty: Peer) -> None:
    halves = [b"", b"POST /mcp HTT", b"POST /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\n"]
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(hasty.connect()) for _ in halves]
        for connection, data in zip(connections, halves, strict=True):
            connection.sendall(data)
        began = time.monotonic()
        assert all(closed(connection) for connection in connections)
        assert time.monotonic() - began < 4


def test_a_trickled_header_section_has_a_deadline(hasty: Peer) -> None:
    """The first of a connection, and one after an answer."""
    with hasty.connect() as first, hasty.connect() as second:
        second.sendall(modern_call("add", a=1, b=2))
        assert read_answer(second).text == "3"
        for connection in (first, second):
            connection.sendall(b"POST /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\nx-slow: ")
        trickling = threading.Thread(target=trickled, args=(second,))
        trickling.start()
        assert trickled(first)
        trickling.join()
        assert closed(second)


def test_half_a_body_has_a_deadline(hasty: Peer) -> None:
    data = modern_call("add", a=1, b=2)
    for sent in (data[:-10], data[: data.index(b"\r\n\r\n") + 4]):
        answer = hasty.send(sent)
        assert answer.status == 408
        assert answer.headers["connection"] == "close"


def test_a_trickled_body_has_a_deadline(hasty: Peer) -> None:
    with hasty.connect() as connection:
        connection.sendall(post(b"", {"content-length": "1000"}))
        for _ in range(4):
            connection.sendall(b" ")
            time.sleep(0.1)
        assert read_answer(connection).status == 408


def closed(connection: socket.socket) -> bool:
    try:
        while connection.recv(65536):
            pass
    except ConnectionError:
        pass
    return True


def trickled(connection: socket.socket) -> bool:
    """Whether the server closes a connection on which a byte comes now and then."""
    deadline = time.monotonic() + 5
    try:
        while time.monotonic() < deadline:
            connection.sendall(b"x")
            time.sleep(0.1)
    except ConnectionError:
        return True
    return False


# Bodies that are no message


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"\xff\xfe{}", -32700),
        (call("add", a=1, b=2).replace(b"add", b"\xc3("), -32700),
        (call("add", a=1, b=2).decode().encode("utf-16"), -32700),
        (b"\xef\xbb\xbf" + call("add", a=1, b=2), -32700),
        (b"", -32700),
        (b"{", -32700),
        (b"null", -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"x":NaN}}', -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"x":"\\ud800"}}', -32700),
        (b"[" * 200 + b"]" * 200, -32600),
        (request("tools/list", {"x": None}).replace(b"null", b"[" * 200 + b"]" * 200), -32600),
        (request("tools/list", {"x": None}).replace(b"null", b'{"a":' * 200 + b"1" + b"}" * 200), -32600),
        (b"[" * 100_000, -32600),
        (request("tools/list", request_id=None), -32600),
        (request("tools/list", request_id=True), -32600),
        (request("tools/list", request_id=1.5), -32600),
        (request("tools/list", request_id=["a"]), -32600),
        (request("tools/list", request_id=2**53), -32600),
        (request("tools/list", request_id="x" * 257), -32600),
        (b"[" + call("add", a=1, b=2) + b"]", -32600),
    ],
)  # fmt: skip
def test_what_is_no_message_is_refused(peer: Peer, body: bytes, code: int) -> None:
    answer = peer.send(post(body, {"mcp-protocol-version": MODERN, "mcp-method": "tools/list"}))
    assert answer.status == 400
    assert_canonical_error(answer.json, code=code)
    still_serves(peer)


def test_fifty_megabytes_with_a_length_are_refused_before_they_are_read(peer: Peer) -> None:
    answer = peer.send(post(b"x" * 50_000_000))
    assert answer.status == 413
    assert b"4194304" in answer.body


def test_fifty_megabytes_that_are_only_announced(peer: Peer) -> None:
    assert peer.send(post(b"", {"content-length": "50000000"})).status == 413


@pytest.mark.parametrize("piece", [65536, 1_000_000])
def test_fifty_megabytes_in_chunks_are_refused(peer: Peer, piece: int) -> None:
    head = post(b"", {"transfer-encoding": "chunked"}, length=False)
    chunk = b"%x\r\n" % piece + b"x" * piece + b"\r\n"
    answer = peer.send(head + chunk * (50_000_000 // piece) + b"0\r\n\r\n")
    assert answer.status == 413
    still_serves(peer)


def test_a_body_without_end_is_cut_off(peer: Peer) -> None:
    head = post(b"", {"transfer-encoding": "chunked"}, length=False)
    piece = b"%x\r\n" % 10**6 + b"x" * 10**6 + b"\r\n"
    with peer.connect() as connection:
        connection.sendall(head)
        with pytest.raises(ConnectionError):
            send_all_of(connection, itertools.repeat(piece, 1000))
    still_serves(peer)


def test_a_body_of_the_largest_size_is_taken(peer: Peer) -> None:
    body = call("add", a=1, b=2)
    answer = peer.send(post(body + b" " * (4 * 2**20 - len(body)), mirrored("add")))
    assert answer.text == "3"


@pytest.mark.parametrize("length", ["-1", "1e3", "0x10", " ", "99999999999999999999999999", "5, 5", "+5"])
def test_lengths_that_are_none(peer: Peer, length: str) -> None:
    answer = peer.send(post(b"12345", {"content-length": length}))
    assert answer.status in (400, 413)
    still_serves(peer)


def send_all_of(connection: socket.socket, pieces: Iterable[bytes]) -> None:
    for piece in pieces:
        connection.sendall(piece)


# Ids


def test_two_requests_with_one_id_on_modern_http_are_two_requests(peer: Peer) -> None:
    answers: list[tuple[int, Answer]] = []

    def ask(number: int) -> None:
        answers.append((number, peer.send(modern_call("add", request_id="same", a=number, b=0))))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(number for number, answer in answers if answer.text == str(number)) == list(range(20))


def test_two_requests_with_one_id_in_a_session(peer: Peer) -> None:
    headers = peer.session()
    with peer.connect() as first:
        first.sendall(post(call("slow", modern=False, request_id=7, name="twin", seconds=0.5), headers))
        wait_for(lambda: peer.became("twin") == "running")
        second = peer.send(post(call("add", modern=False, request_id=7, a=1, b=2), headers))
        assert_canonical_error(second.json, code=-32600, request_id=7)
        assert read_answer(first).text == "slept"
    again = peer.send(post(call("add", modern=False, request_id=7, a=1, b=2), headers))
    assert again.text == "3"


def test_one_id_in_two_sessions_does_not_meet(peer: Peer) -> None:
    mine, other = peer.session(), peer.session()
    with peer.connect() as first:
        first.sendall(post(call("slow", modern=False, request_id=0, name="mine", seconds=0.5), mine))
        wait_for(lambda: peer.became("mine") == "running")
        taken_back = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 0}}
        assert peer.send(post(json.dumps(taken_back).encode(), other)).status == 202
        assert read_answer(first).text == "slept"


# Header sections


def test_two_hosts(peer: Peer) -> None:
    answer = peer.send(modern_call("add", a=1, b=2).replace(b"host:", b"host: evil.com\r\nhost:"))
    assert answer.status == 400


def test_a_host_behind_a_fold(peer: Peer) -> None:
    data = modern_call("add", a=1, b=2).replace(b"host: 127.0.0.1", b"host:\r\n evil.com")
    assert peer.send(data).status in (400, 403)


@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
def test_no_host(peer: Peer, version: bytes) -> None:
    data = modern_call("add", a=1, b=2).replace(b"host: 127.0.0.1\r\n", b"").replace(b"HTTP/1.1", b"HTTP/" + version)
    assert peer.send(data).status == 400


def test_http_1_0_with_a_host_is_answered_and_closed(peer: Peer) -> None:
    with peer.connect() as connection:
        connection.sendall(modern_call("add", a=1, b=2).replace(b"HTTP/1.1", b"HTTP/1.0"))
        answer = read_answer(connection)
        assert answer.text == "3"
        assert connection.recv(1) == b""


@pytest.mark.parametrize("size", [17_000, 70_000, 300_000, 5_000_000])
def test_a_large_header_section(peer: Peer, size: int) -> None:
    answer = peer.send(modern_call("add", {"x-large": "y" * size}, a=1, b=2))
    assert answer.status == 431
    still_serves(peer)


@pytest.mark.parametrize("count", [65, 5000, 50_000])
def test_many_headers(peer: Peer, count: int) -> None:
    answer = peer.send(modern_call("add", {f"x-{number}": "1" for number in range(count)}, a=1, b=2))
    assert answer.status == 431
    still_serves(peer)


def test_a_header_without_end_is_cut_off(peer: Peer) -> None:
    with peer.connect() as connection:
        connection.sendall(b"POST /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\nx-endless: ")
        with pytest.raises(ConnectionError):
            send_all_of(connection, itertools.repeat(b"y" * 65536, 2000))
    still_serves(peer)


def test_trailers_without_end_are_cut_off(peer: Peer) -> None:
    head = post(b"", {"transfer-encoding": "chunked"}, length=False)
    with peer.connect() as connection:
        connection.sendall(head + b"0\r\n")
        with pytest.raises(ConnectionError):
            send_all_of(connection, (b"x-trailer-%d: %s\r\n" % (number, b"y" * 60_000) for number in range(10_000)))
    still_serves(peer)


def test_a_long_target(peer: Peer) -> None:
    assert peer.send(post(b"{}", path="/mcp?" + "q" * 5000)).status == 414
    assert peer.send(post(b"{}", path="/" + "p" * 300_000)).status in (414, 431)


# Smuggling


SMUGGLED = b"GET /smuggled HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"


@pytest.mark.parametrize(
    "fields",
    [
        {"transfer-encoding": "chunked"},
        {"transfer-encoding": "identity, chunked"},
        {"transfer-encoding": "chunked, identity"},
        {"transfer-encoding": "xchunked"},
        {"transfer-encoding": "\tchunked"},
        {"transfer-encoding ": "chunked"},
        {"transfer-encoding": "chunked", "content-length": "5"},
    ],
)
def test_a_length_beside_a_transfer_coding_runs_one_request_at_most(peer: Peer, fields: dict[str, str]) -> None:
    with peer.connect(2) as connection:
        connection.sendall(post(b"0\r\n\r\n" + SMUGGLED, fields))
        received = everything(connection)
    assert received.count(b"HTTP/1.1 ") == 1, received
    assert received.startswith(b"HTTP/1.1 400"), received


def test_two_lengths(peer: Peer) -> None:
    data = post(b"0\r\n\r\n" + SMUGGLED).replace(b"content-length:", b"content-length: 5\r\ncontent-length:")
    with peer.connect(2) as connection:
        connection.sendall(data)
        received = everything(connection)
    assert received.count(b"HTTP/1.1 ") == 1
    assert received.startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET\r\n\r\n",
        b"POST /mcp HTTP/9.9\r\nhost: 127.0.0.1\r\n\r\n",
        b"POST /mcp HTTP/1.1\r\nhost 127.0.0.1\r\n\r\n",
        b"POST /mcp HTTP/1.1\nhost: 127.0.0.1\n\n",
        b"POST /mcp\x00 HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n",
        b"POST /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\nx: a\x00b\r\n\r\n",
        b"\r\n" * 50 + b"GARBAGE",
        bytes(range(256)) * 40,
    ],
)
def test_what_is_not_http(peer: Peer, data: bytes) -> None:
    with peer.connect(1) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        received = everything(connection)
    assert received == b"" or received.startswith((b"HTTP/1.1 400", b"HTTP/1.1 415"))
    still_serves(peer)


def everything(connection: socket.socket) -> bytes:
    received = b""
    try:
        while chunk := connection.recv(65536):
            received += chunk
    except (TimeoutError, ConnectionError):
        pass
    return received


# Targets


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/mcp", 200),
        ("/mcp/", 200),
        ("/mcp?x=1", 200),
        ("/%6dcp", 200),
        ("http://127.0.0.1/mcp", 200),
        ("http://evil.com/mcp", 200),  # the Host field decides, and no browser sends such a target
        ("//mcp", 404),
        ("/mcp//", 404),
        ("/MCP", 404),
        ("/mcp/.", 404),
        ("/./mcp", 404),
        ("/x/../mcp", 404),
        ("/mcp%00", 404),
        ("/mcp%2f..", 404),
        ("/mcp;x=1", 404),
        ("/", 404),
        ("/mcp_message", 404),
        ("/sse/../mcp", 404),
        ("*", 404),
    ],
)
def test_targets(peer: Peer, target: str, status: int) -> None:
    answer = peer.send(post(call("add", a=1, b=2), mirrored("add") | CLOSE, path=target))
    assert answer.status == (status if target != "*" else answer.status)
    assert answer.status in (status, 400)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"])
def test_other_methods(peer: Peer, method: str) -> None:
    with peer.connect() as connection:
        connection.sendall(f"{method} /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode())
        answer = read_answer(connection, method)
    assert answer.status == 405
    assert answer.headers["allow"] == "POST"
    assert (answer.body == b"") == (method == "HEAD")


def test_connect(peer: Peer) -> None:
    with peer.connect(1) as connection:
        connection.sendall(b"CONNECT evil.com:443 HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
        received = everything(connection)
    assert not received.startswith(b"HTTP/1.1 2")
    still_serves(peer)


@pytest.mark.parametrize("protocol", ["websocket", "h2c"])
def test_upgrades_are_not_taken(peer: Peer, protocol: str) -> None:
    with peer.connect(1) as connection:
        connection.sendall(
            f"GET /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: upgrade\r\nupgrade: {protocol}\r\n"
            "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n".encode()
        )
        received = everything(connection)
    assert received.startswith(b"HTTP/1.1 4")
    still_serves(peer)


def test_an_upgrade_passes_the_same_guard(peer: Peer) -> None:
    with peer.connect(1) as connection:
        connection.sendall(b"GET /mcp HTTP/1.1\r\nhost: evil.com\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
        assert everything(connection).startswith(b"HTTP/1.1 403")


def test_expect_continue(peer: Peer) -> None:
    data = modern_call("add", {"expect": "100-continue"}, a=1, b=2)
    head, _, body = data.partition(b"\r\n\r\n")
    with peer.connect() as connection:
        connection.sendall(head + b"\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 100")
        connection.sendall(body)
        assert read_answer(connection).text == "3"


# Pipelining and slow readers


def test_pipelined_requests_are_answered_in_order(peer: Peer) -> None:
    with peer.connect() as connection:
        connection.sendall(b"".join(modern_call("add", request_id=number, a=number, b=0) for number in range(50)))
        stream = connection.makefile("rb")
        assert [one_of_many(stream)["id"] for _ in range(50)] == list(range(50))


def one_of_many(stream: Any) -> Any:
    length = 0
    while (line := stream.readline()) not in (b"\r\n", b""):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return json.loads(stream.read(length))


def test_pipelining_without_reading_is_ended(hasty: Peer) -> None:
    data = modern_call("blob", size=100_000)
    with hasty.connect(1) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with pytest.raises(ConnectionError):
            unread(connection, data * 1000)
    still_serves(hasty)


def unread(connection: socket.socket, data: bytes) -> None:
    """Send without ever reading, until the server has enough."""
    deadline = time.monotonic() + 8
    while time.monotonic() < deadline:
        try:
            sent = connection.send(data)
            data = data[sent:] + data[:sent] if sent else data
        except TimeoutError:
            pass


def test_an_event_stream_that_nobody_reads_is_ended(hasty: Peer) -> None:
    with hasty.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(modern_call("flood", token=1, name="unread", count=10**9, size=10_000))
        wait_for(lambda: hasty.became("unread") == "running")
        wait_for(lambda: hasty.became("unread") == "cancelled", 4)
        wait_for(lambda: is_reset(connection), 5)


def is_reset(connection: socket.socket) -> bool:
    """Whether the server has let go of a connection that nobody reads."""
    try:
        connection.send(b"x")
    except ConnectionError:
        return True
    return False


def test_an_answer_that_nobody_reads_is_dropped(hasty: Peer) -> None:
    before = hasty.health()["descriptors"]
    connections = [hasty.connect() for _ in range(5)]
    for connection in connections:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(modern_call("blob", size=20_000_000))
    wait_for(lambda: hasty.health()["descriptors"] > before)
    wait_for(lambda: hasty.health()["descriptors"] <= before, 8)
    for connection in connections:
        connection.close()


def test_a_slow_reader_gets_everything(peer: Peer) -> None:
    with peer.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.sendall(modern_call("flood", CLOSE, token=1, name="slowly", count=300, size=500))
        time.sleep(0.2)
        assert read_answer(connection).body.count(b'"progressToken":1') == 300
    assert peer.became("slowly") == "finished"


def test_a_silent_stream_is_kept_alive(hasty: Peer) -> None:
    headers = hasty.session() | {"accept": "text/event-stream"}
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with hasty.connect() as connection:
        connection.sendall(f"GET /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\n{fields}\r\n".encode())
        received = b""
        while received.count(b": keep-alive") < 3:
            received += connection.recv(4096)


# What a function may do


def test_a_function_that_exits_ends_its_call_and_not_the_server(peer: Peer) -> None:
    answer = peer.send(modern_call("exit_early"))
    assert answer.status in (200, 500)
    assert b"Internal error" in answer.body
    still_serves(peer)


def test_metadata_of_one_call_is_not_seen_by_the_next(peer: Peer) -> None:
    with peer.connect() as connection:
        connection.sendall(modern_call("add", a=1, b=2))
        assert read_answer(connection).text == "3"
        bare = request("tools/list")
        connection.sendall(post(bare, {"mcp-protocol-version": MODERN, "mcp-method": "tools/list"}))
        answer = read_answer(connection)
    assert answer.status == 400
    assert_canonical_error(answer.json, code=-32602, request_id=1)
    assert set(META) >= {"io.modelcontextprotocol/protocolVersion"}
