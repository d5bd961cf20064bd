"""Header values: the specification's own examples, its rules for annotations, and round trips."""

import base64
import contextlib
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from dragoman.errors import HeaderMismatch, InvalidParams, UsageError
from dragoman.protocol.headers import ParameterHeader, check, decode_value, encode_value, plan, render

HEADER = "Mcp-Param-Text"


def sentinel(value: bytes) -> bytes:
    return b"=?base64?" + base64.b64encode(value) + b"?="


# Streamable HTTP, Value Encoding, Encoding examples.
EXAMPLES = [
    ("us-west1", "us-west1"),
    ("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="),
    (" padded ", "=?base64?IHBhZGRlZCA=?="),
    ("line1\nline2", "=?base64?bGluZTEKbGluZTI=?="),
    ("=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="),
]


@pytest.mark.parametrize(("value", "encoded"), EXAMPLES)
def test_the_examples_of_the_specification(value: str, encoded: str) -> None:
    assert encode_value(value) == encoded
    assert decode_value(encoded.encode(), HEADER) == value


def test_the_examples_are_those_of_the_page(shared_data: Any) -> None:
    page = (shared_data / "handbook/specification/basic/transports/streamable-http.md").read_text("utf-8")
    rows = [line.split("|") for line in page.splitlines() if line.startswith('| `"')]
    found = [(row[1].strip().strip("`")[1:-1], row[3].strip().strip("`").partition(": ")[2]) for row in rows]
    assert [(value.replace("\\n", "\n"), encoded) for value, encoded in found] == EXAMPLES


@pytest.mark.parametrize(
    "value", ["a", "a b", "a\tb", "!~", "=?", "=?base64?abc", "abc?=", "=?BASE64?YQ==?=", "x" * 9000]
)
def test_plain_values_stay_as_they_are(value: str) -> None:
    assert encode_value(value) == value
    assert decode_value(value.encode(), HEADER) == value


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "\t",
        " a",
        "a ",
        "\ta",
        "a\t",
        "a\r\nX: y",
        "a\x00b",
        "a\x7fb",
        "é",
        "\x85",
        "=?base64??=",
        "=?base64?=",
    ],
)
def test_other_values_are_encoded(value: str) -> None:
    encoded = encode_value(value)
    assert encoded == sentinel(value.encode()).decode()
    assert decode_value(encoded.encode(), HEADER) == value


@given(st.text())
def test_what_is_encoded_is_decoded(value: str) -> None:
    encoded = encode_value(value)
    assert encoded.isascii()
    assert encoded.isprintable() or "\t" in encoded
    assert encoded == encoded.strip()
    assert decode_value(b" \t" + encoded.encode() + b"\t ", HEADER) == value


@given(st.binary(max_size=60))
def test_decoding_takes_or_refuses(sent: bytes) -> None:
    for value in (sent, b"=?base64?" + sent + b"?=", sentinel(sent)):
        with contextlib.suppress(HeaderMismatch):
            decode_value(value, HEADER)


@pytest.mark.parametrize("sent", [b" us-west1", b"us-west1 ", b"\t us-west1 \t"])
def test_white_space_around_a_value_does_not_count(sent: bytes) -> None:
    assert decode_value(sent, HEADER) == "us-west1"


def test_an_empty_value_is_empty() -> None:
    assert decode_value(b"", HEADER) == ""
    assert decode_value(b" \t ", HEADER) == ""


@pytest.mark.parametrize(
    "sent", [b"\xc3\xa9", b"a\x00", b"a\x0bb", b"\x0ba", b"a\rb", b"a\nb", b"\x7f", b"\x1b[2J", b"\xff", b"a\xc2\xa0"]
)
def test_characters_that_no_header_may_hold(sent: bytes) -> None:
    with pytest.raises(HeaderMismatch, match="Mcp-Param-Text has characters") as caught:
        decode_value(sent, HEADER)
    assert (caught.value.code, caught.value.status) == (-32020, 400)


