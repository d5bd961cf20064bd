"""A folder with everything in it that must not be seen, and secrets around it."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

SECRET = "the secret outside"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A served folder between folders that hold `SECRET`; sockets and pipes in it, links in and out of it."""
    root, outside = tmp_path / "root", tmp_path / "outside"
    for place in (root, root / "guide", root / ".git", root / "guide" / ".private", outside, tmp_path / "root-evil"):
        place.mkdir()
    for file in (
        tmp_path / "secret.md",
        outside / "secret.md",
        tmp_path / "root-evil" / "secret.md",
        root / ".env",
        root / ".git" / "config",
        root / "guide" / ".hidden.md",
        root / "guide" / ".private" / "page.md",
    ):
        file.write_text(SECRET)
    (root / "a.md").write_text("# A\n\ninside a\n")
    (root / "guide" / "page.md").write_text("# Page\n\ninside page\n")
    (root / "na me %2e.md").write_text("inside, oddly named\n")
    (root / "link.md").symlink_to(outside / "secret.md")
    (root / "relative.md").symlink_to("../secret.md")
    (root / "within.md").symlink_to("a.md")
    (root / "door").symlink_to(outside, target_is_directory=True)
    (root / "guide" / "up").symlink_to("..", target_is_directory=True)
    (root / "loop").symlink_to("loop")
    (root / "self").symlink_to("/proc/self/root" if os.path.exists("/proc/self/root") else "/")  # noqa: PTH110
    os.link(outside / "secret.md", root / "hard.md")
    os.mkfifo(root / "pipe")
    listener = socket.socket(socket.AF_UNIX)
    here = os.open(root, os.O_RDONLY)
    try:
        # Through a descriptor, because a Unix socket's address holds 107 bytes only.
        listener.bind(f"/proc/self/fd/{here}/socket")
        yield root
    finally:
        os.close(here)
        listener.close()
