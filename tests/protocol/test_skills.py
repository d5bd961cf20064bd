"""Skills on the wire: names, paths and URIs, and the members that SEP-2640 has."""

from typing import Any

import msgspec
import pytest
from msgspec import Struct

from dragoman.protocol.messages import ResourceInfo
from dragoman.protocol.skills import (
    DirectoryParams,
    GetSkillResult,
    ListSkillsResult,
    ReadDirectoryResult,
    SkillFile,
    SkillInfo,
    SkillParams,
    is_name,
    is_path,
    uri_of,
)
from tests.protocol.definitions import survives, wire_names

SKILL = SkillInfo(
    "skill://a/SKILL.md", {"name": "a", "description": "d"}, [SkillFile("skill://a/SKILL.md", "sha256:0", 1)]
)
EVERY_RESULT = {"_meta", "resultType", "ttlMs", "cacheScope"}


@pytest.mark.parametrize("name", ["a", "a1", "git-workflow", "1-2-3", "x" * 64])
def test_names(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize("name", ["", "A", "-a", "a-", "a--b", "a_b", "a.b", "a b", "é", "a/b", "x" * 65, "a\n"])
def test_what_is_no_name(name: str) -> None:
    assert not is_name(name)


@pytest.mark.parametrize("path", ["a", "acme/billing/refunds", "v1.2/a", "A_b/~c"])
def test_paths(path: str) -> None:
    assert is_path(path)


@pytest.mark.parametrize("path", ["", "/a", "a/", "a//b", "..", "a/../b", ".a", "a b", "a?b", "a%20b", "a\\b", "é"])
def test_what_is_no_path(path: str) -> None:
    assert not is_path(path)


@pytest.mark.parametrize(
    ("place", "uri"),
    [
        ("", "skill://a"),
        ("SKILL.md", "skill://a/SKILL.md"),
        ("b/c d.md", "skill://a/b/c%20d.md"),
        ("50%?#.md", "skill://a/50%25%3F%23.md"),
    ],
)
def test_uris(place: str, uri: str) -> None:
    assert uri_of("skill://a", place) == uri


@pytest.mark.parametrize(
    ("shape", "members"),
    [
        (SkillFile, {"uri", "digest", "size"}),
        (SkillInfo, {"uri", "frontmatter", "resources"}),
        (ListSkillsResult, EVERY_RESULT | {"skills", "nextCursor"}),
        (GetSkillResult, EVERY_RESULT | {"skill"}),
        (ReadDirectoryResult, EVERY_RESULT | {"resources", "nextCursor"}),
        (SkillParams, {"_meta", "uri"}),
        (DirectoryParams, {"_meta", "uri", "cursor"}),
    ],
)
def test_members(shape: type[Struct], members: set[str]) -> None:
    assert wire_names(shape) == members


@pytest.mark.parametrize(
    "value",
    [
        SkillParams(uri="skill://a/SKILL.md"),
        DirectoryParams(uri="skill://a", cursor="c"),
        ListSkillsResult(skills=[SKILL], next_cursor="c", ttl_ms=0, cache_scope="public"),
        GetSkillResult(skill=SKILL),
        ReadDirectoryResult(resources=[ResourceInfo(uri="skill://a/b", name="b", mime_type="inode/directory")]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_round_trips(value: Any) -> None:
    assert survives(value, type(value))


@pytest.mark.parametrize("shape", [SkillParams, DirectoryParams])
def test_the_uri_is_required(shape: type[Struct]) -> None:
    with pytest.raises(msgspec.ValidationError, match="uri"):
        msgspec.json.decode(b"{}", type=shape)
