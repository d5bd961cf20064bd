"""URIs and templates: RFC 3986 by segment, decoding exactly once, matching in linear time."""

import re
import time
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.errors import UsageError
from dragoman.protocol.uri import Narrowed, Template, compile_template, decode_once, is_uri, quote_path, quote_segment

SEGMENT = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-F]{2})*")  # pchar, RFC 3986 section 3.3
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


def match(template: str, uri: str) -> dict[str, str] | None:
    found = compile_template(template).match(uri)
    return None if found is None else dict(found)


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("", ""),
        ("read me.md", "read%20me.md"),
        ("a/b", "a%2Fb"),
        ("100%", "100%25"),
        ("%2e", "%252e"),
        ("a?b#c", "a%3Fb%23c"),
        ("[x]{y}", "%5Bx%5D%7By%7D"),
        ("a\\b", "a%5Cb"),
        ("Grüße", "Gr%C3%BC%C3%9Fe"),
        ("\x00\n", "%00%0A"),
        ("!$&'()*+,;=:@-._~", "!$&'()*+,;=:@-._~"),
        ('"<>^`|', "%22%3C%3E%5E%60%7C"),
    ],
)
def test_a_segment_is_quoted(text: str, quoted: str) -> None:
    assert quote_segment(text) == quoted


def test_a_path_is_quoted_by_segment() -> None:
    assert quote_path("a b/c?/ü/") == "a%20b/c%3F/%C3%BC/"
    assert quote_path("") == ""


@given(TEXTS)
def test_a_quoted_segment_is_one_segment_and_decodes_to_itself(text: str) -> None:
    quoted = quote_segment(text)
    assert SEGMENT.fullmatch(quoted)
    assert decode_once(quoted) == text
    assert unquote(quoted, errors="strict") == text


@given(TEXTS)
def test_a_quoted_path_keeps_its_slashes_and_decodes_to_itself(text: str) -> None:
    quoted = quote_path(text)
    assert quoted.count("/") == text.count("/")
    assert all(SEGMENT.fullmatch(segment) for segment in quoted.split("/"))
    assert decode_once(quoted) == text


@given(TEXTS.filter(bool), TEXTS.filter(bool))
def test_what_is_quoted_into_a_template_is_matched_out_of_it(name: str, path: str) -> None:
    uri = f"a://{quote_segment(name)}/x/{quote_path(path)}"
    assert match("a://{name}/x/{+path}", uri) == {"name": name, "path": path}
    assert match("a://{name}", f"a://{quote_segment(name)}") == {"name": name}


@pytest.mark.parametrize(
    ("text", "decoded"),
    [
        ("", ""),
        ("plain", "plain"),
        ("é", "é"),
        ("é%20", "é "),
        ("%41", "A"),
        ("%2F%2f", "//"),
        ("%252e%252e%252f", "%2e%2e%2f"),
        ("%2e%2e", ".."),
        ("%25", "%"),
        ("%2525", "%25"),
        ("%00", "\x00"),
        ("+", "+"),
        ("%C3%BC", "ü"),
        ("%F0%9F%98%80", "😀"),
    ],
)
def test_escapes_are_decoded_exactly_once(text: str, decoded: str) -> None:
    assert decode_once(text) == decoded


@pytest.mark.parametrize(
    "text",
    [
        *["%", "%4", "a%", "%zz", "%4g", "%%", "%%41", "%u0041", "% 41", "%+4", "%-1", "%４１", "%\n41", "%25%"],
        *["%FF", "%C3", "%C3%28", "%C0%80", "%ED%A0%80", "%F4%90%80%80", "é%FF", "%80%", "%41\ud800"],
    ],
)
def test_malformed_escapes_and_other_encodings_are_none(text: str) -> None:
    assert decode_once(text) is None


@given(st.text(st.sampled_from("%0aFfgé/.C3BC")))
def test_decoding_agrees_with_the_standard_library_or_refuses(text: str) -> None:
    decoded = decode_once(text)
    escapes = [text[at + 1 : at + 3] for at in range(len(text)) if text[at] == "%"]
    if any(not re.fullmatch("[0-9A-Fa-f]{2}", escape) for escape in escapes):
        assert decoded is None
    else:
        try:
            assert decoded == unquote(text, errors="strict")
        except UnicodeDecodeError:
            assert decoded is None


