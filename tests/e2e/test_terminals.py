"""What a terminal sees, and one that cannot show everything."""

import os
import pty
import subprocess
from pathlib import Path

import pytest

from tests.e2e.conftest import PROGRAM, ask

SERVER = """
from dragoman import Image, Server

server = Server("screen")


@server.tool
def picture() -> Image:
    '''Draw.'''
    return Image(data=bytes(range(256)), format="png")


@server.tool
def name() -> str:
    '''Say a name.'''
    return "Σωκράτης 陳 \\x1b[31mred"
"""


@pytest.fixture
def screen(tmp_path: Path) -> str:
    path = tmp_path / "screen.py"
    path.write_text(SERVER, encoding="utf-8")
    return str(path)


def on_terminal(*words: str) -> bytes:
    """What a command writes to a real pseudo-terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([*PROGRAM, *words], stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.PIPE)
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # how Linux says that the other end closed
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return shown


def test_bytes_are_not_dumped_on_a_terminal(screen: str) -> None:
    assert on_terminal("call", screen, "picture").strip() == (
        b"[image/png, 256 bytes; write them to a file with --save FILE]"
    )


def test_escapes_are_shown_and_not_obeyed(screen: str) -> None:
    assert "\\x1b[31mred" in on_terminal("call", screen, "name").decode()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_other_encodings_do_not_crash(screen: str, encoding: str) -> None:
    done = ask("call", screen, "name", environment={"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"})
    assert done.returncode == 0, done.stderr
    assert "\\u03a3\\u03c9" in done.stdout
