"""A served database and folder, over both wires: what may be read is, what must not happen does not."""

import hashlib
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.e2e.conftest import PROGRAM, Serving, ask

Ask = Callable[..., CompletedProcess[str]]

REFUSED = {
    "delete": ("delete from Artist", "DELETE"),
    "attach": ("attach database '/tmp/other.db' as other", "ATTACH"),
    "pragma": ("pragma writable_schema=1", "PRAGMA"),
    "second statement": ("select 1; delete from Artist", ""),
    "update in a CTE": ("with a as (select 1) update Artist set Name = 'x'", ""),
    "load_extension": ("select load_extension('evil')", "load_extension"),
    "endless": ("with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n", ""),
}


@pytest.fixture(params=["http", "stdio"])
def call(request: pytest.FixtureRequest, serving: Serving, targets: list[str]) -> Ask:
    """Calls a tool over one of the wires."""
    command = ["--", sys.executable, "-m", "dragoman", "serve", *targets, "--stdio", "--log-level", "error"]

    def call_tool(*words: str) -> CompletedProcess[str]:
        return ask("call", serving.url, *words) if request.param == "http" else ask("call", *words, *command)

    return call_tool


def digest(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def test_three_artists(call: Ask) -> None:
    done = call("chinook_query", "sql=select Name from Artist order by ArtistId limit 3")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["Name", "---------", "AC/DC", "Accept", "Aerosmith", "(3 rows)"]


def test_the_page_on_multi_round_trip_requests_is_found_first(call: Ask) -> None:
    done = call("handbook_search", "query=tampered request state", "--output", "json")
    found = json.loads(done.stdout)["structuredContent"]["files"]
    assert found[0]["path"] == "specification/basic/patterns/mrtr.md"


@pytest.mark.parametrize("name", REFUSED)
def test_what_must_not_happen_is_refused_and_the_file_is_unchanged(call: Ask, targets: list[str], name: str) -> None:
    sql, named = REFUSED[name]
    before = digest(targets[0])
    began = time.monotonic()
    done = call("chinook_query", f"sql={sql}")
    assert (done.returncode, done.stdout) == (1, "")
    sentence = done.stderr.splitlines()[-1]  # over stdio the server's own lines come before it
    assert sentence.startswith("chinook: ")
    assert named in sentence
    assert "Traceback" not in done.stderr
    assert time.monotonic() - began < 30
    assert digest(targets[0]) == before
    assert not list(Path(targets[0]).parent.glob("chinook.sqlite-*"))


def test_the_server_is_well_after_an_endless_query(serving: Serving) -> None:
    ask("call", serving.url, "chinook_query", f"sql={REFUSED['endless'][0]}")
    done = ask("call", serving.url, "chinook_query", "sql=select count(*) as artists from Artist")
    assert done.stdout.splitlines()[2].strip() == "275"


def test_resources(serving: Serving) -> None:
    table = json.loads(ask("read", serving.url, "sql://chinook/Artist").stdout)
    assert table["rows"] == 275
    page = ask("read", serving.url, "files://handbook/specification/basic/patterns/mrtr.md")
    assert "Multi Round-Trip" in page.stdout
    missing = ask("read", serving.url, "files://handbook/../chinook.sqlite")
    assert (missing.returncode, missing.stdout) == (1, "")


def test_everything_is_listed(serving: Serving) -> None:
    listed = json.loads(ask("list", serving.url, "--output", "json").stdout)
    assert {tool["name"] for tool in listed["tools"]} == {
        "chinook_query",
        "chinook_describe",
        "chinook_explain",
        "handbook_search",
        "handbook_read",
    }
    assert listed["revision"] == "2026-07-28"
    counts = re.findall(r"([\d,]+) resources", serving.out)
    assert sum(int(count.replace(",", "")) for count in counts) == len(listed["resources"])


def test_the_announced_command_serves_the_same(serving: Serving, tmp_path: Path) -> None:
    blocks = [json.loads(block) for block in re.findall(r"^\{.*?^\}", serving.out, re.MULTILINE | re.DOTALL)]
    assert blocks[0]["mcpServers"]["dragoman"] == {"type": "http", "url": serving.url}
    entry = blocks[1]["mcpServers"]["dragoman"]
    done = ask("list", "tools", "--", entry["command"], *entry["args"])
    assert done.returncode == 0, done.stderr
    assert "chinook_query" in done.stdout


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly(targets: list[str], tmp_path: Path, how: signal.Signals) -> None:
    server = Serving(["serve", *targets, "--log-level", "warning"], tmp_path)
    try:
        server.wait_until_announced()
    finally:
        status = server.end(how)
    assert status == 0
    assert server.err == ""


def test_it_ends_cleanly_while_it_starts(targets: list[str], tmp_path: Path) -> None:
    slow = tmp_path / "slow.py"
    slow.write_text(
        "import asyncio, contextlib\nfrom dragoman import Server\n"
        "@contextlib.asynccontextmanager\nasync def lifespan(server):\n"
        "    print('starting', flush=True)\n    await asyncio.sleep(60)\n    yield\n"
        "server = Server('slow', lifespan=lifespan)\n",
        encoding="utf-8",
    )
    server = Serving(["serve", str(slow)], tmp_path)
    try:
        deadline = time.monotonic() + 30
        while "starting" not in server.out:
            assert time.monotonic() < deadline, server.err
            time.sleep(0.02)
    finally:
        status = server.end(signal.SIGTERM)
    assert status == 0
    assert server.err == ""


def test_a_second_one_on_the_port_is_told_so(serving: Serving, targets: list[str]) -> None:
    done = ask("serve", *targets, "--port", str(serving.port))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"dragoman: Port {serving.port} on 127.0.0.1 is taken")
    assert done.stderr.count("\n") == 1


def test_a_call_in_flight_finishes(tmp_path: Path) -> None:
    slow = tmp_path / "slow.py"
    slow.write_text(
        "import asyncio\nfrom dragoman import Server\nserver = Server('slow')\n"
        "@server.tool\nasync def wait() -> str:\n    '''Wait.'''\n    print('called', flush=True)\n"
        "    await asyncio.sleep(1)\n    return 'finished'\n",
        encoding="utf-8",
    )
    server = Serving(["serve", str(slow)], tmp_path)
    try:
        server.wait_until_announced()
        command = [*PROGRAM, "call", server.url, "wait"]
        caller = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 30
        while "called" not in server.out and caller.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        status = server.end(signal.SIGTERM)
    out, err = caller.communicate(timeout=30)
    assert status == 0, server.err
    assert (caller.returncode, out) == (0, "finished\n"), err