@pytest.mark.parametrize("text", ["a:", "config://settings", "a+b-c.d1:x", "FILE:///x", "urn:a:b"])
def test_a_uri_begins_with_a_scheme(text: str) -> None:
    assert is_uri(text)


@pytest.mark.parametrize("text", ["", ":", "://a", "a", "1a:b", "a b:c", "é:a", "/a:b", "-a:b", " a:b"])
def test_anything_else_is_none(text: str) -> None:
    assert not is_uri(text)


@pytest.mark.parametrize(
    ("template", "uri", "expected"),
    [
        ("users://{user_id}", "users://7", {"user_id": "7"}),
        ("users://{user_id}", "users://a%2Fb", {"user_id": "a/b"}),
        ("users://{user_id}", "users://%252e%252e", {"user_id": "%2e%2e"}),
        ("users://{user_id}", "users://%2e%2E", {"user_id": ".."}),
        ("users://{user_id}", "users://ü", {"user_id": "ü"}),
        ("users://{user_id}", "users://", None),
        ("users://{user_id}", "users://7/", None),
        ("users://{user_id}", "users://7/8", None),
        ("users://{user_id}", "users://7?a", None),
        ("users://{user_id}", "users://7#a", None),
        ("users://{user_id}", "users://7\n", {"user_id": "7\n"}),
        ("users://{user_id}", "users://%", None),
        ("users://{user_id}", "users://%4", None),
        ("users://{user_id}", "users://%FF", None),
        ("users://{user_id}", "USERS://7", None),
        ("users://{user_id}", "xusers://7", None),
        ("users://{user_id}", "", None),
        ("users://{id}/profile", "users://7/profile", {"id": "7"}),
        ("users://{id}/profile", "users://7/profile/", None),
        ("users://{id}/profile", "users:///profile", None),
        ("users://{id}/pro.file", "users://7/proxfile", None),
        ("files://{+path}", "files://a/b%20c/d", {"path": "a/b c/d"}),
        ("files://{path*}", "files://a/b?c#d", {"path": "a/b?c#d"}),
        ("files://{+path}", "files://a/..%2F..", {"path": "a/../.."}),
        ("files://{+path}", "files://a\nb", {"path": "a\nb"}),
        ("files://{+path}", "files://", None),
        ("files://{+path}", "files://a/%zz", None),
        ("files://{+path}/raw", "files://a/raw/raw", {"path": "a/raw"}),
        ("files://{+path}/raw", "files:///raw", None),
        ("repo://{owner}/{name}/{+path}", "repo://o/n/p/q", {"owner": "o", "name": "n", "path": "p/q"}),
        ("repo://{+path}/{name}", "repo://a/b/c", {"path": "a/b", "name": "c"}),
        ("repo://{+path}/{name}.{kind}", "repo://a.b/c.d", {"path": "a.b", "name": "c", "kind": "d"}),
        ("repo://{+path}-{name}", "repo://a-b-c", {"path": "a-b", "name": "c"}),
        ("repo://{+path}-{name}/x", "repo://a-b-c/x", {"path": "a-b", "name": "c"}),
        ("a://{x}-{y}", "a://1-2", {"x": "1", "y": "2"}),
        ("a://{x}-{y}", "a://1-2-3", {"x": "1", "y": "2-3"}),
        ("a://{x}-{y}", "a://1%2D2-3", {"x": "1-2", "y": "3"}),
        ("a://{x}..{y}", "a://1.1..2", None),
        ("a://{x}]{y}", "a://1]2", {"x": "1", "y": "2"}),
        ("a://{x}^{y}", "a://1^2", {"x": "1", "y": "2"}),
        ("a://{x}\\{y}", "a://1\\2", {"x": "1", "y": "2"}),
        ("a://{x}|{y}&&{z}", "a://1|2&&3", {"x": "1", "y": "2", "z": "3"}),
        ("a://{x}/{_y1}?q={Z}", "a://1/2?q=3", {"x": "1", "_y1": "2", "Z": "3"}),
        ("a://(b)+/{x}", "a://(b)+/1", {"x": "1"}),
        ("a://(b)+/{x}", "a://bb/1", None),
        ("{x}", None, None),
    ],
)
def test_templates(template: str, uri: str | None, expected: dict[str, str] | None) -> None:
    if uri is None:
        with pytest.raises(UsageError):
            compile_template(template)
    else:
        assert match(template, uri) == expected


