"""A skill's folder, read: which files it has, their digests, its front matter.

Laws: a file is opened relative to its open folder, never by a path's text, and no link is followed; only regular
files are read, and none whose name begins with a dot; digest, size and front matter are of bytes read once.
Nothing here knows the server: it runs in threads.
"""

import contextlib
import hashlib
import os
import stat
import time
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from msgspec import Struct

from dragoman.errors import UsageError
from dragoman.protocol.skills import MANIFEST, MOST_BYTES, MOST_FILES, is_name
from dragoman.server import media
from dragoman.server.front_matter import read_front_matter

# Without these a path can only be checked and then opened (Windows).
DESCRIPTORS: Final = os.open in os.supports_dir_fd and os.stat in os.supports_dir_fd and os.scandir in os.supports_fd

_DEEPEST: Final = 32
_MOST_ENTRIES: Final = 20_000  # of one folder that is searched for skills
_LONGEST_DESCRIPTION: Final = 1024  # Agent Skills specification, `description`
_SETTLED_NS: Final = 50_000_000  # a file changed later than this before it was read may change unseen once more
_FLAGS: Final = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_FOLDER_FLAGS: Final = _FLAGS | getattr(os, "O_DIRECTORY", 0)
_FILE_FLAGS: Final = _FLAGS | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_REPARSE_POINT: Final = 0x400  # FILE_ATTRIBUTE_REPARSE_POINT: links and junctions of Windows
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})  # categories of characters that no name may have

Stamp = tuple[int, ...]


class FileRecord(NamedTuple):
    """A file as it was read.

    Args:
        digest: SHA-256 of its bytes, as `sha256:` and 64 hexadecimal digits.
        size: how many bytes they are.
        media_type: what kind of data they are.
        stamp: equal as long as the file is the same; None when that cannot be told.
    """

    digest: str
    size: int
    media_type: str
    stamp: Stamp | None


class Snapshot(Struct, frozen=True):
    """A skill as it was read.

    Args:
        frontmatter: that of its `SKILL.md`.
        files: by path below the skill's folder, slashes between names.
        folders: by path, the empty one for the skill's own: the names in it, in order.
    """

    frontmatter: Mapping[str, Any]
    files: Mapping[str, FileRecord]
    folders: Mapping[str, tuple[str, ...]]

    @property
    def name(self) -> str:
        """The skill's name."""
        return str(self.frontmatter["name"])

    @property
    def description(self) -> str:
        """What the skill is for."""
        return str(self.frontmatter["description"])


def read_skill(folder: Path, before: Snapshot | None = None) -> Snapshot:
    """Read a skill; files that did not change since `before` are not read again.

    Returns:
        the skill; `before` itself when nothing changed.

    Raises:
        UsageError: it is malformed, or has more files or bytes than a skill may have.
    """
    known = {} if before is None else before.files
    with _readable(folder), OpenFolder.of(folder) as opened:
        stamps, folders = _survey(folder, opened)
        unchanged = {
            place: record
            for place, record in known.items()
            if record.stamp is not None and record.stamp == stamps.get(place)
        }
        if before is not None and unchanged.keys() == stamps.keys() == known.keys() and folders == before.folders:
            return before
        if MANIFEST not in stamps:
            raise UsageError(_no_manifest(folder, folders[""]))
        files: dict[str, FileRecord] = {}
        frontmatter: dict[str, Any] = {}
        left = MOST_BYTES
        for place in stamps:
            record = unchanged.get(place)
            if record is None or place == MANIFEST:
                data, stamp = opened.at(place, left)
                record = _record(place, data, stamp)
                if place == MANIFEST:
                    frontmatter = _front_matter(data, folder / MANIFEST)
            files[place] = record
            left -= record.size
            if left < 0:
                raise UsageError(f"skill '{folder}' has more than {MOST_BYTES // 2**20} MiB of files; remove some.")
    return Snapshot(frontmatter, files, folders)


