import pytest

from dragoman.server import media

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 24


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a..", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\0\0\0\0WAVEfmt ", "audio/wav"),
        (b"\0\0\0\x20ftypM4A ", "audio/mp4"),
        (b"ID3\x04", "audio/mpeg"),
        (b"OggS\0", "audio/ogg"),
        (b"%PDF-1.7", "application/pdf"),
        (b"<svg xmlns='...'/>", "image/svg+xml"),
        (b"\n<?xml version='1.0'?><svg/>", "image/svg+xml"),
        (b"<?xml version='1.0'?><note/>", None),
        (b"RIFF", None),
        (b"", None),
        (b"hello", None),
    ],
)
def test_first_bytes(data: bytes, expected: str | None) -> None:
    assert media.sniff(data) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("png", "image/png"),
        (".JPG", "image/jpeg"),
        ("svg", "image/svg+xml"),
        ("mp3", "audio/mpeg"),
        ("nothing-known", None),
    ],
)
def test_formats(name: str, expected: str | None) -> None:
    assert media.type_of_format(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("report.pdf", "application/pdf"),
        ("notes.md", "text/markdown"),
        ("a.b/c", None),
        ("Makefile", None),
    ],
)
def test_names(name: str, expected: str | None) -> None:
    assert media.type_of_name(name) == expected


@pytest.mark.parametrize(
    ("media_type", "expected"),
    [
        ("text/plain; charset=utf-8", True),
        ("application/json", True),
        ("application/ld+json", True),
        ("image/svg+xml", True),
        ("image/png", False),
        ("application/octet-stream", False),
    ],
)
def test_which_types_are_text(media_type: str, expected: bool) -> None:
    assert media.is_text(media_type) is expected
