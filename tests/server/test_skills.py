"""A skill among the URIs: where it is found, what its files and folders hold."""

from pathlib import Path

import pytest

from dragoman import ResourceNotFound, Server
from dragoman.protocol.revisions import LATEST_LEGACY, LATEST_MODERN
from dragoman.server.skills import Skill, list_directory, locate
from tests.server.skill_making import write_skill

FILES: dict[str, str | bytes] = {
    "a b/c%d.md": "# C",
    "notes.txt": b"caf\xe9",
    "logo.png": b"\x89PNG\r\n\x1a\n",
    "marked.md": "\ufeffx\r\n",
}


@pytest.fixture
def skills(tmp_path: Path) -> dict[str, Skill]:
    """An outer skill, one inside it, and one beside them."""
    server = Server("skills")
    write_skill(tmp_path / "outer", files=FILES)
    write_skill(tmp_path / "outer" / "inner" / "nested", files={"x.md": "x"})
    (tmp_path / "outer" / "empty").mkdir()
    write_skill(tmp_path / "other")
    server.add_skill(tmp_path / "outer", path="acme/outer")
    server.add_skill(tmp_path / "outer" / "inner" / "nested", path="acme/outer/inner/nested")
    server.add_skill(tmp_path / "other")
    return server.skills.named


def test_a_skill_lists_every_file_once(skills: dict[str, Skill]) -> None:
    skill = skills["skill://acme/outer/SKILL.md"]
    shown = skill.entry(LATEST_MODERN)
    assert shown == skill.entry(LATEST_LEGACY)
    assert shown["uri"] == "skill://acme/outer/SKILL.md"
    assert shown["frontmatter"] == {"name": "outer", "description": "What it is for."}
    assert [file["uri"].removeprefix("skill://acme/outer/") for file in shown["resources"]] == [
        "SKILL.md",
        "a%20b/c%25d.md",
        "inner/nested/SKILL.md",
        "inner/nested/x.md",
        "logo.png",
        "marked.md",
        "notes.txt",
    ]
    assert all(set(file) == {"uri", "digest", "size"} for file in shown["resources"])


def test_a_moved_skill_is_the_same_elsewhere(skills: dict[str, Skill]) -> None:
    skill = skills["skill://other/SKILL.md"]
    moved = skill.moved("skill://prefix/other/SKILL.md")
    assert (moved.root, moved.key) == ("skill://prefix/other", "skill://prefix/other/SKILL.md")
    assert moved.source is skill.source
    assert moved.manifest().name == skill.manifest().name == "other"


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("skill://other/SKILL.md", ("skill://other", "SKILL.md")),
        ("skill://acme/outer/a%20b/c%25d.md", ("skill://acme/outer", "a b/c%d.md")),
        ("skill://acme/outer/inner/nested/x.md", ("skill://acme/outer/inner/nested", "x.md")),
        ("skill://acme/outer/inner/nested", ("skill://acme/outer", "inner/nested")),
        ("skill://acme/outer/", None),
        ("skill://acme/outer", None),
        ("skill://acme", None),
        ("skill://", None),
        ("skill:", None),
        ("other/SKILL.md", None),
        ("file://other/SKILL.md", None),
        ("skill://other/%zz", None),
        ("skill://" + "a/" * 2000, None),
    ],
)
def test_the_innermost_skill_is_found(skills: dict[str, Skill], uri: str, expected: tuple[str, str] | None) -> None:
    located = locate(skills, uri)
    assert (None if located is None else (located[0].root, located[1])) == expected


def test_a_skill_holds_its_files(skills: dict[str, Skill]) -> None:
    skill = skills["skill://acme/outer/SKILL.md"]
    assert skill.holds("skill://acme/outer/a%20b/c%25d.md")
    assert skill.holds("skill://acme/outer/inner/nested/x.md")
    for uri in ("skill://acme/outer", "skill://acme/outer/nowhere", "skill://other/SKILL.md", "SKILL.md"):
        assert not skill.holds(uri)


async def test_contents_are_text_or_bytes(skills: dict[str, Skill]) -> None:
    skill = skills["skill://acme/outer/SKILL.md"]
    text = await skill.contents("a b/c%d.md", "asked://uri")
    assert (text.uri, text.mime_type, text.text) == ("asked://uri", "text/markdown", "# C")
    assert (await skill.contents("marked.md", "u")).text == "\ufeffx\r\n", "the digest is of these very bytes"
    latin = await skill.contents("notes.txt", "u")
    assert (latin.mime_type, latin.blob) == ("text/plain", "Y2Fm6Q==")
    assert (await skill.contents("logo.png", "u")).mime_type == "image/png"
    with pytest.raises(ResourceNotFound) as raised:
        await skill.contents("nowhere", "asked://uri")
    assert raised.value.uri == "asked://uri"


@pytest.mark.parametrize(
    ("uri", "names"),
    [
        ("skill://acme", {"outer": "inode/directory"}),
        ("skill://other", {"other": "text/markdown"}),
        (
            "skill://acme/outer",
            {
                "outer": "text/markdown",
                "a b": "inode/directory",
                "empty": "inode/directory",
                "inner": "inode/directory",
                "logo.png": "image/png",
                "marked.md": "text/markdown",
                "notes.txt": "text/plain",
            },
        ),
        ("skill://acme/outer/a%20b", {"c%d.md": "text/markdown"}),
        ("skill://acme/outer/empty", {}),
        ("skill://acme/outer/inner", {"nested": "inode/directory"}),
        ("skill://acme/outer/inner/nested", {"nested": "text/markdown", "x.md": "text/markdown"}),
        ("skill://acme/outer/SKILL.md", None),
        ("skill://acme/outer/", None),
        ("skill://acme/", None),
        ("skill://acme/out", None),
        ("skill://nowhere", None),
        ("skill:/", None),
    ],
)
def test_directories(skills: dict[str, Skill], uri: str, names: dict[str, str] | None) -> None:
    children = list_directory(skills, uri)
    if names is None:
        assert children is None
        return
    assert children is not None
    assert {child.name: child.mime_type for child in children} == names
    for child in children:
        assert child.uri.startswith(f"{uri}/")
        assert (list_directory(skills, child.uri) is not None) is (child.mime_type == "inode/directory")


def test_the_manifest_is_shown_in_a_directory_as_everywhere(skills: dict[str, Skill]) -> None:
    skill = skills["skill://other/SKILL.md"]
    assert list_directory(skills, "skill://other") == [skill.manifest()]
    assert skill.manifest().description == "What it is for."
