"""The connector through a client: what the tools say, what resources hold, what nobody gets to see."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import pytest

from dragoman import Client, Files, Server, ServerFault, ToolCallError, ToolError, ToolResult, UsageError

SECRET = "the secret outside"
FORBIDDEN = [
    "missing.md", ".env", ".git/config", "guide/.hidden.md", "link.md", "relative.md", "within.md", "door/secret.md",
    "guide/up/a.md", "loop", "hard.md", "pipe", "socket", "guide", "../secret.md", "guide/../a.md", "/etc/passwd",
    "..\\secret.md", "%2e%2e/secret.md", "a.md\x00", "\u202ea.md", "x" * 300,
]  # fmt: skip


@asynccontextmanager
async def served(root: Path, name: str = "docs", revision: Any = "auto", **limits: Any) -> AsyncIterator[Client]:
    server = Server("test")
    server.connect(Files(name, root, **limits))
    async with Client(server, revision=revision) as client:
        yield client


async def said(client: Client, tool: str, **arguments: Any) -> str:
    """What the model reads."""
    return (await client.call_tool(f"docs_{tool}", arguments)).text


async def refusal(client: Client, tool: str, **arguments: Any) -> str:
    with pytest.raises(ToolCallError) as caught:
        await client.call_tool(f"docs_{tool}", arguments)
    return str(caught.value)


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_the_handbook(shared_data: Path) -> None:
    async with served(shared_data / "handbook", "handbook") as client:
        reply = await client.call_tool("handbook_search", {"query": "tampered request state"})
        first = reply.data["files"][0]
        assert first["path"] == "specification/basic/patterns/mrtr.md"
        assert first["title"] == "Multi Round-Trip Requests"
        assert "tampering" in first["snippet"]
        assert reply.text.startswith(f"1. specification/basic/patterns/mrtr.md, line {first['line']}: ")
        page = (await client.call_tool("handbook_read", {"path": first["path"], "offset": first["line"]})).data
        assert page["first_line"] == first["line"]
        assert "reject state" in page["text"]
        listed = await client.list_resources()
        assert len(listed) == 54
        for entry in listed:
            (contents,) = await client.read_resource(entry.uri)
            assert contents.text
        large = next(entry for entry in listed if entry.uri.endswith("/schema.md"))
        assert large.size == (shared_data / "handbook" / "specification" / "schema.md").stat().st_size


async def test_what_is_offered(folder: Path) -> None:
    async with served(folder) as client:
        tools = {tool.name: tool for tool in await client.list_tools()}
        assert set(tools) == {"docs_search", "docs_read"}
        for tool in tools.values():
            assert tool.annotations
            assert (tool.annotations.read_only_hint, tool.annotations.open_world_hint) == (True, False)
            described = tool.input_schema["properties"].values()
            assert all(parameter["description"] for parameter in described)
            assert tool.output_schema
        (template,) = await client.list_resource_templates()
        assert template.uri_template == "files://docs/{+path}"
        entries = await client.list_resources()
        assert [entry.uri for entry in entries] == [
            "files://docs/a.md",
            "files://docs/guide/page.md",
            "files://docs/na%20me%20%252e.md",
        ]
        assert [(entry.title, entry.mime_type) for entry in entries] == [
            ("A", "text/markdown"),
            ("Page", "text/markdown"),
            ("na me %2e.md", "text/markdown"),
        ]


async def test_search_says_all_it_should(folder: Path) -> None:
    (folder / "b.md").write_text("# B\n\n## Backups\n\nKeep whales safe.\n\n## More\n\nand whales again with words\n")
    (folder / "bin.md").write_bytes(b"\x00")
    async with served(folder) as client:
        assert await said(client, "search", query="whales") == (
            "1. b.md, line 5: B > Backups\n"
            "   ## Backups Keep whales safe.\n"
            "   also line 7 More\n"
            "\n"
            "Go on with docs_read(path, offset=line).\n"
            "1 file is not searched (binary, too large or beyond the index)."
        )
        (folder / "bin2.md").write_bytes(b"\x00")
        assert "2 files are not searched" in await said(client, "search", query="whales")
        (folder / "bin.md").unlink()
        (folder / "bin2.md").unlink()
        reply = await client.call_tool("docs_search", {"query": "whales"})
        assert reply.data == {
            "files": [
                {
                    "path": "b.md",
                    "title": "B",
                    "line": 5,
                    "snippet": "## Backups Keep whales safe.",
                    "heading": "B > Backups",
                    "more": [{"line": 7, "heading": "B > More"}],
                }
            ]
        }
        assert await said(client, "search", query="zebra") == "No file found.\nFound nowhere: zebra."
        assert "Found nowhere: zebra." in await said(client, "search", query="whales zebra")
        assert "Not every file listed has all the words" in await said(client, "search", query="whales page")
        many = " ".join(f"w{number}" for number in range(40))
        assert "Only the first 32 different words" in await said(client, "search", query=many)


@pytest.mark.parametrize("query", ["?!", '""', "  - ", "🎉", "()"])
async def test_a_query_without_words_is_told(folder: Path, query: str) -> None:
    async with served(folder) as client:
        assert "has no word to search for" in await refusal(client, "search", query=query)


@pytest.mark.parametrize(
    "arguments",
    [{"query": ""}, {"query": "x" * 1001}, {"query": "x", "limit": 0}, {"query": "x", "limit": 51}, {}],
)
async def test_arguments_are_bounded(folder: Path, arguments: dict[str, Any]) -> None:
    async with served(folder) as client:
        await refusal(client, "search", **arguments)


@pytest.mark.parametrize("query", ['title:"', "a* OR b", "NEAR(a b)", "-x", "'; DROP TABLE sections; --", "x" * 1000])
async def test_queries_are_data(folder: Path, query: str) -> None:
    async with served(folder) as client:
        await said(client, "search", query=query)
        assert "a.md" in await said(client, "search", query="inside a")


async def test_reading_by_lines(folder: Path) -> None:
    (folder / "long.txt").write_text("".join(f"line {number}\n" for number in range(1, 1001)))
    async with served(folder) as client:
        reply = await client.call_tool("docs_read", {"path": "long.txt", "offset": 10, "limit": 2})
        assert reply.text == "[long.txt: lines 10-11 of 1,000; UTF-8]\nline 10\nline 11\n[go on with offset=12]"
        assert reply.data == {
            "path": "long.txt",
            "text": "line 10\nline 11",
            "first_line": 10,
            "last_line": 11,
            "total_lines": 1000,
            "encoding": "UTF-8",
            "next_offset": 12,
        }
        assert (await client.call_tool("docs_read", {"path": "long.txt"})).data["next_offset"] == 401
        last = await client.call_tool("docs_read", {"path": "long.txt", "offset": 1000})
        assert last.data.get("next_offset") is None
        assert last.text.endswith("\nline 1000")
        assert "has 1,000 lines; offset 1,001 is beyond its end" in await refusal(
            client, "read", path="long.txt", offset=1001
        )


async def test_reading_long_lines_and_nothing(folder: Path) -> None:
    (folder / "wide.txt").write_text("é" * 1000 + "\nend")
    (folder / "empty.txt").write_text("")
    async with served(folder, max_reply_bytes=600) as client:
        text, offset, column = "", 1, 1
        while True:
            page = (await client.call_tool("docs_read", {"path": "wide.txt", "offset": offset, "column": column})).data
            text += page["text"] + ("\n" if page.get("next_column", 1) == 1 else "")
            if page.get("next_offset") is None:
                break
            offset, column = page["next_offset"], page.get("next_column", 1)
        assert text == "é" * 1000 + "\nend\n"
        assert "[go on with offset=1, column=301]" in await said(client, "read", path="wide.txt")
        assert await said(client, "read", path="empty.txt") == "[empty.txt: empty; UTF-8]\n"
        assert "beyond its end" in await refusal(client, "read", path="empty.txt", offset=2)


async def test_encodings_are_said(folder: Path) -> None:
    (folder / "old.txt").write_bytes("Größe und Maß der Straße".encode("cp1252"))
    async with served(folder) as client:
        page = await client.call_tool("docs_read", {"path": "old.txt"})
        assert (page.data["text"], page.data["encoding"]) == ("Größe und Maß der Straße", "Windows-1252 (detected)")


async def test_control_characters_are_never_sent(folder: Path) -> None:
    (folder / "escape.md").write_bytes(b"# \x1b]0;owned\x07 heading\n\nwhales \x1b[2J\r\n\xc2\x9b31m\n")
    async with served(folder) as client:
        texts = [
            await said(client, "search", query="whales"),
            await said(client, "read", path="escape.md"),
            (await client.read_resource("files://docs/escape.md"))[0].text or "",
            *[str(entry.title) for entry in await client.list_resources()],
        ]
        for text in texts:
            assert not [character for character in text if character < " " and character not in "\n\t"]
            assert "\x9b" not in text


@pytest.mark.parametrize("path", FORBIDDEN, ids=ascii)
async def test_forbidden_reads_exactly_like_missing(folder: Path, path: str) -> None:
    async with served(folder) as client:
        sentence = await refusal(client, "read", path=path)
        assert sentence.startswith("No file '")
        assert sentence.endswith("' in 'docs'. Find paths with docs_search.")
        uri = "files://docs/" + quote(path, safe="/")
        with pytest.raises(ServerFault) as caught:
            await client.read_resource(uri)
        assert (caught.value.code, caught.value.message) == (-32602, "Resource not found")
        assert set(caught.value.data) == {"uri"}


async def test_older_revisions_have_their_own_code(folder: Path) -> None:
    async with served(folder, revision="2025-11-25") as client:
        for uri in ("files://docs/missing.md", "files://docs/.env", "files://docs/..%2Fsecret.md"):
            with pytest.raises(ServerFault) as caught:
                await client.read_resource(uri)
            assert caught.value.code == -32002


async def test_uris_are_decoded_once(folder: Path) -> None:
    (folder / "50% off #1?.md").write_text("inside, with reserved characters")
    (folder / "größe.md").write_text("inside, beyond ASCII")
    async with served(folder) as client:
        uris = {entry.uri for entry in await client.list_resources()}
        assert {"files://docs/50%25%20off%20%231%3F.md", "files://docs/gr%C3%B6%C3%9Fe.md"} <= uris
        for uri in uris:
            (contents,) = await client.read_resource(uri)
            assert contents.uri == uri
            assert contents.mime_type == "text/markdown"
            assert "inside" in (contents.text or "")
        for uri in ("files://docs/na%20me%20%2e.md", "files://docs/%252e%252e/secret.md", "files://other/a.md"):
            with pytest.raises(ServerFault):
                await client.read_resource(uri)


async def test_what_cannot_be_shown_is_said(folder: Path) -> None:
    (folder / "large.md").write_bytes(b"x" * 2000)
    (folder / "picture.md").write_bytes(b"\x89PNG\r\n\x1a\n")
    async with served(folder, max_file_bytes=1000) as client:
        assert await refusal(client, "read", path="large.md") == (
            "'large.md' is too large to read: the file has 2,000 bytes; the limit is 1,000 bytes."
        )
        assert await refusal(client, "read", path="picture.md") == (
            "'picture.md' cannot be read: the file is a PNG image, not text."
        )
        with pytest.raises(ServerFault, match="too large to read"):
            await client.read_resource("files://docs/large.md")
        assert {entry.name for entry in await client.list_resources()}.isdisjoint({"large.md", "picture.md"})


@pytest.mark.parametrize(
    "character",
    ["x", "xY", " ", "é", "word ", *[pytest.param(slow, marks=pytest.mark.slow) for slow in ("\n", "#\n", "请")]],
)
async def test_the_default_limit_is_10_mb_of_anything(tmp_path: Path, character: str) -> None:
    data = (character.encode() * (10 * 2**20))[: 10 * 2**20 - 3]
    (tmp_path / "fits.md").write_bytes(data[: data.rfind(character.encode()[:1])] + b"\nend")
    (tmp_path / "large.md").write_bytes(b"x" * (10 * 2**20 + 1))
    async with served(tmp_path) as client:
        assert await said(client, "read", path="fits.md")
        assert "too large" in await refusal(client, "read", path="large.md")


async def test_the_echo_of_a_path_is_short_and_harmless(folder: Path) -> None:
    async with served(folder) as client:
        sentence = await refusal(client, "read", path="\x1b[2J\n" + "x" * 4000)
        assert "\x1b" not in sentence
        assert len(sentence) < 300


async def test_changes_show_in_searches_and_listings(folder: Path) -> None:
    async with served(folder) as client:
        (folder / "new.md").write_text("# Whales")
        assert "new.md" in await said(client, "search", query="whales")
        assert "files://docs/new.md" in {entry.uri for entry in await client.list_resources()}
        (folder / "new.md").unlink()
        assert await said(client, "search", query="whales") == "No file found.\nFound nowhere: whales."
        assert "files://docs/new.md" not in {entry.uri for entry in await client.list_resources()}


async def test_a_folder_that_goes_is_said_everywhere(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = Files("docs", folder)
    server = Server("test")
    server.connect(files)
    async with Client(server) as client:
        assert await files.health() is None
        folder.rename(folder.with_name("away"))  # noqa: ASYNC240 (the test has nothing else to do)
        sentence = "The folder 'docs' cannot be read: it is gone: deleted, moved or unmounted."
        assert await files.health() == sentence
        assert await refusal(client, "search", query="inside") == sentence
        assert await refusal(client, "read", path="a.md") == sentence
        with pytest.raises(ServerFault, match="it is gone"):
            await client.read_resource("files://docs/a.md")
        assert await client.list_resources() == []
        assert sentence in caplog.text
        folder.with_name("away").rename(folder)
        assert await files.health() is None
        assert "inside a" in await said(client, "read", path="a.md")
    assert await files.health() == "The folder 'docs' cannot be read: the server is shutting down."


async def test_a_folder_that_went_before_the_start_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    server = Server("test")
    server.connect(Files("docs", tmp_path / "root"))
    (tmp_path / "root").rmdir()
    with pytest.raises(UsageError, match="'docs' cannot be read: it is gone"):
        await server.start()


async def test_a_slow_call_is_told(folder: Path) -> None:
    async with served(folder, call_seconds=0.0) as client:
        assert await refusal(client, "read", path="a.md") == (
            "The folder 'docs' cannot be read: it did not answer in time."
        )


async def test_an_index_in_the_making_is_said(tmp_path: Path) -> None:
    for number in range(6000):
        (tmp_path / f"{number}.md").write_text("whales")
    said_so = False
    for _ in range(10):  # a busy machine may be too slow for the search itself
        files = Files("docs", tmp_path, call_seconds=0.3)
        with suppress(ToolError):
            answer = cast("ToolResult", await files.search("whales"))
            said_so = "The folder is still being indexed; search again" in str(answer.content)
        await files.close()
        if said_so:
            break
    assert said_so


@pytest.mark.parametrize("name", ["", "1docs", "do cs", "docs/x", "a" * 65, "döcs"])
def test_names_are_checked(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="begin the name with a letter"):
        Files(name, tmp_path)


def test_a_missing_folder_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be served"):
        Files("docs", tmp_path / "missing")


async def test_a_server_may_start_again_and_leaks_nothing(folder: Path) -> None:
    await asyncio.to_thread(os.getpid)  # the loop's own pool has its first thread now
    before = open_descriptors()
    server = Server("test")
    server.connect(Files("docs", folder))
    for _ in range(3):
        async with Client(server) as client:
            for path in FORBIDDEN:
                await client.call_tool("docs_read", {"path": path}, raise_on_error=False)
            assert "a.md" in await said(client, "search", query="inside")
    assert open_descriptors() == before
