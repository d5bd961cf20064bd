"""stdio as a client meets it: a process, its streams, its end."""

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.transports.peers import HELLO, PROGRAM, Pipes, call, request, wait_for


def text_of(message: Any) -> str:
    return str(message["result"]["content"][0]["text"])


def test_nothing_but_messages_reaches_stdout() -> None:
    with Pipes() as pipes:
        pipes.write(call("shout"))
        assert text_of(pipes.read()) == "shouted"
        status, rest, errors = pipes.finish()
    assert (status, rest) == (0, [])
    for words in ("printed", "written", "captured", "by descriptor", "by libc", "by a child"):
        assert words in errors, words


def test_a_started_program_cannot_read_the_messages() -> None:
    with Pipes() as pipes:
        pipes.write(call("greedy", request_id=1), call("add", request_id=2, a=1, b=2))
        assert {text_of(pipes.read()), text_of(pipes.read())} == {"read 0", "3"}


def test_the_end_of_input_ends_the_process_quietly() -> None:
    with Pipes() as pipes:
        assert pipes.finish() == (0, [], "")


def test_calls_in_flight_are_answered_before_the_end() -> None:
    with Pipes() as pipes:
        pipes.write(call("slow", request_id=1, name="x", seconds=0.3), call("add_in_thread", request_id=2, a=1, b=2))
        status, rest, _ = pipes.finish()
    assert status == 0
    assert {message["id"] for message in rest} == {1, 2}


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_process_quietly(sig: signal.Signals) -> None:
    with Pipes().begun() as pipes:
        pipes.write(call("slow", name="x", seconds=0.3))
        time.sleep(0.1)
        pipes.process.send_signal(sig)
        assert pipes.process.wait(5) == 0
        status, rest, errors = pipes.finish()
    assert (status, errors) == (0, "")
    assert [text_of(message) for message in rest] == ["slept"]


def test_a_second_signal_does_not_wait() -> None:
    with Pipes(end_of_input_seconds=60).begun() as pipes:
        pipes.write(call("slow", name="x", seconds=60))
        time.sleep(0.1)
        pipes.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        assert pipes.process.poll() is None
        pipes.process.send_signal(signal.SIGTERM)
        assert pipes.process.wait(3) == 0


def test_a_function_stuck_in_a_thread_does_not_keep_the_process() -> None:
    with Pipes(end_of_input_seconds=0.2).begun() as pipes:
        pipes.write(call("stuck", seconds=30))
        time.sleep(0.2)
        began = time.monotonic()
        status, _, _ = pipes.finish()
    assert status == 0
    assert time.monotonic() - began < 5


def test_a_client_that_stops_reading_and_goes_does_not_keep_the_process() -> None:
    with Pipes(end_of_input_seconds=0.2).begun() as pipes:
        pipes.write(call("blob", size=3_000_000))
        time.sleep(0.3)
        assert pipes.process.stdin is not None
        pipes.process.stdin.close()
        assert pipes.process.wait(5) == 0


def test_a_client_that_stops_reading_can_end_it_with_a_signal() -> None:
    with Pipes(end_of_input_seconds=0.2).begun() as pipes:
        pipes.write(call("blob", size=3_000_000))
        time.sleep(0.3)
        pipes.process.send_signal(signal.SIGTERM)
        assert pipes.process.wait(5) == 0


def test_a_broken_pipe_is_no_news() -> None:
    with Pipes().begun() as pipes:
        assert pipes.process.stdout is not None
        pipes.process.stdout.close()
        pipes.write(call("blob", size=100_000), call("blob", request_id=2, size=100_000))
        assert pipes.process.wait(5) == 0
        assert pipes.process.stderr is not None
        assert pipes.process.stderr.read() == b""


def test_no_input_at_all() -> None:
    with Pipes(stdin=subprocess.DEVNULL) as pipes:
        assert pipes.finish() == (0, [], "")


def test_a_file_as_input(tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_bytes(call("add", a=1, b=2) + b"\n" + request("initialize", HELLO, 2) + b"\n")
    with path.open("rb") as file, Pipes(stdin=file) as pipes:
        status, rest, _ = pipes.finish()
    assert status == 0
    assert {message["id"] for message in rest} == {1, 2}


@pytest.mark.parametrize("missing", ["<&-", ">&-", "2>&-"])
def test_a_closed_stream_is_said(missing: str) -> None:
    command = f'exec {sys.executable} {PROGRAM} stdio "{{}}" {missing}'
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, timeout=20, check=False)
    assert done.returncode in (0, 1)
    assert done.stdout == b""
    assert done.returncode == 0 or b"is closed; stdio needs all three" in done.stderr or missing == "2>&-"


def test_a_parent_that_is_killed_takes_the_server_with_it() -> None:
    code = (
        "import subprocess,sys,time;"
        "p=subprocess.Popen([sys.executable,*sys.argv[1:]],stdin=subprocess.PIPE,stdout=subprocess.PIPE);"
        "print(p.pid,flush=True);time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(PROGRAM), "stdio", "{}"], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    time.sleep(0.5)
    parent.kill()
    parent.wait(5)
    parent.stdout.close()
    wait_for(lambda: has_ended(child), 5)


def has_ended(pid: int) -> bool:
    """Whether a process is gone, or only waits for somebody to ask how it ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_function_that_exits_is_answered() -> None:
    with Pipes().begun() as pipes:
        pipes.write(call("exit_early", request_id=1))
        assert "Internal error" in json.dumps(pipes.read())
        pipes.write(call("add", request_id=2, a=1, b=2))
        assert text_of(pipes.read()) == "3"


def test_a_function_that_holds_its_cancellation_back_is_not_answered() -> None:
    with Pipes().begun() as pipes:
        taken_back = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
        pipes.write(call("stubborn", request_id=1, name="s"), json.dumps(taken_back).encode())
        pipes.write(call("add", request_id=2, a=1, b=2))
        assert text_of(pipes.read()) == "3"
        assert pipes.finish()[:2] == (0, [])


def test_both_ends_may_be_one_socket() -> None:
    """As Node starts its children."""
    near, far = socket.socketpair()
    with near, far:
        process = subprocess.Popen(
            [sys.executable, str(PROGRAM), "stdio", "{}"], stdin=far.fileno(), stdout=far.fileno()
        )
        far.close()
        near.sendall(call("blob", size=500_000) + b"\n")
        with near.makefile("rb") as stream:
            assert len(text_of(json.loads(stream.readline()))) == 500_000
        near.shutdown(socket.SHUT_WR)
        assert process.wait(5) == 0
