import base64
from pathlib import Path
from typing import Any

import pytest

from dragoman.protocol.content import (
    Annotations,
    AudioContent,
    EmbeddedResource,
    ImageContent,
    ResourceContents,
    ResourceLink,
    TextContent,
)
from dragoman.server.encoders import ReturnError
from dragoman.server.returns import Audio, File, Image, ToolResult, blocks_of, text_blocks

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(40))
WAV = b"RIFF\x24\0\0\0WAVEfmt "


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    ("image", "mime_type"),
    [
        (Image(PNG), "image/png"),
        (Image(data=bytearray(PNG)), "image/png"),
        (Image(PNG, mime_type="image/x-own"), "image/x-own"),
        (Image(PNG, format="jpg"), "image/jpeg"),
        (Image(PNG, format=".WEBP"), "image/webp"),
        (Image(PNG, format="unheard"), "image/unheard"),
    ],
)
def test_an_image_of_bytes(image: Image, mime_type: str) -> None:
    assert image.block() == ImageContent(encoded(PNG), mime_type)


def test_an_image_of_a_file_is_read_when_it_is_converted(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    image = Image(path=path)
    with pytest.raises(ReturnError, match="cannot be read"):
        image.block()
    path.write_bytes(PNG)
    assert image.block() == ImageContent(encoded(PNG), "image/png")
    path.write_bytes(b"no signature")
    assert image.block().mime_type == "image/jpeg"


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    for data in (WAV, b"unknown"):
        with pytest.raises(ReturnError, match="what kind of image this is; add mime_type="):
            Image(data).block()
    path = tmp_path / "notes.txt"
    path.write_text("x")
    with pytest.raises(ReturnError, match="what kind of image"):
        Image(path=path).block()


def test_audio(tmp_path: Path) -> None:
    notes = Annotations(audience=["user"])
    assert Audio(WAV, annotations=notes).block() == AudioContent(encoded(WAV), "audio/wav", notes)
    path = tmp_path / "a.mp3"
    path.write_bytes(b"x")
    assert Audio(path=str(path)).block().mime_type == "audio/mpeg"


@pytest.mark.parametrize("make", [Image, Audio, File])
def test_either_data_or_path(make: Any) -> None:
    with pytest.raises(TypeError, match="either data= or path="):
        make()
    with pytest.raises(TypeError, match="either data= or path="):
        make(b"x", path="y")


def test_a_path_given_as_data_is_noticed() -> None:
    with pytest.raises(TypeError, match="data is str, but must be bytes"):
        Image("photo.png")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (File(b"%PDF-1.7"), ResourceContents("file:///file", "application/pdf", blob=encoded(b"%PDF-1.7"))),
        (File(b"a,b", name="t.csv"), ResourceContents("file:///t.csv", "text/csv", text="a,b")),
        (File("text"), ResourceContents("file:///file", "text/plain", text="text")),
        (File("# x", name="r.md"), ResourceContents("file:///r.md", "text/markdown", text="# x")),
        (File(b"\xff", name="t.txt"), ResourceContents("file:///t.txt", "text/plain", blob=encoded(b"\xff"))),
        (File(b"?", name="x"), ResourceContents("file:///x", "application/octet-stream", blob=encoded(b"?"))),
        (File(b"{}", mime_type="application/json"), ResourceContents("file:///file", "application/json", text="{}")),
        (File(b"?", uri="a://b"), ResourceContents("a://b", "application/octet-stream", blob=encoded(b"?"))),
        (
            File(b"?", name="a/b c.bin"),
            ResourceContents("file:///a%2Fb%20c.bin", "application/octet-stream", blob=encoded(b"?")),
        ),
    ],
)
def test_files(file: File, expected: ResourceContents) -> None:
    assert file.block() == EmbeddedResource(expected)


def test_a_file_by_path_tells_only_its_name(tmp_path: Path) -> None:
    path = tmp_path / "report.txt"
    path.write_text("ä", encoding="utf-8")
    notes = Annotations(priority=1.0)
    block = File(path=path, annotations=notes).block()
    assert block == EmbeddedResource(ResourceContents("file:///report.txt", "text/plain", text="ä"), notes)
    with pytest.raises(ReturnError, match="cannot be read"):
        File(path=tmp_path / "none").block()


LINK = ResourceLink("a://b", "b")
HELD = ResourceContents("a://b", text="t")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, []),
        ("text", [TextContent("text")]),
        (5, [TextContent("5")]),
        ({"a": 1}, [TextContent('{"a":1}')]),
        (["a", "b"], [TextContent('["a","b"]')]),
        ([], [TextContent("[]")]),
        (LINK, [LINK]),
        (HELD, [EmbeddedResource(HELD)]),
        (Image(PNG), [ImageContent(encoded(PNG), "image/png")]),
        (["a", Image(PNG), None, {"b": 1}], [TextContent("a"), Image(PNG).block(), TextContent('{"b":1}')]),
        (("a", LINK), [TextContent("a"), LINK]),
        ([LINK, [1, 2]], [LINK, TextContent("[1,2]")]),
        (b"\0", [EmbeddedResource(ResourceContents("file:///data", "application/octet-stream", blob="AA=="))]),
    ],
)
def test_blocks(value: Any, expected: list[Any]) -> None:
    assert blocks_of(value) == expected


@pytest.mark.parametrize(
    ("content", "text", "expected"),
    [
        (None, "", []),
        (None, "{}", [TextContent("{}")]),
        ("a", "{}", [TextContent("a")]),
        (["a", "b"], "{}", [TextContent("a"), TextContent("b")]),
        ([], "{}", []),
        (Image(PNG), "", [Image(PNG).block()]),
    ],
)
def test_blocks_of_a_tool_result(content: Any, text: str, expected: list[Any]) -> None:
    assert text_blocks(content, text) == expected


def test_a_tool_result_says_nothing_by_itself() -> None:
    result = ToolResult()
    assert (result.content, result.structured, result.is_error, result.meta) == (None, None, False, None)
