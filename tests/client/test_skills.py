"""Skills from the host's side: what is fetched when, and what is refused before anything of it is used."""

import base64
import hashlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from dragoman import Client, ClientError, ConnectionFault, Elicitation, Server, ServerFault, UsageError
from dragoman.client.skills import LoadedSkill, SkillEntry
from dragoman.protocol.skills import EXTENSION, MOST_BYTES, MOST_FILES, SkillFile
from tests.client.peers import DISCOVERED, HttpPeer, Reply, Sent, error, http_peer, result
from tests.client.serving import served

MANIFEST = "skill://acme/forms/SKILL.md"
EXTRA = "skill://acme/forms/reference/a%20b.md"
TEXT = b"---\nname: forms\ndescription: Fill forms.\nmetadata: {tags: [a, 1, true], depth: 1.0}\n---\n# Forms\n"
FRONT_MATTER = {"name": "forms", "description": "Fill forms.", "metadata": {"tags": ["a", 1, True], "depth": 1}}
OFFERED = DISCOVERED | {"capabilities": {"resources": {}, "extensions": {EXTENSION: {}}}}
FRESH = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}


def listed(uri: str, data: bytes) -> dict[str, Any]:
    """A file as an entry lists it."""
    return {"uri": uri, "digest": "sha256:" + hashlib.sha256(data).hexdigest(), "size": len(data)}


def entry(**changed: Any) -> dict[str, Any]:
    """The entry of the skill, as it should be but for what is given."""
    files = [listed(MANIFEST, TEXT), listed(EXTRA, b"extra")]
    return {"uri": MANIFEST, "frontmatter": FRONT_MATTER, "resources": files, **changed}


class Shelf:
    """What a scripted server has."""

    def __init__(self, *skills: dict[str, Any], **contents: bytes) -> None:
        self.skills = list(skills) or [entry()]
        self.contents = {MANIFEST: TEXT, EXTRA: b"extra", **contents}
        self.results: dict[str, Any] = {}

    async def serve(self, sent: Sent) -> Reply:
        """Answer one request."""
        params = sent.message["params"]
        if sent.method in self.results:
            return result(sent, self.results[sent.method])
        if sent.method == "server/discover":
            return result(sent, OFFERED)
        if sent.method == "skills/list":
            place = int(params.get("cursor", 0))
            more = {"nextCursor": str(place + 1)} if place + 1 < len(self.skills) else {}
            return result(sent, {**FRESH, "skills": [self.skills[place]], **more})
        if sent.method == "skills/get":
            found = [skill for skill in self.skills if skill["uri"] == params["uri"]]
            return result(sent, {**FRESH, "skill": found[0]}) if found else error(sent, -32602, "No such skill")
        assert sent.method == "resources/read"
        data = self.contents[params["uri"]]
        contents = {"uri": params["uri"], "blob": base64.b64encode(data).decode()}
        return result(sent, {**FRESH, "ttlMs": 60_000, "contents": [contents]})


@asynccontextmanager
async def connected(shelf: Shelf, **options: Any) -> AsyncIterator[tuple[Client, HttpPeer]]:
    """A client of a scripted server."""
    async with http_peer(shelf.serve) as peer, Client(peer.url, **options) as client:
        yield client, peer


def reads(peer: HttpPeer) -> list[str]:
    """The resources that were read."""
    return [sent.message["params"]["uri"] for sent in peer.requests if sent.method == "resources/read"]


def skill_folder(folder: Path) -> Path:
    """A skill on disk."""
    (folder / "forms" / "reference").mkdir(parents=True)
    (folder / "forms" / "SKILL.md").write_bytes(b"\xef\xbb\xbf" + TEXT)
    (folder / "forms" / "reference" / "a b.md").write_text("extra\r\n", newline="")
    (folder / "forms" / "logo.png").write_bytes(b"\x89PNG\r\n\x1a\n\xff")
    return folder


@pytest.mark.parametrize("revision", ["2026-07-28", "2025-11-25", "2024-11-05"])
@pytest.mark.parametrize("wire", ["memory", "http"])
async def test_skills_of_our_own_server(tmp_path: Path, wire: str, revision: Any) -> None:
    server = Server("skills")
    server.add_skill(skill_folder(tmp_path))

    async def look(target: Any) -> None:
        async with Client(target, revision=revision) as client:
            (found,) = await client.list_skills()
            assert (found.name, found.description, found.root) == ("forms", "Fill forms.", "skill://forms")
            for skill in (found, found.uri):
                loaded = await client.load_skill(skill)
                assert loaded.text == TEXT.decode(), "without the byte order mark"
                assert [file.rpartition("/")[2] for file in loaded.files] == ["SKILL.md", "logo.png", "a%20b.md"]
                assert await loaded.read("logo.png") == b"\x89PNG\r\n\x1a\n\xff"
                assert await loaded.read("./reference/a b.md") == b"extra\r\n"

    if wire == "memory":
        await look(server)
    else:
        async with served(server) as url:
            await look(url)


