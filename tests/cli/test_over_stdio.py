import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dragoman.cli.main import main


@contextlib.contextmanager
def standard_input(data: bytes) -> Iterator[None]:
    """Standard input that holds this and ends."""
    reading, writing = os.pipe()
    os.write(writing, data)
    os.close(writing)
    kept = os.dup(0)
    os.dup2(reading, 0)
    try:
        yield
    finally:
        os.dup2(kept, 0)
        os.close(kept)
        os.close(reading)


def test_stdout_holds_messages_and_nothing_else(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "talks.py"
    path.write_text(
        "from dragoman import Server\nprint('loaded')\nserver = Server('talks')\n"
        "@server.tool\ndef talk() -> str:\n    '''Talk.'''\n    print('called')\n    return 'hello'\n",
        encoding="utf-8",
    )
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    }
    request = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "talk", "_meta": meta}}
    with standard_input(json.dumps(request).encode() + b"\n"):
        assert main(["serve", str(path), "--stdio"]) == 0
    out, err = capfd.readouterr()
    (answer,) = map(json.loads, out.splitlines())
    assert answer["result"]["content"][0]["text"] == "hello"
    assert "Dragoman" in err
    assert "loaded" in err
    assert "called" in err


def test_what_is_not_well_is_said_on_stderr(capfd: pytest.CaptureFixture[str], database: Path) -> None:
    database.write_bytes(b"SQLite format 3\0" + b"\xff" * 500)
    with standard_input(b""):
        assert main(["serve", str(database), "--stdio"]) == 0
    out, err = capfd.readouterr()
    assert out == ""
    assert "Warning: " in err
    assert "serves on stdio" in err
