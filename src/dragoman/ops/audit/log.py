"""The audit log of a process: a line is in the journal before its call is answered, and in the archive soon after.

`write` costs one system call and keeps what it wrote through a kill at any moment; the power going off may take the
last lines, as it may of anything that is not synchronised to the disk for every call (`synced` does that). A thread
moves lines to the archive, those of processes that are gone too.
"""

import contextlib
import logging
import math
import os
import secrets
import stat
import threading
import time
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from dragoman.errors import UsageError
from dragoman.ops.audit.archive import Archive
from dragoman.ops.audit.journal import SUFFIX, Journal, lock, read
from dragoman.ops.audit.record import AuditRecord, line_of
from dragoman.ops.audit.settings import OnFailure
from dragoman.secrets import masked_bytes

logger = logging.getLogger("dragoman.audit")

ARCHIVE: Final = "audit.sqlite3"
KEY: Final = "audit.key"
MOVE_SECONDS: Final = 0.25
PRUNE_SECONDS: Final = 3600.0
_KEY_BYTES: Final = 32
_PORTION: Final = 2000  # lines moved in one transaction


class Unrecorded(Exception):
    """A line could not be written, and the log is set to refuse what it can't record."""


class AuditLog:
    """The log of this process.

    Args:
        folder: where key, journals and archive are.
        on_failure: what becomes of a call that can't be recorded: it is refused, or goes on and the program's log says
            that a line is missing.
        synced: whether each line is forced to the disk before its call is answered.
        keep: how long lines are kept, seconds; None for ever.

    Raises:
        UsageError: the folder can't be used.
    """

    def __init__(
        self, folder: Path, *, on_failure: OnFailure = "refuse", synced: bool = False, keep: float | None = None
    ) -> None:
        self.folder = folder
        self._on_failure = on_failure
        self._synced = synced
        self._keep = keep
        self._pruned = -math.inf
        self._key = read_key(folder)
        try:
            self._journal = Journal(folder, self._key)
        except OSError as error:
            raise UsageError(f"The audit log '{folder}' cannot be written: {error.strerror or error}.") from error
        self._failing = False
        self._ended = threading.Event()
        self._mover = threading.Thread(target=self._keep_moving, name="audit", daemon=True)
        self._mover.start()

    def write(self, record: AuditRecord) -> None:
        """Write one line.

        Raises:
            Unrecorded: it could not be written, and calls that are not recorded are refused.
        """
        line = line_of(record)
        try:
            self._journal.append(masked_bytes(line))
            if self._synced:
                self._journal.sync()
        except OSError as error:
            if not self._failing:
                logger.error("The audit log '%s' cannot be written: %s.", self.folder, error.strerror or error)  # noqa: TRY400
            self._failing = True
            if self._on_failure == "refuse":
                raise Unrecorded from error
            return
        if self._failing:
            self._failing = False
            logger.warning("The audit log '%s' is written again; lines in between are missing.", self.folder)

    def _keep_moving(self) -> None:
        archive: Archive | None = None
        told = False
        while not self._ended.wait(MOVE_SECONDS):
            try:
                archive = archive or Archive(self.folder / ARCHIVE, self._key)
                move(self.folder, archive, self._journal.path)
                self._prune(archive)
                told = False
            except (OSError, UsageError) as error:
                if not told:
                    logger.error("The audit log stays in its journals for now: %s", error)  # noqa: TRY400
                told = True
        if archive is not None:
            archive.close()

    def _prune(self, archive: Archive) -> None:
        if self._keep is not None and time.monotonic() - self._pruned > PRUNE_SECONDS:
            self._pruned = time.monotonic()
            archive.prune(time.time() - self._keep)

    def close(self) -> None:
        """Move what is left and let go of the files."""
        self._ended.set()
        self._mover.join()
        self._journal.close()
        archive = Archive(self.folder / ARCHIVE, self._key)
        try:
            move(self.folder, archive)
        finally:
            archive.close()


def move(folder: Path, archive: Archive, own: Path | None = None) -> None:
    """Move lines from journals to the archive; those of other processes that live are left to them.

    Args:
        folder: where the journals are.
        archive: where they go.
        own: the journal that this process is writing just now.
    """
    for path in sorted(folder.glob("*" + SUFFIX)):
        try:
            file = path.open("rb")
        except FileNotFoundError:
            continue  # another process was faster
        with file:
            if path != own and not lock(file.fileno()):
                continue
            try:
                _move_one(path.name, file, archive)
            except msgspec.MsgspecError:
                logger.error("The journal '%s' is damaged at its beginning and stays where it is.", path)  # noqa: TRY400
                continue
            if path != own:
                path.unlink(missing_ok=True)
                archive.forget_journal(path.name)


def _move_one(name: str, file: BinaryIO, archive: Archive) -> None:
    portion = []
    for entry in read(file, archive.moved_to(name)):
        portion.append(entry)
        if len(portion) == _PORTION:
            archive.add(name, portion)
            portion = []
    if portion:
        archive.add(name, portion)


def read_key(folder: Path) -> bytes:
    """The key of a log; made with the log.

    Raises:
        UsageError: it can't be read or made, is no key, or others may read it.
    """
    path = folder / KEY
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _make_key(path)
        key, mode = path.read_bytes(), stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        raise UsageError(f"The key of the audit log, '{path}', cannot be used: {error.strerror or error}.") from error
    if len(key) != _KEY_BYTES:
        raise UsageError(f"'{path}' is damaged: it should hold {_KEY_BYTES} bytes. Restore it from a backup.")
    if os.name == "posix" and mode & 0o077:
        raise UsageError(f"'{path}' may be read by others; take that away: chmod 600 '{path}'.")
    return key


def _make_key(path: Path) -> None:
    """Make a key; of two processes that do so at once, one wins and both use its key."""
    fresh = path.with_name(f"{KEY}.{secrets.token_hex(8)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
    finally:
        fresh.unlink()
