"""The arithmetic of the benchmark, its table, and that every line that was asked for is there. Nothing is timed."""

import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from benchmarks import bench, machine, report
from benchmarks.load import Answer, Call, Wrong, add, read_messages, same_size, sample_of
from benchmarks.measure import Goal, Outcome, Row, Sample, Series, judge, ratio, rotated
from benchmarks.peers import PEERS, PROGRAMS, Missing, Peer, pinned
from benchmarks.plot import bars
from benchmarks.race import Run, in_turns
from benchmarks.servers import Program, cpu_seconds, family, free_port, resident_bytes
from dragoman import Server
from dragoman.transports.http import Endpoint

ROOT = Path(__file__).parents[2]

# The lines of the table: the row, and the bounds that its goals must have.
ASKED: dict[str, list[float]] = {
    "call": [0.80, 30, 7, 12, 4, 1],
    "everything": [0.75],
    "tools": [0.97],
    "session": [15, 15],
    "progress": [8, 2],
    "sync": [8],
    "list": [20, 3],
    "result-1mb": [0.7],
    "argument-1mb": [0.7],
    "io": [8, 1, 0.9],
    "stdio": [6, 1.5],
    "stdio-pipelined": [20, 1.5],
    "startup": [1.0],
    "memory": [45],
    "listen-memory": [25],
    "listen-change": [1],
    "listen-calls": [0.9],
    "workers": [1.7],
    "sql": [0.6],
    "sql-guard": [5, 5, 50, 50],
    "sql-guard-share": [10, 10],
    "in-memory": [20],
}


def series(label: str, *values: float, cpu: float | None = None) -> Series:
    return Series(label, "calls/s", [Sample(value, cpu) for value in values])


def test_a_series_has_a_median_and_a_spread() -> None:
    one = series("x", 30, 10, 20, 1000, 15)
    assert (one.median, one.lowest, one.highest) == (20, 10, 1000)
    assert one.cpu is None
    assert series("x", 1, 2, cpu=4.0).cpu == 4.0


def test_a_ratio_is_that_of_medians() -> None:
    assert ratio(series("a", 10, 20, 90), series("b", 5, 5, 50)) == 4
    assert ratio(series("a", 1), series("b", 0)) == float("inf")


@pytest.mark.parametrize(
    ("goal", "figure", "reached"),
    [
        (Goal("a", "b", at_least=2), 2.0, True),
        (Goal("a", "b", at_least=2), 1.99, False),
        (Goal("a", at_most=45), 45.0, True),
        (Goal("a", at_most=45), 45.1, False),
    ],
)
def test_a_goal_judges_a_figure(goal: Goal, figure: float, reached: bool) -> None:
    assert goal.judge(figure) is reached


def test_a_verdict_has_the_ratio_by_processor_time_too() -> None:
    outcome = Outcome([series("a", 40, cpu=10.0), series("b", 20, cpu=30.0)])
    verdict = judge(Goal("a", "b", at_least=2), outcome)
    assert (verdict.figure, verdict.cpu_ratio, verdict.reached) == (2, 3, True)
    assert judge(Goal("a", at_most=39), outcome).reached is False


def test_what_was_not_measured_is_said_and_never_reached() -> None:
    outcome = Outcome([series("a", 40)], {"b": "go is not installed"})
    verdict = judge(Goal("a", "b", at_least=2), outcome)
    assert (verdict.figure, verdict.reached, verdict.reason) == (None, None, "go is not installed")
    assert judge(Goal("c", at_least=2), outcome).reason == "c was not measured"


def test_everybody_takes_every_turn() -> None:
    labels = ["a", "b", "c"]
    orders = [rotated(labels, turn) for turn in range(6)]
    assert all(sorted(order) == labels for order in orders)
    assert {order[0] for order in orders} == set(labels)
    assert orders[0] != orders[3][::1]
    assert rotated([], 4) == []


