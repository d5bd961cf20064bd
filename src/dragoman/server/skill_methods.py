"""What the server does for `skills/list`, `skills/get` and `resources/directory/read` (SEP-2640)."""

from typing import TYPE_CHECKING, Final, TypeVar

from msgspec import UNSET, UnsetType, structs

from dragoman.errors import InvalidParams, MethodNotFound
from dragoman.protocol.messages import ListParams, ReadResourceResult, Result
from dragoman.protocol.skills import (
    EXTENSION,
    DirectoryParams,
    GetSkillResult,
    ListSkillsResult,
    ReadDirectoryResult,
    SkillInfo,
    SkillParams,
    uri_of,
)
from dragoman.server.features import read_cursor, write_cursor
from dragoman.server.skills import Skill, list_directory, locate
from dragoman.server.suggest import nearest

if TYPE_CHECKING:
    from dragoman.server.exchange import Exchange
    from dragoman.server.server import Server

_PAGE: Final = 50  # skills on a page: each names up to 512 files
_LONGEST_SHOWN: Final = 128  # characters of a URI in a message

T = TypeVar("T")


async def list_(exchange: "Exchange", params: ListParams) -> Result:
    """`skills/list`: a skill is never split across pages."""
    server = await _up_to_date(exchange, "skills/list")
    size = min(_PAGE, server.limits.page_size)
    page, more = _page(list(server.skills.named.values()), size, params, "skills")
    skills = [_shown(server, skill) for skill in page]
    return ListSkillsResult(skills=skills, next_cursor=more, ttl_ms=0, cache_scope=server.skills.cache_scope)


async def get(exchange: "Exchange", params: SkillParams) -> Result:
    """`skills/get`."""
    server = await _up_to_date(exchange, "skills/get")
    skills = server.skills.named
    skill = skills.get(params.uri)
    if skill is None:
        close = nearest(params.uri, skills)
        hint = f"Did you mean '{close}'?" if close else "List the skills to see what there is."
        raise InvalidParams(f"Unknown skill: {params.uri[:_LONGEST_SHOWN]!r}. {hint}")
    return GetSkillResult(skill=_shown(server, skill), ttl_ms=0, cache_scope=server.skills.cache_scope)


async def read_directory(exchange: "Exchange", params: DirectoryParams) -> Result:
    """`resources/directory/read`: what is directly in a directory."""
    server = await _up_to_date(exchange, "resources/directory/read")
    children = list_directory(server.skills.named, params.uri)
    if children is None:
        raise InvalidParams("This URI is no directory.", {"uri": params.uri})
    children = [child for child in children if not _denies(server, child.uri)]
    page, more = _page(children, server.limits.page_size, params, params.uri)
    return ReadDirectoryResult(resources=page, next_cursor=more, ttl_ms=0, cache_scope=server.skills.cache_scope)


async def read(server: "Server", uri: str) -> ReadResourceResult | None:
    """`resources/read` of a file of a skill; None for a URI that is in no skill."""
    located = locate(server.skills.named, uri)
    if located is None:
        return None
    skill, place = located
    if _denies(server, uri) or _denies(server, uri_of(skill.root, place)):
        return None
    return ReadResourceResult(contents=[await skill.contents(place, uri)])


def _denies(server: "Server", uri: str) -> bool:
    """Whether the server is a view whose caller has a role that forbids a URI by name."""
    return server.access is not None and server.access.denies(uri)


def _shown(server: "Server", skill: Skill) -> SkillInfo:
    """A skill with the files that may be read."""
    info = skill.info()
    return structs.replace(info, resources=[file for file in info.resources if not _denies(server, file.uri)])


async def _up_to_date(exchange: "Exchange", method: str) -> "Server":
    """The server, with its skills as they are now.

    Raises:
        MethodNotFound: it does not declare the extension.
    """
    server = exchange.server
    if EXTENSION not in server.declared_extensions():
        raise MethodNotFound(f"Method '{method}' is of the extension '{EXTENSION}', and this server has no skills.")
    await _refresh(server)
    return server


async def _refresh(server: "Server") -> None:
    for shelf in server.shelves:
        await shelf.refresh()
    for mounted in server.mounted:
        await _refresh(mounted)


def _page(entries: list[T], size: int, params: ListParams, listing: str) -> tuple[list[T], str | UnsetType]:
    offset = 0 if params.cursor is UNSET else read_cursor(params.cursor, listing)
    end = offset + size
    return entries[offset:end], write_cursor(end, listing) if end < len(entries) else UNSET