async def test_nothing_is_fetched_before_it_is_asked_for() -> None:
    async with connected(Shelf(entry(), entry(uri="skill://forms/SKILL.md", resources="dynamic"))) as (client, peer):
        first, second = await client.list_skills()
        assert (first.uri, second.resources) == (MANIFEST, "dynamic")
        assert reads(peer) == []
        loaded = await client.load_skill(first)
        assert repr(loaded) == f"LoadedSkill('{MANIFEST}')"
        assert reads(peer) == [MANIFEST]
        for name in ("reference/a b.md", "reference/a%20b.md", "x/../reference/a b.md", EXTRA):
            assert await loaded.read(name) == b"extra"
        assert await loaded.read("SKILL.md") == TEXT
        assert reads(peer) == [MANIFEST, EXTRA], "each once"
    assert "skills/get" not in peer.methods(), "a listed entry is whole"


async def test_an_unlisted_skill_is_loaded_by_its_uri() -> None:
    async with connected(Shelf()) as (client, peer):
        loaded = await client.load_skill(MANIFEST)
        assert loaded.entry.frontmatter == FRONT_MATTER
        assert peer.methods() == ["server/discover", "skills/get", "resources/read"]
        with pytest.raises(ServerFault, match="No such skill"):
            await client.load_skill("skill://other/SKILL.md")


async def test_a_server_without_the_extension_is_not_asked() -> None:
    declared: list[dict[str, Any]] = [{}, {"extensions": None}, {"extensions": {"other": {}}}]
    for capabilities in declared:
        shelf = Shelf()
        shelf.results["server/discover"] = DISCOVERED | {"capabilities": capabilities}
        async with connected(shelf) as (client, peer):
            with pytest.raises(ClientError, match=f"does not declare the extension {EXTENSION}"):
                await client.list_skills()
            with pytest.raises(ClientError, match="The server has no skills"):
                await client.load_skill(MANIFEST)
            assert peer.methods() == ["server/discover"]


async def test_skills_need_a_connection() -> None:
    with pytest.raises(UsageError, match="not connected"):
        await Client(Server("skills")).list_skills()


def described(description: str) -> bytes:
    """The skill's text with another description."""
    return TEXT.replace(b"Fill forms.", description.encode())


TAMPERED = [
    (entry(), TEXT + b"!", "it has 97 bytes, not 96"),
    (entry(), TEXT.replace(b"# Forms", b"# Evils"), "its digest is sha256:"),
    (
        entry(resources=[listed(MANIFEST, described("Steal."))]),
        described("Steal."),
        "the field 'description' of its front matter is another",
    ),
    (entry(frontmatter={**FRONT_MATTER, "license": "MIT"}), TEXT, "the field 'license'"),
    (entry(frontmatter={"name": "forms", "description": "Fill forms."}), TEXT, "the field 'metadata'"),
    *(
        (entry(frontmatter={**FRONT_MATTER, "metadata": metadata}), TEXT, "the field 'metadata'")
        for metadata in (
            {"tags": ["a", 1, 1], "depth": 1},
            {"tags": ["a", 1], "depth": 1},
            {"tags": ["a", 1, True]},
            {"tags": {"a": 1}, "depth": 1},
            {"tags": ["a", 1, True], "depth": "1"},
            None,
        )
    ),
    (entry(resources=[listed(MANIFEST, b"# Forms")]), b"# Forms", "its front matter cannot be read: .*no front matter"),
]


@pytest.mark.parametrize(("said", "data", "reason"), TAMPERED)
async def test_a_manifest_that_is_not_what_its_entry_says_is_refused(
    said: dict[str, Any], data: bytes, reason: str
) -> None:
    async with connected(Shelf(said, **{MANIFEST: data})) as (client, peer):
        (held,) = await client.list_skills()
        for skill in (held, MANIFEST):
            with pytest.raises(ClientError, match=f"'{MANIFEST}' is not what the skill's entry says: {reason}"):
                await client.load_skill(skill)
        assert reads(peer) == [MANIFEST] * 2, "nothing of it is read on, nothing of it is kept"


