"""Skills of a server, seen from its client (SEP-2640, the host's side): listed, loaded, read file by file.

Laws: nothing of a skill is fetched before it is asked for; nothing fetched is handed out before it was compared with
the entry it belongs to; a file that the entry does not list is none of the skill's. What all this shows is that entry
and content agree, never that either can be trusted: skills are foreign instructions.
"""

import hashlib
import logging
import posixpath
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Literal

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from dragoman.client.replies import ResourceReply, read
from dragoman.client.wire import quote
from dragoman.errors import ClientError, ConnectionFault, UsageError
from dragoman.protocol.messages import CacheableResult, ReadResourceResult
from dragoman.protocol.skills import EXTENSION, MANIFEST, MOST_BYTES, MOST_FILES, SkillFile, uri_of
from dragoman.protocol.uri import decode_once

logger: Final = logging.getLogger("dragoman.client")

DYNAMIC: Final = "dynamic"
"""Instead of its files: the skill is made on demand, and nothing says what its contents should be."""

Ask = Callable[[str, Mapping[str, Any]], Awaitable[Raw]]
"""Sends a request, answers what the server asks first, and gives the result as received."""

_ABSENT: Final = object()


class SkillEntry(Struct, frozen=True):
    """What a server says of a skill before any of it is read.

    Args:
        uri: that of its `SKILL.md`; it names the skill on this server, which its name need not.
        frontmatter: the front matter of its `SKILL.md`.
        resources: every file of it, or `dynamic`.
    """

    uri: str
    frontmatter: dict[str, Any]
    resources: list[SkillFile] | Literal["dynamic"]

    @property
    def name(self) -> str:
        """What it is called; other skills may be called the same."""
        return str(self.frontmatter["name"])

    @property
    def description(self) -> str:
        """What it is for."""
        return str(self.frontmatter["description"])

    @property
    def root(self) -> str:
        """The URI of its folder, without a slash at its end."""
        return self.uri.removesuffix(f"/{MANIFEST}")


class SkillPage(CacheableResult, rename="camel", kw_only=True):
    """A page of `skills/list`, its entries as received: one that is malformed leaves the others as they are."""

    skills: list[Raw]
    next_cursor: str | UnsetType = UNSET


class _Got(CacheableResult, kw_only=True):
    """The result of `skills/get`."""

    skill: Raw


class LoadedSkill:
    """A skill whose `SKILL.md` was read and is what its entry says.

    Args:
        entry: held as long as the skill is used: its files are compared with it.
        data: the bytes of its `SKILL.md`.
        fetch: reads a resource.
    """

    def __init__(self, entry: SkillEntry, data: bytes, fetch: Callable[[str], Awaitable[bytes]]) -> None:
        self.entry = entry
        self._fetch = fetch
        self._data = data
        self._files = {file.uri: file for file in _files(entry)}
        self._places = {decode_once(uri.removeprefix(f"{entry.root}/")): uri for uri in self._files}
        self._kept = {entry.uri: data}
        self._left = MOST_BYTES - len(data)  # of a dynamic skill: how much more of it may be read

    @property
    def text(self) -> str:
        """Its `SKILL.md`, front matter included."""
        return self._data.decode("utf-8-sig")

    @property
    def files(self) -> list[str]:
        """The URIs of its files; none of a dynamic skill, which does not say."""
        return list(self._files)

    async def read(self, file: str) -> bytes:
        """Read one of its files, once.

        Args:
            file: its path below the skill's folder, as in `references/FORMS.md`, or its URI.

        Raises:
            ClientError: the skill does not have it, or it is not what the entry says.
            ServerFault: the server refuses.
        """
        uri = self._locate(file)
        if uri in self._kept:
            return self._kept[uri]
        data = await self._fetch(uri)
        if self.entry.resources == DYNAMIC:
            self._left -= len(data)
            if self._left < 0:
                most = f"{MOST_BYTES // 2**20} MiB"
                raise ClientError(f"The skill {quote(self.entry.uri)} gave more than {most}; not used.")
            return data
        _compare(data, self._files[uri])
        self._kept[uri] = data
        return data

    def __repr__(self) -> str:
        return f"LoadedSkill({self.entry.uri!r})"

    def _locate(self, file: str) -> str:
        """The URI of a file of this skill; paths resolve as in a file system (SEP-2640, Relative References)."""
        place, found = posixpath.normpath(file), None
        if self.entry.resources == DYNAMIC:
            uri = file if "://" in file else uri_of(self.entry.root, place)
            found = uri if _is_inside(uri, self.entry.root) else None
        elif file in self._files:
            found = file
        else:
            found = self._places.get(place) or self._places.get(decode_once(place))
        if found is None:
            message = f"The skill {quote(self.entry.uri)} has no file {quote(file)} in the entry it was loaded by"
            raise ClientError(f"{message}; load it again by its URI if the server has changed it.")
        return found