@pytest.mark.parametrize(
    "inner",
    [
        b"YR==",
        b"YWRk=",
        b"YQ",
        b"YQ=",
        b"YQ===",
        b"Y=Q=",
        b"Y Q=",
        b"YQ==YQ==",
        b"-_-_",
        b"@@@@",
        b"=",
        b"?",
        b"YQ==\t",
        b"//8=",
        b"7aCA",
    ],
)
def test_broken_base64_is_no_text(inner: bytes) -> None:
    with pytest.raises(HeaderMismatch, match="not valid Base64 of UTF-8"):
        decode_value(b"=?base64?" + inner + b"?=", HEADER)


def test_the_markers_are_case_sensitive_and_do_not_overlap() -> None:
    for value in ("=?Base64?YQ==?=", "=?base64?YQ==", "=?base64?=", "=?base64?YQ==?= ;"):
        assert decode_value(value.encode(), HEADER) == value


def one(node: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"region": node}, **more}


def test_a_plan_names_header_and_path() -> None:
    schema = {
        "type": "object",
        "properties": {
            "region": {"type": "string", "x-mcp-header": "Region"},
            "query": {"type": "string"},
            "place": {
                "type": "object",
                "properties": {
                    "floor": {"type": "integer", "x-mcp-header": "floor-no"},
                    "lift": {"type": "object", "properties": {"up": {"type": "boolean", "x-mcp-header": "UP"}}},
                },
            },
            "anything": True,
        },
    }
    assert plan(schema, "t") == (
        ParameterHeader(b"mcp-param-region", "Mcp-Param-Region", ("region",)),
        ParameterHeader(b"mcp-param-floor-no", "Mcp-Param-floor-no", ("place", "floor")),
        ParameterHeader(b"mcp-param-up", "Mcp-Param-UP", ("place", "lift", "up")),
    )


@pytest.mark.parametrize(
    "schema", [{}, {"type": "object"}, {"properties": []}, {"properties": {"a": True}}, True, None, []]
)
def test_most_schemas_have_no_plan(schema: Any) -> None:
    assert plan(schema, "t") == ()


@pytest.mark.parametrize(
    "name", ["", " ", "A B", "A:B", "A\r\nB", "A\n", "É", "a\x00", "(a)", "a/b", "a@b", '"a"', None, 1, True, ["A"], {}]
)
def test_a_name_is_a_token(name: Any) -> None:
    with pytest.raises(UsageError, match=r"tool 't', parameter 'region': x-mcp-header must be a header token"):
        plan(one({"type": "string", "x-mcp-header": name}), "t")


def test_every_token_character_may_be_in_a_name() -> None:
    name = "!#$%&'*+-.^_`|~09AZaz"
    assert plan(one({"type": "string", "x-mcp-header": name}), "t")[0].field == b"mcp-param-" + name.lower().encode()


def test_names_differ_by_more_than_case() -> None:
    nodes = {"a": {"type": "string", "x-mcp-header": "Region"}, "b": {"type": "string", "x-mcp-header": "rEGION"}}
    with pytest.raises(UsageError, match="parameter 'b': x-mcp-header 'rEGION' is used twice"):
        plan({"type": "object", "properties": nodes}, "t")


@pytest.mark.parametrize(
    "node",
    [
        {"type": "number"},
        {"type": "object"},
        {"type": "array"},
        {"type": "null"},
        {},
        {"$ref": "#/$defs/A"},
        {"type": ["string", "null"]},
        {"anyOf": [{"type": "string"}]},
        {"const": "a"},
        {"type": {}},
        {"type": None},
    ],
    ids=repr,
)
def test_only_primitive_parameters_are_mirrored(node: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="type string, integer or boolean"):
        plan(one({**node, "x-mcp-header": "Region"}), "t")


NODE = {"type": "string", "x-mcp-header": "Region"}


