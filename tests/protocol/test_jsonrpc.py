"""The envelope: every clause of strict JSON-RPC, in tables and against random bytes."""

import json
import time
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import UNSET, Raw

from dragoman.errors import Fault, InvalidParams, InvalidRequest, ParseFault, ResourceNotFound
from dragoman.protocol.jsonrpc import (
    ErrorBody,
    ErrorResponse,
    Message,
    Notification,
    Request,
    Response,
    check_depth,
    decode,
    encode,
    encode_error,
    is_batch,
    split_batch,
)
from tests.protocol.json_texts import JSON_LIKE, JSON_VALUES, MESSAGES, deepest, strays

DEPTH = 64
LARGEST_BODY = 4 * 2**20
PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
LONG = "é" * 256


def with_id(text: str) -> bytes:
    return b'{"jsonrpc":"2.0","id":%b,"method":"ping"}' % text.encode()


def with_value(text: str) -> bytes:
    return b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":%b}}' % text.encode()


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("1", 1),
        ("0", 0),
        ("-0", 0),
        ("-7", -7),
        ("9007199254740991", 2**53 - 1),
        ("-9007199254740991", -(2**53) + 1),
        ('""', ""),
        ('"1"', "1"),
        ('"\\u0061\\n"', "a\n"),
        ('"\\ud83d\\ude00"', "😀"),
        (f'"{LONG}"', LONG),
    ],
)
def test_an_id_is_an_integer_or_a_text(sent: str, expected: int | str) -> None:
    found = decode(with_id(sent), DEPTH).id
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    "sent",
    [
        "null",
        "true",
        "false",
        "1.0",
        "-0.0",
        "1e2",
        "1.5",
        "1e400",
        "[]",
        "[1]",
        "{}",
        "9007199254740992",
        "-9007199254740992",
        "9" * 5000,
        f'"{LONG}é"',
        '"' + "a" * 257 + '"',
    ],
    ids=lambda sent: sent[:20],
)
def test_an_id_is_nothing_else(sent: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^Invalid request: ") as caught:
        decode(with_id(sent), DEPTH)
    assert caught.value.code == -32600
    assert len(caught.value.message) < 300


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" \r\n\t",
        b"\xef\xbb\xbf" + PING,
        PING.decode().encode("utf-16"),
        PING.decode().encode("utf-16-le"),
        PING.decode().encode("utf-16-be"),
        PING.decode().encode("utf-32"),
        PING.decode().encode("utf-32-le"),
        PING + b"x",
        PING + b",",
        PING + b"\x00",
        PING + PING,
        PING + b"\n" + PING,
        PING + b" // comment",
        b"/* comment */" + PING,
        b"\x0c" + PING,
        b"\xc2\xa0" + PING,
        PING[:-1],
        PING[:-1] + b",}",
        PING.replace(b'"', b"'"),
        PING.replace(b'"id"', b"id"),
        PING.replace(b":1,", b":01,"),
        PING.replace(b":1,", b":+1,"),
        PING.replace(b":1,", b":NaN,"),
        PING.replace(b"ping", b"pi\nng"),
        PING.replace(b"ping", b"pi\x00ng"),
        PING.replace(b"ping", b"\\x41"),
        PING.replace(b"ping", b"\\ud800"),
        PING.replace(b"ping", b"\\udc00"),
        PING.replace(b"ping", b"\\ud800\\ud800"),
        PING.replace(b"ping", b"\\ud800a"),
        b'{"jsonrpc":"2.0","id":"\\ud800","method":"ping"}',
        b"NaN",
        b"undefined",
        b"]",
        b"}",
        b'"',
    ],
)
def test_what_is_not_json_is_a_parse_error(body: bytes) -> None:
    with pytest.raises(ParseFault, match=r"^Parse error: ") as caught:
        decode(body, DEPTH)
    assert caught.value.code == -32700