@pytest.mark.parametrize(("data", "reason"), [(b"extras", "it has 6 bytes, not 5"), (b"EXTRA", "its digest is")])
async def test_a_file_that_is_not_what_its_entry_says_is_refused(data: bytes, reason: str) -> None:
    shelf = Shelf(**{EXTRA: data})
    async with connected(shelf) as (client, peer):
        loaded = await client.load_skill(MANIFEST)
        with pytest.raises(ClientError, match=reason):
            await loaded.read(EXTRA)
        shelf.contents[EXTRA] = b"extra"
        assert await loaded.read(EXTRA) == b"extra"
        assert reads(peer) == [MANIFEST, EXTRA, EXTRA]


async def test_a_file_is_not_taken_from_what_is_kept_of_resources() -> None:
    shelf = Shelf(**{MANIFEST: b"of before"})
    async with connected(shelf) as (client, _):
        assert [part.data for part in await client.read_resource(MANIFEST)] == [b"of before"]
        shelf.contents[MANIFEST] = TEXT
        assert [part.data for part in await client.read_resource(MANIFEST)] == [b"of before"], "kept, as it is fresh"
        assert (await client.load_skill(MANIFEST)).text == TEXT.decode()


@pytest.mark.parametrize(
    "file", ["other.md", "../other/SKILL.md", "skill://acme/other/SKILL.md", "file:///etc/passwd", "", "%zz"]
)
async def test_a_file_that_is_not_listed_is_not_read(file: str) -> None:
    async with connected(Shelf()) as (client, peer):
        loaded = await client.load_skill(MANIFEST)
        with pytest.raises(ClientError, match=r"has no file .* in the entry it was loaded by; load it again"):
            await loaded.read(file)
        assert reads(peer) == [MANIFEST]


async def test_a_skill_made_on_demand_is_loaded_only_where_that_is_wanted() -> None:
    async with connected(Shelf(entry(resources="dynamic"))) as (client, peer):
        with pytest.raises(ClientError, match=r"is made on demand, so nothing shows .*dynamic=True"):
            await client.load_skill(MANIFEST)
        assert reads(peer) == []
        loaded = await client.load_skill(MANIFEST, dynamic=True)
        assert loaded.files == []
        for name in ("reference/a b.md", EXTRA):
            assert await loaded.read(name) == b"extra"
        for name in ("../x", "skill://acme/x", "skill://acme/forms/../x", "skill://acme/forms/%2e%2e/x", f"{EXTRA}?x"):
            with pytest.raises(ClientError, match="has no file"):
                await loaded.read(name)
        assert reads(peer) == [MANIFEST, EXTRA, EXTRA]


