"""Folders of skills: what is served of them, and what becomes of it when they change."""

import asyncio
import logging
import os
import shutil
import time
from pathlib import Path

import pytest

from dragoman import InvalidParams, Server, UsageError
from dragoman.errors import InternalFault
from dragoman.protocol.skills import EXTENSION
from dragoman.server.skill_folders import digest_of
from dragoman.server.skill_shelves import WATCH, Shelf, SkillWatch
from dragoman.server.watch import RESOURCES, UPDATED, Change, Subscriber
from tests.server.clients import Talker, settle
from tests.server.skill_making import manifest, write_files, write_skill


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two skills, one of them deeper."""
    write_skill(tmp_path / "skills" / "one", files={"notes.md": "first"})
    write_skill(tmp_path / "skills" / "acme" / "two")
    return tmp_path / "skills"


def served(*folders: Path, path: str | None = None) -> tuple[Server, Shelf]:
    server = Server("skills")
    for folder in folders:
        server.add_skill(folder, path=path)
    return server, server.shelves[0]


async def changes_of(server: Server, shelf: Shelf, *uris: str) -> set[Change]:
    """What a look at the folder tells those who listen."""
    subscriber = Subscriber([RESOURCES], uris)
    server.changes.add(subscriber)
    await shelf.refresh(now=True)
    await settle()
    server.changes.remove(subscriber)
    return set(subscriber.take())


async def test_every_skill_below_a_folder_is_served(folder: Path) -> None:
    server = Server("skills")
    skills = server.add_skill(str(folder))
    uris = ["skill://acme/two/SKILL.md", "skill://one/SKILL.md"]
    assert [skill.key for skill in skills] == uris == list(server.skills.named) == list(server.resources.named)
    assert server.declared_extensions() == {EXTENSION: {"directoryRead": True}}
    [listed, _] = (await Talker(server).result("resources/list"))["resources"]
    assert listed == {
        "uri": uris[0],
        "name": "two",
        "description": "What it is for.",
        "mimeType": "text/markdown",
    }


@pytest.mark.parametrize(
    ("given", "path", "roots"),
    [
        ("one", None, ["skill://one"]),
        ("one", "one", ["skill://one"]),
        ("one", "a/b/one", ["skill://a/b/one"]),
        ("", "org", ["skill://org/acme/two", "skill://org/one"]),
        ("acme", "org/acme", ["skill://org/acme/two"]),
    ],
)
def test_where_skills_stand(folder: Path, given: str, path: str | None, roots: list[str]) -> None:
    server, _ = served(folder / given, path=path)
    assert [skill.root for skill in server.skills.named.values()] == roots


def test_the_name_of_a_skills_own_folder_does_not_matter(tmp_path: Path) -> None:
    server, _ = served(write_skill(tmp_path / "v 2", "one"))
    assert list(server.skills.named) == ["skill://one/SKILL.md"]


@pytest.mark.parametrize(
    ("given", "path", "reason"),
    [
        ("one", "other", "its path ends in 'other' and its name is 'one'; make the two the same"),
        ("one", "one/", "skill path 'one/': use names of letters"),
        ("one", "../one", r"skill path '\.\./one'"),
        ("one", "", "skill path ''"),
        ("nowhere", None, "cannot be read"),
    ],
)
def test_where_a_skill_cannot_stand(folder: Path, given: str, path: str, reason: str) -> None:
    server = Server("skills")
    with pytest.raises(UsageError, match=reason):
        server.add_skill(folder / given, path=path)
    assert not server.skills.named
    assert not server.resources.named
    assert not server.shelves
    assert server.declared_extensions() == {}


def test_a_folder_without_skills(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(UsageError, match=r"has no SKILL\.md, and no folder in it has one"):
        served(tmp_path)


def test_a_folder_below_is_called_as_its_skill(folder: Path) -> None:
    write_skill(folder / "three", "drei")
    with pytest.raises(UsageError, match="three': its folder is called 'three' and its name is 'drei'"):
        served(folder)


def test_a_folder_below_whose_name_does_not_fit_a_uri(folder: Path) -> None:
    write_skill(folder / "my own" / "three")
    with pytest.raises(UsageError, match="'my own/three' is no path for a URI"):
        served(folder)


def test_one_malformed_skill_keeps_all_from_being_served(folder: Path) -> None:
    write_files(folder, {"three/SKILL.md": "no front matter"})
    server = Server("skills")
    with pytest.raises(UsageError, match=r"three/SKILL\.md:1: there is no front matter"):
        server.add_skill(folder)
    assert not server.skills.named


def test_a_uri_is_taken_once(folder: Path, tmp_path: Path) -> None:
    server, _ = served(folder)
    with pytest.raises(UsageError, match=r"skill 'skill://one/SKILL\.md' exists already"):
        server.add_skill(folder / "one")
    write_skill(tmp_path / "three")
    server.add_resource("skill://three/SKILL.md", lambda: "x", name="taken")
    with pytest.raises(UsageError, match=r"resource 'skill://three/SKILL\.md' exists already"):
        server.add_skill(tmp_path / "three")
    assert list(server.skills.named) == ["skill://acme/two/SKILL.md", "skill://one/SKILL.md"]


async def test_the_first_skill_comes_before_the_server_runs(folder: Path) -> None:
    server = Server("skills")
    async with server:
        with pytest.raises(UsageError, match=r"watch over skills' cannot be attached: .*which runs already"):
            server.add_skill(folder)
    server.add_skill(folder / "one")
    async with server:
        server.add_skill(folder / "acme")
    assert len(server.skills.named) == 2


async def test_a_changed_file_is_told_and_listed_with_its_new_digest(folder: Path) -> None:
    server, shelf = served(folder)
    skill = server.skills.named["skill://one/SKILL.md"]
    uri = "skill://one/notes.md"
    assert await changes_of(server, shelf, uri) == set()
    write_files(folder, {"one/notes.md": "second"})
    assert await changes_of(server, shelf, uri) == {Change(UPDATED, uri)}
    assert skill.info().resources[1].digest == digest_of(b"second")
    assert await changes_of(server, shelf, uri) == set()


async def test_files_that_come_and_go_are_told(folder: Path) -> None:
    server, shelf = served(folder)
    uris = ("skill://one/notes.md", "skill://one/new%20one.md")
    (folder / "one" / "notes.md").rename(folder / "one" / "new one.md")
    assert await changes_of(server, shelf, *uris) == {Change(UPDATED, uri) for uri in uris}


async def test_a_changed_description_is_listed(folder: Path) -> None:
    server, shelf = served(folder)
    uri = "skill://one/SKILL.md"
    write_files(folder, {"one/SKILL.md": manifest("one", "Anew.")})
    assert await changes_of(server, shelf, uri) == {Change(RESOURCES), Change(UPDATED, uri)}
    assert server.resources.named[uri].info.description == "Anew."
    assert server.skills.named[uri].info().frontmatter["description"] == "Anew."
    server.remove_resource(uri)
    write_files(folder, {"one/SKILL.md": manifest("one", "Anew again.")})
    await shelf.refresh(now=True)
    assert uri not in server.resources.named, "who removed it from the list does not want it back"


async def test_skills_that_come_and_go_are_told(folder: Path) -> None:
    server, shelf = served(folder)
    write_skill(folder / "three")
    assert await changes_of(server, shelf) == {Change(RESOURCES)}
    assert "skill://three/SKILL.md" in server.resources.named
    shutil.rmtree(folder / "one")
    assert await changes_of(server, shelf) == {Change(RESOURCES)}
    assert list(server.skills.named) == ["skill://acme/two/SKILL.md", "skill://three/SKILL.md"]


async def test_a_skill_that_breaks_is_not_served_until_it_is_mended(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server, shelf = served(folder)
    health = SkillWatch(server).health
    assert await health() is None
    write_files(folder, {"one/SKILL.md": "broken"})
    await shelf.refresh(now=True)
    await shelf.refresh(now=True)
    assert list(server.skills.named) == ["skill://acme/two/SKILL.md"] == list(server.resources.named)
    [record] = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "not served until this is put right" in record.getMessage()
    assert "one/SKILL.md:1: there is no front matter" in str(await health())
    write_skill(folder / "one")
    await shelf.refresh(now=True)
    assert "skill://one/SKILL.md" in server.skills.named
    assert await health() is None


async def test_a_skill_that_is_renamed_in_its_folder(folder: Path, tmp_path: Path) -> None:
    server, shelf = served(folder)
    write_files(folder, {"one/SKILL.md": manifest("uno")})
    await shelf.refresh(now=True)
    assert list(server.skills.named) == ["skill://acme/two/SKILL.md"]
    assert "its name is 'uno'" in shelf.broken["one"]

    alone = write_skill(tmp_path / "alone")
    server, shelf = served(alone)
    write_files(alone, {"SKILL.md": manifest("allein")})
    await shelf.refresh(now=True)
    assert list(server.skills.named) == ["skill://allein/SKILL.md"] == list(server.resources.named)


async def test_a_folder_that_is_gone(folder: Path) -> None:
    server, shelf = served(folder)
    shutil.move(folder, folder.with_name("elsewhere"))
    await shelf.refresh(now=True)
    assert not server.skills.named
    assert "cannot be read" in shelf.broken[""]
    assert server.declared_extensions() == {EXTENSION: {"directoryRead": True}}, "it may come back"
    shutil.move(folder.with_name("elsewhere"), folder)
    await shelf.refresh(now=True)
    assert len(server.skills.named) == 2


async def test_a_new_skill_whose_uri_is_taken_waits(folder: Path) -> None:
    server, shelf = served(folder)
    server.add_resource("skill://three/SKILL.md", lambda: "x", name="taken")
    write_skill(folder / "three")
    await shelf.refresh(now=True)
    assert "exists already" in shelf.broken["three"]
    server.remove_resource("skill://three/SKILL.md")
    await shelf.refresh(now=True)
    assert "skill://three/SKILL.md" in server.skills.named


async def test_a_look_is_good_for_a_while(folder: Path) -> None:
    server, shelf = served(folder)
    write_skill(folder / "three")
    await shelf.refresh()
    assert len(server.skills.named) == 2
    shelf.fresh_seconds = 0
    await asyncio.gather(*(shelf.refresh() for _ in range(10)))
    assert len(server.skills.named) == 3


async def test_what_is_read_fits_the_digest(folder: Path) -> None:
    server, shelf = served(folder)
    source = server.skills.named["skill://one/SKILL.md"].source
    before = source.snapshot.files["notes.md"]
    assert await source.read("notes.md") == (b"first", "text/markdown")
    write_files(folder, {"one/notes.md": "other"})
    assert await source.read("notes.md") == (b"other", "text/markdown")
    assert source.snapshot.files["notes.md"].digest == digest_of(b"other") != before.digest
    (folder / "one" / "notes.md").unlink()
    assert await source.read("notes.md") is None
    shelf.fresh_seconds = 0
    write_files(folder, {"one/new.md": "new"})
    assert await source.read("new.md") == (b"new", "text/markdown"), "a file of which nobody heard yet"


class Restless(Shelf):
    """A shelf whose folder changes with every look."""

    async def refresh(self, *, now: bool = False) -> None:
        await super().refresh(now=now)
        for skill in self.held.values():
            write_files(skill.source.folder, {"notes.md": str(time.monotonic_ns())})


async def test_a_file_that_never_rests(folder: Path) -> None:
    shelf = Restless(Server("skills"), folder / "one", None)
    shelf.fill()
    await shelf.refresh()
    with pytest.raises(InternalFault, match="changes faster than it can be read"):
        await shelf.held[""].source.read("notes.md")


async def test_reserved_metadata_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    more = "metadata:\n  io.modelcontextprotocol/x: 1\n  mine: 2\n"
    write_files(tmp_path / "one", {"SKILL.md": manifest("one", more=more)})
    write_files(tmp_path / "two", {"SKILL.md": manifest("two", more="metadata: none\n")})
    served(tmp_path)
    [record] = caplog.records
    assert "'io.modelcontextprotocol/x' is reserved" in record.getMessage()


async def test_the_watch_looks_while_somebody_listens(folder: Path) -> None:
    server = Server("skills")
    server.add_skill(folder)
    server.connectors[WATCH] = SkillWatch(server, seconds=0.01)
    uri = "skill://one/notes.md"
    async with server:
        write_files(folder, {"one/notes.md": "second"})
        await asyncio.sleep(0.05)
        assert server.skills.named["skill://one/SKILL.md"].source.snapshot.files["notes.md"].size == 5
        subscriber = Subscriber([], [uri])
        server.changes.add(subscriber)
        told: list[Change] = []

        async def tell(change: Change) -> None:
            told.append(change)
            subscriber.end()

        await asyncio.wait_for(subscriber.changes(tell), 10)
        assert told == [Change(UPDATED, uri)]
    await server.close()


class Broken(Shelf):
    """A shelf that cannot be looked at, for a reason that nobody foresaw."""

    def __init__(self, server: Server, folder: Path) -> None:
        super().__init__(server, folder, None)
        self.once, self.twice = asyncio.Event(), asyncio.Event()

    async def refresh(self, *, now: bool = False) -> None:
        (self.twice if self.once.is_set() else self.once).set()
        raise RuntimeError("unforeseen")


async def test_the_watch_goes_on_whatever_happens(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    server, _ = served(folder)
    broken = Broken(server, folder)
    server.shelves.append(broken)
    server.connectors[WATCH] = SkillWatch(server, seconds=0.01)
    async with server:
        server.changes.add(Subscriber([]))
        await asyncio.wait_for(broken.twice.wait(), 10)
    assert "unforeseen" in caplog.text


async def test_a_watch_that_never_began_ends() -> None:
    watch = SkillWatch(Server("skills"))
    watch.attach(Server("other"))
    await watch.close()


async def test_a_mounted_servers_skills(folder: Path) -> None:
    inner, shelf = served(folder)
    outer = Server("outer")
    outer.mount(inner, prefix="team")
    assert list(outer.skills.named) == ["skill://team/acme/two/SKILL.md", "skill://team/one/SKILL.md"]
    assert outer.declared_extensions() == {EXTENSION: {"directoryRead": True}}
    subscriber = Subscriber([], ["skill://team/one/notes.md"])
    outer.changes.add(subscriber)
    write_files(folder, {"one/notes.md": "second"})
    await shelf.refresh(now=True)
    await settle()
    assert subscriber.take() == [Change(UPDATED, "skill://team/one/notes.md")]
    shown = outer.skills.named["skill://team/one/SKILL.md"].info()
    assert shown.resources[1].digest == digest_of(b"second")
    shutil.rmtree(folder / "one")
    await shelf.refresh(now=True)
    assert list(outer.skills.named) == ["skill://team/acme/two/SKILL.md"]


async def test_files_that_are_no_text_and_links_change_nothing(folder: Path) -> None:
    server, shelf = served(folder)
    os.mkfifo(folder / "one" / "pipe")
    (folder / "one" / "link").symlink_to("/etc/hostname")
    (folder / "one" / ".swp").write_text("x")
    assert await changes_of(server, shelf, "skill://one/link", "skill://one/pipe") == set()
    error = await Talker(server).error("resources/read", {"uri": "skill://one/link"})
    assert error["code"] == InvalidParams.code
