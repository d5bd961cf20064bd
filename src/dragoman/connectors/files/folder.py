"""A folder at work: jail, index and threads together, from the event loop's side.

Laws: nothing here blocks the loop; threads are bounded; a cancelled call stops its thread's work or leaves
the queue; there is at most one sweep at a time, and no call waits longer for it than it may.
"""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from dragoman.connectors.files.extract import Text, decode
from dragoman.connectors.files.index import Findings, FolderIndex, IndexedFile
from dragoman.connectors.files.jail import Jail, UnavailableFolderError

T = TypeVar("T")
Stopped = Callable[[], bool]

# A sweep shorter than this runs before every search; a longer one at most a tenth of the time.
_CHEAP_SWEEP_SECONDS: Final = 0.05
_SWEEP_SHARE: Final = 10


class FolderLimits(NamedTuple):
    """What a folder and a call on it may use.

    Args:
        file_bytes: the largest file that is read, bytes.
        files: most files that are indexed and listed.
        index_bytes: most bytes of files that are indexed.
        hard_links: also serve files with more than one name.
        call_seconds: longest time of one call.
        wait_seconds: longest time a call waits for the index to notice changes.
        threads: most calls and sweeps that run at one time; more wait their turn.
    """

    file_bytes: int
    files: int
    index_bytes: int
    hard_links: bool
    call_seconds: float
    wait_seconds: float
    threads: int


class Folder:
    """An open folder; `close` ends it.

    Args:
        root: the folder.
        limits: what it may use.

    Raises:
        UsageError: the root is missing, no folder, or may not be read.
    """

    def __init__(self, root: str | Path, limits: FolderLimits) -> None:
        self._limits = limits
        self._jail = Jail(root, max_bytes=limits.file_bytes, hard_links=limits.hard_links)
        self._index = FolderIndex(self._jail, max_files=limits.files, max_bytes=limits.index_bytes)
        self._threads = ThreadPoolExecutor(limits.threads, thread_name_prefix="dragoman-files")
        self._closing = threading.Event()
        self._sweep_lock = threading.Lock()  # guards the three below
        self._sweep: Future[None] | None = None
        self._next_sweep = 0.0  # monotonic seconds
        self._closed = False

    @property
    def complete(self) -> bool:
        """Whether the index has seen the whole folder once."""
        return self._index.complete

    async def search(self, question: str, limit: int) -> Findings:
        """The files that answer a question, after noticing what changed.

        Raises:
            SearchStoppedError: the search itself takes too long.
            TimeoutError: the call does.
            UnavailableFolderError: the folder cannot be read.
        """
        await self.refresh(self._limits.wait_seconds)
        seconds = self._limits.call_seconds
        return await self._run(
            lambda stopped: self._index.search(question, limit=limit, seconds=seconds, stopped=stopped)
        )

    async def read(self, path: str) -> Text:
        """A file's text.

        Raises:
            MissingFileError, OversizedFileError, NotTextError: as the jail and `decode` say.
            TimeoutError: the call takes too long.
            UnavailableFolderError: the folder cannot be read.
        """
        return await self._run(lambda _stopped: decode(self._jail.read(path).data))

    async def files(self) -> dict[str, IndexedFile]:
        """The files that can be read, by path, after noticing what changed.

        Raises:
            UnavailableFolderError: the folder cannot be read.
        """
        await self.refresh(self._limits.wait_seconds)
        return await self._run(lambda _stopped: self._index.files())

    async def left_out(self) -> Counter[str]:
        """How many files are not indexed, by reason."""
        return await self._run(lambda _stopped: self._index.left_out())

    async def check(self) -> None:
        """Raise unless the folder can be read.

        Raises:
            UnavailableFolderError: it cannot.
        """
        await self._run(lambda _stopped: self._jail.check())

    async def refresh(self, seconds: float) -> None:
        """Notice what changed, when it is time to; wait for that no longer than `seconds`.

        Raises:
            UnavailableFolderError: the folder cannot be read.
        """
        sweep = self._sweep_due()
        if sweep is None:
            return
        waiting = asyncio.wrap_future(sweep)
        # A caller that no longer waits does not leave an unread exception behind.
        waiting.add_done_callback(lambda done: done.cancelled() or done.exception())
        done, _ = await asyncio.wait({waiting}, timeout=seconds)
        if done:
            waiting.result()

    async def close(self) -> None:
        """End sweeps, let calls end, give descriptors and memory back."""
        self._closing.set()
        with self._sweep_lock:
            self._closed = True
        await asyncio.to_thread(self._threads.shutdown, wait=True, cancel_futures=True)
        # Only now: a thread that still used the descriptor could meet another file under its number.
        self._index.close()
        self._jail.close()

    def _sweep_due(self) -> Future[None] | None:
        """The sweep to wait for: the one under way, or a new one where it is time; else None."""
        with self._sweep_lock:
            if self._sweep is not None and not self._sweep.done():
                return self._sweep
            if time.monotonic() < self._next_sweep:
                return None
            self._sweep = self._submit(self._swept)
            return self._sweep

    def _swept(self) -> None:
        began = time.monotonic()
        try:
            self._index.refresh(self._closing.is_set)
        finally:
            ended = time.monotonic()
            pause = 0.0 if ended - began < _CHEAP_SWEEP_SECONDS else _SWEEP_SHARE * (ended - began)
            self._next_sweep = ended + pause

    def _submit(self, work: Callable[..., T], *arguments: object) -> Future[T]:
        if self._closed:
            raise UnavailableFolderError("the server is shutting down")
        return self._threads.submit(work, *arguments)

    async def _run(self, work: Callable[[Stopped], T]) -> T:
        """Run blocking work in a thread; it is told to stop when the caller is cancelled or out of time."""
        over = threading.Event()
        future = self._submit(work, lambda: over.is_set() or self._closing.is_set())
        try:
            async with asyncio.timeout(self._limits.call_seconds):
                return await asyncio.wrap_future(future)
        finally:
            over.set()
