"""Front matter as JSON: the values other readers see, and what is refused with its line."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.errors import UsageError
from dragoman.server.front_matter import read_front_matter


def read(yaml: str) -> dict[str, Any]:
    return read_front_matter(f"---\n{yaml}\n---\nbody\n".encode(), "SKILL.md")


@pytest.mark.parametrize(
    ("yaml", "value"),
    [
        ("a: text", "text"),
        ("a: 'it''s'", "it's"),
        ('a: "12"', "12"),
        ("a: 12", 12),
        ("a: -12", -12),
        ("a: 0755", 755),
        ("a: 0o17", 15),
        ("a: 0xff", 255),
        ("a: 1.10", 1.1),
        ("a: .5", 0.5),
        ("a: 1e3", 1000.0),
        ("a: true", True),
        ("a: FALSE", False),
        ("a: ~", None),
        ("a:", None),
        ("a: null", None),
        ("a: ''", ""),
        # text in YAML 1.2, something else in 1.1
        ("a: yes", "yes"),
        ("a: off", "off"),
        ("a: 2026-01-02", "2026-01-02"),
        ("a: 2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
        ("a: 1:30", "1:30"),
        ("a: 1_000", "1_000"),
        ("a: =", "="),
        ("a: !!str 12", "12"),
        ("a: !!int '12'", 12),
        ("a: [x, 1, [true]]", ["x", 1, [True]]),
        ("a: {<<: 1, 2: 3, 2026-01-02: x}", {"<<": 1, "2": 3, "2026-01-02": "x"}),
        ("a: >\n  two\n  lines", "two lines"),
        ("a: |\n  two\n  lines", "two\nlines"),
        ("a: ümläut 🎉", "ümläut 🎉"),
    ],
)
def test_values(yaml: str, value: Any) -> None:
    found = read(yaml)["a"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("yaml", "line", "reason"),
    [
        ("- a", 2, "is no mapping; write 'name: ...'"),
        ("", 2, "is no mapping"),
        ("a: 1\na: 2", 3, "the key 'a' stands here twice"),
        ("a: &x 1\nb: *x", 2, "an alias"),
        ("a: &x [*x]", 2, "an alias"),
        ("a: *x", 2, "undefined alias"),
        ("ok: 1\na: [", 3, "expected the node content"),
        ("a: b: c", 2, "mapping values are not allowed here"),
        ("? [x]\n: 1", 2, "a key is text in JSON"),
        ("a: !!binary aGk=", 2, "the tag 'tag:yaml.org,2002:binary' has no JSON"),
        ("a: !!python/object/apply:os.getcwd []", 2, "has no JSON; remove it"),
        ("a: !!set {x}", 2, "has no JSON"),
        ("a: !mine x", 2, "the tag '!mine' has no JSON"),
        ("a: .nan", 2, "is no number that can be read"),
        ("a: 1e999", 2, "'1e999' has no JSON; put it in quotes"),
        ("a: !!int x", 2, "'x' is no number that can be read; put it in quotes"),
        ("a: " + "9" * 5000, 2, "is no number that can be read"),
        ("a: " + "[" * 5000, 2, "nested too deeply"),
        ("a: \x01", 2, "is no YAML"),
        ("a: 1\n...\nb: 2", 4, "expected '<document start>'"),
        ("a: 1\n--- {}", 3, "found another document"),
    ],
)
def test_what_is_refused(yaml: str, line: int, reason: str) -> None:
    with pytest.raises(UsageError) as raised:
        read(yaml)
    assert reason in str(raised.value)
    assert str(raised.value).startswith(f"SKILL.md:{line}: ")


def test_an_alias_is_named_with_where_it_points() -> None:
    bomb = "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    with pytest.raises(UsageError, match="an alias"):
        read(bomb)


@pytest.mark.parametrize("start", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_marks_and_line_ends(start: str, end: str) -> None:
    text = start + end.join(["---", "a: 1", "b: x", "---", "body --- text", "---", ""])
    assert read_front_matter(text.encode(), "f") == {"a": 1, "b": "x"}


def test_it_may_be_all_there_is() -> None:
    assert read_front_matter(b"---\na: 1\n---", "f") == {"a": 1}
    assert read_front_matter(b"---\na: 1\n---  \n", "f") == {"a": 1}


@pytest.mark.parametrize(
    "data",
    [b"", b"# Title", b"\n---\na: 1\n---\n", b"---\na: 1\n", b"--- \na: 1\n---\n", b"---\na: 1\n----\n", b"---\n---\n"],
)
def test_without_front_matter(data: bytes) -> None:
    with pytest.raises(UsageError, match="f:1: there is no front matter; begin with a line '---'"):
        read_front_matter(data, "f")


def test_what_is_no_utf_8() -> None:
    with pytest.raises(UsageError, match="f:3: this is not UTF-8"):
        read_front_matter(b"---\na: 1\nb: \xe9\n---\n", "f")


def test_what_is_too_long() -> None:
    with pytest.raises(UsageError, match="65,536 are the most"):
        read("a: " + "x" * 65536)


@given(st.text(alphabet="ab:-[]{}&*!|>'\"#?,% \n\t~01.@`", max_size=60))
def test_whatever_stands_there_is_read_or_refused(yaml: str) -> None:
    with contextlib.suppress(UsageError):
        assert isinstance(read(yaml), dict)
