r"""From a file's bytes to the text a model may see.

Laws: the text that leaves here has `\\n` line ends, no control characters besides tab and line end, no lone
surrogates, nothing invisible that could carry a hidden message (P26 of the threat model: file content is
data). Bytes that are no text are refused with the reason, never guessed at.
"""

import codecs
import re
from typing import Final, NamedTuple

from dragoman import DragomanError

# Judged on this much of a file; the encoding found must then decode all of it.
SAMPLE_BYTES: Final = 64 * 1024
# A text file in an old encoding has hardly any control characters; a binary one has many.
_CONTROL_SHARE: Final = 0.01

_MARKS: Final = (  # UTF-32 first: its little-endian mark begins with the mark of UTF-16
    (codecs.BOM_UTF8, "utf-8", "UTF-8 with BOM"),
    (codecs.BOM_UTF32_LE, "utf-32-le", "UTF-32 LE"),
    (codecs.BOM_UTF32_BE, "utf-32-be", "UTF-32 BE"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16 LE"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16 BE"),
)
_FORMATS: Final = (
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"\x89PNG\r\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF87a", "a GIF image"),
    (b"GIF89a", "a GIF image"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3\x00", "a SQLite database"),
    (b"{\\rtf", "an RTF document"),
)
# In order of preference where the evidence is equal: the more common encoding first.
_OLD_ENCODINGS: Final = (
    "cp1252", "cp1250", "cp1251", "koi8_r", "gb18030", "cp932", "euc_jp", "big5", "cp949",
    "cp1253", "cp1254", "cp1255", "cp1256",
)  # fmt: skip
_ENCODING_NAMES: Final = {
    "cp1250": "Windows-1250", "cp1251": "Windows-1251", "cp1252": "Windows-1252", "cp1253": "Windows-1253",
    "cp1254": "Windows-1254", "cp1255": "Windows-1255", "cp1256": "Windows-1256", "koi8_r": "KOI8-R",
    "gb18030": "GB18030", "cp932": "Shift_JIS", "euc_jp": "EUC-JP", "big5": "Big5", "cp949": "EUC-KR",
}  # fmt: skip

_LATIN: Final = frozenset({"cp1250", "cp1252", "cp1254"})

_LINE_ENDS: Final = re.compile(r"\r\n?")
_RAW_CONTROLS: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_ASCII_LETTERS: Final = re.compile(rb"[A-Za-z]")
_HIGH_BYTES: Final = re.compile(rb"[\x80-\xff]")
# C0 and C1 controls, DEL, surrogates, direction overrides (UAX 9), tag characters (invisible ASCII).
_UNSAFE: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff\U000e0000-\U000e007f]"
)


class NotTextError(DragomanError):
    """The bytes are no text; the message completes the sentence "the file is ..."."""


class Text(NamedTuple):
    """A file's text and the name of the encoding it was in."""

    text: str
    encoding: str


def clean(text: str) -> str:
    """The text as it may be shown: control characters become visible, direction and tag characters go.

    C0 controls and DEL are replaced by their pictures (U+2400 on), C1 controls and surrogates by U+FFFD.
    """
    return _UNSAFE.sub(_picture, text)


def _picture(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x20:  # noqa: PLR2004 (the C0 controls)
        return chr(0x2400 + code)
    if code == 0x7F:  # noqa: PLR2004 (DEL)
        return "\u2421"
    if code < 0xA0 or 0xD800 <= code <= 0xFFFF:  # noqa: PLR2004 (C1 controls; surrogates and noncharacters)
        return "\ufffd"
    return ""


def decode(data: bytes) -> Text:
    """The text of a file.

    A byte order mark decides (Unicode 15, section 23.8); then UTF-8; then UTF-16 and UTF-32 without a mark,
    by where the zero bytes are; then what `charset_normalizer` finds most likely of the old encodings.

    Raises:
        NotTextError: no text, or in no encoding that decodes all of it.
    """
    for signature, kind in _FORMATS:
        if data.startswith(signature):
            raise NotTextError(f"{kind}, not text")
    for mark, codec, name in _MARKS:
        if data.startswith(mark):
            try:
                return Text(_tidy(data[len(mark) :].decode(codec)), name)
            except UnicodeDecodeError as error:
                place = len(mark) + error.start + 1
                message = f"damaged: it begins as {name} but byte {place:,} does not decode"
                raise NotTextError(message) from error
    if b"\x00" in data:
        return _decode_wide(data)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return _decode_old(data)
    if _too_many_controls(data):
        raise NotTextError("binary, not text (it holds many control characters)")
    return Text(_tidy(text), "UTF-8")


def _tidy(text: str) -> str:
    return clean(_LINE_ENDS.sub("\n", text) if "\r" in text else text)


def _decode_wide(data: bytes) -> Text:
    """UTF-16 or UTF-32 without a mark: in text most zero bytes stand at one place of each unit."""
    for codec, name, width, zeros in (
        ("utf-32-le", "UTF-32 LE", 4, (2, 3)),
        ("utf-32-be", "UTF-32 BE", 4, (0, 1)),
        ("utf-16-le", "UTF-16 LE", 2, (1,)),
        ("utf-16-be", "UTF-16 BE", 2, (0,)),
    ):
        if len(data) % width:
            continue
        sample = data[: SAMPLE_BYTES - SAMPLE_BYTES % width]
        share = min(sample[place::width].count(0) for place in zeros) * width / len(sample)
        if share < 0.25:  # noqa: PLR2004 (a quarter of the characters from Latin-1: spaces, digits, markup)
            continue
        try:
            text = data.decode(codec)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text and not _too_many_controls(text.encode()):
            return Text(_tidy(text), f"{name} without BOM")
    raise NotTextError("binary, not text (it holds zero bytes)")


def _decode_old(data: bytes) -> Text:
    if _too_many_controls(data):
        raise NotTextError("binary, not text (it holds many control characters)")
    from charset_normalizer import from_bytes  # 20 ms and 2 MB that a folder of UTF-8 never pays

    # Cut at a line end, so that no character of several bytes is cut in two.
    sample = data if len(data) <= SAMPLE_BYTES else data[: data.rfind(b"\n", 0, SAMPLE_BYTES) + 1] or data
    # Latin scripts have accents here and there; where most letters are beyond ASCII, it is another script.
    latin = len(_ASCII_LETTERS.findall(sample)) >= len(_HIGH_BYTES.findall(sample))
    encodings = [name for name in _OLD_ENCODINGS if latin or name not in _LATIN]
    matches = list(from_bytes(sample, cp_isolation=encodings))
    tied = {
        name
        for match in matches
        if match.chaos <= matches[0].chaos and match.coherence >= matches[0].coherence
        for name in match.could_be_from_charset
    }
    likely = [name for name in _OLD_ENCODINGS if name in tied] + [match.encoding for match in matches]
    for codec in likely:
        try:
            text = data.decode(codec)
        except UnicodeDecodeError:
            continue
        return Text(_tidy(text), f"{_ENCODING_NAMES[codec]} (detected)")
    raise NotTextError("not text in an encoding that could be detected; save it as UTF-8")


def _too_many_controls(data: bytes) -> bool:
    sample = data[:SAMPLE_BYTES]
    return len(_RAW_CONTROLS.findall(sample)) > max(2, len(sample) * _CONTROL_SHARE)
