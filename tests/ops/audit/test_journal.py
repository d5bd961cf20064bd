"""The journal: whole lines count, a torn one does not, and a living process keeps its own."""

from pathlib import Path

import pytest

from dragoman.ops.audit.chain import verify
from dragoman.ops.audit.journal import FULL_BYTES, SUFFIX, Journal, lock, read
from tests.store.room import largest_file

KEY = b"k" * 32


def lines(path: Path, offset: int = 0) -> list[bytes]:
    with path.open("rb") as file:
        return [entry.line for entry, _ in read(file, offset)]


def test_lines_are_read_as_written_and_prove_each_other(tmp_path: Path) -> None:
    journal = Journal(tmp_path, KEY)
    for number in range(3):
        journal.append(b'{"n":%d}' % number)
    with journal.path.open("rb") as file:
        entries = list(read(file))
        assert [entry.line for entry, _ in entries] == [b'{"n":0}', b'{"n":1}', b'{"n":2}']
        assert not list(verify(KEY, journal.chain, [entry for entry, _ in entries]))
        assert [entry.number for entry, _ in read(file, entries[0][1])] == [2, 3]
    journal.close()


def test_a_torn_line_counts_for_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path, KEY)
    journal.append(b"{}")
    journal.close()
    with journal.path.open("ab") as file:
        file.write(b'{"torn":')
    assert lines(journal.path) == [b"{}"]
    empty = tmp_path / ("x" + SUFFIX)
    empty.write_bytes(b'{"chain"')
    assert lines(empty) == []


def test_a_full_disk_tears_one_line_and_the_next_goes_on_in_a_new_file(tmp_path: Path) -> None:
    journal = Journal(tmp_path, KEY)
    journal.append(b"{}")
    with largest_file(journal.path.stat().st_size + 10), pytest.raises(OSError, match=r"whole|large"):
        journal.append(b'{"n":1}')
    journal.append(b'{"n":2}')
    first, second = sorted(tmp_path.glob("*" + SUFFIX))
    assert (lines(first), lines(second)) == ([b"{}"], [b'{"n":2}'])
    with first.open("rb") as one, second.open("rb") as other:
        assert not list(verify(KEY, journal.chain, [entry for file in (one, other) for entry, _ in read(file)]))
    journal.close()


def test_a_full_file_is_followed_by_another(tmp_path: Path) -> None:
    journal = Journal(tmp_path, KEY)
    journal.append(b"x" * FULL_BYTES)
    journal.append(b"{}")
    assert len(list(tmp_path.glob("*" + SUFFIX))) == 2
    journal.close()


def test_only_the_journal_of_a_process_that_is_gone_can_be_locked(tmp_path: Path) -> None:
    journal = Journal(tmp_path, KEY)
    with journal.path.open("rb") as file:
        assert not lock(file.fileno())
    journal.close()
    with journal.path.open("rb") as file:
        assert lock(file.fileno())


def test_a_changed_mark_proves_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path, KEY)
    journal.append(b"{}")
    journal.close()
    journal.path.write_bytes(journal.path.read_bytes().replace(b"{}\t", b"{}\tzz"))
    with journal.path.open("rb") as file:
        ((entry, _),) = read(file)
    assert entry.mark == b""
