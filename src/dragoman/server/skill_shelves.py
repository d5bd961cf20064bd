"""Folders of skills, kept up to date: what `Server.add_skill` was given, found again when it changes.

A shelf reads its folder in a thread and changes the server's features in the event loop. It looks when a client
asks for skills, when a file is not what its digest says, and every other second while somebody listens.
"""

import asyncio
import contextlib
import logging
import time
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dragoman.errors import InternalFault, UsageError
from dragoman.protocol.skills import EXTENSION, MANIFEST, RESERVED, SCHEME, SETTINGS, is_path, uri_of
from dragoman.server.context import Context
from dragoman.server.resources import Resource
from dragoman.server.signature import read_signature
from dragoman.server.skill_folders import Snapshot, digest_of, find_skills, read_file, read_skill
from dragoman.server.skills import Skill

if TYPE_CHECKING:
    from dragoman.server.server import Server

logger: Final = logging.getLogger("dragoman")

WATCH: Final = "the watch over skills"
"""What it is called among a server's connectors, beside names that people choose."""

_FRESH_SECONDS: Final = 1.0  # how long a look at a folder is good for
_WATCH_SECONDS: Final = 2.0
_ATTEMPTS: Final = 3

Found = dict[str, Snapshot | UsageError]


def add_skills(server: "Server", folder: str | PathLike[str], path: str | None) -> list[Skill]:
    """Serve the skill in a folder, or all skills below it.

    Raises:
        UsageError: one of them is malformed or its URI is taken; then none is served.
    """
    shelf = Shelf(server, Path(folder), path)
    if WATCH not in server.connectors:
        server.connect(SkillWatch(server))
    shelf.fill()
    server.shelves.append(shelf)
    server.extensions[EXTENSION] = SETTINGS
    return list(shelf.held.values())


class Source:
    """What a skill is made of.

    Args:
        shelf: which keeps it up to date.
        folder: where its files are.
        snapshot: how they were read last.
    """

    def __init__(self, shelf: "Shelf", folder: Path, snapshot: Snapshot) -> None:
        self.shelf = shelf
        self.folder = folder
        self.snapshot = snapshot

    async def read(self, place: str) -> tuple[bytes, str] | None:
        """The bytes of a file and their media type, fitting the digest that listings show; None where there is none.

        Raises:
            InternalFault: the file changes faster than it can be read.
        """
        read = self.shelf.server.threads.bind(read_file)
        for _ in range(_ATTEMPTS):
            file = self.snapshot.files.get(place)
            if file is None:
                await self.shelf.refresh()
                file = self.snapshot.files.get(place)
                if file is None:
                    return None
            data = await read(self.folder, place)
            if data is not None and digest_of(data) == file.digest:
                return data, file.media_type
            await self.shelf.refresh(now=True)
        raise InternalFault("The file changes faster than it can be read; try again later.")


