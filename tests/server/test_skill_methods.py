"""`skills/list`, `skills/get`, `resources/directory/read`, as a client sees them, on every revision."""

import base64
import hashlib
from pathlib import Path
from typing import Any

import pytest

from dragoman import Limits, Server
from dragoman.auth.policy import Access, Role
from dragoman.protocol.skills import EXTENSION
from dragoman.server.views import view_of
from tests.server.clients import EVERY_REVISION, MODERN, Talker
from tests.server.skill_making import manifest, write_files, write_skill

REVISION = pytest.mark.parametrize("revision", EVERY_REVISION)


@pytest.fixture
def server(tmp_path: Path) -> Server:
    server = Server("skills")
    more = "license: MIT\nreleased: 2026-01-02\nmetadata: {version: 1.10, stable: yes}\n"
    write_files(
        tmp_path / "forms",
        {
            "SKILL.md": manifest("forms", more=more),
            "templates/b.md": "b",
            "templates/a.md": "a",
            "templates/eu/c.md": "c",
            "logo.png": b"\x89PNG\r\n\x1a\n",
        },
    )
    server.add_skill(tmp_path)
    return server


@REVISION
async def test_the_extension_is_declared(server: Server, revision: str) -> None:
    talker = Talker(server, revision)
    hello: dict[str, Any] = {
        "protocolVersion": revision,
        "capabilities": {},
        "clientInfo": {"name": "x", "version": "1"},
    }
    talker._open = True  # noqa: SLF001 - this test opens the session itself
    result = await talker.result("server/discover") if revision == MODERN else await talker.result("initialize", hello)
    assert result["capabilities"]["extensions"] == {EXTENSION: {"directoryRead": True}}
    assert "resources" in result["capabilities"]


@REVISION
async def test_skills_are_listed_whole(server: Server, revision: str) -> None:
    talker = Talker(server, revision)
    result = await talker.result("skills/list")
    [skill] = result["skills"]
    assert skill["uri"] == "skill://forms/SKILL.md"
    assert skill["frontmatter"] == {
        "name": "forms",
        "description": "What it is for.",
        "license": "MIT",
        "released": "2026-01-02",
        "metadata": {"version": 1.1, "stable": "yes"},
    }
    for file in skill["resources"]:
        [read] = (await talker.result("resources/read", {"uri": file["uri"]}))["contents"]
        assert read["uri"] == file["uri"]
        data = read["text"].encode() if "text" in read else base64.b64decode(read["blob"])
        assert file["size"] == len(data)
        assert file["digest"] == "sha256:" + hashlib.sha256(data).hexdigest()
    assert len(skill["resources"]) == 5
    assert "nextCursor" not in result
    hints = {"ttlMs": 0, "cacheScope": "public"} if revision == MODERN else {}
    assert {name: result[name] for name in ("ttlMs", "cacheScope") if name in result} == hints


@REVISION
async def test_one_skill(server: Server, revision: str) -> None:
    talker = Talker(server, revision)
    result = await talker.result("skills/get", {"uri": "skill://forms/SKILL.md"})
    assert [result["skill"]] == (await talker.result("skills/list"))["skills"]
    assert ("ttlMs" in result, "cacheScope" in result) == (revision == MODERN, revision == MODERN)


@pytest.mark.parametrize("uri", ["skill://forms", "skill://forms/logo.png", "skill://form/SKILL.md", "", "x" * 1000])
async def test_a_skill_that_is_not_there(server: Server, uri: str) -> None:
    error = await Talker(server).error("skills/get", {"uri": uri})
    assert error["code"] == -32602
    assert error["message"].startswith("Unknown skill: ")
    assert len(error["message"]) < 250
    if uri == "skill://form/SKILL.md":
        assert error["message"].endswith("Did you mean 'skill://forms/SKILL.md'?")


@REVISION
async def test_directories(server: Server, revision: str) -> None:
    talker = Talker(server, revision)
    result = await talker.result("resources/directory/read", {"uri": "skill://forms/templates"})
    assert result["resources"] == [
        {"uri": "skill://forms/templates/a.md", "name": "a.md", "mimeType": "text/markdown", "size": 1},
        {"uri": "skill://forms/templates/b.md", "name": "b.md", "mimeType": "text/markdown", "size": 1},
        {"uri": "skill://forms/templates/eu", "name": "eu", "mimeType": "inode/directory"},
    ]
    assert "nextCursor" not in result


@pytest.mark.parametrize(
    "uri", ["skill://forms/SKILL.md", "skill://forms/templates/", "skill://nowhere", "file:///etc"]
)
async def test_what_is_no_directory(server: Server, uri: str) -> None:
    error = await Talker(server).error("resources/directory/read", {"uri": uri})
    assert (error["code"], error["data"]) == (-32602, {"uri": uri})


