import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dragoman.cli import output
from dragoman.errors import UsageError
from tests.cli.conftest import Terminal


def test_text_for_a_program_is_as_it_came(capsys: pytest.CaptureFixture[str]) -> None:
    output.show("red \x1b[31malert\n")
    output.show("next")
    assert capsys.readouterr().out == "red \x1b[31malert\nnext\n"
    assert output.columns() is None


def test_text_for_a_terminal_moves_no_cursor(terminal: Callable[[], Terminal]) -> None:
    screen = terminal()
    output.show("red \x1b[31malert\r\nnext\tcell \u202etrojan\x9b2J")
    assert screen.shown == "red \\x1b[31malert\nnext\tcell \\u202etrojan\\x9b2J\n"
    assert output.columns() == 60


def test_bytes_for_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(sys, "stdout", pipe)
    output.show_bytes(b"\x00\xff", "image/png")
    assert pipe.buffer.getvalue() == b"\x00\xff"


def test_bytes_never_reach_a_terminal(terminal: Callable[[], Terminal]) -> None:
    screen = terminal()
    output.show_bytes(b"\x00" * 1234, "image/png")
    assert screen.shown == "[image/png, 1,234 bytes; write them to a file with --save FILE]\n"


def test_several_pieces_are_saved_beside_each_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output.save([b"one", b"two"], str(tmp_path / "logo.png"))
    assert (tmp_path / "logo.png").read_bytes() == b"one"
    assert (tmp_path / "logo-2.png").read_bytes() == b"two"
    assert "logo-2.png: 3 bytes" in capsys.readouterr().err


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written: No such file or directory"):
        output.save([b"one"], str(tmp_path / "gone" / "logo.png"))
