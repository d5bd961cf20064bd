"""The jail: the only code that turns a caller's path into bytes of the served folder.

Laws: a path is opened component by component relative to the descriptor of its parent, never by its text,
and no link is followed (CWE-22, CWE-59, CWE-367); what may be opened is decided on the open descriptor;
whatever is forbidden raises the same error as whatever is missing. Nothing here decodes escapes: a caller's
path is literal.
"""

import contextlib
import errno
import os
import stat
import unicodedata
import weakref
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from dragoman import DragomanError, UsageError

MAX_DEPTH: Final = 64
MAX_ENTRIES: Final = 200_000  # of one folder; a walk looks at no more
MAX_NAME_BYTES: Final = 255
MAX_PATH_BYTES: Final = 4096

WINDOWS: Final = os.name == "nt"
# Without these three a path can only be checked and then opened: see `Jail`, "Platforms".
DESCRIPTORS: Final = (
    os.open in os.supports_dir_fd
    and os.stat in os.supports_dir_fd
    and os.scandir in os.supports_fd
    and hasattr(os, "O_NOFOLLOW")
    and hasattr(os, "O_DIRECTORY")
)

_CLOSE_ON_EXEC: Final = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOINHERIT", 0)
_FOLDER_FLAGS: Final = os.O_RDONLY | _CLOSE_ON_EXEC | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
# O_NONBLOCK: a pipe swapped in after the check opens at once and is refused by its type.
_FILE_FLAGS: Final = (
    os.O_RDONLY
    | _CLOSE_ON_EXEC
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_BINARY", 0)
)
_REPARSE_POINT: Final = 0x400  # FILE_ATTRIBUTE_REPARSE_POINT: links, junctions, cloud placeholders
# What the kernel says of a path that leads nowhere or where the server may not go.
_ABSENT: Final = frozenset({
    errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.EINVAL,
    errno.EISDIR, errno.ENXIO, errno.EILSEQ, errno.EMLINK, errno.ENODEV, errno.EOPNOTSUPP,
})  # fmt: skip
_WINDOWS_DEVICES: Final = frozenset(
    ["con", "prn", "aux", "nul", "clock$", "conin$", "conout$"]
    + [f"{port}{digit}" for port in ("com", "lpt") for digit in "0123456789¹²³"]
)
_WINDOWS_FORBIDDEN: Final = frozenset('<>:"|?*~')


class MissingFileError(DragomanError):
    """No file of the folder answers to this path, or none that may be read: the two are not told apart."""

    def __init__(self) -> None:
        super().__init__("no such file")


class OversizedFileError(DragomanError):
    """The file is larger than the folder's limit.

    Args:
        size: the file's size, bytes.
        limit: the largest file that is read, bytes.
    """

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"the file has {size:,} bytes; the limit is {limit:,} bytes")
        self.size = size
        self.limit = limit


class UnavailableFolderError(DragomanError):
    """The folder itself cannot be read: gone, replaced, or the system refuses to open anything."""


class Signature(NamedTuple):
    """What changes when a file changes; two equal signatures mean the same content."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int


class FoundFile(NamedTuple):
    """A file met on a walk: its path below the folder, slashes between names, and its signature."""

    path: str
    signature: Signature


class FileContent(NamedTuple):
    """A file's bytes and the signature it had while they were read."""

    data: bytes
    signature: Signature


def servable_name(name: str, *, windows: bool = WINDOWS) -> bool:
    """Whether a file or folder of this name may be seen.

    Out are dot names (also behind invisible characters, which some file systems ignore), names with control
    or line-breaking or direction-changing characters, names that are not valid UTF-8, and on Windows devices,
    streams, drives, short (8.3) names and names that lose their end.
    """
    if not name or "/" in name or "\\" in name:
        return False
    if any(_unprintable(character) for character in name):
        return False
    visible = name if name.isascii() else "".join(c for c in name if unicodedata.category(c) != "Cf")
    if visible.startswith(".") or len(name.encode()) > MAX_NAME_BYTES:
        return False
    if not windows:
        return True
    stem = name.split(".", 1)[0].rstrip(" ").lower()
    return not (_WINDOWS_FORBIDDEN & set(name) or name.endswith((".", " ")) or stem in _WINDOWS_DEVICES)


def _unprintable(character: str) -> bool:
    """Controls, surrogates, line and paragraph separators, direction overrides (UAX 9), tag characters."""
    return (
        unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}
        or "\u202a" <= character <= "\u202e"
        or "\u2066" <= character <= "\u2069"
        or "\U000e0000" <= character <= "\U000e007f"
    )


def split_path(path: str, *, windows: bool = WINDOWS) -> tuple[str, ...]:
    """The names of a relative path.

    Raises:
        MissingFileError: the path is empty, absolute, too long or too deep, or one of its names may not be
            seen (`..` and empty names among them).
    """
    if len(path) > MAX_PATH_BYTES:
        raise MissingFileError
    names = tuple(path.split("/"))
    if len(names) > MAX_DEPTH or not all(servable_name(name, windows=windows) for name in names):
        raise MissingFileError
    if len(path.encode()) > MAX_PATH_BYTES:
        raise MissingFileError
    return names