class Skills:
    """The skills of one server.

    Args:
        ask: asks that server.
        capabilities: what that server declares.
    """

    def __init__(self, ask: Ask, capabilities: Callable[[], Mapping[str, Any]]) -> None:
        self._ask = ask
        self._capabilities = capabilities

    def check_offered(self) -> None:
        """See that the server has skills; its methods may not be called before (Capability Negotiation).

        Raises:
            ClientError: it does not say so.
        """
        extensions = self._capabilities().get("extensions")
        if not isinstance(extensions, dict) or EXTENSION not in extensions:
            raise ClientError(f"The server has no skills: it does not declare the extension {EXTENSION}.")

    async def load(self, skill: str | SkillEntry, *, dynamic: bool) -> LoadedSkill:
        """Load a skill; the arguments are those of `Client.load_skill`."""
        self.check_offered()
        entry = await self._get(skill) if isinstance(skill, str) else check_entry(skill)
        _check_limits(entry)
        if entry.resources == DYNAMIC and not dynamic:
            message = f"The skill {quote(entry.uri)} is made on demand, so nothing shows that it is what it says it is"
            raise ClientError(f"{message}; load it with dynamic=True if its server may say anything.")
        data = await self._fetch(entry.uri)
        for file in _files(entry):
            if file.uri == entry.uri:
                _compare(data, file)
        _compare_front_matter(data, entry)
        return LoadedSkill(entry, data, self._fetch)

    async def _get(self, uri: str) -> SkillEntry:
        """The entry of a skill as it is now; the server need not have listed it (Getting a Skill)."""
        got = read(await self._ask("skills/get", {"uri": uri}), _Got, "skills/get")
        entry = read_entry(got.skill)
        if entry.uri != uri:
            message = f"The server answers for the skill {quote(uri)} with the entry of {quote(entry.uri)}; not used."
            raise ClientError(message)
        return entry

    async def _fetch(self, uri: str) -> bytes:
        """The bytes of a file, never from the cache: what is kept there may be older than the entry."""
        result = read(await self._ask("resources/read", {"uri": uri}), ReadResourceResult, "resources/read")
        if len(result.contents) != 1:
            count = len(result.contents)
            raise ConnectionFault(f"The server answered {quote(uri)} with {count} contents; a file is one.")
        return ResourceReply(result.contents[0]).data


def entries_of(pages: list[SkillPage]) -> list[SkillEntry]:
    """The skills of a listing; one whose entry is invalid is left out and logged, for it may not be loaded."""
    entries: list[SkillEntry] = []
    for raw in (raw for page in pages for raw in page.skills):
        try:
            entries.append(read_entry(raw))
        except ClientError as error:
            logger.warning("Left out of the list of skills: %s", error)
    return entries


def read_entry(raw: Raw) -> SkillEntry:
    """Decode and check an entry.

    Raises:
        ClientError: it is invalid.
    """
    try:
        return check_entry(msgspec.json.decode(raw, type=SkillEntry))
    except msgspec.ValidationError as error:
        shown = quote(bytes(raw))
        raise ClientError(f"The entry of a skill is not what the extension says: {error}: {shown}.") from None


