"""`examples/ask_a_server.py`: a program of its own, asking another one."""

import subprocess
import sys
from pathlib import Path

SCRIPT = "examples/ask_a_server.py"
PROGRAM = str(Path(sys.executable).with_name("dragoman"))


def run(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, *words], cwd=root, capture_output=True, text=True, timeout=60, check=False
    )


def test_it_asks_a_command(root: Path) -> None:
    done = run(root, PROGRAM, "serve", "examples/tools.py", "--stdio")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("parcels, protocol version 2026-07-28\n")
    assert "  track: Tell where a parcel is.\n" in done.stdout


def test_it_calls_what_needs_nothing(root: Path, tmp_path: Path) -> None:
    server = tmp_path / "clock.py"
    server.write_text(
        "from dragoman import Server\n\nserver = Server('clock')\n\n\n@server.tool\ndef now() -> str:\n"
        "    return 'noon'\n\n\nserver.run()\n",
        encoding="utf-8",
    )
    assert run(root, sys.executable, str(server)).stdout.endswith("now() gives noon\n")


def test_a_server_that_is_not_there_is_one_sentence(root: Path) -> None:
    done = run(root, "http://127.0.0.1:9/mcp")
    assert done.returncode == 1
    assert done.stderr.startswith("No answer: ")
    assert "Traceback" not in done.stderr
