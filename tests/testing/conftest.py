"""Transcripts written by a test."""

from pathlib import Path
from typing import Protocol

import pytest

from dragoman.testing import Transcript

SETTINGS = "Revisions: 2026-07-28\nFixed bugs: none\n"


class Write(Protocol):
    """Write a transcript and read it."""

    def __call__(self, text: str, settings: str = SETTINGS) -> Transcript: ...


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a transcript with the required settings and read it."""

    def write(text: str, settings: str = SETTINGS) -> Transcript:
        path = tmp_path / "one.transcript"
        path.write_text(settings + text, encoding="utf-8")
        return Transcript(path)

    return write