def test_a_template_tells_its_parts() -> None:
    template = compile_template("repo://x/{owner}/{+path}")
    assert isinstance(template, Template)
    assert (template.text, template.prefix, template.names) == (
        "repo://x/{owner}/{+path}",
        "repo://x/",
        ("owner", "path"),
    )


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("users/{id}", "begin it with a scheme"),
        ("{scheme}://x", "begin it with a scheme"),
        ("", "begin it with a scheme"),
        ("users://all", "has no variable; register it as a resource"),
        ("users://{}", "is not one of {name}"),
        ("users://{1a}", "is not one of {name}"),
        ("users://{a b}", "is not one of {name}"),
        ("users://{a,b}", "is not one of {name}"),
        ("users://{?q}", "is not one of {name}"),
        ("users://{/a}", "is not one of {name}"),
        ("users://{#a}", "is not one of {name}"),
        ("users://{a:3}", "is not one of {name}"),
        ("users://{a-b}", "is not one of {name}"),
        ("users://{é}", "is not one of {name}"),
        ("users://{++a}", "is not one of {name}"),
        ("users://{a}/{a}", "'a' stands twice"),
        ("users://{a}/{+a}", "'a' stands twice"),
        ("users://{a}{b}", "put a character between 'a' and 'b'"),
        ("users://{+a}{b}", "put a character between 'a' and 'b'"),
        ("users://{+a}/{+b}", "only one variable may take slashes"),
        ("users://{+a}/x/{b*}", "only one variable may take slashes"),
        ("users://{a", "a brace is open or closed alone"),
        ("users://a}", "a brace is open or closed alone"),
        ("users://{{a}}", "a brace is open or closed alone"),
        ("users://{a}}/{b}", "a brace is open or closed alone"),
        ("users://}{a}{", "a brace is open or closed alone"),
    ],
)
def test_templates_that_cannot_be_compiled(template: str, words: str) -> None:
    with pytest.raises(UsageError, match=re.escape(words)) as caught:
        compile_template(template)
    assert str(caught.value).startswith(f"resource template '{template}'")


TEMPLATES = [
    "a://{x}-{y}",
    "a://{x}-{y}-{z}",
    "a://{+p}",
    "a://{+p}/raw",
    "a://{+p}/{x}",
    "a://{+p}-{x}",
    "a://{+p}-{x}-{y}",
    "a://{+p}--{x}",
    "a://{+p}-{x}/-{y}",
    "a://{x}/{+p}.{y}",
    "a://{x}-{+p}aa{y}a{z}",
]


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("unit", ["-", "/", "-a", "a", "a/", "-a/", "/-a-", ".", "%2D", "a-/", "aa/raw"])
@pytest.mark.parametrize("end", ["", "?", "#", "-", "/", "%", "\n"])
def test_matching_takes_linear_time(template: str, unit: str, end: str) -> None:
    """200,000 characters: quadratic work takes minutes, linear work milliseconds."""
    compiled = compile_template(template)
    uri = "a://" + unit * (200_000 // len(unit)) + end
    started = time.process_time()
    compiled.match(uri)
    assert time.process_time() - started < 3


@given(st.sampled_from(TEMPLATES), st.text(st.sampled_from("a-/?%2D."), max_size=30))
def test_a_match_written_back_is_the_uri(template: str, tail: str) -> None:
    uri = "a://" + tail
    found = compile_template(template).match(uri)
    if found is not None:
        written = template
        for name, value in found.items():
            written = written.replace(f"{{+{name}}}", value).replace(f"{{{name}}}", value)
        assert written == decode_once(uri)


def test_a_narrowed_template_takes_no_uri_by_another_spelling() -> None:
    whole = compile_template("shop://{item}/{+rest}")
    narrowed = Narrowed(whole, lambda uri: "secret" not in uri)
    assert narrowed.names == ("item", "rest")
    assert narrowed.match("shop://tea/a/b") == {"item": "tea", "rest": "a/b"}
    assert narrowed.match("shop://secret/a") is None
    assert narrowed.match("shop://s%65cret/a") is None
    assert Narrowed(narrowed, lambda uri: "tea" not in uri).match("shop://t%65a/a") is None
    assert narrowed.expand({"item": "a b", "rest": "c/d"}) == "shop://a%20b/c/d"
