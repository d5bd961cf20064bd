"""A skill as a feature: its place among the URIs, how listings show it, what its files and folders hold.

Knows no file system: what a skill is made of comes from its `Source` (`skill_shelves.py`), which keeps it up to date
and which a mounted server's copy of the skill shares.
"""

import base64
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from dragoman.errors import ResourceNotFound
from dragoman.protocol.content import ResourceContents
from dragoman.protocol.messages import ResourceInfo
from dragoman.protocol.revisions import Revision
from dragoman.protocol.skills import (
    DIRECTORY_TYPE,
    MANIFEST,
    MANIFEST_TYPE,
    SkillFile,
    SkillInfo,
    uri_of,
)
from dragoman.protocol.uri import decode_once
from dragoman.server import media

if TYPE_CHECKING:
    from dragoman.server.skill_shelves import Source

_DEEPEST: Final = 64  # slashes of a URI that are looked at


class Skill:
    """A skill, served.

    Args:
        root: the URI of its folder, without a slash at its end.
        source: what it is made of.
    """

    __slots__ = ("root", "source")

    def __init__(self, root: str, source: "Source") -> None:
        self.root = root
        self.source = source

    @property
    def key(self) -> str:
        """The URI of its `SKILL.md`."""
        return f"{self.root}/{MANIFEST}"

    def moved(self, uri: str) -> "Skill":
        """The same skill with its `SKILL.md` at another URI, as a mounted server's skills have."""
        return Skill(uri.removesuffix(f"/{MANIFEST}"), self.source)

    def holds(self, uri: str) -> bool:
        """Whether a URI is that of one of its files."""
        place = decode_once(uri.removeprefix(f"{self.root}/"))
        return uri.startswith(f"{self.root}/") and place in self.source.snapshot.files

    def info(self) -> SkillInfo:
        """The skill with every file (SEP-2640, Resources)."""
        snapshot = self.source.snapshot
        files = [SkillFile(uri_of(self.root, place), file.digest, file.size) for place, file in snapshot.files.items()]
        return SkillInfo(self.key, dict(snapshot.frontmatter), files)

    def entry(self, _revision: Revision) -> dict[str, Any]:
        """How a listing shows it."""
        shown: dict[str, Any] = msgspec.to_builtins(self.info())
        return shown

    def manifest(self) -> ResourceInfo:
        """How `resources/list` shows its `SKILL.md` (SEP-2640, Resource Metadata)."""
        snapshot = self.source.snapshot
        return ResourceInfo(uri=self.key, name=snapshot.name, description=snapshot.description, mime_type=MANIFEST_TYPE)

    async def contents(self, place: str, uri: str) -> ResourceContents:
        """One of its files.

        Args:
            place: the file's path below the skill's folder.
            uri: as the client sent it.

        Raises:
            ResourceNotFound: there is no such file.
        """
        read = await self.source.read(place)
        if read is None:
            raise ResourceNotFound(uri)
        data, media_type = read
        if media.is_text(media_type):
            try:
                return ResourceContents(uri, media_type, text=data.decode())
            except UnicodeDecodeError:
                pass  # a text in another encoding: the digest is of its bytes, so they are sent as they are
        return ResourceContents(uri, media_type, blob=base64.b64encode(data).decode("ascii"))

    def children(self, place: str) -> list[ResourceInfo] | None:
        """What is directly in one of its folders; None where there is no such folder."""
        snapshot = self.source.snapshot
        names = snapshot.folders.get(place)
        if names is None:
            return None
        children: list[ResourceInfo] = []
        for name in names:
            inner = f"{place}/{name}" if place else name
            file = snapshot.files.get(inner)
            if inner == MANIFEST:
                children.append(self.manifest())
            elif file is None:
                children.append(directory(uri_of(self.root, inner), name))
            else:
                uri = uri_of(self.root, inner)
                children.append(ResourceInfo(uri=uri, name=name, mime_type=file.media_type, size=file.size))
        return children


def directory(uri: str, name: str) -> ResourceInfo:
    """How a listing shows a directory (SEP-2640, Directory resources)."""
    return ResourceInfo(uri=uri, name=name, mime_type=DIRECTORY_TYPE)


def locate(skills: Mapping[str, Skill], uri: str) -> tuple[Skill, str] | None:
    """The skill that a URI is in, the innermost where skills nest, and the path below its folder; None for none."""
    found: tuple[Skill, int] | None = None
    end, depth = uri.find("://") + 2, 0
    while (end := uri.find("/", end + 1)) > 0 and depth < _DEEPEST:
        depth += 1
        skill = skills.get(f"{uri[:end]}/{MANIFEST}")
        if skill is not None:
            found = skill, end
    if found is None:
        return None
    place = decode_once(uri[found[1] + 1 :])
    return None if not place else (found[0], place)


def list_directory(skills: Mapping[str, Skill], uri: str) -> list[ResourceInfo] | None:
    """What is directly in a directory: a skill's folder, one in it, or one that skills stand below; None for none."""
    skill = skills.get(f"{uri}/{MANIFEST}")
    if skill is not None:
        return skill.children("")
    located = locate(skills, uri)
    if located is not None:
        return located[0].children(located[1])
    if "://" not in uri:
        return None
    below = _names_below((skill.root for skill in skills.values()), f"{uri}/")
    return [directory(f"{uri}/{name}", name) for name in below] or None


def _names_below(roots: Iterable[str], start: str) -> list[str]:
    return sorted({root.removeprefix(start).partition("/")[0] for root in roots if root.startswith(start)})
