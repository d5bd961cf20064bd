"""The load over pipes: what it counts is answered, and a wrong answer or a silent end stops it."""

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from benchmarks.load import Call, Wrong
from benchmarks.peers import PROGRAMS, Peer
from benchmarks.pipes import ADD, DISCOVER, Pipe, piped
from benchmarks.servers import Cores

SECONDS = 0.2
IN_FLIGHT = 8


class Here(Peer):
    """Dragoman's program of the benchmark, or another one, in the environment of these tests."""

    name, title = "dragoman", "Dragoman"

    def __init__(self, program: Path = PROGRAMS / "dragoman" / "server.py") -> None:
        self.program = program

    def command(self, mode: str, port: int) -> list[str]:
        return [sys.executable, str(self.program), mode, str(port)]

    def environment(self, settings: Mapping[str, str]) -> dict[str, str]:
        return super().environment({**settings, "PYTHONPATH": str(PROGRAMS.parents[1] / "src")})


def test_calls_are_counted() -> None:
    with piped(Here(), {}, Cores().all) as pipe:
        one = pipe.one_at_a_time(SECONDS)
        many = pipe.pipelined(SECONDS, IN_FLIGHT)
    assert one.value > 0
    assert one.p50 is not None
    assert one.p99 is not None
    assert 0 < one.p50 <= one.p99
    assert many.value > 0


def test_the_processor_time_of_a_life_is_told() -> None:
    pipe = Pipe(Here(), {}, Cores().all)
    try:
        pipe.ask(DISCOVER, 1)
        assert pipe.ask(ADD, 2).value == 3
        assert 0 < pipe.end() < 60
    finally:
        pipe.stop()
    assert pipe.program.process.returncode == 0


def test_another_answer_is_wrong() -> None:
    never = Call(ADD.method, ADD.params, lambda _: False)
    with piped(Here(), {}, Cores().all) as pipe, pytest.raises(Wrong, match="another answer"):
        pipe.ask(never, 3)


@pytest.mark.parametrize("load", ["one_at_a_time", "pipelined"])
def test_a_reply_to_something_else_is_wrong(tmp_path: Path, load: str) -> None:
    program = tmp_path / "server.py"
    program.write_text("import sys\nfor line in sys.stdin:\n    print('{\"id\":4095}', flush=True)\n", "utf-8")
    pipe = Pipe(Here(program), {}, Cores().all)
    try:
        with pytest.raises(Wrong, match="not"):
            pipe.one_at_a_time(SECONDS) if load == "one_at_a_time" else pipe.pipelined(SECONDS, IN_FLIGHT)
    finally:
        pipe.stop()


def test_a_program_that_ends_is_told(tmp_path: Path) -> None:
    program = tmp_path / "server.py"
    program.write_text("import sys\nsys.stdin.readline()\nsys.exit('out of coal')\n", "utf-8")
    pipe = Pipe(Here(program), {}, Cores().all)
    try:
        with pytest.raises(Wrong, match="out of coal"):
            pipe.ask(ADD, 1)
    finally:
        pipe.stop()
