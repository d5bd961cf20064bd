"""Sign-in from the command line: keys and roles of a served configuration, which changes meanwhile."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, cast

import pytest

from dragoman.cli.main import main
from tests.cli.test_serve import free_port, meanwhile

CONFIG = """\
[auth.api_keys]
store = "keys.sqlite3"
[roles.reader]
connectors = ["hand*"]
[roles.nobody]
[connectors.handbook]
type = "files"
path = "handbook"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "handbook").mkdir()
    (tmp_path / "handbook" / "one.md").write_text("# One\n", encoding="utf-8")
    path = tmp_path / "dragoman.toml"
    path.write_text(CONFIG, encoding="utf-8")
    return path


def make(file: Path, role: str, capsys: pytest.CaptureFixture[str]) -> str:
    store = str(file.with_name("keys.sqlite3"))
    assert main(["keys", "add", "--for", "anna", "--role", role, "--store", store, "--json"]) == 0
    return str(json.loads(capsys.readouterr().out)["key"])


def statuses_of(told: list[object]) -> list[int]:
    """The exit statuses that the other thread gave."""
    return cast("list[Any]", told)[0]  # type: ignore[no-any-return]


def asking(url: str, key: str) -> int:
    return main(["list", url, "--header", f"Authorization: Bearer {key}"])


def test_a_key_opens_what_its_role_sees(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key, other, port = make(file, "reader", capsys), make(file, "nobody", capsys), free_port()
    url = f"http://127.0.0.1:{port}/mcp"
    with meanwhile(port, lambda: [main(["list", url]), asking(url, other), asking(url, key)]) as told:
        assert main(["serve", str(file), "--port", str(port)]) == 0
    out, err = capsys.readouterr()
    assert [status == 0 for status in statuses_of(told)] == [False, True, True]
    assert "HTTP 401" in err
    assert "The server offers nothing." in out
    assert "handbook_read" in out.partition("offers nothing")[2]


def test_a_role_that_changes_holds_without_a_restart(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key, port = make(file, "reader", capsys), free_port()
    url = f"http://127.0.0.1:{port}/mcp"

    def narrow() -> int:
        file.write_text(CONFIG.replace("hand*", "other"), encoding="utf-8")
        time.sleep(2.5)
        return asking(url, key)

    with meanwhile(port, narrow) as told:
        assert main(["serve", str(file), "--port", str(port)]) == 0
    out, err = capsys.readouterr()
    assert told == [0]
    assert "The server offers nothing." in out
    assert "hold from now on" in err


def test_keys_without_a_configuration(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(file.parent))
    port = free_port()
    assert main(["keys", "add", "--for", "anna", "--json"]) == 0
    key = str(json.loads(capsys.readouterr().out)["key"])
    url = f"http://127.0.0.1:{port}/mcp"
    with meanwhile(port, lambda: [main(["list", url]), asking(url, key)]) as told:
        assert main(["serve", str(file.with_name("handbook")), "--keys", "--port", str(port)]) == 0
    assert [status == 0 for status in statuses_of(told)] == [False, True]


def test_beyond_this_machine_it_says_what_is_true(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    port = free_port()
    with meanwhile(port, lambda: None):
        assert main(["serve", str(file), "--port", str(port), "--host", "0.0.0.0"]) == 0  # noqa: S104
    err = capsys.readouterr().err
    assert "speaks no TLS" in err
    assert "nobody has to sign in" not in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--as", "reader"], "--as is for --stdio"),
        (["--stdio"], "--as ROLE"),
        (["--stdio", "--as", "reeder"], "did you mean 'reader'?"),
        (["--stdio", "--keys"], "--keys is for HTTP"),
    ],
)
def test_what_cannot_be(file: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    environment = {**os.environ, "COLUMNS": "200"}
    command = [sys.executable, "-m", "dragoman", "serve", str(file), "--port", "0", *words]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=30, check=False, input="")
    assert done.returncode == 2
    assert said in done.stderr
    capsys.readouterr()


@pytest.mark.parametrize(("role", "tools"), [("reader", ["handbook_search", "handbook_read"]), ("nobody", [])])
def test_over_stdio_a_role_is_named(file: Path, role: str, tools: list[str]) -> None:
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}
    lines = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}},
    ]
    given = "".join(json.dumps(line) + "\n" for line in lines)
    command = [sys.executable, "-m", "dragoman", "serve", str(file), "--stdio", "--as", role]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True, input=given)
    answers = {answer["id"]: answer["result"] for answer in map(json.loads, done.stdout.splitlines())}
    assert [tool["name"] for tool in answers[2]["tools"]] == tools
    assert ("handbook_read" in answers[1].get("instructions", "")) == bool(tools)