async def test_directories_come_in_pages(tmp_path: Path) -> None:
    server = Server("skills", limits=Limits(page_size=2))
    write_skill(tmp_path / "s", files={f"{letter}.md": letter for letter in "abcd"})
    server.add_skill(tmp_path / "s")
    talker = Talker(server)
    names: list[str] = []
    params = {"uri": "skill://s"}
    while True:
        page = await talker.result("resources/directory/read", params)
        assert len(page["resources"]) <= 2
        names += [child["name"] for child in page["resources"]]
        if "nextCursor" not in page:
            break
        params = {"uri": "skill://s", "cursor": page["nextCursor"]}
    assert names == ["s", "a.md", "b.md", "c.md", "d.md"]
    error = await talker.error("skills/list", {"cursor": params["cursor"]})
    assert error["code"] == -32602, "a cursor belongs to one listing"


async def test_skills_come_in_pages(tmp_path: Path) -> None:
    server = Server("skills")
    for number in range(51):
        write_skill(tmp_path / f"s{number:02}")
    server.add_skill(tmp_path)
    talker = Talker(server)
    first = await talker.result("skills/list")
    second = await talker.result("skills/list", {"cursor": first["nextCursor"]})
    assert (len(first["skills"]), len(second["skills"])) == (50, 1)
    assert "nextCursor" not in second


@pytest.mark.parametrize("method", ["skills/list", "skills/get", "resources/directory/read"])
@REVISION
async def test_a_server_without_skills_has_no_such_method(method: str, revision: str) -> None:
    error = await Talker(Server("plain"), revision).error(method, {"uri": "skill://a/SKILL.md"})
    assert error["code"] == -32601
    assert "this server has no skills" in error["message"]


@pytest.mark.parametrize("uri", ["skill://forms/nowhere.md", "skill://forms/templates", "skill://other/SKILL.md"])
async def test_a_file_that_is_not_there(server: Server, uri: str) -> None:
    error = await Talker(server).error("resources/read", {"uri": uri})
    assert (error["code"], error["data"]) == (-32602, {"uri": uri})


async def test_listings_show_skills_as_they_are_now(server: Server, tmp_path: Path) -> None:
    outer = Server("outer")
    outer.mount(server, prefix="team")
    talker = Talker(outer)
    write_skill(tmp_path / "new")
    server.shelves[0].fresh_seconds = 0
    listed = [skill["uri"] for skill in (await talker.result("skills/list"))["skills"]]
    assert listed == ["skill://team/forms/SKILL.md", "skill://team/new/SKILL.md"]
    [read] = (await talker.result("resources/read", {"uri": "skill://team/forms/templates/a.md"}))["contents"]
    assert (read["uri"], read["text"]) == ("skill://team/forms/templates/a.md", "a")


async def test_files_of_skills_can_be_subscribed_to(server: Server) -> None:
    talker = Talker(server, "2025-11-25")
    await talker.result("resources/subscribe", {"uri": "skill://forms/templates/a.md"})
    error = await talker.error("resources/subscribe", {"uri": "skill://forms/templates"})
    assert error["code"] == -32002


async def test_a_role_is_denied_files_of_skills(server: Server) -> None:
    roles = {"some": Role(resources=("skill://*",), deny=("*/logo.png", "*/eu/*"))}
    view = view_of(server, Access(roles, ("some",)))
    talker = Talker(view, MODERN)
    listed, got = (
        await talker.result("skills/list"),
        await talker.result("skills/get", {"uri": "skill://forms/SKILL.md"}),
    )
    assert [listed["cacheScope"], got["cacheScope"]] == ["private", "private"]
    for skill in (listed["skills"][0], got["skill"]):
        names = sorted(file["uri"].removeprefix("skill://forms/") for file in skill["resources"])
        assert names == ["SKILL.md", "templates/a.md", "templates/b.md"]
    children = await talker.result("resources/directory/read", {"uri": "skill://forms"})
    assert children["cacheScope"] == "private"
    assert [child["uri"] for child in children["resources"]] == ["skill://forms/SKILL.md", "skill://forms/templates"]
    absent = await talker.error("resources/read", {"uri": "skill://forms/nothing.png"})
    for name in ("logo.png", "logo%2Epng", "%6Cogo.png", "templates/eu/c.md", "templates/eu%2Fc.md"):
        denied = await talker.error("resources/read", {"uri": f"skill://forms/{name}"})
        assert (denied["code"], denied["message"]) == (absent["code"], absent["message"])
    assert not view.has_resource("skill://forms/logo.png")
    assert (await talker.result("resources/read", {"uri": "skill://forms/templates/a.md"}))["contents"]