def test_who_fails_is_left_out_with_the_reason() -> None:
    values = iter([1.0, 2.0, 3.0])

    def fails() -> Sample:
        raise Wrong("it said 4")

    outcome = in_turns(Outcome(), {"a": lambda: Sample(next(values)), "b": fails}, 3)
    assert [one.label for one in outcome.series] == ["a"]
    assert sorted(sample.value for sample in outcome.series[0].samples) == [1, 2, 3]
    assert outcome.left_out == {"b": "it said 4"}


def test_peers_that_cannot_are_left_out_by_name() -> None:
    outcome = Outcome()
    run = Run({"bare": PEERS["bare"], "dragoman": PEERS["dragoman"]}, {"go": "go is not installed"}, 1, 1)
    chosen = run.choose(("bare", "dragoman", "go", "rust"), outcome, feature="sse-progress")
    assert [peer.name for peer in chosen] == ["dragoman"]
    assert outcome.left_out == {
        "bare": "bare ASGI app has no sse-progress",
        "go": "go is not installed",
        "rust": "not installed",
    }


def results() -> list[tuple[Row, Outcome]]:
    def measure(_run: Run) -> Outcome:
        raise AssertionError

    row = Row(
        "call", "`tools/call`", (Goal("dragoman", "bare", at_least=0.8), Goal("dragoman", "go", at_least=4)), measure
    )
    return [
        (
            row,
            Outcome([series("dragoman", 41, 40, cpu=20.0), series("bare", 50, cpu=16.0)], {"go": "no go"}, ["a note"]),
        )
    ]


def test_the_table_names_everything() -> None:
    text = report.markdown(results(), {"processor": "one of those"}, {"dragoman": "1.2"})
    for expected in (
        "- processor: one of those",
        "| Dragoman (Python) | 1.2 |",
        "| `tools/call` | dragoman / bare >= 0.8 | **0.81** | 0.8 | reached |",
        "|  | dragoman / go >= 4 | not measured: no go |  |  |",
        "| dragoman | 40.5 | 40 to 41 | calls/s | 20 |  |  |",
        "- go is left out: no go",
        "- a note",
    ):
        assert expected in text.splitlines(), text


def test_the_record_is_written(tmp_path: Path) -> None:
    report.write(tmp_path, results(), {"processor": "x"}, {"dragoman": "1.2"})
    record = json.loads((tmp_path / "latest.json").read_text("utf-8"))
    assert record["rows"]["call"]["series"]["dragoman"]["samples"] == [41, 40]
    assert [goal["reached"] for goal in record["rows"]["call"]["goals"]] == [True, None]
    ET.fromstring((tmp_path / "call.svg").read_text("utf-8"))  # noqa: S314 - written two lines above


def test_bars_are_drawn_for_every_contestant_and_names_are_escaped() -> None:
    drawing = bars("a < b", [series("x & y", 1, 3), series("dragoman", 9)])
    texts = [node.text for node in ET.fromstring(drawing).iter() if node.text and node.text.strip()]  # noqa: S314 - drawn above
    assert texts == ["a < b (calls/s)", "dragoman", "9", "x & y", "2"]


def test_every_line_that_was_asked_for_is_a_row() -> None:
    rows = bench.rows()
    assert list(rows) == list(ASKED)
    assert tuple(rows) == tuple(bench.ORDER)
    for name, bounds in ASKED.items():
        given = [goal.at_least if goal.at_least is not None else goal.at_most for goal in rows[name].goals]
        assert given[: len(bounds)] == bounds, name


def answer(result: dict[str, Any]) -> Answer:
    return Answer({"jsonrpc": "2.0", "id": 1, "result": result}, [], {}, 0)


def test_an_answer_is_taken_apart() -> None:
    text = [{"type": "text", "text": "3"}]
    assert add().check(answer({"content": text, "structuredContent": 3}))
    assert add().check(answer({"content": text, "structuredContent": {"result": 3}}))
    assert not add().check(answer({"content": text, "structuredContent": 4}))
    for wrong in ({"content": text}, {"content": [], "structuredContent": 3}, {"content": text, "isError": True}):
        with pytest.raises(Wrong):
            add().check(answer(wrong))