def read_file(folder: Path, place: str) -> bytes | None:
    """The bytes of one file of a skill, None when it is not there any more or may not be read."""
    try:
        with OpenFolder.of(folder) as opened:
            return opened.at(place, MOST_BYTES)[0]
    except OSError:
        return None


def digest_of(data: bytes) -> str:
    """SHA-256 in the extension's form (SEP-2640, Integrity and verification)."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def find_skills(folder: Path) -> list[str]:
    """Where the skills of a folder are: paths below it, the empty one where it is a skill itself.

    A folder with a `SKILL.md` is a skill and all below belongs to it.

    Raises:
        UsageError: it cannot be read, or is too large to be a folder of skills.
    """
    found: list[str] = []
    seen = 0

    def search(opened: OpenFolder, place: str, depth: int) -> None:
        nonlocal seen
        entries = list(opened.entries())
        seen += len(entries)
        if seen > _MOST_ENTRIES or depth > _DEEPEST:
            raise UsageError(f"folder '{folder}': this is too much to search for skills; name the skills' own folder.")
        if any(entry.name == MANIFEST and not entry.is_folder for entry in entries):
            found.append(place)
            return
        for entry in entries:
            if entry.is_folder:
                with opened.enter(entry.name) as inner:
                    search(inner, f"{place}/{entry.name}" if place else entry.name, depth + 1)

    with _readable(folder), OpenFolder.of(folder) as opened:
        search(opened, "", 0)
    return found


class Entry(NamedTuple):
    """What a folder holds: a folder or a regular file, and its stamp."""

    name: str
    is_folder: bool
    stamp: Stamp


class OpenFolder:
    """A folder that was opened, to open what is in it.

    Args:
        path: where it is.
        descriptor: of the open folder; None where the platform has none.
    """

    def __init__(self, path: Path, descriptor: int | None) -> None:
        self._path = path
        self._descriptor = descriptor

    @classmethod
    def of(cls, path: Path, *, descriptors: bool = DESCRIPTORS) -> Self:
        """Open the folder that a skill or skills are in; links on the way to it are its owner's.

        Raises:
            OSError: it is not there, no folder, or may not be read.
        """
        resolved = path.resolve(strict=True)
        return cls(resolved, os.open(resolved, _FOLDER_FLAGS) if descriptors else None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)

    def entries(self) -> Iterator[Entry]:
        """What may be served, by name."""
        with os.scandir(self._path if self._descriptor is None else self._descriptor) as found:
            names = sorted(entry.name for entry in found)
        for name in names:
            if not _is_servable(name):
                continue
            with contextlib.suppress(FileNotFoundError):  # gone since the listing
                status = os.stat(self._inner(name), dir_fd=self._descriptor, follow_symlinks=False)
                if _is_plain(status):
                    yield Entry(name, stat.S_ISDIR(status.st_mode), _stamp(status))

    def enter(self, name: str) -> "OpenFolder":
        """Open a folder in this one.

        Raises:
            OSError: it is none, or a link.
        """
        if self._descriptor is None:
            if not stat.S_ISDIR(self._checked(name).st_mode):
                raise NotADirectoryError(name)
            return OpenFolder(self._path / name, None)
        return OpenFolder(self._path / name, os.open(name, _FOLDER_FLAGS, dir_fd=self._descriptor))

    def at(self, place: str, most: int) -> tuple[bytes, Stamp | None]:
        """The bytes of a file in or below this folder, one more than `most` at most, and its stamp.

        Raises:
            OSError: it is not there, no regular file, or a link is on the way.
        """
        first, mark, rest = place.partition("/")
        if not _is_servable(first):
            raise FileNotFoundError(place)
        if mark:
            with self.enter(first) as inner:
                return inner.at(rest, most)
        if self._descriptor is None:
            self._checked(first)
        descriptor = os.open(self._inner(first), _FILE_FLAGS, dir_fd=self._descriptor)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise IsADirectoryError(place)
            data = file.read(most + 1)
        settled = time.time_ns() - status.st_mtime_ns > _SETTLED_NS
        return data, _stamp(status) if settled else None

    def _inner(self, name: str) -> str | Path:
        return name if self._descriptor is not None else self._path / name

    def _checked(self, name: str) -> os.stat_result:
        status = (self._path / name).lstat()
        if not _is_plain(status):
            raise FileNotFoundError(name)
        return status


def _is_servable(name: str) -> bool:
    """Whether a file or folder may have this name; `..` is among those that begin with a dot."""
    if not name or name.startswith(".") or "/" in name or "\\" in name:
        return False
    return not any(unicodedata.category(character) in _UNSEEN for character in name)


def _is_plain(status: os.stat_result) -> bool:
    """Whether this is a folder or a regular file, and no link of any kind."""
    plain = stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode)
    return plain and not getattr(status, "st_file_attributes", 0) & _REPARSE_POINT


def _stamp(status: os.stat_result) -> Stamp:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _survey(folder: Path, opened: OpenFolder) -> tuple[dict[str, Stamp], dict[str, tuple[str, ...]]]:
    """The stamps of a skill's files and the names in its folders."""
    stamps: dict[str, Stamp] = {}
    folders: dict[str, tuple[str, ...]] = {}

    def walk(opened: OpenFolder, place: str, depth: int) -> None:
        if depth > _DEEPEST:
            raise UsageError(f"skill '{folder}': '{place}' is nested too deeply; {_DEEPEST} folders are the most.")
        entries = list(opened.entries())
        folders[place] = tuple(entry.name for entry in entries)
        for entry in entries:
            inner = f"{place}/{entry.name}" if place else entry.name
            if entry.is_folder:
                with opened.enter(entry.name) as below:
                    walk(below, inner, depth + 1)
                continue
            stamps[inner] = entry.stamp
            if len(stamps) > MOST_FILES:
                raise UsageError(f"skill '{folder}' has more than {MOST_FILES} files; split it or remove some.")

    walk(opened, "", 0)
    return stamps, folders


