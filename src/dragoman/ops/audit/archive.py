"""The archive: the audit log at rest, in an SQLite file that can be searched, pruned and proved.

Lines come from the journals, each in one transaction with the place up to which its journal is moved, so each arrives
once. For each chain the archive keeps a head, marked with the key of the log: how far the chain reaches, and, where
its beginning was let go, what it began with. A roll of the chains shows when a whole one is missing.
"""

import contextlib
import hmac
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from dragoman.ops.audit.chain import Broken, Entry, head_mark, next_mark, verify
from dragoman.store.sqlite import connect, told

_SCHEMA: Final = """
    CREATE TABLE IF NOT EXISTS entry(
        chain TEXT, number INTEGER, at REAL, subject TEXT, name TEXT, outcome TEXT, line BLOB, mark BLOB,
        PRIMARY KEY(chain, number)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS entry_at ON entry(at);
    CREATE TABLE IF NOT EXISTS head(
        chain TEXT PRIMARY KEY, number INTEGER, mark BLOB, proof BLOB,
        begin_number INTEGER, begin_mark BLOB, begin_proof BLOB
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS roll(number INTEGER PRIMARY KEY, chain TEXT UNIQUE, proof BLOB);
    CREATE TABLE IF NOT EXISTS moved(journal TEXT PRIMARY KEY, offset INTEGER) WITHOUT ROWID;
"""


class Wanted(Struct, frozen=True, kw_only=True):
    """What a search looks for; every field narrows it.

    Args:
        since: from this time on, seconds since 1970.
        until: before this time.
        subject: who called.
        name: the tool, URI or prompt.
        outcome: what came of it.
        text: what stands anywhere in the line.
        most: how many, the newest.
    """

    since: float | None = None
    until: float | None = None
    subject: str | None = None
    name: str | None = None
    outcome: str | None = None
    text: str | None = None
    most: int = 100