def test_messages_are_read_from_json_and_from_streams() -> None:
    assert read_messages(b'{"id": 1}', "application/json") == [{"id": 1}]
    stream = b'event: message\r\ndata: {"id": 1}\r\n\r\n: ping\n\ndata: {"id": 2}\n\n'
    assert read_messages(stream, "text/event-stream; charset=utf-8") == [{"id": 1}, {"id": 2}]


def test_what_wrk_says_becomes_a_sample() -> None:
    said = {"requests": 500, "microseconds": 2_000_000, "bytes": 100_000, "p50": 10, "p90": 20, "p99": 30}
    assert sample_of(said, 0.5) == Sample(250, cpu=1000, p50=10, p99=30)
    assert same_size(said, Answer({}, [], {}, 190))
    assert not same_size(said, Answer({}, [], {}, 900))


def test_a_program_is_measured_with_its_children_and_ended() -> None:
    work = (
        "import subprocess, sys, time; c = subprocess.Popen([sys.executable, '-c', 'while True: pass']); time.sleep(60)"
    )
    program = Program([sys.executable, "-c", work], dict(os.environ), ",".join(map(str, os.sched_getaffinity(0))))
    try:
        for _ in range(400):
            if len(family(program.pid)) == 2 and cpu_seconds(program.pid) > 0.2:
                break
            subprocess.run(["sleep", "0.05"], check=True)
        pids = family(program.pid)
        assert len(pids) == 2
        assert cpu_seconds(program.pid) > 0.1
        assert resident_bytes(program.pid) > 2**20
    finally:
        os.kill(family(program.pid)[-1], 9)
        program.stop()
    assert not Path(f"/proc/{program.pid}").exists()


def test_the_share_of_others_is_told_in_words() -> None:
    others = machine.Others()
    subprocess.run(["sleep", "0.05"], check=True)
    assert re.fullmatch(r"other programs \d+%, the host of this machine \d+%", others.share())


def test_a_program_that_ends_at_its_start_says_why() -> None:
    program = Program([sys.executable, "-c", "raise SystemExit('no such thing')"], dict(os.environ), "0-1023")
    try:
        with pytest.raises(Missing, match="no such thing"):
            program.wait_for_port(free_port())
    finally:
        program.stop()


@pytest.mark.parametrize("name", [name for name, peer in PEERS.items() if hasattr(peer, "python")])
def test_python_peers_are_pinned_with_hashes(name: str) -> None:
    peer: Any = PEERS[name]
    requirements = peer.home_of_pins / "requirements.txt"
    lines = requirements.read_text("utf-8").splitlines()
    pins = [line for line in lines if not line.startswith(" ")]
    assert len(pins) > 10
    assert all("==" in line for line in pins)
    assert sum("--hash=sha256:" in line for line in lines) >= len(pins)
    assert name == "dragoman" or pinned(requirements, peer.package) != "?"


@pytest.mark.parametrize("name", list(PEERS))
def test_every_peer_has_its_pins_and_a_version(name: str) -> None:
    peer: Peer = PEERS[name]
    assert all((peer.home / pin).is_file() for pin in peer.pins if not getattr(peer, "environment_of", ""))
    assert peer.version[0].isdigit()


async def answered_by_dragoman(call: Call) -> bytes:
    server = Server("bench", "1")

    @server.tool
    async def add(a: int, b: int) -> int:
        return a + b

    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": call.body, "more_body": False}

    async def send(event: Any) -> None:
        sent.append(event)

    headers = [(name.encode(), value.encode()) for name, value in {"host": "127.0.0.1", **call.all_headers}.items()]
    path = {"path": "/mcp", "raw_path": b"/mcp", "query_string": b""}
    await Endpoint(server)({"type": "http", "method": "POST", **path, "headers": headers}, receive, send)
    body: bytes = sent[1]["body"]
    return body


@pytest.mark.parametrize("way", ["answer_add", "answer_any"])
async def test_the_limits_answer_the_very_bytes_that_dragoman_answers(way: str) -> None:
    limits = runpy.run_path(str(PROGRAMS / "bare" / "reply.py"))
    assert limits[way](add().body) == await answered_by_dragoman(add())