class Shelf:
    """A folder with a skill, or with folders of skills in it.

    Args:
        server: where the skills are served.
        folder: the folder.
        path: where the skill stands among the URIs; of several, what stands before their own paths.

    Raises:
        UsageError: the path cannot stand in a URI.
    """

    def __init__(self, server: "Server", folder: Path, path: str | None) -> None:
        if path is not None and not is_path(path):
            raise UsageError(f"skill path '{path}': use names of letters, digits, '-', '_' and '.', slashes between.")
        self.server = server
        self.held: dict[str, Skill] = {}  # by place below the folder; the empty one where it is a skill itself
        self.broken: dict[str, str] = {}  # likewise: what keeps a skill from being served
        self._folder = folder
        self._path = path
        self.fresh_seconds = _FRESH_SECONDS
        self._looking = asyncio.Lock()
        self._looked = time.monotonic()

    def fill(self) -> None:
        """Serve what is there, all of it or nothing.

        Raises:
            UsageError: a skill is malformed, a URI is taken, or there are no skills.
        """
        skills: dict[str, Skill] = {}
        for place, found in self._scan().items():
            if isinstance(found, UsageError):
                raise found
            skills[place] = self._skill(place, found)
        if not skills:
            raise UsageError(f"folder '{self._folder}' has no {MANIFEST}, and no folder in it has one.")
        for skill in skills.values():
            self._check(skill)
        for place, skill in skills.items():
            self._add(place, skill)

    async def refresh(self, *, now: bool = False) -> None:
        """Look at the folder again, unless that was done within the last `fresh_seconds`.

        Args:
            now: look in any case.
        """
        async with self._looking:
            if not now and time.monotonic() - self._looked < self.fresh_seconds:
                return
            found = await self.server.threads.bind(self._scan)()
            self._looked = time.monotonic()
            self._take(found)

    def _scan(self) -> Found:
        """Read all skills; what did not change is not read again."""
        try:
            places = find_skills(self._folder)
        except UsageError as error:
            return {"": error}
        found: Found = {}
        for place in places:
            held = self.held.get(place)
            before = None if held is None else held.source.snapshot
            try:
                found[place] = read_skill(self._folder / place, before)
            except UsageError as error:
                found[place] = error
        return found

    def _take(self, found: Found) -> None:
        """Serve what was found from now on, and tell who listens what changed."""
        broken: dict[str, str] = {}
        for place in [place for place in self.held if place not in found]:
            self._remove(place)
        for place, snapshot in found.items():
            try:
                if isinstance(snapshot, UsageError):
                    raise snapshot
                self._replace(place, self._skill(place, snapshot))
            except UsageError as error:
                broken[place] = str(error)
                self._remove(place)
        for place, reason in broken.items():
            if self.broken.get(place) != reason:
                logger.warning("A skill is not served until this is put right: %s", reason)
        self.broken = broken

    def _replace(self, place: str, new: Skill) -> None:
        held = self.held.get(place)
        if held is None or held.root != new.root:
            self._remove(place)
            self._check(new)
            self._add(place, new)
            return
        before, after = held.source.snapshot, new.source.snapshot
        held.source.snapshot = after
        if before.description != after.description and held.key in self.server.resources.named:
            self.server.resources.remove(held.key)
            self.server.resources.add(self._manifest(held))
        for changed in before.files.keys() | after.files.keys():
            old, file = before.files.get(changed), after.files.get(changed)
            if old is None or file is None or old.digest != file.digest:
                self.server.notify_resource_updated(uri_of(held.root, changed))

    def _skill(self, place: str, snapshot: Snapshot) -> Skill:
        """A skill at its URI, which ends in its name (SEP-2640, Resource Mapping)."""
        folder = self._folder / place
        inner = place or ("" if self._path is not None else snapshot.name)
        path = "/".join(part for part in (self._path, inner) if part)
        if not is_path(path):
            raise UsageError(f"skill '{folder}': '{path}' is no path for a URI; use letters, digits, '-', '_' and '.'.")
        if path.rpartition("/")[2] != snapshot.name:
            what = "folder is called" if place else "path ends in"
            message = f"skill '{folder}': its {what} '{path.rpartition('/')[2]}' and its name is '{snapshot.name}'"
            raise UsageError(f"{message}; make the two the same.")
        return Skill(SCHEME + path, Source(self, folder, snapshot))

    def _check(self, skill: Skill) -> None:
        self.server.skills.check(skill)
        self.server.resources.check(self._manifest(skill))

    def _add(self, place: str, skill: Skill) -> None:
        self.server.skills.add(skill)
        self.server.resources.add(self._manifest(skill))
        self.held[place] = skill
        metadata = skill.source.snapshot.frontmatter.get("metadata")
        for key in metadata if isinstance(metadata, dict) else ():
            if key.startswith(RESERVED):
                logger.warning("%s: the metadata '%s' is reserved for extensions of MCP.", skill.key, key)

    def _remove(self, place: str) -> None:
        skill = self.held.pop(place, None)
        for features in (self.server.skills, self.server.resources):
            if skill is not None and skill.key in features.named:
                features.remove(skill.key)

    def _manifest(self, skill: Skill) -> Resource:
        async def manifest() -> str:
            contents = await skill.contents(MANIFEST, skill.key)
            return str(contents.text)

        return Resource(skill.manifest(), read_signature(manifest, context_type=Context), self.server)


class SkillWatch:
    """Looks after the shelves of a server while it runs and somebody listens to changes.

    Args:
        server: whose shelves.
        seconds: between two looks.
    """

    name = WATCH

    def __init__(self, server: "Server", seconds: float = _WATCH_SECONDS) -> None:
        self._server = server
        self._seconds = seconds
        self._task: asyncio.Task[None] | None = None

    def attach(self, server: "Server") -> None:
        """Do nothing: the skills are features already."""

    async def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._look(), name="dragoman skills")

    async def health(self) -> str | None:
        """What keeps skills from being served."""
        return " ".join(reason for shelf in self._server.shelves for reason in shelf.broken.values()) or None

    async def close(self) -> None:
        """Look no more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _look(self) -> None:
        changes = self._server.changes
        while True:
            await asyncio.sleep(self._seconds)
            if len(changes) or changes.forwards:
                for shelf in self._server.shelves:
                    try:
                        await shelf.refresh(now=True)
                    except Exception:
                        logger.exception("A folder of skills could not be looked at; the next look comes all the same.")
