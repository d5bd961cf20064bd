"""Bytes to text: encodings with and without marks, what is refused, what is cleaned."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.connectors.files.extract import SAMPLE_BYTES, NotTextError, clean, decode

ENGLISH = "The state of a request, and how it is protected.\n"


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (b"", "UTF-8"),
        (b"plain", "UTF-8"),
        ("größer 你好 😀".encode(), "UTF-8"),
        (codecs.BOM_UTF8 + "größer".encode(), "UTF-8 with BOM"),
        (codecs.BOM_UTF16_LE + "größer 😀".encode("utf-16-le"), "UTF-16 LE"),
        (codecs.BOM_UTF16_BE + "größer 😀".encode("utf-16-be"), "UTF-16 BE"),
        (codecs.BOM_UTF32_LE + "größer 😀".encode("utf-32-le"), "UTF-32 LE"),
        (codecs.BOM_UTF32_BE + "größer 😀".encode("utf-32-be"), "UTF-32 BE"),
        (ENGLISH.encode("utf-16-le"), "UTF-16 LE without BOM"),
        (ENGLISH.encode("utf-16-be"), "UTF-16 BE without BOM"),
        (ENGLISH.encode("utf-32-le"), "UTF-32 LE without BOM"),
        (ENGLISH.encode("utf-32-be"), "UTF-32 BE without BOM"),
    ],
)
def test_unicode(data: bytes, encoding: str) -> None:
    text, found = decode(data)
    assert found == encoding
    assert text in {"", "plain", "größer", "größer 😀", "größer 你好 😀", ENGLISH}
    assert bool(text) == bool(data)


@pytest.mark.parametrize(
    ("text", "codec", "encoding"),
    [
        ("café", "latin-1", "Windows-1252 (detected)"),
        ("Größe und Maß der Straße\n", "cp1252", "Windows-1252 (detected)"),
        ("Le café est prêt à être servi, déjà refroidi.\n", "latin-1", "Windows-1252 (detected)"),
        ("It’s a “test” — of quotes\n", "cp1252", "Windows-1252 (detected)"),
        ("Zażółć gęślą jaźń, proszę bardzo.\n", "cp1250", "Windows-1250 (detected)"),
        ("Привет, как дела? Сегодня хорошая погода.\n", "cp1251", "Windows-1251 (detected)"),
        ("Привет, как дела? Сегодня хорошая погода.\n", "koi8_r", "KOI8-R (detected)"),
        ("Καλημέρα κόσμε, τι κάνεις;\n", "cp1253", "Windows-1253 (detected)"),
        ("こんにちは、世界。今日はいい天気ですね。\n", "shift_jis", "Shift_JIS (detected)"),
        ("こんにちは、世界。今日はいい天気ですね。\n", "euc_jp", "EUC-JP (detected)"),
        ("请求状态被篡改了，必须拒绝。\n", "gb18030", "GB18030 (detected)"),
        ("請求狀態被竄改了，必須拒絕。\n", "big5", "Big5 (detected)"),
        ("안녕하세요 요청 상태\n", "euc_kr", "EUC-KR (detected)"),
    ],
)
def test_encodings_of_old(text: str, codec: str, encoding: str) -> None:
    assert decode(text.encode(codec)) == (text, encoding)


@pytest.mark.parametrize("codec", ["cp1252", "cp1251", "shift_jis"])
def test_what_is_found_on_a_sample_decodes_all(codec: str) -> None:
    line = {"cp1252": "Größe\n", "cp1251": "Привет, мир\n", "shift_jis": "こんにちは、世界\n"}[codec]
    text = line * (3 * SAMPLE_BYTES // len(line.encode(codec)))
    assert decode(text.encode(codec))[0] == text


def test_a_long_line_is_judged_whole() -> None:
    text = "Größe und Maß der Straße, " * (SAMPLE_BYTES // 20)
    assert decode(text.encode("cp1252"))[0] == text


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"%PDF-1.7\n...", "a PDF document"),
        (b"PK\x03\x04rest", "a ZIP archive or an office document"),
        (b"\x89PNG\r\n\x1a\n", "a PNG image"),
        (b"GIF89a...", "a GIF image"),
        (b"\xff\xd8\xff\xe0", "a JPEG image"),
        (b"SQLite format 3\x00", "a SQLite database"),
        (b"text with \x00 in it", "zero bytes"),
        (b"\x00\x01\x02\x03" * 100, "zero bytes"),
        (b"\x00", "zero bytes"),
        (b"a\x00\x00\xd8b\x00c\x00d\x00e\x00" * 9, "zero bytes"),
        (b"abc\x01\x02\x03\x04", "control characters"),
        (b"\xe9\x01\x02\x03\x04", "control characters"),
        (codecs.BOM_UTF8 + b"\xff", "damaged: it begins as UTF-8 with BOM but byte 4 does not decode"),
        (codecs.BOM_UTF16_LE + b"a", "damaged: it begins as UTF-16 LE but byte 3 does not decode"),
        (codecs.BOM_UTF16_LE + b"\x00\xd8a\x00", "damaged"),
        (codecs.BOM_UTF32_LE + b"\x00\xd8\x00\x00", "damaged"),
        (bytes(range(0x80, 0x100)) * 20, "not text in an encoding that could be detected"),
    ],
)
def test_what_is_no_text(data: bytes, reason: str) -> None:
    with pytest.raises(NotTextError) as caught:
        decode(data)
    assert reason in str(caught.value)


def test_a_file_that_goes_bad_after_the_sample_is_refused() -> None:
    begin = "こんにちは、世界\n" * (SAMPLE_BYTES // 10)
    with pytest.raises(NotTextError, match="could be detected"):
        decode(begin.encode("shift_jis") + bytes(range(0x80, 0x100)) * 8 + b"\xff")


def test_line_ends_become_one() -> None:
    assert decode(b"a\r\nb\rc\nd\r\r\n")[0] == "a\nb\nc\nd\n\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("tab\tand\nline", "tab\tand\nline"),
        ("\x1b[31mred\x1b[0m", "␛[31mred␛[0m"),
        ("nul\x00 del\x7f", "nul␀ del␡"),
        ("c1 \x9b\x85", "c1 \ufffd\ufffd"),
        ("lone \ud800\udfff", "lone \ufffd\ufffd"),
        ("\ufffe\uffff", "\ufffd\ufffd"),
        ("right \u202eto\u202c left\u2066", "right to left"),
        ("hidden \U000e0048\U000e0069", "hidden "),
        ("marks \u200e\u200f and 👩\u200d🔬", "marks \u200e\u200f and 👩\u200d🔬"),
    ],
)
def test_cleaning(text: str, shown: str) -> None:
    assert clean(text) == shown
    assert clean(shown) == shown


def test_terminal_logs_are_text() -> None:
    assert decode(b"\x1b[31merror\x1b[0m\x07\n")[0] == "␛[31merror␛[0m␇\n"


@given(st.binary(max_size=300))
def test_any_bytes_give_clean_text_or_a_reason(data: bytes) -> None:
    try:
        text, encoding = decode(data)
    except NotTextError:
        return
    assert encoding
    assert text == clean(text)
    text.encode()


@given(
    st.text(
        alphabet=st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters="\ufeff"), max_size=100
    ),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
)
def test_unicode_comes_back(text: str, codec: str) -> None:
    assert decode(text.encode(codec)).text == clean(text)