@pytest.mark.parametrize(
    "schema",
    [
        NODE,
        one({"type": "array", "items": NODE}),
        one({"type": "array", "prefixItems": [NODE]}),
        one({"type": "array", "contains": NODE}),
        one({"type": "object", "additionalProperties": NODE}),
        one({"type": "object", "patternProperties": {"^a": NODE}}),
        one({"type": "object", "dependentSchemas": {"a": NODE}}),
        one({"anyOf": [NODE, {"type": "null"}]}),
        one({"oneOf": [NODE]}),
        one({"allOf": [{"properties": {"a": NODE}}]}),
        one({"not": NODE}),
        one({}, **{"if": {"properties": {"a": NODE}}}),
        one({}, then=NODE),
        one({}, **{"else": {"allOf": [[NODE]]}}),
        one({"$ref": "#/$defs/A"}, **{"$defs": {"A": NODE}}),
        one({"$ref": "#/definitions/A"}, definitions={"A": NODE}),
        one({"$ref": "#/$defs/A"}, **{"$defs": {"A": {"type": "object", "properties": {"a": NODE}}}}),
        one({}, unknownKeyword={"deep": [{"er": NODE}]}),
    ],
    ids=repr,
)
def test_an_annotation_is_reached_by_properties_alone(schema: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="tool 't': x-mcp-header stands where no chain of properties leads"):
        plan(schema, "t")


def test_a_property_or_a_value_of_that_name_is_no_annotation() -> None:
    schema = one(
        {"type": "string", "x-mcp-header": "Region", "default": {"x-mcp-header": 1}, "enum": [{"x-mcp-header": 1}]},
        examples=[{"x-mcp-header": "a"}],
        const={"x-mcp-header": "b"},
        patternProperties={"x-mcp-header": {"type": "string"}},
    )
    schema["properties"]["x-mcp-header"] = {"type": "string"}
    assert [header.name for header in plan(schema, "t")] == ["Mcp-Param-Region"]
    schema["properties"]["x-mcp-header"]["x-mcp-header"] = "Other"
    assert [header.name for header in plan(schema, "t")] == ["Mcp-Param-Region", "Mcp-Param-Other"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("us-west1", "us-west1"),
        ("", ""),
        (42, "42"),
        (-7, "-7"),
        (0, "0"),
        (2**60, str(2**60)),
        (42.0, "42"),
        (-0.0, "0"),
        (1.5, "1.5"),
        (True, "true"),
        (False, "false"),
        (None, None),
        ({}, None),
        ([1], None),
    ],
)
def test_values_as_headers_say_them(value: Any, expected: str | None) -> None:
    assert render(value) == expected


PLAN = plan({"type": "object", "properties": {"p": {"type": "string", "x-mcp-header": "P"}}}, "t")
NESTED = plan(one({"type": "object", "properties": {"p": {"type": "integer", "x-mcp-header": "P"}}}), "t")


def raw(arguments: Any) -> Raw:
    return Raw(json.dumps(arguments).encode())