def _record(place: str, data: bytes, stamp: Stamp | None) -> FileRecord:
    media_type = media.type_of_name(place) or media.sniff(data) or ("text/plain" if _is_text(data) else None)
    return FileRecord(digest_of(data), len(data), media_type or "application/octet-stream", stamp)


def _is_text(data: bytes) -> bool:
    if b"\0" in data:
        return False
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _front_matter(data: bytes, file: Path) -> dict[str, Any]:
    """The front matter of a `SKILL.md`, seen to have what the Agent Skills specification wants."""
    read = read_front_matter(data, str(file))
    name, description = read.get("name"), read.get("description")
    if not isinstance(name, str) or not is_name(name):
        raise UsageError(
            f"{file}: name is {name!r}; use 1 to 64 of a-z, 0-9 and '-', no '-' at an end and no two side by side."
        )
    if not isinstance(description, str) or not description.strip():
        raise UsageError(f"{file}: description is {description!r}; say in a sentence what the skill is for and when.")
    if len(description) > _LONGEST_DESCRIPTION:
        length = f"{len(description):,} characters; {_LONGEST_DESCRIPTION:,} are the most"
        raise UsageError(f"{file}: description has {length} (Agent Skills specification).")
    return read


def _no_manifest(folder: Path, names: tuple[str, ...]) -> str:
    close = [name for name in names if name.lower() == MANIFEST.lower()]
    hint = f"rename '{close[0]}' to it" if close else "a skill is a folder with this file in it"
    return f"folder '{folder}' has no {MANIFEST}: {hint}."


@contextlib.contextmanager
def _readable(folder: Path) -> Iterator[None]:
    """Say which folder or file cannot be read."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        where = f" ('{error.filename}')" if isinstance(error.filename, str | Path) else ""
        raise UsageError(
            f"folder '{folder}' cannot be read{where}: {reason}; name a folder with a {MANIFEST}."
        ) from error
