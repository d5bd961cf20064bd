"""The journal: where a line of the audit log is before anything else, in the time of one system call.

Each process appends to a file of its own, which it holds locked for as long as it lives; whoever gets the lock of
another's file knows that its process is gone and may move what is in it. A line counts as written when its end is: what
stands after the last end was never answered for.
"""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
from msgspec import Struct

from dragoman.ops.audit.chain import Entry, first_mark, next_mark

if os.name == "posix":
    import fcntl

SUFFIX: Final = ".journal"
FULL_BYTES: Final = 4 * 2**20
_END: Final = b"\n"
_PORTION: Final = 2**20  # bytes that are looked through at one time
_MARK: Final = b"\t"


class Header(Struct, frozen=True):
    """The first line of a journal: which chain it goes on with, and where."""

    chain: str
    after: int
    mark: str


class Journal:
    """The journal of this process.

    Args:
        folder: where it is kept.
        key: the key of the log.

    Raises:
        OSError: it can't be made.
    """

    def __init__(self, folder: Path, key: bytes) -> None:
        self.chain = f"{os.getpid():x}-{secrets.token_hex(8)}"
        self.number = 0
        self.mark = first_mark(key, self.chain)
        self._folder = folder
        self._key = key
        self._part = 0
        self._size = 0
        self._torn = False
        self._descriptor = -1
        self.path = self._open()

    def _open(self) -> Path:
        self._part += 1
        path = self._folder / f"{self.chain}.{self._part:06}{SUFFIX}"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        try:
            lock(descriptor)
            header = msgspec.json.encode(Header(self.chain, self.number, self.mark.hex())) + _END
            self._size = _write(descriptor, header, path)
        except BaseException:
            os.close(descriptor)
            path.unlink(missing_ok=True)
            raise
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor, self._torn = descriptor, False
        return path

    def append(self, line: bytes) -> None:
        """Write one line; it is there when this returns, whatever becomes of the process.

        Raises:
            OSError: it could not be written; nothing of it counts.
        """
        if self._torn or self._size > FULL_BYTES:
            self.path = self._open()
        mark = next_mark(self._key, self.mark, line)
        whole = line + _MARK + mark.hex().encode() + _END
        try:
            self._size += _write(self._descriptor, whole, self.path)
        except OSError:
            self._torn = True  # what stands there without an end counts for nothing: the next line begins a new file
            raise
        self.number, self.mark = self.number + 1, mark

    def sync(self) -> None:
        """Force what was written to the disk."""
        os.fdatasync(self._descriptor) if hasattr(os, "fdatasync") else os.fsync(self._descriptor)

    def close(self) -> None:
        """Let go of the file; it stays until it has been moved."""
        os.close(self._descriptor)
        self._descriptor = -1


def lock(descriptor: int) -> bool:
    """Take the lock of a journal, unless a living process has it."""
    if os.name != "posix":
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write(descriptor: int, data: bytes, path: Path) -> int:
    written = os.write(descriptor, data)
    if written != len(data):
        raise OSError(f"'{path}' could not be written whole; its disk may be full.")
    return written


def read(file: BinaryIO, offset: int = 0) -> Iterator[tuple[Entry, int]]:
    """The whole lines of a journal and where each ends.

    Args:
        file: the journal.
        offset: where an earlier reading ended, 0 for the beginning.

    Raises:
        msgspec.MsgspecError: its first line is no header.
    """
    file.seek(0)
    first = file.readline()
    if not first.endswith(_END):
        return  # its process died before the first line
    header = msgspec.json.decode(first, type=Header)
    number, end = header.after, len(first)
    while end < offset:  # what was read before is only counted
        portion = file.read(min(offset - end, _PORTION))
        if not portion:
            return
        number, end = number + portion.count(_END), end + len(portion)
    for raw in file:
        if not raw.endswith(_END):
            return
        number, end = number + 1, end + len(raw)
        line, _, mark = raw[:-1].rpartition(_MARK)
        yield Entry(header.chain, number, line, _unhex(mark)), end


def _unhex(text: bytes) -> bytes:
    try:
        return bytes.fromhex(text.decode("ascii"))
    except ValueError:
        return b""  # somebody changed it: it proves nothing
