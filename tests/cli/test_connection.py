import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run


def test_a_target_served_in_memory(run: Run, python: Path) -> None:
    status, out, err = run("list", python, "tools")
    assert (status, err) == (0, "")
    assert "add(first, second?, negative?)  Add two numbers." in out


def test_a_command_after_dashes(run: Run, python: Path) -> None:
    command = [sys.executable, "-m", "dragoman", "serve", str(python), "--stdio", "--log-level", "error"]
    assert run("call", "add", "first=40", "second=2", "--", *command)[:2] == (0, "42\n")


def test_nobody_answers(run: Run) -> None:
    status, out, err = run("list", "http://127.0.0.1:1/mcp")
    assert (status, out) == (3, "")
    assert err.startswith("dragoman: Cannot connect to http://127.0.0.1:1/mcp")


def test_a_command_that_cannot_be_started(run: Run) -> None:
    status, _, err = run("list", "--", "/no/such/program")
    assert status == 3
    assert "/no/such/program" in err


def test_a_command_that_speaks_no_mcp(run: Run) -> None:
    status, _, err = run("list", "--timeout", "10", "--", sys.executable, "-c", "print('hello')")
    assert status == 3
    assert "Traceback" not in err


def test_an_answer_that_takes_too_long(run: Run, tmp_path: Path) -> None:
    slow = tmp_path / "slow.py"
    slow.write_text(
        "import asyncio\nfrom dragoman import Server\nserver = Server('slow')\n"
        "@server.tool\nasync def wait() -> str:\n    '''Wait.'''\n    await asyncio.sleep(60)\n    return ''\n",
        encoding="utf-8",
    )
    status, _, err = run("call", slow, "wait", "--timeout", "0.2")
    assert status == 3
    assert "within 0.2 seconds" in err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["gone.db"], "'gone.db' does not exist"),
        (["--header", "A: b", "{python}"], "--header goes with a URL only"),
        (["--header", "A: b", "--", "python"], "--header goes with a URL only"),
        (["--header", "A", "http://127.0.0.1:1/mcp"], "--header 'A': write it as 'Name: value'"),
        (["--header", ": b", "http://127.0.0.1:1/mcp"], "write it as 'Name: value'"),
        (["--header", "A: b\r\nC: d", "http://127.0.0.1:1/mcp"], "write it as 'Name: value'"),
        (["--timeout", "0", "{python}"], "no number of seconds above 0"),
        (["--"], "After -- write the command"),
        (["http://"], "http://"),
    ],
)
def test_mistakes_have_status_2(run: Run, python: Path, words: list[str], sentence: str) -> None:
    status, out, err = run("list", *(word.format(python=python) for word in words))
    assert (status, out) == (2, "")
    assert sentence in err


def test_a_server_that_does_not_start_has_status_2(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "stuck.py"
    path.write_text(
        "from dragoman import Server\n"
        "def lifespan(server):\n    raise OSError('no disk')\n"
        "server = Server('stuck', lifespan=lifespan)\n",
        encoding="utf-8",
    )
    assert run("list", path) == (2, "", "dragoman: stuck does not start: OSError: no disk\n")
