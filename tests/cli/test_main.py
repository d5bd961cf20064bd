import io
import subprocess
import sys
from pathlib import Path

import pytest

from dragoman import __version__
from dragoman.cli.main import COMMANDS, main
from dragoman.secrets import register
from tests.cli.conftest import Run

HEAVY = {"asyncio", "httptools", "httpx2", "logging", "msgspec", "sqlglot", "sqlite3", "uvicorn", "uvloop"}
MODULES = 71
"""What `dragoman --version` may load beyond what the interpreter starts with."""


def test_without_words_it_explains_itself(run: Run) -> None:
    status, out, err = run()
    assert (status, err) == (0, "")
    assert all(command in out for command in COMMANDS)
    assert "Exit status" in out


def test_version(run: Run) -> None:
    assert run("--version") == (0, f"dragoman {__version__}\n", "")


def test_version_loads_next_to_nothing() -> None:
    program = (
        "import sys; before = set(sys.modules)\n"
        "from dragoman.cli.main import main\n"
        "main(['--version'])\n"
        "print(*(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(done.stdout.splitlines()[1].split())
    assert not loaded & HEAVY
    assert len(loaded) <= MODULES, sorted(loaded)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples(run: Run, command: str) -> None:
    status, out, err = run(command, "--help")
    assert (status, err) == (0, "")
    assert f"usage: dragoman {command}" in out
    assert "examples:" in out


@pytest.mark.parametrize("command", ["list", "call", "read", "prompt"])
def test_commands_that_ask_say_their_statuses_and_their_json(run: Run, command: str) -> None:
    _, out, _ = run(command, "--help")
    assert "Exit status" in out
    assert "--output json prints one object" in out


def test_an_unknown_command_names_the_nearest(run: Run) -> None:
    assert run("srve") == (2, "", "dragoman: There is no command 'srve'. Did you mean 'serve'?\n")


def test_an_unknown_command_like_none_names_all(run: Run) -> None:
    _, _, err = run("zzz")
    assert all(command in err for command in COMMANDS)


def test_an_unknown_option_is_one_sentence(run: Run) -> None:
    status, out, err = run("--wat")
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert "--wat" in err


def test_missing_words_are_one_sentence(run: Run) -> None:
    status, _, err = run("list")
    assert status == 2
    assert err == "dragoman: The following arguments are required: TARGET. See dragoman list --help.\n"


def test_words_of_the_process_by_default(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["dragoman", "--version"])
    assert main() == 0
    assert capsys.readouterr().out.startswith("dragoman ")


def test_an_output_that_cannot_show_everything_shows_escapes(
    monkeypatch: pytest.MonkeyPatch, database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    latin = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr(sys, "stdout", latin)
    assert main(["call", str(database), "tools_query", "sql=select name from tool"]) == 0
    latin.flush()
    shown = latin.buffer.getvalue().decode("latin-1")
    assert "Säge" in shown
    assert "\\u947f" in shown


def test_json_for_an_output_that_is_not_utf_8_is_ascii(monkeypatch: pytest.MonkeyPatch, database: Path) -> None:
    latin = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr(sys, "stdout", latin)
    assert main(["call", str(database), "tools_query", "sql=select name from tool", "--output", "json"]) == 0
    latin.flush()
    shown = latin.buffer.getvalue()
    assert shown.isascii()
    assert b"S\\u00e4ge" in shown


def test_without_a_standard_output_nothing_breaks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Closed())
    assert main(["demo", "--no-serve", "--folder", str(tmp_path / "demo")]) == 0


def test_a_reader_that_leaves_is_no_error(database: Path) -> None:
    words = [sys.executable, "-m", "dragoman", "call", str(database), "tools_query"]
    words += ["sql=with recursive n(i) as (select 1 union all select i+1 from n where i < 200) select i, hex(i) from n"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(60) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""


def test_secrets_never_reach_standard_error(run: Run, tmp_path: Path) -> None:
    register("mn-9d01zz")
    status, _, err = run("serve", str(tmp_path / "mn-9d01zz.db"))
    assert status == 2
    assert "***.db' does not exist" in err
    broken = tmp_path / "broken.py"
    broken.write_text("raise LookupError('mn-9d01zz')")
    assert "LookupError: ***" in run("serve", str(broken))[2]


def test_a_traceback_shows_no_secret(tmp_path: Path) -> None:
    code = (
        "import sys, types\n"
        "from dragoman.cli.main import main\n"
        "from dragoman.secrets import register\n"
        "register('mn-9d02zz')\n"
        "broken = types.ModuleType('dragoman.cli.list')\n"
        "broken.DESCRIPTION = broken.EPILOG = ''\n"
        "broken.add_arguments = lambda parser: None\n"
        "def run(options): raise LookupError('it was mn-' + '9d02zz')\n"
        "broken.run = run\n"
        "sys.modules['dragoman.cli.list'] = broken\n"
        "sys.exit(main(['list']))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "LookupError: it was ***" in done.stderr
    assert "9d02zz" not in done.stderr.replace("'9d02zz'", "")