def check_entry(entry: SkillEntry) -> SkillEntry:
    """See that an entry is whole: it has a name, and its files are its own, each listed once (SEP-2640, Resources).

    Raises:
        ClientError: it is invalid.
    """
    name, description = entry.frontmatter.get("name"), entry.frontmatter.get("description")
    reason = None
    if not isinstance(name, str) or not isinstance(description, str):
        reason = "its front matter has no name or no description"
    elif not entry.uri.endswith(f"/{MANIFEST}") or entry.root.rpartition("/")[2] != name:
        reason = f"its URI does not end with the skill's name and '{MANIFEST}'"
    elif entry.resources != DYNAMIC:
        uris = [file.uri for file in _files(entry)]
        foreign = [uri for uri in uris if not _is_inside(uri, entry.root)]
        if foreign:
            reason = f"{quote(foreign[0])} is not in its folder"
        elif len(set(uris)) < len(uris):
            reason = "it lists a file twice"
        elif entry.uri not in uris:
            reason = f"it does not list its '{MANIFEST}'"
        elif any(file.size < 0 for file in _files(entry)):
            reason = "a size is negative"
    if reason is not None:
        raise ClientError(f"The entry of the skill {quote(entry.uri)} is invalid: {reason}.")
    return entry


def _check_limits(entry: SkillEntry) -> None:
    """Decline a skill larger than hosts must take, before any of it is read (SEP-2640, Limits)."""
    count, size = len(_files(entry)), sum(file.size for file in _files(entry))
    if count > MOST_FILES or size > MOST_BYTES:
        most = f"{MOST_FILES} files and {MOST_BYTES // 2**20} MiB are the most"
        raise ClientError(f"The skill {quote(entry.uri)} has {count:,} files of {size:,} bytes; {most}.")


def _files(entry: SkillEntry) -> list[SkillFile]:
    return [] if isinstance(entry.resources, str) else entry.resources


def _is_inside(uri: str, root: str) -> bool:
    """Whether a URI is that of a file below a folder, however its path is written."""
    place = decode_once(uri.removeprefix(f"{root}/"))
    if place is None or not uri.startswith(f"{root}/") or any(mark in uri for mark in "?#"):
        return False
    return all(segment not in ("", ".", "..") for segment in place.split("/"))


def _compare(data: bytes, file: SkillFile) -> None:
    """Compare a file with what the entry says of it.

    Raises:
        ClientError: it is another.
    """
    if len(data) != file.size:
        raise _mismatch(file.uri, f"it has {len(data):,} bytes, not {file.size:,}")
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    if digest != file.digest:
        raise _mismatch(file.uri, f"its digest is {digest}, not {quote(file.digest)}")


def _compare_front_matter(data: bytes, entry: SkillEntry) -> None:
    """Compare the front matter of a `SKILL.md` with its entry's, field by field (Frontmatter Verification)."""
    from dragoman.server.front_matter import read_front_matter

    try:
        found = read_front_matter(data, MANIFEST)
    except UsageError as error:
        raise _mismatch(entry.uri, f"its front matter cannot be read: {quote(str(error))}") from None
    for field in sorted(found.keys() | entry.frontmatter.keys()):
        if not _is_same(found.get(field, _ABSENT), entry.frontmatter.get(field, _ABSENT)):
            raise _mismatch(entry.uri, f"the field {quote(field)} of its front matter is another")


def _is_same(one: Any, other: Any) -> bool:
    """Whether two values are the same in JSON, where true is no number and 1 is 1.0."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_is_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_is_same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _mismatch(uri: str, reason: str) -> ClientError:
    """What is said of a file that is not what the entry says; it may be tampered with, or only newer."""
    message = f"{quote(uri)} is not what the skill's entry says: {reason}; not used"
    return ClientError(f"{message}. If the server has changed the skill, load it again by its URI.")
