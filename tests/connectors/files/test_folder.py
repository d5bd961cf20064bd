"""A folder from the event loop: nothing blocks it, cancelled calls give their slots back, close ends all."""

import asyncio
import gc
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from dragoman.connectors.files.folder import Folder, FolderLimits
from dragoman.connectors.files.jail import MissingFileError, UnavailableFolderError

LIMITS = FolderLimits(
    file_bytes=2**20,
    files=20_000,
    index_bytes=2**28,
    hard_links=False,
    call_seconds=10.0,
    wait_seconds=5.0,
    threads=2,
)


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@asynccontextmanager
async def opened(root: Path, **limits: Any) -> AsyncIterator[Folder]:
    folder = Folder(root, LIMITS._replace(**limits))
    try:
        yield folder
    finally:
        await folder.close()


async def found(folder: Folder, question: str) -> list[str]:
    return [file.path for file in (await folder.search(question, 10)).files]


async def test_changes_are_noticed_by_the_next_search(tmp_path: Path) -> None:
    async with opened(tmp_path) as folder:
        assert await found(folder, "whales") == []
        for number in range(5):
            (tmp_path / f"{number}.md").write_text("whales")
            assert len(await found(folder, "whales")) == number + 1
        (tmp_path / "0.md").write_text("sharks")
        assert await found(folder, "sharks") == ["0.md"]
        (tmp_path / "0.md").unlink()
        assert await found(folder, "sharks") == []
        assert len(await folder.files()) == 4
        assert folder.complete


async def test_reading(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("text")
    (tmp_path / "b.md").write_bytes(b"\x00")
    async with opened(tmp_path) as folder:
        assert await folder.read("a.md") == ("text", "UTF-8")
        with pytest.raises(MissingFileError):
            await folder.read("missing.md")
        await folder.refresh(5)
        assert await folder.left_out() == {"not text": 1}
        await folder.check()


async def test_ten_thousand_files_do_not_block_the_loop(tmp_path: Path) -> None:
    for folder_number in range(100):
        (tmp_path / f"d{folder_number}").mkdir()
        for number in range(100):
            (tmp_path / f"d{folder_number}" / f"{number}.md").write_text(
                f"# File {number}\n\nsome words {folder_number}\n"
            )
    async with opened(tmp_path) as folder:
        longest, over = 0.0, asyncio.Event()

        async def tick() -> None:
            nonlocal longest
            while not over.is_set():
                began = time.perf_counter()
                await asyncio.sleep(0.001)
                longest = max(longest, time.perf_counter() - began)

        ticking = asyncio.create_task(tick())
        while not folder.complete:
            await folder.refresh(0.2)
        over.set()
        await ticking
        assert len(await folder.files()) == 10_000
        assert longest < 1.0, f"the loop stood still for {longest:.2f} s"
        assert len(await found(folder, "words")) == 10


async def test_a_search_waits_for_a_sweep_only_so_long(tmp_path: Path) -> None:
    for number in range(2000):
        (tmp_path / f"{number}.md").write_text("whales")
    async with opened(tmp_path, wait_seconds=0.001) as folder:
        complete = []
        for seconds in (0.001, 60):
            await folder.refresh(seconds)
            await folder.search("whales", 10)
            complete.append(folder.complete)
        assert complete == [False, True]
        assert len(await found(folder, "whales")) == 10


async def test_long_sweeps_rest(tmp_path: Path) -> None:
    for number in range(3000):
        (tmp_path / f"{number}.md").write_text("whales")
    async with opened(tmp_path) as folder:
        await folder.refresh(60)
        (tmp_path / "new.md").write_text("sharks")
        assert await found(folder, "sharks") == []


async def test_cancelled_calls_give_their_slots_back(tmp_path: Path) -> None:
    lines = "\n".join(f"# h{line}\nwhales and words\n" for line in range(500))
    for number in range(50):
        (tmp_path / f"{number}.md").write_text(lines)
    before = threading.active_count()
    async with opened(tmp_path) as folder:
        await folder.refresh(60)
        question = "whales words h1 h2"
        calls = [asyncio.create_task(folder.search(question, 10)) for _ in range(200)]
        await asyncio.sleep(0.01)
        for call in calls:
            call.cancel()
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert sum(isinstance(result, asyncio.CancelledError) for result in results) > 100
        began = time.perf_counter()
        assert await folder.read("0.md")
        assert time.perf_counter() - began < 2
        assert threading.active_count() <= before + LIMITS.threads + 1
    assert threading.active_count() <= before + 1  # the loop's own pool may keep one


async def test_a_call_out_of_time_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("text")
    async with opened(tmp_path, call_seconds=0.0) as folder:
        with pytest.raises(TimeoutError):
            await folder.read("a.md")


async def test_a_folder_that_goes_is_said(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    async with opened(root) as folder:
        await folder.refresh(5)
        root.rmdir()
        for call in (folder.refresh(5), folder.search("x", 1), folder.files(), folder.read("a.md"), folder.check()):
            with pytest.raises(UnavailableFolderError, match="it is gone"):
                await call


async def test_a_failed_sweep_that_nobody_waits_for_is_no_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    async with opened(root) as folder:
        root.rmdir()
        with suppress(UnavailableFolderError):  # when the sweep is faster than no time at all
            await folder.refresh(0)
        await asyncio.sleep(0.05)
    gc.collect()
    assert "never retrieved" not in caplog.text


async def test_close_ends_sweeps_and_gives_everything_back(tmp_path: Path) -> None:
    for number in range(3000):
        (tmp_path / f"{number}.md").write_text("whales")
    await asyncio.to_thread(int)  # the loop's own pool has its first thread now
    descriptors, threads = open_descriptors(), threading.active_count()
    folder = Folder(tmp_path, LIMITS)
    await folder.refresh(0.01)
    began = time.perf_counter()
    await folder.close()
    assert time.perf_counter() - began < 2
    assert not folder.complete
    assert (open_descriptors(), threading.active_count()) == (descriptors, threads)
    with pytest.raises(UnavailableFolderError, match="shutting down"):
        await folder.read("0.md")
