"""Skills on the wire (extension io.modelcontextprotocol/skills, SEP-2640), in every revision alike.

Here are the methods' shapes, the rules for names and URIs, and the extension's limits. How files become skills is
said in `server/skill_folders.py`.
"""

import re
from typing import Any, Final

from msgspec import UNSET, Struct, UnsetType

from dragoman.protocol.messages import CacheableResult, ListParams, ResourceInfo, ResourceParams
from dragoman.protocol.uri import quote_path

EXTENSION: Final = "io.modelcontextprotocol/skills"
SETTINGS: Final[dict[str, Any]] = {"directoryRead": True}
"""What a server with skills declares under the extension's name."""

SCHEME: Final = "skill://"
MANIFEST: Final = "SKILL.md"
MANIFEST_TYPE: Final = "text/markdown"
DIRECTORY_TYPE: Final = "inode/directory"
RESERVED: Final = "io.modelcontextprotocol/"
"""The prefix of keys of the front matter's `metadata` that no author may make up."""

MOST_FILES: Final = 512  # of one skill, its SKILL.md included
MOST_BYTES: Final = 16 * 2**20  # of all its files

_NAME: Final = re.compile(r"(?!.*--)[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?")
_SEGMENT: Final = re.compile(r"[A-Za-z0-9_~][A-Za-z0-9\-._~]*")


class SkillParams(ResourceParams, kw_only=True):
    """Parameters of `skills/get`: the URI of a skill's `SKILL.md`."""


class DirectoryParams(ListParams, kw_only=True):
    """Parameters of `resources/directory/read`: the URI of a directory, without a slash at its end."""

    uri: str


class SkillFile(Struct):
    """A file of a skill: SHA-256 and length in bytes of the same contents."""

    uri: str
    digest: str
    size: int


class SkillInfo(Struct):
    """A skill as `skills/list` shows it: every file of it, and its front matter as JSON."""

    uri: str
    frontmatter: dict[str, Any]
    resources: list[SkillFile]


class ListSkillsResult(CacheableResult, rename="camel", kw_only=True):
    """A page of skills."""

    skills: list[SkillInfo]
    next_cursor: str | UnsetType = UNSET


class GetSkillResult(CacheableResult, kw_only=True):
    """One skill."""

    skill: SkillInfo


class ReadDirectoryResult(CacheableResult, rename="camel", kw_only=True):
    """A page of what is directly in a directory; directories in it have the type `inode/directory`."""

    resources: list[ResourceInfo]
    next_cursor: str | UnsetType = UNSET


def is_name(name: str) -> bool:
    """Whether a skill may be called this (Agent Skills specification, `name`)."""
    return _NAME.fullmatch(name) is not None


def is_path(path: str) -> bool:
    """Whether a skill may stand at this path: names and slashes between them, readable in a URI as they are.

    The first segment is the URI's authority, so it is a `reg-name` (RFC 3986, 3.2.2).
    """
    return all(_SEGMENT.fullmatch(segment) for segment in path.split("/"))


def uri_of(root: str, place: str) -> str:
    """The URI of a file or folder of a skill.

    Args:
        root: the URI of the skill's folder, without a slash at its end.
        place: the path below it, slashes between names; empty for the folder itself.
    """
    return f"{root}/{quote_path(place)}" if place else root
