"""A skill's folder: what is read of it, what is not, and that nothing is read twice for nothing."""

import hashlib
import os
import time
from pathlib import Path

import pytest

from dragoman import UsageError
from dragoman.protocol.skills import MOST_BYTES, MOST_FILES
from dragoman.server.skill_folders import OpenFolder, digest_of, find_skills, read_file, read_skill
from tests.server.skill_making import Files, manifest, write_files, write_skill

PICTURE = b"\x89PNG\r\n\x1a\n\0"
BOTH = pytest.mark.parametrize("descriptors", [True, False])


def age(*paths: Path) -> None:
    """Let files have been changed a while ago."""
    then = time.time() - 10
    for path in paths:
        os.utime(path, (then, then))


@pytest.fixture
def skill(tmp_path: Path) -> Path:
    files: Files = {
        "references/FORMS.md": "# Forms",
        "references/deep/a b.txt": "x\r\ny",
        "LICENSE": "free",
        "logo": PICTURE,
        "data": b"\0\1",
        "latin": b"\xe9",
        "empty.json": "",
        ".hidden": "no",
        ".git/config": "no",
    }
    return write_skill(tmp_path / "a-skill", files=files)


def test_every_file_with_the_digest_of_its_bytes(skill: Path) -> None:
    snapshot = read_skill(skill)
    assert (snapshot.name, snapshot.description) == ("a-skill", "What it is for.")
    for place, file in snapshot.files.items():
        data = (skill / place).read_bytes()
        assert file.size == len(data)
        assert file.digest == "sha256:" + hashlib.sha256(data).hexdigest() == digest_of(data)
    assert {place: file.media_type for place, file in snapshot.files.items()} == {
        "LICENSE": "text/plain",
        "SKILL.md": "text/markdown",
        "data": "application/octet-stream",
        "empty.json": "application/json",
        "latin": "application/octet-stream",
        "logo": "image/png",
        "references/FORMS.md": "text/markdown",
        "references/deep/a b.txt": "text/plain",
    }
    assert snapshot.folders == {
        "": ("LICENSE", "SKILL.md", "data", "empty.json", "latin", "logo", "references"),
        "references": ("FORMS.md", "deep"),
        "references/deep": ("a b.txt",),
    }


def test_links_and_what_is_no_file_are_not_there(skill: Path, tmp_path: Path) -> None:
    outside = write_files(tmp_path / "outside", {"secret.txt": "s"})
    (skill / "link.txt").symlink_to(outside / "secret.txt")
    (skill / "inside.txt").symlink_to(skill / "LICENSE")
    (skill / "folder").symlink_to(outside)
    (skill / "gone").symlink_to(skill / "nowhere")
    os.mkfifo(skill / "pipe")
    (skill / "new\nline").write_text("x")
    (skill / "\u202egnp.txt").write_text("x")
    (skill / os.fsdecode(b"\xff")).write_text("x")
    assert len(read_skill(skill).files) == 8
    assert read_skill(skill).folders[""][-1] == "references"
    for place in ("link.txt", "folder/secret.txt", "pipe", "gone", "nowhere", "references"):
        assert read_file(skill, place) is None
    for place in ("../outside/secret.txt", "references/../LICENSE", "./LICENSE", "/LICENSE", ".hidden", "a\\b", ""):
        assert read_file(skill, place) is None
    assert read_file(skill, "references/FORMS.md") == b"# Forms"


@BOTH
def test_a_folder_that_is_swapped_for_a_link_is_not_entered(skill: Path, tmp_path: Path, descriptors: bool) -> None:
    write_files(tmp_path / "outside", {"FORMS.md": "s"})
    with OpenFolder.of(skill, descriptors=descriptors) as opened:
        assert "references" in [entry.name for entry in opened.entries() if entry.is_folder]
        (skill / "references").rename(skill / "other")
        (skill / "references").symlink_to(tmp_path / "outside")
        with pytest.raises(OSError):  # noqa: PT011 - whichever the platform says
            opened.enter("references")
        with pytest.raises(OSError):  # noqa: PT011
            opened.at("references/FORMS.md", 10)


@BOTH
def test_files_are_read_up_to_a_size(skill: Path, descriptors: bool) -> None:
    with OpenFolder.of(skill, descriptors=descriptors) as opened:
        assert opened.at("LICENSE", 2)[0] == b"fre"
        assert opened.at("references/deep/a b.txt", 10)[0] == b"x\r\ny"
        assert next(opened.entries()).name == "LICENSE"
        for place in ("nowhere", "LICENSE/x", "references"):
            with pytest.raises(OSError):  # noqa: PT011
                opened.at(place, 10)
        with pytest.raises(OSError):  # noqa: PT011
            opened.enter("LICENSE")


def test_a_file_that_goes_while_a_folder_is_read_is_passed_over(skill: Path) -> None:
    with OpenFolder.of(skill) as opened:
        entries = opened.entries()
        next(entries)
        (skill / "SKILL.md").unlink()
        assert next(entries).name == "data"