@pytest.mark.parametrize(
    "value",
    """NaN Infinity -Infinity nan 01 -01 1. .5 1e 1e+ - -- +1 0x1 1_000 nul True tru [1,] {"a":1,} [,] [1 [1}
    {1:2} {a:1} {"a"} {"a":} 1;2 "\\x" "\\uZZZZ" "\\u12" "\\ud800" "\\udc00" "\\ud800\\u0041" 'a' `a` "a""".split(),
)
def test_parameters_are_json_too_though_nobody_has_asked_for_them(value: str) -> None:
    with pytest.raises(ParseFault):
        decode(with_value(value), DEPTH)


@pytest.mark.parametrize("value", ['"\x01"', '"\t"', '"\n"', '"\x1f"'])
def test_control_characters_are_escaped_inside_parameters(value: str) -> None:
    with pytest.raises(ParseFault):
        decode(with_value(value), DEPTH)


@pytest.mark.parametrize("value", ["1e999", "-1e999", "9" * 5000, "1" + "0" * 4000 + ".5"])
def test_numbers_that_no_double_holds_are_refused_when_the_parameters_are_read(value: str) -> None:
    message = decode(with_value(value), DEPTH)
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(message.params)


@pytest.mark.parametrize(
    "bad",
    [b"\xff", b"\xc3", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf0\x82\x82\xac", b"\x80", b"\xfe"],
)
@pytest.mark.parametrize(
    "body",
    [
        b'{"jsonrpc":"2.0","id":1,"method":"%b"}',
        b'{"jsonrpc":"2.0","id":"%b","method":"ping"}',
        b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":"%b"}}',
        b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"%b":1}}',
        b'{"jsonrpc":"2.0","id":1,"method":"ping","unknown":"%b"}',
        b'{"jsonrpc":"2.0","id":1,"method":"ping","%b":1}',
        b'{"jsonrpc":"2.0","id":1,"method":"ping"}%b',
        b'%b{"jsonrpc":"2.0","id":1,"method":"ping"}',
    ],
)
def test_invalid_utf_8_is_found_anywhere(body: bytes, bad: bytes) -> None:
    with pytest.raises(ParseFault, match="not UTF-8"):
        decode(body % bad, DEPTH)


def test_valid_utf_8_passes() -> None:
    assert decode('{"jsonrpc":"2.0","id":"世界","method":"grüße"}'.encode(), DEPTH).id == "世界"


def test_a_duplicate_key_is_decided_last_wins_everywhere() -> None:
    body = b'{"id":0,"jsonrpc":"2.0","method":"a","params":{"x":1},"id":9,"params":{"x":2,"x":3},"method":"b"}'
    message = decode(body, DEPTH)
    assert (message.method, message.id) == ("b", 9)
    assert msgspec.json.decode(message.params) == {"x": 3}
    assert json.loads(body) == {
        "jsonrpc": "2.0",
        "id": message.id,
        "method": message.method,
        "params": msgspec.json.decode(message.params),
    }


