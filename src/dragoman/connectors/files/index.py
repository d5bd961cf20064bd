"""The search index of one folder: kept in step with the disk, asked with plain questions.

Laws: one private SQLite database that ends with the process (no file of its own name); `refresh` is the
only writer and runs one at a time; the lock is held for one file or one search, never for a whole sweep;
nothing here awaits: callers bring their own threads. What a search finds is ranked by BM25 over sections,
not files.
"""

import logging
import math
import sqlite3
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Final, NamedTuple

from dragoman import DragomanError
from dragoman.connectors.files.extract import NotTextError, decode
from dragoman.connectors.files.jail import Jail, MissingFileError, OversizedFileError, Signature
from dragoman.connectors.files.sections import Section, outline
from dragoman.connectors.files.snippets import Snippet, best_snippet
from dragoman.connectors.files.terms import Term, identifier_parts, search_terms, spaced

_log: Final = logging.getLogger(__name__)

# A second change within one tick of the file system's clock leaves the same times: such files are read again.
_CLOCK_TICK_NS: Final = 100_000_000
_CANDIDATES: Final = 100  # files, beyond those asked for, that compete on how much of the question they cover
_NO_ROOM: Final = "beyond the size of the index"
_STEPS_BETWEEN_CHECKS: Final = 20_000
_MORE_PLACES: Final = 3

# title, heading, path, body, parts
_WEIGHTS: Final = "3.0, 4.0, 1.5, 1.0, 1.0"
_SCHEMA: Final = """
CREATE VIRTUAL TABLE sections USING fts5(
    title, heading, path, body, parts,
    document UNINDEXED, line UNINDEXED, "column" UNINDEXED, shown UNINDEXED,
    tokenize = 'porter unicode61 remove_diacritics 2'
)
"""


class SearchStoppedError(DragomanError):
    """The search was cancelled or took longer than it may."""


class IndexedFile(NamedTuple):
    """What the index knows of a file.

    Args:
        signature: of the content it was read from; None where it must be read again at the next refresh.
        size: of that content, bytes.
        title: its front matter's title, its first heading, or its name.
        encoding: the encoding it was in.
        rows: first and last row of its sections.
        refusal: why it is not in the index; empty where it is.
    """

    signature: Signature | None
    size: int
    title: str = ""
    encoding: str = ""
    rows: range = range(0)
    refusal: str = ""


class Place(NamedTuple):
    """A further section of a found file."""

    line: int
    heading: str


class Found(NamedTuple):
    """A file that answers a question, with its best section.

    Args:
        path: below the folder.
        title: of the file.
        heading: the section's headings, outermost first, joined by ` > `.
        snippet: the section's best lines and where they stand.
        more: other sections that answer, best first.
    """

    path: str
    title: str
    heading: str
    snippet: Snippet
    more: list[Place]


class Findings(NamedTuple):
    """The answer to a question.

    Args:
        files: best first.
        unknown: terms that no file has.
        partial: whether some of the files have some of the terms only.
        cut: whether the question had more terms than were used.
    """

    files: list[Found]
    unknown: list[str]
    partial: bool
    cut: bool


class _Candidate(NamedTuple):
    row: int
    path: str
    line: int
    heading: str
    score: float


