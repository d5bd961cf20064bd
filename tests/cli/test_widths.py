import pytest

from dragoman.cli.widths import cut, pad, width


@pytest.mark.parametrize(
    ("text", "columns"),
    [("", 0), ("abc", 3), ("Säge", 4), ("鑿", 2), ("e\u0301", 1), ("한국", 4), ("नमस्ते", 4), ("\u200b", 0)],
)
def test_width(text: str, columns: int) -> None:
    assert width(text) == columns


def test_pad() -> None:
    assert pad("鑿", 4) == "鑿  "
    assert pad("7", 4, right=True) == "   7"
    assert pad("long", 2) == "long"


@pytest.mark.parametrize(
    ("text", "columns", "shown"), [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("鑿鑿鑿", 4, "鑿…"), ("鑿鑿鑿", 5, "鑿鑿…")]
)
def test_cut(text: str, columns: int, shown: str) -> None:
    assert cut(text, columns) == shown
    assert width(cut(text, columns)) <= columns