@pytest.mark.parametrize(
    "body",
    [
        b'{"jsonrpc":"2.0","id":1,"id":null,"method":"a"}',
        b'{"jsonrpc":"2.0","id":null,"id":1,"method":"a"}',
        b'{"jsonrpc":"1.0","jsonrpc":"2.0","id":1,"method":"a"}',
        b'{"jsonrpc":"2.0","id":1,"method":"a","method":5}',
    ],
)
def test_no_duplicate_hides_a_bad_value(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        decode(body, DEPTH)


def test_an_escaped_key_is_the_key() -> None:
    message = decode(b'{"jsonrpc":"2.0","\\u0069d":1,"\\u006dethod":"a","params":{},"p\\u0061rams":{"x":1}}', DEPTH)
    assert (message.method, message.id, bytes(message.params)) == ("a", 1, b'{"x":1}')


@pytest.mark.parametrize("key", ["Method", "METHOD", "method ", "meth\u00f6d", "\u1e3fethod", "method\\u0000"])
def test_method_has_one_spelling(key: str) -> None:
    with pytest.raises(InvalidRequest, match="a method"):
        decode(f'{{"jsonrpc":"2.0","id":1,"{key}":"ping"}}'.encode(), DEPTH)


@pytest.mark.parametrize("key", ["ID", "Id", "iD", "\u0131d", "i\u217e"])
def test_id_has_one_spelling(key: str) -> None:
    assert decode(f'{{"jsonrpc":"2.0","{key}":1,"method":"ping"}}'.encode(), DEPTH).id is UNSET


@pytest.mark.parametrize("key", ["Params", "param\u017f", "PARAMS", "params\u200b"])
def test_params_has_one_spelling(key: str) -> None:
    message = decode(f'{{"jsonrpc":"2.0","id":1,"method":"ping","{key}":{{"a":1}}}}'.encode(), DEPTH)
    assert bytes(message.params) == b"{}"


@pytest.mark.parametrize("key", ["JSONRPC", "jsonRpc", "j\u017fonrpc"])
def test_the_version_has_one_spelling(key: str) -> None:
    with pytest.raises(InvalidRequest, match="jsonrpc"):
        decode(f'{{"{key}":"2.0","id":1,"method":"ping"}}'.encode(), DEPTH)


@pytest.mark.parametrize("version", ['"1.0"', '"2"', "2.0", "2", "null", '"2.0 "', '"' + "v" * LARGEST_BODY + '"'])
def test_the_version_is_2_0(version: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode(f'{{"jsonrpc":{version},"id":1,"method":"ping"}}'.encode(), DEPTH)
    assert len(caught.value.message) < 300


@pytest.mark.parametrize("method", ["5", "null", "true", "[]", "{}", '"' + "m" * 257 + '"'])
def test_a_method_is_a_short_text(method: str) -> None:
    with pytest.raises(InvalidRequest):
        decode(f'{{"jsonrpc":"2.0","id":1,"method":{method}}}'.encode(), DEPTH)


@pytest.mark.parametrize("body", [b"5", b"null", b"true", b'"a"', b"1.5", b"{}"])
def test_json_that_is_no_message_is_an_invalid_request(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        decode(body, DEPTH)


@pytest.mark.parametrize(
    "members",
    [
        "",
        '"id":1',
        '"params":{}',
        '"result":{}',
        '"error":{"code":1,"message":"m"}',
        '"id":1,"result":{},"error":{"code":1,"message":"m"}',
        '"id":1,"method":"ping","result":{}',
        '"id":1,"method":"ping","error":{"code":1,"message":"m"}',
        '"method":"ping","result":{},"error":{"code":1,"message":"m"}',
    ],
)
def test_a_message_is_of_one_kind(members: str) -> None:
    comma = "," if members else ""
    with pytest.raises(InvalidRequest, match="one of result and error"):
        decode(f'{{"jsonrpc":"2.0"{comma}{members}}}'.encode(), DEPTH)


def test_the_kinds_of_message() -> None:
    request = decode(b' \r\n\t{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":[1]},"more":1} \n', DEPTH)
    assert request.method == "m"
    assert request.id == 1
    assert bytes(request.params) == b'{"a":[1]}'
    notification = decode(b'{"jsonrpc":"2.0","method":"n"}', DEPTH)
    assert notification.id is UNSET
    assert bytes(notification.params) == b"{}"
    response = decode(b'{"jsonrpc":"2.0","id":"a","result":{"b":1}}', DEPTH)
    assert response.method is UNSET
    assert isinstance(response.result, Raw)
    assert bytes(response.result) == b'{"b":1}'
    error = decode(b'{"jsonrpc":"2.0","id":"a","error":{"code":-32601,"message":"no"}}', DEPTH)
    assert isinstance(error.error, Raw)
    assert msgspec.json.decode(error.error, type=ErrorBody) == ErrorBody(-32601, "no")


def nested(depth: int, *, inside: str = "") -> bytes:
    """A request that nests so deep, itself and its parameters counted."""
    opens = '{"a":' * (depth // 2) + "[" * (depth - depth // 2)
    closes = "]" * (depth - depth // 2) + "}" * (depth // 2)
    whole = opens.replace('{"a":', '{"jsonrpc":"2.0","method":"m","params":', 1) + inside + closes
    return whole.encode()


@pytest.mark.parametrize("depth", [8, 9, 64, 65, 200])
def test_the_depth_limit_is_exact(depth: int) -> None:
    assert decode(nested(depth), depth).method == "m"
    with pytest.raises(InvalidRequest, match=f"deeper than {depth} levels"):
        decode(nested(depth + 1), depth)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 500,
        "{[" * 500 + "]}" * 500,
        '\\"' + "[" * 500,
        "\\\\",
        "[" * 100 + '\\\\\\"' + "{" * 100,
        '\\\\\\\\\\"[[' * 100,
        "]" * 500,
        "",
    ],
)
def test_brackets_in_strings_do_not_count(text: str) -> None:
    inside = f'"{text}",["{text}"],{{"{text}":"{text}"}}'
    body = nested(10, inside=inside)
    assert json.loads(body)
    assert decode(body, 11).method == "m"
    with pytest.raises(InvalidRequest, match="deeper than 10 levels"):
        decode(body, 10)


def test_a_string_does_not_hide_brackets() -> None:
    for inside in ('"\\\\"', '"\\\\\\\\"', '"a","\\\\"', '"\\"\\\\"'):
        body = nested(10, inside=inside + "," + "[" * 60 + "]" * 60)
        assert json.loads(body)
        with pytest.raises(InvalidRequest, match="deeper than 64 levels"):
            decode(body, DEPTH)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * LARGEST_BODY,
        b"{" * LARGEST_BODY,
        b'{"a":' * (LARGEST_BODY // 5),
        b'{"jsonrpc":"2.0","id":1,"method":"m","params":' + b"[" * LARGEST_BODY,
        b"[]" * (LARGEST_BODY // 2),
        b'[""]' * (LARGEST_BODY // 4),
        b'"' * LARGEST_BODY,
        b'"[' * (LARGEST_BODY // 2),
        b'"["[]' * (LARGEST_BODY // 5),
        b"[" * 65 + b'"' + b'\\"' * (LARGEST_BODY // 2),
        b"[" * 65 + b'\\"' * (LARGEST_BODY // 2),
        b"[" * 65 + b"\\" * LARGEST_BODY,
        b"[" * 65 + b'"' + b"a" * LARGEST_BODY,
    ],
    ids=lambda body: f"{body[:8]!r}..{body[-8:]!r}",
)
def test_the_largest_hostile_body_is_refused_soon(body: bytes) -> None:
    """Quadratic work on 4 MiB takes hours, linear work a tenth of a second."""
    started = time.process_time()
    with pytest.raises((ParseFault, InvalidRequest)):
        decode(body, DEPTH)
    assert time.process_time() - started < 5


def test_a_limit_beyond_the_recursion_of_the_parser_is_no_crash() -> None:
    with pytest.raises(InvalidRequest, match="nests too deep"):
        decode(nested(200_000), 10**6)


@pytest.mark.parametrize(
    ("body", "expected"),
    [(b"[]", True), (b" \t\r\n[", True), (b"{}", False), (b"", False), (b'"["', False), (b"\xef\xbb\xbf[]", False)],
)
def test_a_batch_is_an_array(body: bytes, expected: bool) -> None:
    assert is_batch(body) is expected


def test_a_batch_where_there_are_none_says_so() -> None:
    with pytest.raises(InvalidRequest, match="no batches"):
        decode(b"[%b]" % PING, DEPTH)


def test_a_batch_is_taken_apart() -> None:
    parts = split_batch(b' [%b , 5,"a" ,\n[1],{"b" : null} ] ' % PING, DEPTH, 5)
    assert parts == [PING, b"5", b'"a"', b"[1]", b'{"b" : null}']
    assert decode(parts[0], DEPTH).method == "ping"


@pytest.mark.parametrize(
    ("body", "fault", "words"),
    [
        (b"[]", InvalidRequest, "empty"),
        (b"[%b]" % b",".join([PING] * 4), InvalidRequest, "has 4 messages; at most 3"),
        (b"[[1]]", InvalidRequest, "deeper than 1 levels"),
        (b"[1,2", ParseFault, "Parse error"),
        (b"[1] 2", ParseFault, "Parse error"),
        (b'["\xff"]', ParseFault, "not UTF-8"),
        (b"[NaN]", ParseFault, "Parse error"),
        (b"[1,]", ParseFault, "Parse error"),
        (b"{}", InvalidRequest, "Expected `array`"),
    ],
)
def test_a_batch_that_cannot_be_taken_apart(body: bytes, fault: type[Fault], words: str) -> None:
    with pytest.raises(fault, match=words):
        split_batch(body, 0 if body == b"[[1]]" else DEPTH, 3)


def test_a_batch_may_hold_messages_of_the_full_depth() -> None:
    assert decode(split_batch(b"[%b]" % nested(DEPTH), DEPTH, 1)[0], DEPTH).method == "m"
    with pytest.raises(InvalidRequest, match="deeper than 65 levels"):
        split_batch(b"[%b]" % nested(DEPTH + 1), DEPTH, 1)


def test_what_is_sent() -> None:
    assert encode(Response(1, Raw(b'{"a":1}'))) == b'{"jsonrpc":"2.0","id":1,"result":{"a":1}}'
    assert encode(Notification("n", {"a": 1})) == b'{"jsonrpc":"2.0","method":"n","params":{"a":1}}'
    assert encode(Request("x", "m", {})) == b'{"jsonrpc":"2.0","id":"x","method":"m","params":{}}'
    assert encode(ErrorResponse(UNSET, ErrorBody(-1, "m"))) == b'{"jsonrpc":"2.0","error":{"code":-1,"message":"m"}}'


def test_an_error_carries_the_id_the_code_of_the_revision_and_its_data() -> None:
    fault = ResourceNotFound("a://b")
    assert json.loads(encode_error(fault, "x", -32002)) == {
        "jsonrpc": "2.0",
        "id": "x",
        "error": {"code": -32002, "message": "Resource not found", "data": {"uri": "a://b"}},
    }
    assert json.loads(encode_error(InvalidParams("bad"), UNSET, -32602)) == {
        "jsonrpc": "2.0",
        "error": {"code": -32602, "message": "bad"},
    }


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"jsonrpc":"2.0","id":7,"method":5}', 7),
        (b'{"jsonrpc":"2.0","method":5,"id":"x"}', "x"),
        (b'{"jsonrpc":"1.0","id":7,"method":"m"}', 7),
        (b'{"id":7,"method":"m"}', 7),
        (b'{"jsonrpc":"2.0","id":7}', 7),
        (b'{"jsonrpc":"2.0","id":0,"result":{},"error":{}}', 0),
        (b'{"jsonrpc":"2.0","id":8,"method":5,"id":7}', 7),
        (b'{"jsonrpc":"2.0","method":5}', None),
        (b'{"jsonrpc":"2.0"}', None),
        (b'{"jsonrpc":"2.0","id":null,"method":5}', None),
        (b'{"jsonrpc":"2.0","id":1.5,"method":"m"}', None),
        (b'{"jsonrpc":"2.0","method":5,"id":true}', None),
        (b'{"jsonrpc":"2.0","id":7,"method":5', None),
        (b'{"jsonrpc":"2.0","id":7,"method":"\xff"}', None),
        (b'{"jsonrpc":"2.0","id":7,"method":"m"}}', None),
        (b"[1]", None),
        (b"5", None),
    ],
)
def test_the_answer_to_a_bad_request_names_it_where_it_can_be_read(body: bytes, expected: int | str | None) -> None:
    with pytest.raises(Fault) as caught:
        decode(body, DEPTH)
    sent = json.loads(encode_error(caught.value, UNSET, caught.value.code))
    assert caught.value.request_id == expected
    assert sent.get("id") == expected
    assert ("id" in sent) is (expected is not None)


def test_the_id_that_was_read_goes_before_the_one_a_fault_knows() -> None:
    fault = InvalidRequest("m")
    fault.request_id = 7
    assert json.loads(encode_error(fault, 8, fault.code))["id"] == 8


def is_too_deep(body: bytes, depth: int) -> bool:
    try:
        check_depth(body, depth)
    except InvalidRequest:
        return True
    return False


@given(JSON_LIKE, st.integers(0, 6))
@example(b'"\\\\"[[', 1)
@example(b'"\\\\\\"[["', 0)
@example(b'"["""[', 0)
def test_check_depth_agrees_with_a_reader_of_single_characters(body: bytes, depth: int) -> None:
    if strays(body):
        is_too_deep(body, depth)
    else:
        assert is_too_deep(body, depth) is (deepest(body) > depth)


@given(JSON_VALUES, st.booleans())
def test_check_depth_is_exact_on_json(value: Any, ascii_only: bool) -> None:
    body = json.dumps(value, ensure_ascii=ascii_only).encode(errors="surrogatepass")
    depth = deepest(body)
    assert not is_too_deep(body, depth)
    assert depth == 0 or is_too_deep(body, depth - 1)


def survives(body: bytes) -> None:
    """Decoding ends with a whole message or with a Fault, never otherwise."""
    try:
        message = decode(body, DEPTH)
    except Fault:
        return
    assert type(message) is Message
    sent = json.loads(body)
    assert sent["jsonrpc"] == "2.0"
    for member in ("method", "id"):
        found = getattr(message, member)
        assert sent.get(member, UNSET) is UNSET if found is UNSET else found == sent[member]
    if message.method is UNSET:
        assert ("result" in sent) is not ("error" in sent)
    elif "params" in sent:
        assert json.loads(bytes(message.params)) == sent["params"]


@given(st.binary(max_size=200))
def test_random_bytes_never_crash_the_decoder(body: bytes) -> None:
    survives(body)


@given(JSON_LIKE)
def test_random_json_like_bytes_never_crash_the_decoder(body: bytes) -> None:
    survives(body)
    survives(b'{"jsonrpc":"2.0","id":1,"method":"m","params":%b}' % body)


@given(MESSAGES)
def test_messages_of_every_shape_are_taken_or_refused(message: dict[str, Any]) -> None:
    survives(json.dumps(message).encode())


@given(MESSAGES, st.data())
def test_mutated_messages_never_crash_the_decoder(message: dict[str, Any], data: st.DataObject) -> None:
    body = bytearray(json.dumps(message, ensure_ascii=False).encode(errors="surrogatepass"))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(body)))
        end = data.draw(st.integers(start, min(len(body), start + 8)))
        body[start:end] = data.draw(
            st.binary(max_size=4) | st.sampled_from([b'"', b"{", b"]", b"\\", b"\xff", b"\\ud800"])
        )
    survives(bytes(body))


@given(st.lists(MESSAGES, max_size=6), st.binary(max_size=4))
def test_batches_are_split_or_refused(messages: list[dict[str, Any]], tail: bytes) -> None:
    body = json.dumps(messages).encode() + tail
    try:
        parts = split_batch(body, DEPTH, 5)
    except Fault:
        return
    assert [json.loads(part) for part in parts] == messages


@pytest.mark.parametrize("bracket", ["[]", "{}"])
@pytest.mark.parametrize("text", [0, 10_000])
def test_depth_is_limited_in_short_and_in_long_messages(bracket: str, text: int) -> None:
    def nested(depth: int) -> bytes:
        opened = '{"a":' * depth + "1" + "}" * depth if bracket == "{}" else "[" * depth + "]" * depth
        return f'{{"jsonrpc":"2.0","id":1,"method":"x","params":[{opened},"{"x" * text}"]}}'.encode()

    assert decode(nested(6), 8).method == "x"
    with pytest.raises(InvalidRequest, match="deeper than 8 levels"):
        decode(nested(7), 8)


def test_many_brackets_that_do_not_nest_are_let_pass() -> None:
    body = b'{"jsonrpc":"2.0","id":1,"method":"x","params":[' + b"[]," * 3000 + b"{}]}"
    assert decode(body, 8).method == "x"