def test_a_link_on_the_way_to_the_folder_is_its_owners(skill: Path, tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to(skill)
    assert read_skill(tmp_path / "current").name == "a-skill"


def test_what_did_not_change_is_not_read_again(skill: Path) -> None:
    age(*skill.rglob("*"))
    before = read_skill(skill)
    assert read_skill(skill, before) is before
    (skill / "LICENSE").write_text("paid")
    age(skill / "LICENSE")
    after = read_skill(skill, before)
    assert after.files["LICENSE"] != before.files["LICENSE"]
    assert after.files["logo"] is before.files["logo"]
    assert after.frontmatter == before.frontmatter
    (skill / "folder").mkdir()
    assert read_skill(skill, after).folders["folder"] == ()


def test_a_file_that_was_just_written_is_read_again(skill: Path) -> None:
    (skill / "LICENSE").write_text("once")
    now = time.time() + 60  # no time that passes here makes it old
    os.utime(skill / "LICENSE", (now, now))
    before = read_skill(skill)
    assert before.files["LICENSE"].stamp is None
    (skill / "LICENSE").write_text("anew")
    os.utime(skill / "LICENSE", (now, now))
    assert read_skill(skill, before).files["LICENSE"].digest == digest_of(b"anew")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("---\ndescription: d\n---\n", "name is None; use 1 to 64 of a-z"),
        (manifest("A-Skill"), "name is 'A-Skill'"),
        (manifest("7"), "name is 7"),
        ("---\nname: a\n---\n", "description is None; say in a sentence"),
        (manifest("a", '" "'), "description is ' '"),
        (manifest("a", "[x]"), r"description is \['x'\]"),
        (manifest("a", "x" * 1025), "description has 1,025 characters; 1,024 are the most"),
        (manifest("a", "x", "license: &l MIT\nother: *l\n"), r"SKILL\.md:4: an alias"),
    ],
)
def test_a_malformed_manifest_is_refused_by_name(tmp_path: Path, text: str, reason: str) -> None:
    write_files(tmp_path / "s", {"SKILL.md": text})
    with pytest.raises(UsageError, match=rf"s/SKILL\.md.*{reason}|{reason}") as raised:
        read_skill(tmp_path / "s")
    assert str(tmp_path / "s" / "SKILL.md") in str(raised.value)


def test_a_folder_without_a_manifest(tmp_path: Path) -> None:
    write_files(tmp_path, {"readme.md": "x"})
    with pytest.raises(UsageError, match=r"has no SKILL\.md: a skill is a folder with this file in it"):
        read_skill(tmp_path)
    write_files(tmp_path, {"skill.md": manifest("a")})
    with pytest.raises(UsageError, match=r"has no SKILL\.md: rename 'skill\.md' to it"):
        read_skill(tmp_path)


def test_a_folder_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"folder '.*nowhere' cannot be read.*: No such file"):
        read_skill(tmp_path / "nowhere")
    (tmp_path / "file").write_text("x")
    for look in (read_skill, find_skills):
        with pytest.raises(UsageError, match=r"cannot be read.*: Not a directory; name a folder with a SKILL\.md"):
            look(tmp_path / "file")
    assert read_file(tmp_path / "nowhere", "SKILL.md") is None


def test_limits(tmp_path: Path) -> None:
    skill = write_skill(tmp_path / "s", files={f"{number}.txt": "" for number in range(MOST_FILES - 1)})
    assert len(read_skill(skill).files) == MOST_FILES
    (skill / "more.txt").write_text("")
    with pytest.raises(UsageError, match="has more than 512 files"):
        read_skill(skill)


def test_the_limit_of_bytes(tmp_path: Path) -> None:
    skill = write_skill(tmp_path / "s")
    rest = MOST_BYTES - (skill / "SKILL.md").stat().st_size
    with (skill / "large").open("wb") as file:
        file.truncate(rest)
    assert sum(file.size for file in read_skill(skill).files.values()) == MOST_BYTES
    with (skill / "large").open("wb") as file:
        file.truncate(rest + 1)
    with pytest.raises(UsageError, match="has more than 16 MiB of files"):
        read_skill(skill)


def test_what_is_nested_too_deeply(tmp_path: Path) -> None:
    deep = "/".join(["d"] * 33)
    skill = write_skill(tmp_path / "s", files={f"{deep}/file": "x"})
    with pytest.raises(UsageError, match="is nested too deeply; 32 folders are the most"):
        read_skill(skill)
    write_files(tmp_path / "t", {f"{deep}/file": "x"})
    with pytest.raises(UsageError, match="too much to search for skills"):
        find_skills(tmp_path / "t")


def test_skills_are_found_below_a_folder(tmp_path: Path) -> None:
    for place in ("one", "acme/billing/refunds", "one/nested", ".hidden", "acme/SKILL.md"):
        write_skill(tmp_path / place)
    (tmp_path / "empty").mkdir()
    (tmp_path / "linked").symlink_to(tmp_path / "one")
    assert find_skills(tmp_path) == ["acme/SKILL.md", "acme/billing/refunds", "one"]
    assert find_skills(tmp_path / "one") == [""]
    assert find_skills(tmp_path / "empty") == []


def test_a_folder_that_is_too_large_to_search(tmp_path: Path) -> None:
    for number in range(4):
        folder = tmp_path / str(number)
        folder.mkdir()
        for file in range(5001):
            os.close(os.open(folder / str(file), os.O_CREAT | os.O_WRONLY))
    with pytest.raises(UsageError, match="too much to search for skills; name the skills' own folder"):
        find_skills(tmp_path)