@contextlib.contextmanager
def _kernel_answers() -> Iterator[None]:
    """Sort the system's errors into "no such file" and "cannot be read at all"."""
    try:
        yield
    except OSError as error:
        if error.errno in _ABSENT:
            raise MissingFileError from error
        reason = error.strerror or "unknown error"
        raise UnavailableFolderError(f"the system could not read it just now ({reason})") from error


class Jail:
    """A folder that can be read and not left.

    Hard links: a second name of a file outside the folder cannot be told from a second name inside it, so a
    file with more than one name is missing unless `hard_links` says that the folder's links are trusted.
    Platforms: with directory descriptors (Linux, macOS, BSD) no race can lead outside. Without them (Windows)
    every component is checked for links and reparse points before and after the open, and the open file must
    be the checked one: that stops every stable path, not someone who swaps folders at the right microsecond.

    Args:
        root: the folder; links in this path are the administrator's and are resolved once, here.
        max_bytes: the largest file that is read, bytes.
        hard_links: also serve files with more than one name.
        descriptors: open relative to directory descriptors; the platform decides.
        windows: apply the naming rules of Windows; the platform decides.

    Raises:
        UsageError: the root is missing, no folder, or may not be read.
    """

    def __init__(
        self,
        root: str | Path,
        *,
        max_bytes: int,
        hard_links: bool = False,
        descriptors: bool = DESCRIPTORS,
        windows: bool = WINDOWS,
    ) -> None:
        self.max_bytes = max_bytes
        self._hard_links = hard_links
        self._windows = windows
        self._root: int | None = None
        try:
            self._path = os.path.realpath(root, strict=True)
            if descriptors:
                self._root = os.open(self._path, _FOLDER_FLAGS)
                self._identity = _identity(os.fstat(self._root))
            else:
                os.scandir(self._path).close()
                self._identity = _identity(os.lstat(self._path))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise UsageError(f"the folder {str(root)!r} cannot be served: {reason}; name a readable folder") from error
        # The descriptor ends with the jail even when nobody calls `close`.
        self._release = weakref.finalize(self, _close, self._root)

    def close(self) -> None:
        """Give the folder's descriptor back; a second call does nothing."""
        self._release()
        self._identity = (-1, -1)

    def check(self) -> None:
        """Raise unless the folder is still the one that was opened.

        Raises:
            UnavailableFolderError: it was deleted, moved, replaced or unmounted.
        """
        try:
            current = _identity(os.lstat(self._path))
        except OSError as error:
            raise UnavailableFolderError("it is gone: deleted, moved or unmounted") from error
        if current != self._identity:
            raise UnavailableFolderError("it was replaced by another folder; restart the server to serve the new one")

    def read(self, path: str) -> FileContent:
        """A file's bytes.

        A name is first taken as it is; where nothing has it, its composed and decomposed forms are tried
        (Unicode NFC and NFD), because clients normalise names on the way.

        Args:
            path: relative to the folder, slashes between names, taken literally.

        Raises:
            MissingFileError: nothing there that may be read.
            OversizedFileError: larger than `max_bytes`.
            UnavailableFolderError: the folder cannot be read.
        """
        self.check()
        forms = dict.fromkeys([path] if path.isascii() else [path, *_normal_forms(path)])
        for form in forms:
            names = split_path(form, windows=self._windows)
            with contextlib.suppress(MissingFileError):
                return self._read(names)
        raise MissingFileError

    def walk(self, *, most: int, stopped: Callable[[], bool] = lambda: False) -> Iterator[FoundFile]:
        """Every file that `read` would open, folder by folder in the order of names.

        Args:
            most: the walk ends after this many files.
            stopped: asked at each folder; the walk ends when it says yes.

        Raises:
            UnavailableFolderError: the folder cannot be read.
        """
        self.check()
        folders: list[tuple[str, ...]] = [()]
        found = 0
        while folders and not stopped():
            names = folders.pop()
            try:
                entries = self._entries(names)
            except MissingFileError:
                continue  # deleted since its parent was listed, or closed to this process
            below = []
            for name, status in entries:
                if stat.S_ISDIR(status.st_mode):
                    below.append((*names, name))
                elif self._admits(status):
                    if found == most:
                        return
                    found += 1
                    yield FoundFile("/".join((*names, name)), _signature(status))
            if len(names) + 1 < MAX_DEPTH:
                folders.extend(reversed(below))

    def _read(self, names: tuple[str, ...]) -> FileContent:
        descriptor = self._open(names)
        try:
            with _kernel_answers():
                status = os.fstat(descriptor)
                if status.st_size > self.max_bytes:
                    raise OversizedFileError(status.st_size, self.max_bytes)
                data = _read_up_to(descriptor, self.max_bytes + 1)
        finally:
            os.close(descriptor)
        if len(data) > self.max_bytes:  # it grew while it was read, or its size was a lie
            raise OversizedFileError(len(data), self.max_bytes)
        return FileContent(data, _signature(status))

    def _open(self, names: tuple[str, ...]) -> int:
        """The descriptor of a regular file; the caller closes it."""
        if self._root is None:
            return self._open_checked(names)
        with self._folder(names[:-1]) as parent, _kernel_answers():
            # Asked before the open: opening a device or a pipe may already have an effect.
            if not self._admits(os.stat(names[-1], dir_fd=parent, follow_symlinks=False)):
                raise MissingFileError
            descriptor = os.open(names[-1], _FILE_FLAGS, dir_fd=parent)
            return self._kept(descriptor, self._admits(os.fstat(descriptor)))

    def _open_checked(self, names: tuple[str, ...]) -> int:
        """Open without directory descriptors: check every component, open, check all of it again."""
        before = self._trail(names)
        if not self._admits(before[-1]):
            raise MissingFileError
        with _kernel_answers():
            descriptor = os.open(self._join(names), _FILE_FLAGS)
        try:
            after = self._trail(names)
            status = os.fstat(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        same = [_identity(one) for one in before] == [_identity(one) for one in after]
        return self._kept(descriptor, same and self._admits(status) and _identity(status) == _identity(before[-1]))

    @staticmethod
    def _kept(descriptor: int, allowed: bool) -> int:  # noqa: FBT001 (a verdict, not a mode)
        if not allowed:
            os.close(descriptor)
            raise MissingFileError
        return descriptor

    def _trail(self, names: tuple[str, ...]) -> list[os.stat_result]:
        """The status of every component, none of which is a link."""
        trail = []
        for depth in range(1, len(names) + 1):
            with _kernel_answers():
                status = os.lstat(self._join(names[:depth]))
            if _is_link(status):
                raise MissingFileError
            trail.append(status)
        return trail

    def _join(self, names: tuple[str, ...]) -> str:
        return os.path.join(self._path, *names)  # noqa: PTH118 (names are checked; Path would tidy them)

    @contextlib.contextmanager
    def _folder(self, names: tuple[str, ...]) -> Iterator[int]:
        """The descriptor of a folder below the root, reached one name at a time; closed on the way out."""
        if self._root is None or not self._release.alive:
            raise UnavailableFolderError("the server is shutting down")
        descriptor = self._root
        try:
            for name in names:
                with _kernel_answers():
                    deeper = os.open(name, _FOLDER_FLAGS, dir_fd=descriptor)
                if descriptor != self._root:
                    os.close(descriptor)
                descriptor = deeper
            yield descriptor
        finally:
            if descriptor != self._root:
                os.close(descriptor)

    def _entries(self, names: tuple[str, ...]) -> list[tuple[str, os.stat_result]]:
        """A folder's entries that may be seen, in the order of names, links left out."""
        if self._root is None:
            with _kernel_answers():
                self._trail(names)
                with os.scandir(self._join(names)) as scan:
                    seen = [entry.name for entry in islice(scan, MAX_ENTRIES) if self._seen(entry.name)]
            # Not DirEntry.stat: on Windows it knows neither inode nor number of names.
            listed = [(name, _status(os.lstat, self._join((*names, name)))) for name in seen]
        else:
            with self._folder(names) as descriptor, _kernel_answers(), os.scandir(descriptor) as scan:
                listed = [
                    (entry.name, _status(lambda entry=entry: entry.stat(follow_symlinks=False)))
                    for entry in islice(scan, MAX_ENTRIES)
                    if self._seen(entry.name)
                ]
        return sorted((name, status) for name, status in listed if status is not None and not _is_link(status))

    def _seen(self, name: str) -> bool:
        return servable_name(name, windows=self._windows)

    def _admits(self, status: os.stat_result) -> bool:
        """Whether a file of this status may be read: regular, and with one name unless links are trusted."""
        return stat.S_ISREG(status.st_mode) and not _is_link(status) and (self._hard_links or status.st_nlink <= 1)


def _status(ask: Callable[..., os.stat_result], *arguments: str) -> os.stat_result | None:
    """What the system says, None of an entry that is gone since it was listed."""
    try:
        return ask(*arguments)
    except OSError:
        return None


def _is_link(status: os.stat_result) -> bool:
    return stat.S_ISLNK(status.st_mode) or bool(getattr(status, "st_file_attributes", 0) & _REPARSE_POINT)


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _signature(status: os.stat_result) -> Signature:
    return Signature(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _normal_forms(path: str) -> list[str]:
    return [unicodedata.normalize("NFC", path), unicodedata.normalize("NFD", path)]


def _read_up_to(descriptor: int, limit: int) -> bytes:
    """At most `limit` bytes from the file's beginning."""
    parts = []
    left = limit
    while left > 0 and (part := os.read(descriptor, min(left, 1 << 20))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _close(descriptor: int | None) -> None:
    if descriptor is not None:
        os.close(descriptor)
