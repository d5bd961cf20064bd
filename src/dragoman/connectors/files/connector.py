"""The `files` connector: what a folder offers to a client, in the client's words.

Laws: written on the public API alone; read-only; what the jail refuses is said in the same words as what is
missing; everything shown is bounded and was cleaned where it was decoded.
"""

import logging
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Annotated, Final, Self, TypeVar, cast

from msgspec import Struct, structs

from dragoman import (
    Connector,
    Meta,
    ResourceContents,
    ResourceInfo,
    ResourceNotFound,
    Server,
    ToolAnnotations,
    ToolError,
    ToolResult,
    UsageError,
    quote_path,
)
from dragoman.connectors.files.extract import NotTextError, Text, clean
from dragoman.connectors.files.folder import Folder, FolderLimits
from dragoman.connectors.files.index import Findings, Found, SearchStoppedError
from dragoman.connectors.files.jail import MissingFileError, OversizedFileError, UnavailableFolderError
from dragoman.connectors.files.pages import Page, count_lines, page_of
from dragoman.connectors.files.sections import HEADING_SEAM
from dragoman.connectors.files.settings import FilesSettings
from dragoman.connectors.files.terms import MAX_TERMS, search_terms

_log: Final = logging.getLogger(__name__)

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_READ_ONLY: Final = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)
_START_SECONDS: Final = 2.0  # a large folder goes on being indexed while the server serves already
_SHOWN_PATH: Final = 200
_MIME_TYPES: Final = {
    ".md": "text/markdown", ".markdown": "text/markdown", ".mdx": "text/markdown", ".mkd": "text/markdown",
    ".csv": "text/csv", ".tsv": "text/tab-separated-values", ".htm": "text/html", ".html": "text/html",
    ".json": "application/json", ".xml": "application/xml", ".yaml": "application/yaml",
    ".yml": "application/yaml", ".toml": "application/toml", ".css": "text/css", ".js": "text/javascript",
    ".rtf": "application/rtf",
}  # fmt: skip


class FurtherPlace(Struct, omit_defaults=True):
    """Another section of a found file that answers the question."""

    line: int
    heading: str = ""


class Hit(Struct, omit_defaults=True):
    """A found file and its best place; `column` above 1 only inside a very long line."""

    path: str
    title: str
    line: int
    snippet: str
    heading: str = ""
    column: int = 1
    more: list[FurtherPlace] = []


class SearchAnswer(Struct, omit_defaults=True):
    """The found files, best first; `note` says what the answer does not cover."""

    files: list[Hit]
    note: str = ""


class ReadAnswer(Struct, omit_defaults=True):
    """Lines of a file; `next_offset` and `next_column` are where to go on, left out at the end."""

    path: str
    text: str
    first_line: int
    last_line: int
    total_lines: int
    encoding: str
    next_offset: int | None = None
    next_column: int = 1


Answer = TypeVar("Answer", SearchAnswer, ReadAnswer)


