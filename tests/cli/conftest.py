"""A database, a folder and a Python server to point commands at, and a way to run commands in this process."""

import io
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dragoman.cli.main import main

SERVER = '''
from dragoman import File, Image, Meta, ResourceContents, Server, ToolError
from typing import Annotated

server = Server("workshop", "1.2.3", instructions="Ask politely.")


@server.tool
def add(first: int, second: int = 1, *, negative: bool = False) -> int:
    """Add two numbers. Further sentences are not listed."""
    return -(first + second) if negative else first + second


@server.tool
def join(words: list[str], separator: str = " ") -> str:
    """Join words."""
    return separator.join(words)


@server.tool
def fail() -> str:
    """Fail."""
    raise ToolError("the lathe is broken")


@server.tool
def quiet() -> None:
    """Return nothing."""


@server.tool
def picture() -> Image:
    """Draw."""
    return Image(data=b"\\x89PNG not really", format="png")


@server.tool
def escape() -> str:
    """Say what a terminal would obey."""
    return "red \\x1b[31malert"


@server.resource("shop://motto")
def motto() -> str:
    """What we say."""
    return "Measure twice"


@server.resource("shop://logo")
def logo() -> bytes:
    """How we look."""
    return b"\\x89PNG\\x00logo"


@server.resource("shop://drawers/{number}")
def drawer(number: int) -> str:
    """What is in a drawer."""
    return f"drawer {number}"


@server.prompt
def review(language: str, tone: str = "kind") -> str:
    """Review code."""
    return f"Review this {language}, be {tone}."
'''


@pytest.fixture(autouse=True)
def modules_as_before(tmp_path: Path) -> Iterator[None]:
    """Python targets become modules of this process; forget those of the test."""
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if str(tmp_path) in (getattr(sys.modules[name], "__file__", None) or ""):
            del sys.modules[name]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "tools.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            """
            CREATE TABLE tool (id INTEGER PRIMARY KEY, name TEXT, price REAL);
            INSERT INTO tool VALUES (1, 'Hammer', 19.5), (2, '鑿', 7), (3, 'Säge', NULL);
            CREATE TABLE drawer (id INTEGER PRIMARY KEY, tool_id INTEGER REFERENCES tool (id));
            """
        )
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "manual"
    path.mkdir()
    (path / "safety.md").write_text("# Safety\n\nWear goggles at the lathe.\n", encoding="utf-8")
    (path / "hours.md").write_text("# Hours\n\nOpen from nine to five.\n", encoding="utf-8")
    return path


@pytest.fixture
def python(tmp_path: Path) -> Path:
    path = tmp_path / "workshop.py"
    path.write_text(SERVER, encoding="utf-8")
    return path


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process: exit status, standard output, standard error."""

    def run_command(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main([str(word) for word in words])
        return status, *capsys.readouterr()

    return run_command


class Terminal(io.TextIOWrapper):
    """Standard output as a terminal would be."""

    def isatty(self) -> bool:
        return True

    @property
    def shown(self) -> str:
        """What was printed."""
        self.flush()
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue().decode(self.encoding)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Terminal]:
    """Puts a terminal of 60 columns in place of standard output; pytest has its own until the test begins."""
    monkeypatch.setenv("COLUMNS", "60")

    def switch_on() -> Terminal:
        screen = Terminal(io.BytesIO(), encoding="utf-8")
        monkeypatch.setattr(sys, "stdout", screen)
        return screen

    return switch_on
