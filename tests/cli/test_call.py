import base64
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dragoman.cli.main import main
from tests.cli.conftest import Run, Terminal


def test_text(run: Run, python: Path) -> None:
    assert run("call", python, "add", "first=40", "second=2", "negative=true") == (0, "-42\n", "")
    assert run("call", python, "join", "words=a", "words=b", "separator=-")[1] == "a-b\n"


def test_rows_are_a_table(run: Run, database: Path) -> None:
    status, out, _ = run("call", database, "tools_query", "sql=select * from tool", "limit=2")
    assert status == 0
    assert out.splitlines()[:4] == ["id  name    price", "--  ------  -----", " 1  Hammer   19.5", " 2  鑿        7.0"]
    assert "(2 rows; there are more: cursor=" in out


def test_a_tool_error_has_status_1(run: Run, python: Path, database: Path) -> None:
    assert run("call", python, "fail") == (1, "", "the lathe is broken\n")
    status, out, err = run("call", database, "tools_query", "sql=delete from tool")
    assert (status, out) == (1, "")
    assert "read-only" in err


def test_json_has_the_protocol_s_shape(run: Run, python: Path) -> None:
    status, out, _ = run("call", python, "add", "first=1", "--output", "json")
    assert status == 0
    assert json.loads(out) == {
        "content": [{"type": "text", "text": "2"}],
        "structuredContent": 2,
        "isError": False,
    }
    status, out, err = run("call", python, "fail", "--output", "json")
    assert (status, err) == (1, "")
    assert json.loads(out) == {
        "content": [{"type": "text", "text": "the lathe is broken"}],
        "structuredContent": None,
        "isError": True,
    }


def test_arguments_as_json(run: Run, python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("call", python, "add", "--json", '{"first": 1, "second": 2}')[1] == "3\n"
    monkeypatch.setattr(sys, "stdin", io.StringIO('{"first": 4}'))
    assert run("call", python, "add", "--json", "-")[1] == "5\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["ad", "first=1"], "The server has no tool 'ad'. Did you mean 'add'?"),
        (["zzzz"], "It has: add, join, fail, quiet, picture, escape."),
        (["add", "frist=1"], "Did you mean 'first'?"),
        (["add"], "needs first"),
        (["add", "first=x"], "takes integer"),
        (["add", "first"], "write key=value"),
        (["add", "first=1", "--json", "{}"], "both as key=value and as --json"),
        (["add", "--json", "[]"], "must be an object"),
    ],
)
def test_mistakes_have_status_2(run: Run, python: Path, words: list[str], sentence: str) -> None:
    status, out, err = run("call", python, *words)
    assert (status, out) == (2, "")
    assert sentence in err
    assert err.count("\n") == 1


def test_a_picture_is_bytes_for_a_program(python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(sys, "stdout", pipe)
    assert main(["call", str(python), "picture"]) == 0
    assert pipe.buffer.getvalue() == b"\x89PNG not really"


def test_a_picture_never_reaches_a_terminal(terminal: Callable[[], Terminal], python: Path) -> None:
    screen = terminal()
    assert main(["call", str(python), "picture"]) == 0
    assert screen.shown == "[image/png, 15 bytes; write them to a file with --save FILE]\n"


def test_escapes_never_reach_a_terminal(terminal: Callable[[], Terminal], python: Path) -> None:
    screen = terminal()
    assert main(["call", str(python), "escape"]) == 0
    assert screen.shown == "red \\x1b[31malert\n"


def test_what_comes_is_saved(run: Run, python: Path, tmp_path: Path) -> None:
    status, out, err = run("call", python, "picture", "--save", tmp_path / "lathe.png")
    assert (status, out) == (0, "")
    assert "15 bytes" in err
    assert (tmp_path / "lathe.png").read_bytes() == b"\x89PNG not really"
    run("call", python, "add", "first=1", "--save", tmp_path / "sum.txt")
    assert (tmp_path / "sum.txt").read_text(encoding="utf-8") == "2"


BLOCKS = f'''
from dragoman import *

server = Server("blocks")


@server.tool
def mixed() -> ToolResult:
    """Everything."""
    return ToolResult(content=[
        TextContent("words"),
        AudioContent("{base64.b64encode(b"sound").decode()}", "audio/wav"),
        EmbeddedResource(ResourceContents("x://text", text="embedded")),
        EmbeddedResource(ResourceContents("x://blob", blob="{base64.b64encode(b"blob").decode()}")),
        ResourceLink("x://link", "link", title="A link"),
    ])


@server.tool
def bare() -> ToolResult:
    """Structured, no content."""
    return ToolResult(content=[], structured={{"a": 1}})


@server.tool
def broken() -> ToolResult:
    """Not base64."""
    return ToolResult(content=[ImageContent("a", "image/png")])


@server.tool
def speechless() -> ToolResult:
    """Nothing at all."""
    return ToolResult(content=[])


@server.tool
async def slow(context: Context) -> str:
    """Tell how far it is."""
    await context.progress(1, 2, "half")
    await context.progress(1.5)
    return "done"
'''


@pytest.fixture
def blocks(tmp_path: Path) -> Path:
    path = tmp_path / "blocks.py"
    path.write_text(BLOCKS, encoding="utf-8")
    return path


def test_every_block_is_shown(terminal: Callable[[], Terminal], blocks: Path) -> None:
    screen = terminal()
    assert main(["call", str(blocks), "mixed"]) == 0
    assert screen.shown.splitlines() == [
        "words",
        "[audio/wav, 5 bytes; write them to a file with --save FILE]",
        "embedded",
        "[binary, 4 bytes; write them to a file with --save FILE]",
        "x://link  A link",
    ]


def test_every_binary_block_is_saved(run: Run, blocks: Path, tmp_path: Path) -> None:
    run("call", blocks, "mixed", "--save", tmp_path / "part.bin")
    assert (tmp_path / "part.bin").read_bytes() == b"sound"
    assert (tmp_path / "part-2.bin").read_bytes() == b"blob"


def test_structured_content_without_any_other_is_shown(run: Run, blocks: Path) -> None:
    assert json.loads(run("call", blocks, "bare")[1]) == {"a": 1}


def test_nothing_is_shown_as_nothing(run: Run, blocks: Path) -> None:
    assert run("call", blocks, "speechless")[:2] == (0, "")


def test_a_picture_that_is_none_is_shown_as_it_came(terminal: Callable[[], Terminal], blocks: Path) -> None:
    screen = terminal()
    assert main(["call", str(blocks), "broken"]) == 0
    assert "[image/png, 1 bytes" in screen.shown


def test_progress_is_for_people(run: Run, blocks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("call", blocks, "slow") == (0, "done\n", "")
    screen = Terminal(io.BytesIO(), encoding="utf-8")
    monkeypatch.setattr(sys, "stderr", screen)
    assert main(["call", str(blocks), "slow"]) == 0
    assert screen.shown == "1 of 2: half\n1.5\n"


def test_a_missing_tool_is_named_and_nothing_optional(run: Run, python: Path) -> None:
    assert run("call", python)[2] == (
        "dragoman: The following arguments are required: TOOL. See dragoman call --help.\n"
    )