def matches(value: Any, sent: bytes | None) -> bool:
    headers = {b"mcp-param-q": b"another"}
    if sent is not None:
        headers[b"mcp-param-p"] = sent
    try:
        check(PLAN, raw({"p": value}), headers)
    except HeaderMismatch:
        return False
    return True


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("us-west1", b"us-west1"),
        ("us-west1", b" us-west1\t"),
        ("us-west1", sentinel(b"us-west1")),
        ("Grüße", sentinel("Grüße".encode())),
        ("=?base64?YQ==?=", sentinel(b"=?base64?YQ==?=")),
        ("", b""),
        ("", b"  "),
        ("", sentinel(b"")),
        ("true", b"true"),
        ("42", b"42"),
        ("null", b"null"),
        (True, b"true"),
        (False, b"false"),
        (42, b"42"),
        (42, b"42.0"),
        (42, b"042"),
        (42, sentinel(b"42")),
        (-7, b"-7"),
        (-7, b"-7.000"),
        (0, b"-0"),
        (42.0, b"42"),
        (42.0, b"42.0"),
        (1.5, b"1.5"),
        (2**53 - 1, b"9007199254740991"),
        (-(2**53) + 1, b"-9007199254740991.0"),
        (None, None),
        ([1], None),
        ({"a": 1}, None),
    ],
)
def test_a_header_that_says_what_the_body_says(value: Any, sent: bytes | None) -> None:
    assert matches(value, sent)


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("us-west1", None),
        ("", None),
        (0, None),
        (False, None),
        (42.0, None),
        (1.5, None),
        ("us-west1", b"US-WEST1"),
        ("us-west1", b"us-west2"),
        ("us-west1", b""),
        ("a b", b"a  b"),
        ("Grüße", "Grüße".encode()),
        ("Grüße", "Grüße".encode("latin-1")),
        ("=?base64?YQ==?=", b"=?base64?YQ==?="),
        ("a", b"=?base64?YQ?="),
        ("a", b"a\x00"),
        ("42", b"42.0"),
        ("true", b"True"),
        (True, b"1"),
        (True, b"True"),
        (True, b"1.0"),
        (False, b"0"),
        (1, b"true"),
        (42, b"43"),
        (42, b"42.1"),
        (42, b"4.2e1"),
        (42, b"+42"),
        (42, b"0x2a"),
        (42, b"4_2"),
        (42, b"42."),
        (42, "٤٢".encode()),
        (42, sentinel("٤٢".encode())),
        (42, b""),
        (42, b"9" * 100),
        (2**53, b"9007199254740992"),
        (-(2**53), b"-9007199254740992"),
        (2**60, b"1152921504606846976"),
        (1e300, b"1e+300"),
        (1.5, b"1.50"),
        (None, b"null"),
        (None, b""),
        ([1], b"[1]"),
        ({}, b"{}"),
    ],
)
def test_a_header_that_does_not(value: Any, sent: bytes | None) -> None:
    with pytest.raises(HeaderMismatch, match=r"^Header mismatch: .*Mcp-Param-P"):
        check(PLAN, raw({"p": value}), {} if sent is None else {b"mcp-param-p": sent})


@pytest.mark.parametrize(
    "arguments", [{}, {"region": {}}, {"region": None}, {"region": []}, {"region": "p"}, [], None, 5]
)
def test_nothing_is_expected_where_no_value_is(arguments: Any) -> None:
    check(NESTED, raw(arguments), {})
    with pytest.raises(HeaderMismatch, match="Mcp-Param-P does not say"):
        check(NESTED, raw(arguments), {b"mcp-param-p": b"1"})


def test_a_nested_value_is_mirrored() -> None:
    check(NESTED, raw({"region": {"p": 1}}), {b"mcp-param-p": b"1"})
    with pytest.raises(HeaderMismatch, match="the header Mcp-Param-P is missing"):
        check(NESTED, raw({"region": {"p": 1}}), {})


@pytest.mark.parametrize("value", ["1e999", "9" * 5000])
def test_arguments_that_cannot_be_read_are_the_clients_mistake(value: str) -> None:
    arguments = Raw(f'{{"p":"a","q":{value}}}'.encode())
    with pytest.raises(InvalidParams, match="the arguments cannot be read"):
        check(PLAN, arguments, {b"mcp-param-p": b"a"})


def test_headers_that_are_not_planned_are_ignored() -> None:
    check((), raw({"p": "a"}), {b"mcp-param-p": b"b\x00"})


@given(st.text() | st.integers(-(2**53) + 1, 2**53 - 1) | st.booleans())
def test_what_a_client_renders_and_encodes_is_what_the_server_checks(value: Any) -> None:
    rendered = render(value)
    assert rendered is not None
    assert matches(value, encode_value(rendered).encode())


@given(st.integers(), st.integers())
def test_integers_match_themselves_only(value: int, sent: int) -> None:
    assert matches(value, str(sent).encode()) is (value == sent and abs(value) < 2**53)


def test_a_hostile_value_is_read_in_linear_time() -> None:
    started = time.process_time()
    for sent in (b" " * 200_000 + b"\x00", b"a" + b" \t" * 100_000 + b"\x00", b"=?base64?" + b"A" * 400_000 + b"?="):
        with contextlib.suppress(HeaderMismatch):
            decode_value(sent, HEADER)
    encode_value("a " * 200_000)
    assert time.process_time() - started < 5
