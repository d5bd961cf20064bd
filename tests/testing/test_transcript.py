"""Transcripts as text: settings, steps, and what is wrong with them."""

from pathlib import Path

import pytest

from dragoman import UsageError
from dragoman.protocol.revisions import LATEST_LEGACY, LATEST_MODERN, LEGACY, REVISIONS
from dragoman.testing import Transcript
from tests.testing.conftest import Write

TEXT = """# What it shows.

Revisions: 2025-06-18, modern
Wires: http stdio
Features: add fail
Handshake: no
Fixed bugs: issue 7: ids were lost

# A comment
> {"id": 1,
  "method": "ping"}
<legacy {"id": 1, "result": {}}
<2026-07-28 {"id": 1, "error": "..."}
"""


def test_a_transcript(tmp_path: Path) -> None:
    path = tmp_path / "x.transcript"
    path.write_text(TEXT)
    transcript = Transcript(path)
    assert [revision.name for revision in transcript.revisions] == ["2025-06-18", "2026-07-28"]
    assert transcript.wires == ["stdio", "http"]
    assert transcript.features == ["add", "fail"]
    assert transcript.fixed_bugs == "issue 7: ids were lost"
    assert not transcript.handshake
    sent, older, newer = transcript.steps
    assert sent.text == '{"id": 1,\n  "method": "ping"}'
    assert (sent.from_client, sent.line, older.from_client, older.line) == (True, 10, False, 12)
    assert sent.counts_in(LATEST_LEGACY)
    assert older.counts_in(LATEST_LEGACY)
    assert not older.counts_in(LATEST_MODERN)
    assert newer.counts_in(LATEST_MODERN)


@pytest.mark.parametrize(("words", "count"), [("all", len(REVISIONS)), ("legacy", len(LEGACY)), ("modern", 1)])
def test_groups_of_revisions(write: Write, words: str, count: int) -> None:
    transcript = write("> {}\n", f"Revisions: {words}\nFixed bugs: none\n")
    assert len(transcript.revisions) == count
    assert transcript.handshake
    assert transcript.wires == ["memory", "stdio", "http"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "needs"),
        ("Revisions: all\nFixed bugs: none\n", "needs"),
        ("Revisions: all\n> {}\n", "needs"),
        ("Fixed bugs: none\n> {}\n", "needs"),
        ("Revisions: all 1999-01-01\nFixed bugs: none\n> {}\n", "1999-01-01"),
        ("Colour: blue\n", ":1: neither"),
        ("hello\n", ":1: neither"),
        ("Revisions: all\nFixed bugs: none\n> {}\nWires: http\n", ":4: neither"),
        (" {}\n", ":1: neither"),
    ],
)
def test_what_is_wrong_is_said(write: Write, text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        write(text, "")
