import io
import sys
from pathlib import Path
from typing import Any

import pytest

from dragoman.cli.arguments import check_text, kinds_of, read_arguments, read_json, split_word
from dragoman.errors import UsageError

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "text": {"type": "string"},
        "maybe": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "count": {"type": "integer"},
        "limit": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "ratio": {"type": "number"},
        "flag": {"type": "boolean"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "numbers": {"$ref": "#/$defs/Numbers"},
        "filter": {"type": "object"},
        "color": {"enum": ["red", "green"]},
        "level": {"const": 3},
        "anything": {},
        "both": {"type": ["integer", "string"]},
        "place": {"$ref": "#/$defs/Place"},
        "nothing": {"type": "null"},
    },
    "$defs": {
        "Numbers": {"anyOf": [{"type": "null"}, {"type": "array", "items": {"type": "integer"}}]},
        "Place": {"type": "object"},
    },
    "additionalProperties": False,
}


def read(*words: str, schema: Any = SCHEMA) -> dict[str, Any]:
    return read_arguments("try", schema, words)


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("text=5", "5"),
        ("text=", ""),
        ("text=a=b:=c", "a=b:=c"),
        ("text=true", "true"),
        ("text=@@home", "@home"),
        ("text=two\nlines", "two\nlines"),
        ("maybe=null", "null"),
        ("maybe:=null", None),
        ("count=5", 5),
        ("count=5.0", 5.0),
        ("limit=null", None),
        ("ratio=5", 5),
        ("ratio=-1.5e3", -1500.0),
        ("flag=true", True),
        ("flag=False", False),
        ("tags=a", ["a"]),
        ("tags=5", ["5"]),
        ('tags=["a","b"]', ["a", "b"]),
        ("numbers=5", [5]),
        ("numbers=[5,6]", [5, 6]),
        ("numbers=null", None),
        ('filter={"a":1}', {"a": 1}),
        ("color=red", "red"),
        ("level=3", 3),
        ("anything=5", 5),
        ("anything=five", "five"),
        ("both=5", "5"),
        ("both:=5", 5),
        ('place={"x":1}', {"x": 1}),
    ],
)
def test_values_follow_the_schema(word: str, value: Any) -> None:
    (found,) = read(word).values()
    assert found == value
    assert type(found) is type(value)


def test_a_key_given_several_times_is_a_list() -> None:
    assert read("tags=a", "tags=b", "numbers=1", "numbers=2") == {"tags": ["a", "b"], "numbers": [1, 2]}


def test_the_text_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "query.sql").write_text("\ufeffselect 'ä'\n", encoding="utf-8")
    (tmp_path / "numbers.json").write_text("[1, 2]", encoding="utf-8")
    assert read(f"text=@{tmp_path}/query.sql") == {"text": "select 'ä'\n"}
    assert read(f"numbers=@{tmp_path}/numbers.json") == {"numbers": [1, 2]}


def test_the_text_of_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("select 1"))
    assert read("text=@-") == {"text": "select 1"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["text"], "'text' is no argument; write key=value"),
        (["=x"], "is no argument"),
        (["txt=x"], "Tool 'try' has no argument 'txt'. Did you mean 'text'"),
        (["zzzzzz=x"], "has no argument 'zzzzzz'; it takes text, maybe, count"),
        (["count=x"], "Argument 'count' takes integer as JSON, not 'x'"),
        (["count=5.5"], "takes integer"),
        (["count=NaN"], "takes integer"),
        (["limit=x"], "takes integer, null"),
        (["flag=maybe"], "takes boolean"),
        (["filter=x"], "takes object"),
        (["filter=[1]"], "takes object"),
        (["numbers=x"], "takes integer"),
        (["nothing=x"], "takes null"),
        (["count=1", "count=2"], "given 2 times and is no list"),
        (["count:=x"], "count:= takes JSON"),
        (["count:=1", "count=2"], "given both as count= and as count:="),
        (["text=@/no/such/file"], "the file '/no/such/file' cannot be read: No such file"),
        (["text=\udcff"], "not valid UTF-8"),
        (["count=" + "[" * 100_000], "takes integer"),
    ],
)
def test_mistakes_are_sentences(words: list[str], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        read(*words)


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="not text in UTF-8"):
        read(f"text=@{tmp_path}/binary")


def test_what_is_missing_is_named() -> None:
    schema = {"properties": {"a": {}, "b": {}, "c": {}}, "required": ["a", "b", "c"]}
    with pytest.raises(UsageError, match="Tool 'try' needs a, b, c; write a=VALUE"):
        read(schema=schema)
    with pytest.raises(UsageError, match="needs a, c;"):
        read("b=1", schema=schema)


def test_other_arguments_where_the_schema_takes_them() -> None:
    assert read("x=5", schema={}) == {"x": 5}
    assert read("x=5", schema=True) == {"x": 5}
    assert read("x=5", schema={"properties": {"a": {}}, "additionalProperties": True}) == {"x": 5}
    with pytest.raises(UsageError, match="has no argument 'x'"):
        read("x=5", schema={"properties": {"a": {}}})
    with pytest.raises(UsageError, match="it takes none"):
        read("x=5", schema={"properties": {}, "additionalProperties": False})


@pytest.mark.parametrize(
    ("schema", "kinds"),
    [
        ({"type": "string"}, {"string"}),
        ({"allOf": [{"type": ["string", "null"]}, {"type": "string"}]}, {"string"}),
        ({"oneOf": [{"type": "string"}, {"const": None}]}, {"string", "null"}),
        ({"enum": [1, "a", 1.5, [], {}, True]}, {"integer", "number", "string", "array", "object", "boolean"}),
        ({"$ref": "#/$defs/Place"}, {"object"}),
    ],
)
def test_kinds(schema: Any, kinds: set[str]) -> None:
    assert kinds_of(schema, SCHEMA) == kinds


@pytest.mark.parametrize(
    "schema", [None, True, {}, {"$ref": "#/$defs/Gone"}, {"$ref": "http://example.com"}, {"$ref": 5}, {"$ref": "#"}]
)
def test_a_schema_that_says_nothing_allows_everything(schema: Any) -> None:
    assert len(kinds_of(schema, {"$ref": "#"})) == 7


def test_json_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_json('{"a": [1]}') == {"a": [1]}
    monkeypatch.setattr(sys, "stdin", io.StringIO('{"b": 2}'))
    assert read_json("-") == {"b": 2}


@pytest.mark.parametrize("text", ["{", "[1]", "5", '{"a": NaN}', "[" * 100_000])
def test_json_arguments_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="--json"):
        read_json(text)


def test_words_are_taken_apart_at_the_first_sign() -> None:
    assert split_word("a=b:=c") == ("a", False, "b:=c")
    assert split_word("a:=b=c") == ("a", True, "b=c")


def test_text_that_is_text() -> None:
    check_text("鑿")