class Files(Connector):
    """A folder of text and Markdown, read-only: `<name>_search`, `<name>_read` and `files://<name>/<path>`.

    Dot-files, links, devices, pipes, sockets, binary files and files with a second hard link are left out.

    Args:
        name: what tools and URIs are called after: a letter, then letters, digits, `_` and `-`.
        root: the folder; a link in this path is followed once, when it is opened.
        max_file_bytes: the largest file that is read, bytes.
        max_reply_bytes: most bytes of text that one reading returns.
        max_files: most files that are indexed and listed.
        max_index_bytes: most bytes of files that are indexed.
        hard_links: also serve files with more than one name; one of the names may be outside the folder.
        call_seconds: longest time of one call.
        threads: most calls that run at one time; more wait their turn.

    Raises:
        UsageError: the name is malformed, or the folder is missing or may not be read.
    """

    Settings = FilesSettings

    def __init__(
        self,
        name: str,
        root: str | Path,
        *,
        max_file_bytes: int = 10 * 2**20,
        max_reply_bytes: int = 32 * 2**10,
        max_files: int = 50_000,
        max_index_bytes: int = 256 * 2**20,
        hard_links: bool = False,
        call_seconds: float = 10.0,
        threads: int = 4,
    ) -> None:
        if not _NAME.fullmatch(name):
            message = f"files connector {name!r}: begin the name with a letter, then use letters, digits, _ and -."
            raise UsageError(message)
        super().__init__(name)
        self._root = root
        self._reply_bytes = max_reply_bytes
        self._limits = FolderLimits(
            file_bytes=max_file_bytes,
            files=max_files,
            index_bytes=max_index_bytes,
            hard_links=hard_links,
            call_seconds=call_seconds,
            wait_seconds=call_seconds / 2,
            threads=threads,
        )
        # Opened here, so that a folder that cannot be served is said at once; a later `start` opens it again.
        self._folder: Folder | None = Folder(root, self._limits)

    @classmethod
    def from_settings(cls, name: str, settings: Struct) -> Self:
        """Make a connector of its settings.

        Args:
            name: what its features are named after.
            settings: a `FilesSettings`.

        Raises:
            UsageError: see `Files`.
        """
        options = structs.asdict(settings)
        return cls(name, options.pop("path"), **options)

    def attach(self, server: Server) -> None:
        """Add the two tools and the resource template."""
        server.add_tool(
            self.search,
            name=f"{self.name}_search",
            title=f"Search {self.name}",
            description=(
                f"Search the text and Markdown files of '{self.name}'. Returns the best files with path, title,"
                f" the line of the best place and a snippet; continue with {self.name}_read."
            ),
            annotations=_READ_ONLY,
        )
        server.add_tool(
            self.read,
            name=f"{self.name}_read",
            title=f"Read a file of {self.name}",
            description=(
                f"Read lines of a text file of '{self.name}' by its path, as {self.name}_search and the resource"
                " list give it. Says how many lines there are and the offset to go on with."
            ),
            annotations=_READ_ONLY,
        )
        server.add_resource_template(
            f"files://{self.name}/{{+path}}",
            self.resource,
            name=self.name,
            title=f"Files of {self.name}",
            description=f"Any text file of '{self.name}', by its path.",
            list=self.resources,
        )

    async def start(self) -> None:
        """Open the folder and index it; a large one goes on in the background."""
        if self._folder is None:
            self._folder = Folder(self._root, self._limits)
        try:
            await self._folder.refresh(_START_SECONDS)
        except UnavailableFolderError as error:
            raise UsageError(self._unavailable(error)) from error

    async def health(self) -> str | None:
        """None while the folder can be read, else why not."""
        try:
            await self._opened().check()
        except (UnavailableFolderError, TimeoutError) as error:
            return self._unavailable(error)
        return None

    async def close(self) -> None:
        """Let calls end and give everything back."""
        folder, self._folder = self._folder, None
        if folder is not None:
            await folder.close()

    async def search(
        self,
        query: Annotated[str, Meta(min_length=1, max_length=1000)],
        limit: Annotated[int, Meta(ge=1, le=50)] = 10,
    ) -> SearchAnswer:
        """Search the files.

        Args:
            query: Words, names or "quoted phrases", in any language; there are no operators.
            limit: Most files to return.
        """
        if not search_terms(query)[0]:
            raise ToolError('The query has no word to search for. Use words, a name or a "quoted phrase".')
        with self._said_to_the_model():
            folder = self._opened()
            findings = await folder.search(query, limit)
            left_out = await folder.left_out()
        answer = SearchAnswer([_hit(found) for found in findings.files], _note(findings, folder, left_out.total()))
        return _worded(answer, self._search_text(answer))

    async def read(
        self,
        path: Annotated[str, Meta(min_length=1, max_length=4096)],
        offset: Annotated[int, Meta(ge=1)] = 1,
        limit: Annotated[int, Meta(ge=1, le=5000)] = 400,
        column: Annotated[int, Meta(ge=1)] = 1,
    ) -> ReadAnswer:
        """Read lines of a file.

        Args:
            path: The file's path below the folder, such as "guide/intro.md".
            offset: The first line to return, counted from 1; a search result's line fits.
            limit: Most lines to return; the answer may hold fewer where lines are long.
            column: The character of the first line to begin at, to go on in a line that was cut.
        """
        with self._said_to_the_model(path):
            text, encoding = await self._opened().read(path)
        total = count_lines(text)
        if offset > max(total, 1):
            raise ToolError(f"{_shown(path)} has {total:,} lines; offset {offset:,} is beyond its end.")
        page = page_of(text, offset=offset, column=column, limit=limit, budget=self._reply_bytes)
        answer = ReadAnswer(
            path=path,
            text=page.text,
            first_line=offset if total else 0,
            last_line=page.last,
            total_lines=total,
            encoding=encoding,
            next_offset=page.next_offset,
            next_column=page.next_column,
        )
        return _worded(answer, _read_text(answer, page))

    async def resource(self, path: str) -> ResourceContents:
        """The whole text of a file.

        Args:
            path: The file's path below the folder.
        """
        uri = self._uri(path)
        with self._said_to_the_model(path):
            try:
                text: Text = await self._opened().read(path)
            except MissingFileError:
                raise ResourceNotFound(uri) from None
        return ResourceContents(uri, _mime_type(path), text=text.text)

    async def resources(self) -> AsyncIterator[ResourceInfo]:
        """Every file that can be read."""
        try:
            files = await self._opened().files()
        except (UnavailableFolderError, TimeoutError) as error:
            # Other targets of the server are listed all the same; `health` says it too.
            _log.warning("%s", self._unavailable(error))
            return
        for path, file in files.items():
            yield ResourceInfo(
                uri=self._uri(path), name=path, title=file.title, mime_type=_mime_type(path), size=file.size
            )

    def _opened(self) -> Folder:
        if self._folder is None:
            raise UnavailableFolderError("the server is shutting down")
        return self._folder

    def _uri(self, path: str) -> str:
        """The resource's URI; a caller's path may hold what cannot be encoded, so it is cleaned."""
        return f"files://{self.name}/{quote_path(clean(path))}"

    def _unavailable(self, error: Exception) -> str:
        reason = str(error) or "it did not answer in time"
        return f"The folder '{self.name}' cannot be read: {reason}."

    @contextmanager
    def _said_to_the_model(self, path: str = "") -> Iterator[None]:
        """The one table from errors to sentences; a forbidden path reads like a missing one."""
        try:
            yield
        except MissingFileError:
            message = f"No file {_shown(path)} in '{self.name}'. Find paths with {self.name}_search."
            raise ToolError(message) from None
        except OversizedFileError as error:
            raise ToolError(f"{_shown(path)} is too large to read: {error}.") from None
        except NotTextError as error:
            raise ToolError(f"{_shown(path)} cannot be read: the file is {error}.") from None
        except SearchStoppedError as error:
            raise ToolError(f"No answer: {error}.") from None
        except (UnavailableFolderError, TimeoutError) as error:
            raise ToolError(self._unavailable(error)) from None

    def _search_text(self, answer: SearchAnswer) -> str:
        """The answer for a model: a numbered place and a snippet a file."""
        lines = [] if answer.files else ["No file found."]
        for number, hit in enumerate(answer.files, start=1):
            trail = " > ".join(dict.fromkeys(filter(None, (hit.title, *hit.heading.split(HEADING_SEAM)))))
            column = f", column {hit.column}" if hit.column > 1 else ""
            lines += [f"{number}. {hit.path}, line {hit.line}{column}: {trail}", f"   {hit.snippet}"]
            if hit.more:
                places = (f"line {more.line} {more.heading.split(HEADING_SEAM)[-1]}" for more in hit.more)
                lines.append("   also " + "; ".join(place.rstrip() for place in places))
        if answer.files:
            lines += ["", f"Go on with {self.name}_read(path, offset=line)."]
        return "\n".join(lines + [answer.note] * bool(answer.note))