class FolderIndex:
    """The sections of a folder's text files.

    Args:
        jail: the folder.
        max_files: most files that are looked at.
        max_bytes: most bytes of files that are indexed.
    """

    def __init__(self, jail: Jail, *, max_files: int, max_bytes: int) -> None:
        self._jail = jail
        self._max_files = max_files
        self._max_bytes = max_bytes
        self._lock = threading.Lock()  # guards the connection and everything below
        self._files: dict[str, IndexedFile] = {}
        self._indexed_bytes = 0
        self._next_row = 1
        self._sweeping = threading.Lock()
        self.complete = False  # whether one refresh has ended; read without the lock
        # The empty name is a private temporary database: in memory, spilled to an unnamed file when large.
        self._database = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._release = weakref.finalize(self, self._database.close)
        self._database.execute("PRAGMA journal_mode = MEMORY")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute("PRAGMA cache_size = -65536")
        self._database.execute(_SCHEMA)

    def close(self) -> None:
        """Drop the database; no other call may be running or follow."""
        with self._sweeping, self._lock:
            self._release()
            self._files.clear()

    def files(self) -> dict[str, IndexedFile]:
        """A copy of what is known, by path, in the order of paths; only files that can be read."""
        with self._lock:
            return {path: self._files[path] for path in sorted(self._files) if not self._files[path].refusal}

    def left_out(self) -> Counter[str]:
        """How many files are not indexed, by reason."""
        with self._lock:
            return Counter(file.refusal for file in self._files.values() if file.refusal)

    def refresh(self, stopped: Callable[[], bool] = lambda: False) -> None:
        """Bring the index in step with the disk; a refresh that is under way is waited for first.

        Args:
            stopped: asked at each file; the refresh ends early when it says yes.

        Raises:
            UnavailableFolderError: the folder cannot be read; what is indexed stays.
        """
        with self._sweeping:
            found = {file.path: file.signature for file in self._jail.walk(most=self._max_files, stopped=stopped)}
            if stopped():
                return
            changed = 0
            with self._lock:
                gone = self._files.keys() - found.keys()
                self._database.execute("BEGIN")
            try:
                for path in gone:
                    with self._lock:
                        self._forget(path)
                for path, signature in found.items():
                    if stopped():
                        return
                    if self._outdated(self._files.get(path), signature):
                        changed += self._learn(path, signature)
            finally:
                with self._lock:
                    self._database.execute("COMMIT")
            if not self.complete or changed or gone:
                reasons = "; ".join(f"{count} {reason}" for reason, count in sorted(self.left_out().items()))
                _log.info(
                    "indexed: %d files new or changed, %d gone; left out: %s",
                    changed,
                    len(gone),
                    reasons or "none",
                )
            self.complete = True

    def search(
        self, question: str, *, limit: int, seconds: float, stopped: Callable[[], bool] = lambda: False
    ) -> Findings:
        """The files that answer a question best.

        Sections that have every term come first, by BM25; where they are fewer than `limit` files, sections
        that have some follow, by how much of the question they cover, rare terms counting more. A term that
        no file has is taken as the beginning of a word.

        Args:
            question: words, names or "quoted phrases"; nothing in it is an operator.
            limit: most files.
            seconds: longest time.
            stopped: asked now and then; the search ends when it says yes.

        Raises:
            SearchStoppedError: stopped, or over time.
        """
        terms, cut = search_terms(question)
        deadline = time.monotonic() + seconds
        with self._lock, self._interruptible(lambda: stopped() or time.monotonic() > deadline):
            known, unknown = self._rows_of(terms)
            if not known:
                return Findings([], unknown, partial=False, cut=cut)
            best = self._candidates(" AND ".join(known), limit)
            complete = {candidate.path for candidate in best}
            if len(complete) < limit and len(known) > 1:
                some = self._candidates(" OR ".join(known), limit + _CANDIDATES)
                some.sort(key=lambda one: (-self._coverage(one.row, known), one.score))
                best = list({candidate.row: candidate for candidate in best + some}.values())
            found = self._grouped(best, limit, " OR ".join(known), terms)
        partial = bool(unknown) or any(file.path not in complete for file in found)
        return Findings(found, unknown, partial=partial, cut=cut)

    @contextmanager
    def _interruptible(self, over: Callable[[], bool]) -> Iterator[None]:
        """Let the engine ask now and then whether the search is over."""
        self._database.set_progress_handler(over, _STEPS_BETWEEN_CHECKS)
        try:
            if over():
                raise SearchStoppedError("the search was stopped before it began")
            yield
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                raise
            raise SearchStoppedError("the search took too long; use fewer or rarer words") from error
        finally:
            self._database.set_progress_handler(None, 0)

    def _rows_of(self, terms: list[Term]) -> tuple[dict[str, set[int]], list[str]]:
        """The rows of each term's expression, and the terms that have none."""
        known: dict[str, set[int]] = {}
        unknown = []
        for term in terms:
            for expression in filter(None, (term.exact, term.prefix)):
                rows = {
                    row
                    for (row,) in self._database.execute(
                        "SELECT rowid FROM sections WHERE sections MATCH ?", (expression,)
                    )
                }
                if rows:
                    known[expression] = rows
                    break
            else:
                unknown.append(term.text)
        return known, unknown

    def _coverage(self, row: int, known: dict[str, set[int]]) -> float:
        """How much of the question a section has, 0 to 1 in steps; a term counts by its rarity."""
        total = len(self._files) + self._next_row
        weights = {expression: math.log1p(total / len(rows)) for expression, rows in known.items()}
        held = sum(weight for expression, weight in weights.items() if row in known[expression])
        return round(held / sum(weights.values()), 2)

    def _candidates(self, expression: str, files: int) -> list[_Candidate]:
        """The best sections of an expression: of the best `files` files, a few sections each."""
        rows = self._database.execute(
            f"SELECT rowid, document, line, shown, bm25(sections, {_WEIGHTS}) AS score FROM sections"  # noqa: S608
            " WHERE sections MATCH ? ORDER BY score, rowid",
            (expression,),
        )
        kept: list[_Candidate] = []
        counts: Counter[str] = Counter()
        for columns in rows:
            candidate = _Candidate(*columns)
            if candidate.path not in counts and len(counts) == files:
                break
            counts[candidate.path] += 1
            if counts[candidate.path] <= 1 + _MORE_PLACES:
                kept.append(candidate)
        rows.close()
        return kept

    def _grouped(self, ranked: list[_Candidate], limit: int, expression: str, terms: list[Term]) -> list[Found]:
        """The first `limit` files of the ranked sections, each with its best section and some more places."""
        by_path: dict[str, list[_Candidate]] = {}
        for candidate in ranked:
            by_path.setdefault(candidate.path, []).append(candidate)
        found = []
        for path, (best, *others) in list(by_path.items())[:limit]:
            marked, column = self._database.execute(
                'SELECT highlight(sections, 3, char(2), char(3)), "column" FROM sections'
                " WHERE sections MATCH ? AND rowid = ?",
                (expression, best.row),
            ).fetchone()
            snippet = best_snippet(marked, line=best.line, column=column, words=[term.text for term in terms])
            more = [Place(other.line, other.heading) for other in others[:_MORE_PLACES]]
            found.append(Found(path, self._files[path].title, best.heading, snippet, more))
        return found

    def _forget(self, path: str) -> None:
        """Take a file out; the caller holds the lock."""
        known = self._files.pop(path, None)
        if known is not None and known.rows:
            self._indexed_bytes -= known.size
            rows = known.rows.start, known.rows.stop - 1
            self._database.execute("DELETE FROM sections WHERE rowid BETWEEN ? AND ?", rows)

    def _outdated(self, known: IndexedFile | None, signature: Signature) -> bool:
        """Whether a file is to be read: new, changed, or there is room for it now."""
        if known is None or known.signature != signature:
            return True
        return known.refusal == _NO_ROOM and signature.size <= self._max_bytes - self._indexed_bytes

    def _learn(self, path: str, signature: Signature) -> bool:
        """Read a file and index what it says, or note why not; whether there was something to note.

        What was indexed before stays until the new content takes its place, so that no search misses the file.
        """
        before = self._files.get(path)
        room = self._max_bytes - self._indexed_bytes + (before.size if before and before.rows else 0)
        began = time.time_ns()
        refusal, text, encoding = "", "", ""
        try:
            if signature.size > self._jail.max_bytes:
                refusal = "too large"
            elif signature.size > room:
                refusal = _NO_ROOM
            else:
                data, signature = self._jail.read(path)
                text, encoding = decode(data)
        except MissingFileError:  # gone since the walk, or closed to this process
            with self._lock:
                self._forget(path)
            return before is not None
        except OversizedFileError:
            refusal = "too large"
        except NotTextError:
            refusal = "not text"
        settled = abs(began - max(signature.modified_ns, signature.changed_ns)) > _CLOCK_TICK_NS
        kept = signature if settled else None
        title, sections = outline(path, text)
        title = title or PurePosixPath(path).name
        with self._lock:
            self._forget(path)
            if refusal:
                self._files[path] = IndexedFile(kept, signature.size, refusal=refusal)
            else:
                rows = self._insert(path, title, sections)
                self._indexed_bytes += signature.size
                self._files[path] = IndexedFile(kept, signature.size, title, encoding, rows)
        return True

    def _insert(self, path: str, title: str, sections: list[Section]) -> range:
        """Write a document's sections; an empty document gets one, so that its name is found."""
        rows = range(self._next_row, self._next_row + max(1, len(sections)))
        indexed_title, indexed_path = spaced(title), spaced(path)
        self._database.executemany(
            'INSERT INTO sections (rowid, title, heading, path, body, parts, document, line, "column", shown)'
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    row,
                    indexed_title,
                    spaced(section.heading),
                    indexed_path,
                    spaced(section.text),
                    identifier_parts(f"{section.heading}\n{section.text}"),
                    path,
                    section.line,
                    section.column,
                    section.heading,
                )
                for row, section in zip(rows, sections or [Section(1, 1, "", "")], strict=True)
            ],
        )
        self._next_row = rows.stop
        return rows
