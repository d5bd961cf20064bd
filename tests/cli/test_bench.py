"""`dragoman bench` against real servers."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dragoman.cli.main import main
from tests.cli.conftest import Run, Terminal
from tests.cli.team import Team

APP = '''
from dragoman import Context, Server, ToolAnnotations, ToolError

server = Server("bench")
state = {"calls": 0, "broken": False}
safe = ToolAnnotations(read_only_hint=True)


@server.tool
async def write() -> str:
    """Count."""
    state["calls"] += 1
    return "written"


@server.tool(annotations=safe)
async def echo(text: str) -> str:
    """Say it again."""
    return text


@server.tool(annotations=safe)
async def now_and_then() -> str:
    """Fail every second time, but for the first."""
    state["calls"] += 1
    if state["calls"] % 2:
        return "fine"
    raise ToolError("not now")


@server.tool(annotations=safe)
async def sometimes() -> str:
    """Fail for good after the first call."""
    state["used"] = state.get("used", 0) + 1
    if state["used"] == 1:
        return "fine"
    raise ToolError("not now")


@server.tool(annotations=safe)
async def broken(context: Context) -> str:
    """Fail."""
    raise ToolError("out of order")


@server.tool(annotations=safe)
async def chatty(context: Context) -> str:
    """Speak before the answer."""
    await context.progress(1)
    await context.info("hello")
    return "done"
'''


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with Team(tmp_path_factory.mktemp("bench"), "--workers", "2", app=APP) as team:
        yield team


@pytest.fixture
def url(team: Team) -> str:
    return f"http://127.0.0.1:{team.port}/mcp"


QUICK = ("--requests", "200", "--warm-up", "0", "--connections", "4")


def test_people_read_a_report(run: Run, url: str) -> None:
    status, out, err = run("bench", url, "echo", "text=hi", "--header", "X-Test: yes", *QUICK)
    assert (status, err) == (0, "")
    first, second, *_rest = out.splitlines()
    assert first == "bench: 'echo' over HTTP, revision 2026-07-28, 4 at a time,"
    assert second == "closed loop, 200 requests after 0 s of warm-up"
    assert "calls/s   (200 answered, 0 failed)" in out
    assert "  p50 " in out
    assert "p99.9 " in out
    assert "<= " in out


@pytest.mark.parametrize("revision", ["2026-07-28", "2025-11-25", "2025-06-18"])
def test_programs_read_json(run: Run, url: str, revision: str) -> None:
    status, out, _err = run("bench", url, "chatty", "--revision", revision, *QUICK, "--output", "json")
    found = json.loads(out)
    assert status == 0
    assert (found["revision"], found["transport"], found["tool"]) == (revision, "http", "chatty")
    assert (found["calls"], found["answered"], found["failures"]) == (200, 200, {})
    latency = found["latency_ms"]
    assert 0 < latency["p50"] <= latency["p90"] <= latency["p99"] <= latency["p99.9"] <= latency["max"]
    assert found["calls_per_second"] == pytest.approx(200 / found["seconds"], rel=0.05)


def test_a_rate(run: Run, url: str) -> None:
    words = ["--rate", "100", "--duration", "1", "--warm-up", "0.1", "--output", "json"]
    status, out, _err = run("bench", url, "echo", "--json", '{"text": "x"}', *words)
    assert status == 0
    assert 80 <= json.loads(out)["calls"] <= 110


def test_a_tool_is_picked_that_harms_nobody(run: Run, url: str) -> None:
    status, out, _err = run("bench", url, *QUICK, "--output", "json")
    assert json.loads(out)["tool"] == "now_and_then"
    assert status == 1


def test_failures_are_counted_and_one_is_shown(run: Run, url: str) -> None:
    status, out, _err = run("bench", url, "sometimes", *QUICK)
    assert status == 1
    assert " failed: the tool failed, such as\n" in out
    assert "not now" in out


def test_a_tool_that_may_write_wants_a_word(run: Run, url: str) -> None:
    status, _out, err = run("bench", url, "write", *QUICK)
    assert (status, err.count("\n")) == (2, 1)
    assert "does not say that it is read-only" in err
    assert "--allow-writes" in err
    assert run("bench", url, "write", "--allow-writes", *QUICK)[0] == 0


def test_over_stdio(run: Run, team: Team) -> None:
    command = ["--", sys.executable, "-m", "dragoman", "serve", team.file, "--stdio"]
    for revision in ("2026-07-28", "2025-11-25"):
        words = ["echo", "text=hi", "--revision", revision, *QUICK, "--output", "json"]
        status, out, _err = run("bench", *words, *command)
        assert (status, json.loads(out)["answered"], json.loads(out)["transport"]) == (0, 200, "stdio")


def test_it_says_when_it_is_the_limit_itself(run: Run, url: str) -> None:
    """A closed loop on many connections against two workers keeps this process busy, or it does not: both are said."""
    _status, out, _err = run(
        "bench",
        url,
        "echo",
        "text=x",
        "--requests",
        "3000",
        "--warm-up",
        "0",
        "--connections",
        "64",
        "--output",
        "json",
    )
    found = json.loads(out)
    assert bool(found["remarks"]) == (found["client_processor"] > 0.9)


def test_a_server_that_does_not_keep_up(run: Run, url: str) -> None:
    words = ["--rate", "1000000", "--duration", "0.3", "--warm-up", "0", "--connections", "1"]
    _status, out, _err = run("bench", url, "echo", "text=x", *words)
    assert "requests were due and not sent: the server did not keep up with 1e+06 a second" in out


def test_the_picture_fits_the_terminal(url: str, terminal: Callable[[], Terminal]) -> None:
    screen = terminal()
    assert main(["bench", url, "echo", "text=x", *QUICK]) == 0
    drawn = [line for line in screen.shown.splitlines() if line.lstrip().startswith("<=")]
    assert drawn
    assert "█" in screen.shown
    assert max(map(len, drawn)) < 60


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["{url}", "broken"], "The tool 'broken' fails, so its speed says nothing: out of order"),
        (["{url}", "ecko"], "The server has no tool 'ecko'. Did you mean 'echo'?"),
        (["{url}", "echo"], "Tool 'echo' needs text"),
        (["{url}", "echo", "text=a", "--json", "{{}}"], "Arguments are given both as key=value and as --json"),
        (["shop.db"], "'shop.db' is no URL; write http://... or, for stdio, the command after --."),
        (["{url}", "--connections", "0"], "'0' is no number above 0"),
        (["{url}", "--connections", "20000"], "'20000' is too many: at most 10,000 connections"),
        (["{url}", "--rate", "-1"], "is no number of seconds above 0"),
        (["{url}", "--requests", "5", "--duration", "5"], "not allowed with argument"),
        (["echo", "--header", "a: b", "--", "server"], "--header goes with a URL only"),
    ],
)
def test_mistakes_are_one_sentence(run: Run, url: str, words: list[str], sentence: str) -> None:
    status, out, err = run("bench", *(word.format(url=url) for word in words))
    assert status in (1, 2)
    assert out == ""
    assert sentence in err
    assert err.count("\n") == 1


def test_no_tool_can_be_picked(run: Run, python: Path) -> None:
    command = ["--", sys.executable, "-m", "dragoman", "serve", python, "--stdio"]
    status, _out, err = run("bench", *command)
    assert status == 2
    assert "No tool says that it is read-only and needs no arguments; name one, with its arguments." in err