def _worded(answer: Answer, text: str) -> Answer:
    """The answer with a text of its own for the model.

    The server takes a `ToolResult` in place of what a tool's annotation says; the annotation is the schema.
    """
    return cast("Answer", ToolResult(content=text, structured=answer))


def _hit(found: Found) -> Hit:
    return Hit(
        path=found.path,
        title=found.title,
        line=found.snippet.line,
        snippet=found.snippet.text,
        heading=found.heading,
        column=found.snippet.column,
        more=[FurtherPlace(place.line, place.heading) for place in found.more],
    )


def _note(findings: Findings, folder: Folder, left_out: int) -> str:
    """What a search answer does not cover, in sentences; empty when it covers all."""
    notes = []
    if findings.unknown:
        notes.append("Found nowhere: " + ", ".join(clean(term) for term in findings.unknown) + ".")
    elif findings.partial:
        notes.append("Not every file listed has all the words in one place.")
    if findings.cut:
        notes.append(f"Only the first {MAX_TERMS} different words were searched.")
    if not folder.complete:
        notes.append("The folder is still being indexed; search again for more.")
    if left_out:
        files = "1 file is" if left_out == 1 else f"{left_out:,} files are"
        notes.append(f"{files} not searched (binary, too large or beyond the index).")
    return " ".join(notes)


def _read_text(answer: ReadAnswer, page: Page) -> str:
    """A heading line, the text, and how to go on."""
    lines = f"lines {answer.first_line:,}-{page.last:,} of {page.total:,}" if page.total else "empty"
    head = f"[{answer.path}: {lines}; {answer.encoding}]"
    if page.next_offset is None:
        return f"{head}\n{page.text}"
    column = f", column={page.next_column}" if page.next_column > 1 else ""
    return f"{head}\n{page.text}\n[go on with offset={page.next_offset}{column}]"


def _shown(path: str) -> str:
    """A caller's path, quoted, harmless and short."""
    safe = clean(path).replace("\n", "\u2424")
    return f"'{safe[:_SHOWN_PATH]}…'" if len(safe) > _SHOWN_PATH else f"'{safe}'"


def _mime_type(path: str) -> str:
    return _MIME_TYPES.get(PurePosixPath(path).suffix.lower(), "text/plain")
