"""The demo, as somebody meets it the first time."""

import re
import shlex
import signal
import time
from pathlib import Path

from tests.e2e.conftest import Serving, ask


def test_what_it_says_to_try_works(tmp_path: Path) -> None:
    began = time.monotonic()
    server = Serving(["demo"], tmp_path)
    try:
        server.wait_until_announced()
        assert time.monotonic() - began < 30
        tries = re.findall(r"^  dragoman (.+)$", server.out, re.MULTILINE)
        assert len(tries) >= 2
        answers = [ask(*shlex.split(line)) for line in tries]
    finally:
        status = server.end(signal.SIGINT)
    assert status == 0, server.err
    assert all(answer.returncode == 0 for answer in answers), [answer.stderr for answer in answers]
    assert "2026-10" in answers[0].stdout
    assert "customers/refunds.md" in answers[1].stdout


def test_over_stdio_it_says_nothing_but_messages(tmp_path: Path) -> None:
    done = ask("demo", "--stdio", "--folder", str(tmp_path / "demo"))
    assert (done.returncode, done.stdout) == (0, "")
    assert "The demo is in" in done.stderr
