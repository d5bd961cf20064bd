"""What must not stand in any tracked file: machines, promises for later, silenced checks without a name.

The patterns are written so that they do not find themselves.
"""

import os
import re
from pathlib import Path

import pytest

from tests.shape.sources import ROOT, tracked_files, where

FORBIDDEN = {
    "a path of somebody's machine": re.compile(
        r"(?<![\w./~-])/(?:work/(?:main|shared|notes)|home/(?!me\b|you\b)\w+/|Users/\w+/|root/\w)"
    ),
    "work left for later": re.compile(r"\b(?:T[O]DO|F[I]XME|X[X]X|H[A]CK)\b"),
    "a type check silenced without its code": re.compile(r"type:\s*i[g]nore(?!\[)"),
    "a lint rule silenced without its code": re.compile(r"#\s*n[o]qa(?!:\s*[A-Z])", re.IGNORECASE),
    "a coverage exclusion in place": re.compile(r"p[r]agma:\s*no (?:cover|branch)"),
}
BINARY = {".png", ".ico", ".sqlite", ".db", ".woff2", ".gz"}
WRITTEN_ELSEWHERE = {"LICENSE", "package-lock.json"}


def texts() -> list[Path]:
    return [path for path in tracked_files() if path.suffix not in BINARY and path.name not in WRITTEN_ELSEWHERE]


@pytest.mark.parametrize("path", texts(), ids=lambda path: str(path.relative_to(ROOT)))
def test_files_are_clean(path: Path) -> None:
    found = [
        f"{where(path, number)} has {what}: {line.strip()[:80]}"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for what, pattern in FORBIDDEN.items()
        if pattern.search(line)
    ]
    assert not found


def test_the_lock_file_names_no_index() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock
    assert not re.search(r"^\s*--(?!hash=sha256:)", lock, re.MULTILINE), "hashes are its only options"


def test_every_requirement_has_a_hash() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8").replace("\\\n", " ")
    requirements = [line for line in lock.splitlines() if line.strip() and not line.startswith("#")]
    assert requirements
    assert not [line[:60] for line in requirements if "==" not in line or "--hash=sha256:" not in line]


def test_programs_can_be_run() -> None:
    programs = [path for path in tracked_files() if path.read_bytes().startswith(b"#!")]
    assert ROOT / ".ci" / "run" in programs
    assert not [str(path.relative_to(ROOT)) for path in programs if not os.access(path, os.X_OK)]
