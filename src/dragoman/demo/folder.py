"""The demo's folder: made whole or not at all, kept when it is there, never over somebody else's files.

A marker holds a digest of what the folder was made from, so a newer version makes its own and sets the old aside.
"""

import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dragoman.demo import shop
from dragoman.errors import UsageError

MARKER: Final = ".dragoman-demo"
_HERE: Final = Path(__file__).parent
_SHOWN_DIGEST: Final = 8


@dataclass(frozen=True, slots=True)
class Demo:
    """What there is to serve.

    Args:
        database: the shop, an SQLite file.
        handbook: its handbook, a folder of Markdown.
        made: whether it was made just now.
        set_aside: where a folder of another version went, if there was one.
    """

    database: Path
    handbook: Path
    made: bool
    set_aside: Path | None = None


def prepare(folder: Path) -> Demo:
    """Make the demo in a folder, or find it there.

    Args:
        folder: where; it and its parents are made. What is in it already must be a demo, or nothing.

    Raises:
        UsageError: something else is there, or the folder cannot be written.
    """
    database, handbook = folder / "shop.db", folder / "handbook"
    digest = _digest()
    try:
        if _is_complete(folder, digest):
            return Demo(database, handbook, made=False)
        _check(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
            fresh = Path(scratch) / "demo"
            _make(fresh, digest)
            if _is_complete(folder, digest):  # somebody else was quicker
                return Demo(database, handbook, made=False)
            set_aside = _make_room(folder)
            _put_in_place(fresh, folder, digest)
    except OSError as error:
        message = f"The demo cannot be written to {folder}: {error.strerror or error}. Choose a folder with --folder."
        raise UsageError(message) from error
    return Demo(database, handbook, made=True, set_aside=set_aside)


def _digest() -> str:
    """What the demo is made from: the sources of this package."""
    digest = hashlib.sha256()
    for path in sorted(_HERE.rglob("*")):
        if path.suffix in (".py", ".sql", ".md"):
            digest.update(path.relative_to(_HERE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _marked(folder: Path) -> str | None:
    marker = folder / MARKER
    return marker.read_text(encoding="ascii", errors="replace").strip() if marker.is_file() else None


def _is_complete(folder: Path, digest: str) -> bool:
    return _marked(folder) == digest and (folder / "shop.db").is_file() and (folder / "handbook").is_dir()


def _check(folder: Path) -> None:
    """See that nothing of somebody else's is in the way."""
    if folder.is_dir():
        if _marked(folder) is None and any(folder.iterdir()):
            message = f"The folder {folder} holds files that are not the demo's; choose another with --folder."
            raise UsageError(message)
    elif folder.exists():
        raise UsageError(f"{folder} is not a folder; choose another place with --folder.")


def _make(folder: Path, digest: str) -> None:
    folder.mkdir()
    shop.write(folder / "shop.db")
    pages = _HERE / "handbook"
    for page in sorted(pages.rglob("*.md")):
        copy = folder / "handbook" / page.relative_to(pages)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(page.read_bytes())
    (folder / MARKER).write_text(digest + "\n", encoding="ascii")


def _make_room(folder: Path) -> Path | None:
    """Move a demo of another version, or an incomplete one, aside."""
    if not folder.is_dir():
        return None
    marked = _marked(folder)
    if marked is None:
        folder.rmdir()
        return None
    old = folder.with_name(f"{folder.name}-old-{marked[:_SHOWN_DIGEST]}")
    if old.exists():
        shutil.rmtree(old)
    folder.rename(old)
    return old


def _put_in_place(fresh: Path, folder: Path, digest: str) -> None:
    try:
        fresh.rename(folder)
    except OSError:
        if not _is_complete(folder, digest):  # otherwise somebody else was quicker still
            raise
