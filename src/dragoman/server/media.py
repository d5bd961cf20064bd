"""What kind of data some bytes are: by what the author said, by their first bytes, by the file's name.

Knows media types (IANA) and file signatures; knows nothing of MCP.
The table is ours, so that an answer does not depend on the machine that gives it.
"""

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
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "svg": "image/svg+xml",
    "bmp": "image/bmp",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "ico": "image/x-icon",
    "avif": "image/avif",
    "heic": "image/heic",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "flac": "audio/flac",
    "m4a": "audio/mp4",
    "aiff": "audio/aiff",
    "aac": "audio/aac",
    "mp4": "video/mp4",
    "webm": "video/webm",
    "txt": "text/plain",
    "log": "text/plain",
    "md": "text/markdown",
    "markdown": "text/markdown",
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "html": "text/html",
    "htm": "text/html",
    "css": "text/css",
    "py": "text/x-python",
    "js": "text/javascript",
    "json": "application/json",
    "xml": "application/xml",
    "yaml": "application/yaml",
    "yml": "application/yaml",
    "toml": "application/toml",
    "sql": "application/sql",
    "pdf": "application/pdf",
    "zip": "application/zip",
    "gz": "application/gzip",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "ppt": "application/vnd.ms-powerpoint",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "parquet": "application/vnd.apache.parquet",
    "sqlite": "application/vnd.sqlite3",
}
_TEXT_TYPES: Final = frozenset(
    {"application/json", "application/xml", "application/yaml", "application/toml", "application/sql"}
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
    return _FORMATS.get(name.lstrip(".").casefold())


def type_of_name(name: str) -> str | None:
    """Return the media type that a file's name tells by its extension, or None."""
    suffix = PurePath(name).suffix
    return type_of_format(suffix) if suffix else None


def is_text(media_type: str) -> bool:
    """Say whether data of this type is text."""
    plain = media_type.partition(";")[0].strip().casefold()
    return plain.startswith("text/") or plain in _TEXT_TYPES or plain.endswith(("+json", "+xml"))
