"""What kind of data some bytes are: by what the author said, by their first bytes, by the file's name.

Knows media types (IANA) and file signatures; knows nothing of MCP.
"""

import mimetypes
from pathlib import PurePath
from typing import Final

_SIGNATURES: Final[tuple[tuple[int, bytes, str], ...]] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (0, b"BM", "image/bmp"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (0, b"\x00\x00\x01\x00", "image/x-icon"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftypheic", "image/heic"),
    (8, b"WAVE", "audio/wav"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"\xff\xf3", "audio/mpeg"),
    (0, b"\xff\xf2", "audio/mpeg"),
    (0, b"OggS", "audio/ogg"),
    (0, b"fLaC", "audio/flac"),
    (4, b"ftypM4A", "audio/mp4"),
    (8, b"AIFF", "audio/aiff"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"SQLite format 3\x00", "application/vnd.sqlite3"),
)
_FORMATS: Final = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "svg": "image/svg+xml",
    "webp": "image/webp",
    "avif": "image/avif",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "ogg": "audio/ogg",
    "flac": "audio/flac",
    "m4a": "audio/mp4",
    "md": "text/markdown",
    "yaml": "application/yaml",
    "yml": "application/yaml",
}
_TEXT_TYPES: Final = frozenset(
    {"application/json", "application/xml", "application/yaml", "application/javascript", "image/svg+xml"}
)


def sniff(data: bytes) -> str | None:
    """Return the media type that the first bytes tell, or None.

    Args:
        data: the whole or at least the first 32 bytes.
    """
    for offset, signature, media_type in _SIGNATURES:
        if data[offset : offset + len(signature)] == signature:
            return media_type
    head = data[:256].lstrip().lower()
    return "image/svg+xml" if head.startswith(b"<svg") or (head.startswith(b"<?xml") and b"<svg" in head) else None


def type_of_format(name: str) -> str | None:
    """Return the media type of a format such as "png" or ".mp3", or None."""
    extension = name.lstrip(".").casefold()
    return _FORMATS.get(extension) or mimetypes.guess_type(f"x.{extension}")[0]


def type_of_name(name: str) -> str | None:
    """Return the media type that a file's name tells by its extension, or None."""
    suffix = PurePath(name).suffix
    return type_of_format(suffix) if suffix else None


def is_text(media_type: str) -> bool:
    """Say whether data of this type is text."""
    plain = media_type.partition(";")[0].strip().casefold()
    return plain.startswith("text/") or plain in _TEXT_TYPES or plain.endswith(("+json", "+xml"))