class Archive:
    """The audit log in a file.

    Args:
        path: the file.
        key: the key of the log.

    Raises:
        UsageError: the file can't be opened.
    """

    def __init__(self, path: Path, key: bytes) -> None:
        self.path = path
        self._key = key
        self._connection = connect(path, _SCHEMA)

    def moved_to(self, journal: str) -> int:
        """Up to where a journal is moved, bytes."""
        with told(self.path):
            found = self._connection.execute("SELECT offset FROM moved WHERE journal = ?", (journal,)).fetchone()
            return 0 if found is None else int(found[0])

    def add(self, journal: str, entries: Sequence[tuple[Entry, int]]) -> None:
        """Take in lines of one journal, which follow those taken before.

        Args:
            journal: its name.
            entries: lines, and where each ends in the journal.
        """
        with self._transaction():
            read = [(entry, _read(entry.line)) for entry, _ in entries]
            self._connection.executemany(
                "INSERT OR IGNORE INTO entry VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (one.chain, one.number, line.at, line.subject, line.name, line.outcome, one.line, one.mark)
                    for one, line in read
                ],
            )
            last, offset = entries[-1]
            self._enrol(last.chain)
            proof = head_mark(self._key, last.chain, last.number, last.mark)
            self._connection.execute(
                "INSERT INTO head(chain, number, mark, proof) VALUES(?, ?, ?, ?) ON CONFLICT(chain) DO UPDATE SET"
                " number = excluded.number, mark = excluded.mark, proof = excluded.proof"
                " WHERE excluded.number > head.number",
                (last.chain, last.number, last.mark, proof),
            )
            self._connection.execute("INSERT OR REPLACE INTO moved VALUES(?, ?)", (journal, offset))

    def forget_journal(self, journal: str) -> None:
        """Forget how far a journal was moved: its file is gone."""
        with self._transaction():
            self._connection.execute("DELETE FROM moved WHERE journal = ?", (journal,))

    def _enrol(self, chain: str) -> None:
        if self._connection.execute("SELECT 1 FROM roll WHERE chain = ?", (chain,)).fetchone():
            return
        last = self._connection.execute("SELECT number, proof FROM roll ORDER BY number DESC LIMIT 1").fetchone()
        number, before = last or (0, b"roll")
        self._connection.execute(
            "INSERT INTO roll VALUES(?, ?, ?)", (number + 1, chain, next_mark(self._key, before, chain.encode()))
        )

    def search(self, wanted: Wanted) -> Iterator[bytes]:
        """The lines that are looked for, oldest first."""
        conditions, values = ["1"], []
        for condition, value in (
            ("at >= ?", wanted.since),
            ("at < ?", wanted.until),
            ("subject = ?", wanted.subject),
            ("name = ?", wanted.name),
            ("outcome = ?", wanted.outcome),
            ("instr(CAST(line AS TEXT), ?) > 0", wanted.text),
        ):
            if value is not None:
                conditions.append(condition)
                values.append(value)
        with told(self.path):
            rows = self._connection.execute(
                f"SELECT line FROM entry WHERE {' AND '.join(conditions)} ORDER BY at DESC, number DESC LIMIT ?",  # noqa: S608 (our own conditions)
                [*values, wanted.most],
            ).fetchall()
        yield from (bytes(line) for (line,) in reversed(rows))

    def count(self) -> int:
        """How many lines there are."""
        with told(self.path):
            return int(self._connection.execute("SELECT count(*) FROM entry").fetchone()[0])

    def prune(self, before: float) -> int:
        """Let go of the lines before a time, so that what stays can still be proved.

        Of each chain only a beginning is let go: the lines up to the last of them that are all older.

        Returns:
            How many lines were let go.
        """
        gone = 0
        with self._transaction():
            for (chain,) in self._connection.execute("SELECT chain FROM head").fetchall():
                kept = self._connection.execute(
                    "SELECT min(number) FROM entry WHERE chain = ? AND at >= ?", (chain, before)
                ).fetchone()[0]
                limit = "1" if kept is None else "number < ?"
                values: list[Any] = [chain] if kept is None else [chain, kept]
                last = self._connection.execute(
                    f"SELECT number, mark FROM entry WHERE chain = ? AND {limit} ORDER BY number DESC LIMIT 1",  # noqa: S608
                    values,
                ).fetchone()
                if last is None:
                    continue
                self._connection.execute(
                    "UPDATE head SET begin_number = ?, begin_mark = ?, begin_proof = ? WHERE chain = ?",
                    (*last, head_mark(self._key, chain, -last[0], bytes(last[1])), chain),
                )
                gone += self._connection.execute(f"DELETE FROM entry WHERE chain = ? AND {limit}", values).rowcount  # noqa: S608
        return gone

    def verify(self) -> Iterator[Broken]:
        """Say where the log is not as it was written; nothing when it is whole."""
        with told(self.path):
            heads = self._connection.execute("SELECT * FROM head ORDER BY chain").fetchall()
            enrolled = self._connection.execute("SELECT number, chain, proof FROM roll ORDER BY number").fetchall()
            strangers = self._connection.execute(
                "SELECT DISTINCT chain FROM entry WHERE chain NOT IN (SELECT chain FROM head)"
            ).fetchall()
        yield from self._verify_roll(enrolled, {head[0] for head in heads})
        for (chain,) in strangers:
            yield Broken(str(chain), 0, "the chain has lines but no head")
        for head in heads:
            yield from self._verify_chain(*head)

    def _verify_roll(self, enrolled: Iterable[tuple[Any, Any, Any]], chains: set[Any]) -> Iterator[Broken]:
        before = b"roll"
        missing = set(chains)
        for place, (number, chain, proof) in enumerate(enrolled, 1):
            before = next_mark(self._key, before, str(chain).encode("utf-8", "replace"))
            if number != place or not _same(before, proof):
                yield Broken(str(chain), 0, "the roll of chains is not as it was written: a chain may be missing")
                return
            if chain not in chains:
                yield Broken(str(chain), 0, "the chain is missing as a whole")
            missing.discard(chain)
        for chain in sorted(map(str, missing)):
            yield Broken(chain, 0, "the chain is not on the roll")

    def _verify_chain(
        self, chain: Any, number: Any, mark: Any, proof: Any, begin: Any, begin_mark: Any, begin_proof: Any
    ) -> Iterator[Broken]:
        name = str(chain)
        if not isinstance(number, int) or not _same(head_mark(self._key, name, number, _bytes(mark)), proof):
            yield Broken(name, 0, "the head of the chain is not as it was written")
            return
        after, first = 0, None
        if begin is not None or begin_mark is not None or begin_proof is not None:
            if not isinstance(begin, int) or not _same(
                head_mark(self._key, name, -begin, _bytes(begin_mark)), begin_proof
            ):
                yield Broken(name, 0, "what the chain begins with is not as it was written")
                return
            after, first = begin, _bytes(begin_mark)
        with told(self.path):
            rows = self._connection.execute(
                "SELECT number, at, subject, name, outcome, line, mark FROM entry WHERE chain = ? ORDER BY number",
                (chain,),
            )
            yield from self._verify_lines(name, rows, after, first, number)

    def _verify_lines(
        self, chain: str, rows: Iterable[tuple[Any, ...]], after: int, first: bytes | None, number: int
    ) -> Iterator[Broken]:
        last = after
        entries: list[Entry] = []
        for place, at, subject, name, outcome, line, mark in rows:
            entries.append(Entry(chain, place, _bytes(line), _bytes(mark)))
            record = _read(_bytes(line))
            if (at, subject, name, outcome) != (record.at, record.subject, record.name, record.outcome):
                yield Broken(chain, place, f"what line {place} is searched by is not what it says")
                return
            last = place
        found = list(verify(self._key, chain, entries, after, first))
        yield from found
        if not found and last != number:
            yield Broken(chain, last + 1, f"the end is cut off: the chain had {number} lines and has {last}")

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with told(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


class _Searched(Struct):
    """What of an `AuditRecord` a line is searched by."""

    at: float
    subject: str = ""
    name: str = ""
    outcome: str = ""


_decode: Final = msgspec.json.Decoder(_Searched).decode


def _read(line: bytes) -> _Searched:
    """What a line is searched by; one that somebody changed beyond reading has only its time, which is none."""
    try:
        return _decode(line)
    except (msgspec.MsgspecError, RecursionError):
        return _Searched(0.0)


def _bytes(value: Any) -> bytes:
    return bytes(value) if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


def _same(expected: bytes, found: Any) -> bool:
    return isinstance(found, bytes) and hmac.compare_digest(expected, found)