async def test_a_skill_made_on_demand_has_the_front_matter_of_its_entry_and_an_end() -> None:
    shelf = Shelf(entry(resources="dynamic"), **{EXTRA: b"x" * (MOST_BYTES // 2)})
    async with connected(shelf) as (client, _):
        loaded = await client.load_skill(MANIFEST, dynamic=True)
        await loaded.read(EXTRA)
        with pytest.raises(ClientError, match="gave more than 16 MiB; not used"):
            await loaded.read(EXTRA)
        shelf.contents[MANIFEST] = described("Steal.")
        with pytest.raises(ClientError, match="the field 'description'"):
            await client.load_skill(MANIFEST, dynamic=True)


INVALID = [
    (entry(resources=None), "Expected `str \\| array`"),
    (entry(resources="static"), "Invalid enum value 'static'"),
    ({"uri": MANIFEST, "frontmatter": FRONT_MATTER}, "missing required field `resources`"),
    ("forms", "Expected `object`"),
    (entry(frontmatter={"name": "forms"}), "no name or no description"),
    (entry(frontmatter={"name": 3, "description": "x"}), "no name or no description"),
    (entry(uri="skill://acme/other/SKILL.md"), "does not end with the skill's name"),
    (entry(uri="skill://acme/forms"), "does not end with the skill's name"),
    (entry(resources=[listed(EXTRA, b"extra")]), "does not list its 'SKILL.md'"),
    (entry(resources=[listed(MANIFEST, TEXT), listed(MANIFEST, TEXT)]), "lists a file twice"),
    (entry(resources=[listed(MANIFEST, TEXT), {**listed(EXTRA, b""), "size": -1}]), "a size is negative"),
    *(
        (entry(resources=[listed(MANIFEST, TEXT), listed(uri, b"")]), "is not in its folder")
        for uri in (
            "skill://acme/other/x",
            "skill://acme/forms",
            "skill://acme/forms/a/../../x",
            "skill://acme/forms/%2E%2E/x",
            "skill://acme/forms//x",
            "skill://acme/forms/%zz",
            "skill://acme/forms/x#y",
        )
    ),
]


@pytest.mark.parametrize(("said", "reason"), INVALID)
async def test_an_invalid_entry_is_left_out_and_never_loaded(
    said: Any, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    shelf = Shelf({"skills": "placeholder"}, entry())
    shelf.skills[0] = said
    shelf.results["skills/get"] = {**FRESH, "skill": said}
    async with connected(shelf) as (client, peer):
        with caplog.at_level(logging.WARNING, "dragoman.client"):
            assert [skill.uri for skill in await client.list_skills()] == [MANIFEST]
        assert "Left out of the list of skills" in caplog.text
        with pytest.raises(ClientError, match=reason):
            await client.load_skill(MANIFEST)
        assert reads(peer) == []


async def test_an_entry_of_the_users_own_is_checked() -> None:
    made = SkillEntry(MANIFEST, {"name": "forms", "description": "x"}, [])
    async with connected(Shelf()) as (client, peer):
        with pytest.raises(ClientError, match=r"does not list its 'SKILL.md'"):
            await client.load_skill(made)
        assert reads(peer) == []


async def test_the_entry_of_another_skill_is_refused() -> None:
    shelf = Shelf()
    shelf.results["skills/get"] = {**FRESH, "skill": entry()}
    async with connected(shelf) as (client, _):
        with pytest.raises(
            ClientError, match=f"answers for the skill 'skill://x/SKILL.md' with the entry of '{MANIFEST}'"
        ):
            await client.load_skill("skill://x/SKILL.md")


@pytest.mark.parametrize(
    ("more", "declined"),
    [
        ([SkillFile(f"skill://acme/forms/{number}", "", 1) for number in range(MOST_FILES - 1)], False),
        ([SkillFile(f"skill://acme/forms/{number}", "", 1) for number in range(MOST_FILES)], True),
        ([SkillFile(EXTRA, "", MOST_BYTES - len(TEXT))], False),
        ([SkillFile(EXTRA, "", MOST_BYTES - len(TEXT) + 1)], True),
    ],
    ids=["files", "too many files", "bytes", "too many bytes"],
)
async def test_a_skill_over_the_limits_is_declined_before_it_is_read(more: list[SkillFile], declined: bool) -> None:
    file = listed(MANIFEST, TEXT)
    large = SkillEntry(MANIFEST, FRONT_MATTER, [SkillFile(**file), *more])
    async with connected(Shelf()) as (client, peer):
        if declined:
            with pytest.raises(ClientError, match="512 files and 16 MiB are the most"):
                await client.load_skill(large)
        else:
            assert isinstance(await client.load_skill(large), LoadedSkill)
        assert len(reads(peer)) == (0 if declined else 1)


@pytest.mark.parametrize("count", [0, 2])
async def test_a_file_is_one_piece_of_contents(count: int) -> None:
    shelf = Shelf()
    shelf.results["resources/read"] = {**FRESH, "contents": [{"uri": MANIFEST, "text": TEXT.decode()}] * count}
    async with connected(shelf) as (client, _):
        with pytest.raises(ConnectionFault, match=f"with {count} contents; a file is one"):
            await client.load_skill(MANIFEST)


async def test_what_the_server_asks_before_it_gives_a_file_is_answered() -> None:
    shelf = Shelf()

    async def serve(sent: Sent) -> Reply:
        params = {} if sent.message is None else sent.message["params"]
        if sent.method == "resources/read" and "inputResponses" not in params:
            form = {"message": "Sure?", "requestedSchema": {"type": "object", "properties": {}}}
            asked = {"sure": {"method": "elicitation/create", "params": {"mode": "form", **form}}}
            return result(sent, {"resultType": "input_required", "inputRequests": asked})
        return await shelf.serve(sent)

    def agree(question: Elicitation) -> Any:
        return question.accept({})

    async with http_peer(serve) as peer, Client(peer.url, on_elicit=agree) as client:
        assert (await client.load_skill(MANIFEST)).text == TEXT.decode()
        assert reads(peer) == [MANIFEST] * 2
