"""Stores of events: what is told again, what is not known any more, and what gives way. In memory and in a file."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dragoman.store.events import EventStore, MemoryEvents, StreamEvent, whole
from dragoman.store.sqlite import SqliteEvents

Make = Callable[[int, float], EventStore]


@pytest.fixture(params=["memory", "sqlite"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    files: list[SqliteEvents] = []

    def make_one(most_bytes: int, seconds: float) -> EventStore:
        if request.param == "memory":
            return MemoryEvents(most_bytes, seconds)
        files.append(SqliteEvents(tmp_path / "events.sqlite3", seconds=seconds, most_bytes=most_bytes))
        return files[-1]

    yield make_one
    for file in files:
        file.close()


@pytest.fixture
def store(make: Make) -> EventStore:
    return make(2**20, 60)


def fill(store: EventStore, owner: str, stream: str, count: int, *, first: int = 1, size: int = 1) -> None:
    for number in range(first, first + count):
        store.append(owner, stream, StreamEvent(number, b"x" * size))


def numbers(events: list[StreamEvent] | None) -> list[int] | None:
    return None if events is None else [event.number for event in events]


def test_an_event_comes_back_as_it_was(store: EventStore) -> None:
    first, last = StreamEvent(1, b"\x00\xff{}"), StreamEvent(2, b"", last=True)
    store.append("o", "s", first)
    store.append("o", "s", last)
    assert store.after("o", "s", 0) == [first, last]
    assert store.after("o", "s", 1) == [last]
    assert store.after("o", "s", 2) == []


def test_only_the_same_stream_of_the_same_owner_is_told(store: EventStore) -> None:
    fill(store, "o", "s", 2)
    fill(store, "o", "t", 3)
    fill(store, "p", "s", 4)
    assert numbers(store.after("o", "s", 0)) == [1, 2]
    assert numbers(store.after("o", "t", 0)) == [1, 2, 3]
    assert numbers(store.after("p", "s", 0)) == [1, 2, 3, 4]
    assert store.after("p", "t", 0) is None
    assert store.after("", "", 0) is None


def test_what_was_never_sent_is_not_known(store: EventStore) -> None:
    fill(store, "o", "s", 2)
    assert store.after("o", "s", 3) is None


def test_an_owner_is_forgotten_with_all_streams(store: EventStore) -> None:
    fill(store, "o", "s", 2)
    fill(store, "o", "t", 2)
    fill(store, "p", "s", 2)
    store.forget("o")
    assert store.after("o", "s", 0) is None
    assert store.after("o", "t", 0) is None
    assert numbers(store.after("p", "s", 0)) == [1, 2]
    store.forget("nobody")


def test_a_stream_is_dropped_some_time_after_its_last_event(make: Make) -> None:
    store = make(2**20, 0.3)
    fill(store, "o", "old", 1)
    fill(store, "o", "lively", 1)
    for number in range(2, 5):
        time.sleep(0.15)
        fill(store, "o", "lively", 1, first=number)
    assert store.after("o", "old", 0) is None
    assert numbers(store.after("o", "lively", 0)) == [1, 2, 3, 4]


def test_the_longest_untouched_stream_gives_way(make: Make) -> None:
    store = make(200_000, 60)
    fill(store, "o", "first", 1, size=60_000)
    fill(store, "o", "second", 1, size=60_000)
    fill(store, "o", "first", 1, first=2, size=10)
    fill(store, "o", "third", 1, size=100_000)
    assert store.after("o", "second", 0) is None
    assert numbers(store.after("o", "third", 0)) == [1]


def test_a_stream_of_which_a_part_is_lost_counts_as_unknown(make: Make) -> None:
    store = make(100_000, 60)
    fill(store, "o", "s", 3, size=1000)
    fill(store, "o", "other", 1, size=99_000)
    fill(store, "o", "s", 2, first=4)
    assert store.after("o", "s", 0) is None
    assert store.after("o", "s", 2) is None
    assert numbers(store.after("o", "s", 3)) == [4, 5]
    assert numbers(store.after("o", "s", 4)) == [5]


def test_endless_streams_do_not_grow_endlessly(make: Make) -> None:
    store = make(200_000, 60)
    for number in range(400):
        fill(store, "o", f"stream{number}", 1, size=5000)
    kept = [number for number in range(400) if store.after("o", f"stream{number}", 0) is not None]
    assert 5 <= len(kept) <= 60
    assert kept[-1] == 399


def test_empty_events_take_room_too() -> None:
    store = MemoryEvents(10_000, 60)
    for number in range(1000):
        fill(store, "o", f"stream{number}", 1, size=0)
    assert sum(store.after("o", f"stream{number}", 0) is not None for number in range(1000)) < 50


@pytest.mark.parametrize(
    ("kept", "number", "expected"),
    [
        ([], 0, None),
        ([1, 2, 3], 0, [1, 2, 3]),
        ([1, 2, 3], 3, []),
        ([1, 2, 3], 4, None),
        ([2, 3], 0, None),
        ([2, 3], 1, [2, 3]),
        ([1, 3], 0, None),
        ([1, 3], 1, None),
    ],
)
def test_a_gap_is_noticed(kept: list[int], number: int, expected: list[int] | None) -> None:
    assert numbers(whole([StreamEvent(each, b"") for each in kept], number)) == expected
