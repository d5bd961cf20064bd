"""2026-07-28 on: the stamp on results, the metadata of requests, headers against the body."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Raw

from dragoman.errors import HeaderMismatch, InvalidParams, UnsupportedRevision
from dragoman.protocol import modern
from dragoman.protocol.asking import InputRequiredResult
from dragoman.protocol.content import TextContent
from dragoman.protocol.headers import encode_value
from dragoman.protocol.messages import (
    LOG_LEVELS,
    CallToolResult,
    EmptyResult,
    Implementation,
    ListToolsResult,
    ReadResourceResult,
    RequestMeta,
    Result,
)
from dragoman.protocol.revisions import LATEST_MODERN, MODERN, SUPPORTED

VERSION = LATEST_MODERN.name
IDENTITY = modern.identify(Implementation("server", "1", title="Server"))
WHO = {"io.modelcontextprotocol/serverInfo": {"name": "server", "version": "1", "title": "Server"}}


def stamped(result: Result) -> Any:
    return json.loads(msgspec.json.encode(modern.stamp(result, LATEST_MODERN, IDENTITY)))


def test_every_result_says_its_type_and_who_answered() -> None:
    assert stamped(EmptyResult()) == {"resultType": "complete", "_meta": WHO}
    assert stamped(CallToolResult(content=[TextContent("t")])) == {
        "resultType": "complete",
        "_meta": WHO,
        "content": [{"type": "text", "text": "t"}],
    }


def test_a_result_of_another_type_keeps_it_and_is_not_cached() -> None:
    result = InputRequiredResult(request_state="s", result_type="input_required")
    assert stamped(result) == {"resultType": "input_required", "_meta": WHO, "requestState": "s"}


def test_metadata_of_the_result_is_kept() -> None:
    assert stamped(EmptyResult(meta={"a": 1}))["_meta"] == {**WHO, "a": 1}
    assert stamped(EmptyResult(meta={}))["_meta"] == WHO
    assert stamped(EmptyResult(meta=Raw(b'{"encoded":true}')))["_meta"] == {"encoded": True}


@pytest.mark.parametrize("kind", [ListToolsResult(tools=[]), ReadResourceResult(contents=[])])
def test_a_cacheable_result_says_for_how_long_and_for_whom(kind: Result) -> None:
    found = stamped(kind)
    assert (found["ttlMs"], found["cacheScope"]) == (0, "private")


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (ListToolsResult(tools=[], ttl_ms=60_000, cache_scope="public"), (60_000, "public")),
        (ListToolsResult(tools=[], ttl_ms=60_000), (60_000, "private")),
        (ListToolsResult(tools=[], cache_scope="public"), (0, "public")),
    ],
)
def test_caching_hints_are_kept(result: ListToolsResult, expected: tuple[int, str]) -> None:
    found = stamped(result)
    assert (found["ttlMs"], found["cacheScope"]) == expected


def test_the_result_itself_is_left_alone() -> None:
    result = ListToolsResult(tools=[], meta={"a": 1})
    assert stamped(result) == stamped(result)
    assert result == ListToolsResult(tools=[], meta={"a": 1})


def meta(**changes: Any) -> RequestMeta:
    return RequestMeta(**{"protocol_version": VERSION, "client_capabilities": {}, **changes})


@pytest.mark.parametrize("level", [UNSET, *LOG_LEVELS])
def test_whole_metadata_names_the_revision(level: Any) -> None:
    assert modern.check_meta(meta(log_level=level), MODERN, SUPPORTED) is LATEST_MODERN


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"protocol_version": UNSET}, "protocolVersion"),
        ({"client_capabilities": UNSET}, "clientCapabilities"),
        ({"protocol_version": UNSET, "client_capabilities": UNSET}, "protocolVersion"),
        ({"protocol_version": "1900-01-01", "client_capabilities": UNSET}, "clientCapabilities"),
    ],
)
def test_a_required_field_is_missing(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidParams, match=f"lacks the required field 'io.modelcontextprotocol/{field}'") as caught:
        modern.check_meta(meta(**changes), MODERN, SUPPORTED)
    assert (caught.value.code, caught.value.status) == (-32602, 400)


@pytest.mark.parametrize("level", ["", "INFO", "trace", "warn"])
def test_a_log_level_that_is_none(level: str) -> None:
    with pytest.raises(InvalidParams, match="use one of debug, info, notice"):
        modern.check_meta(meta(log_level=level), MODERN, SUPPORTED)


@pytest.mark.parametrize("version", ["1900-01-01", "2025-11-25", "", "2026-07-28 ", "DRAFT"])
def test_a_version_that_is_not_served(version: str) -> None:
    with pytest.raises(UnsupportedRevision, match=r"see data\.supported") as caught:
        modern.check_meta(meta(protocol_version=version), MODERN, SUPPORTED)
    assert caught.value.data == {"supported": SUPPORTED, "requested": version}
    assert (caught.value.code, caught.value.status) == (-32022, 400)


def test_a_hostile_version_or_level_is_not_sent_back_whole() -> None:
    fault = modern.unsupported("v" * 4_000_000, SUPPORTED)
    assert len(msgspec.json.encode([fault.message, fault.data])) < 500
    with pytest.raises(InvalidParams) as caught:
        modern.check_meta(meta(log_level="l" * 4_000_000), MODERN, SUPPORTED)
    assert len(caught.value.message) < 500


def fields(method: str, version: str = VERSION, name: bytes | None = None) -> dict[bytes, bytes]:
    found = {b"mcp-protocol-version": version.encode(), b"mcp-method": method.encode()}
    return found if name is None else {**found, b"mcp-name": name}


def test_headers_that_say_what_the_body_says() -> None:
    modern.check_headers("tools/list", VERSION, None, fields("tools/list"))
    modern.check_headers("tools/list", VERSION, None, fields("tools/list", name=b"ignored"))
    blank = {key: b" \t" + value + b"\t " for key, value in fields("tools/call", name=b"add").items()}
    modern.check_headers("tools/call", VERSION, "add", blank)


@pytest.mark.parametrize("header", ["MCP-Protocol-Version", "Mcp-Method", "Mcp-Name"])
def test_a_header_that_is_missing(header: str) -> None:
    headers = fields("tools/call", name=b"add")
    del headers[header.lower().encode()]
    with pytest.raises(HeaderMismatch, match=f"the required header {header} is missing") as caught:
        modern.check_headers("tools/call", VERSION, "add", headers)
    assert (caught.value.code, caught.value.status) == (-32020, 400)


@pytest.mark.parametrize(
    ("header", "sent"),
    [
        ("MCP-Protocol-Version", b"2025-11-25"),
        ("MCP-Protocol-Version", b""),
        ("MCP-Protocol-Version", b"2026-07-28, 2026-07-28"),
        ("MCP-Protocol-Version", b"2026-07-28\x0b"),
        ("Mcp-Method", b"tools/list"),
        ("Mcp-Method", b"Tools/Call"),
        ("Mcp-Method", b"tools/call\x0c"),
        ("Mcp-Method", b"=?base64?dG9vbHMvY2FsbA==?="),
        ("Mcp-Name", b"Add"),
        ("Mcp-Name", b"ad"),
        ("Mcp-Name", b""),
        ("Mcp-Name", b"\xff\xfe"),
    ],
)
def test_a_header_that_says_otherwise(header: str, sent: bytes) -> None:
    headers = {**fields("tools/call", name=b"add"), header.lower().encode(): sent}
    with pytest.raises(HeaderMismatch, match=header):
        modern.check_headers("tools/call", VERSION, "add", headers)


def test_both_sides_are_shown_but_not_whole() -> None:
    with pytest.raises(HeaderMismatch) as caught:
        modern.check_headers("tools/call", VERSION, "b" * 4096, fields("tools/call", name=b"a" * 9000))
    assert caught.value.message == f"Header mismatch: Mcp-Name says {'a' * 128!r}, the body says {'b' * 128!r}."


@pytest.mark.parametrize(
    ("named", "sent"),
    [
        ("add", b"=?base64?YWRk?="),
        ("Grüße", b"=?base64?R3LDvMOfZQ==?="),
        (" padded ", b"=?base64?IHBhZGRlZCA=?="),
        ("=?base64?YWRk?=", b"=?base64?PT9iYXNlNjQ/WVdSaz89?="),
        ("files://a/b%20c", b"files://a/b%20c"),
        ("", b""),
        ("", b"=?base64??="),
    ],
)
def test_encoded_names_are_decoded_before_they_are_compared(named: str, sent: bytes) -> None:
    modern.check_headers("tools/call", VERSION, named, fields("tools/call", name=sent))


@pytest.mark.parametrize(
    ("named", "sent"),
    [
        ("Grüße", "Grüße".encode()),
        ("Grüße", "Grüße".encode("latin-1")),
        ("=?base64?YWRk?=", b"=?base64?YWRk?="),
        ("a\x01", b"a\x01"),
        ("add", b"=?base64?YWRk=?="),
        ("add", b"=?base64?//8=?="),
        (" padded ", b" padded "),
    ],
)
def test_names_that_must_be_encoded(named: str, sent: bytes) -> None:
    with pytest.raises(HeaderMismatch, match="Mcp-Name"):
        modern.check_headers("tools/call", VERSION, named, fields("tools/call", name=sent))


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_name_matches_itself_only(named: str, other: str) -> None:
    headers = fields("tools/call", name=encode_value(named).encode())
    modern.check_headers("tools/call", VERSION, named, headers)
    if other != named:
        with pytest.raises(HeaderMismatch):
            modern.check_headers("tools/call", VERSION, other, headers)
