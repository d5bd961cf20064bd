"""2026-07-28 over HTTP: metadata on every request, headers that say what the body says, statuses of errors."""

from typing import Any

import pytest

from dragoman.testing import HttpRequest, assert_canonical_error
from tests.transports.endpoint import House, modern, modern_request, notification, open_session, text_of
from tests.transports.peers import HELLO, META, MODERN, call, mirrored, request

VERSION = "io.modelcontextprotocol/protocolVersion"


async def test_a_call() -> None:
    reply = await modern(House(), "add", a=1, b=2)
    assert reply.status == 200
    assert reply.json["result"]["resultType"] == "complete"
    assert "mcp-session-id" not in reply.headers


async def test_a_session_id_is_ignored_and_none_is_made() -> None:
    house = House()
    session = await open_session(house)
    reply = await modern(house, "add", {"mcp-session-id": session["mcp-session-id"]}, a=1, b=2)
    assert text_of(reply) == "3"
    reply = await modern(house, "add", {"mcp-session-id": "made up"}, a=1, b=2)
    assert text_of(reply) == "3"
    assert "mcp-session-id" not in reply.headers


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("mcp-protocol-version", None),
        ("mcp-protocol-version", "2025-11-25"),
        ("mcp-protocol-version", "2031-01-01"),
        ("mcp-method", None),
        ("mcp-method", "tools/list"),
        ("mcp-method", "Tools/Call"),
        ("mcp-name", None),
        ("mcp-name", "sub"),
        ("mcp-name", "ADD"),
        ("mcp-name", "=?base64?!!?="),
        ("mcp-name", "a\xffb"),
    ],
)
async def test_a_header_that_does_not_say_what_the_body_says(header: str, value: str | None) -> None:
    reply = await modern(House(), "add", {header: value}, a=1, b=2)
    assert reply.status == 400
    assert_canonical_error(reply.json, code=-32020, request_id=1)


async def test_an_encoded_name_is_decoded_before_it_is_compared() -> None:
    reply = await modern(House(), "add", {"mcp-name": "=?base64?YWRk?="}, a=1, b=2)
    assert text_of(reply) == "3"


@pytest.mark.parametrize("name", ["mcp-method", "mcp-name", "mcp-protocol-version"])
async def test_a_header_that_is_there_twice(name: str) -> None:
    house = House()
    asked = modern(house, "add", a=1, b=2)
    asked._scope["headers"].append((name.encode(), b"add"))  # noqa: SLF001
    reply = await asked
    assert reply.status == 400
    assert_canonical_error(reply.json, code=-32020)


async def test_a_version_that_is_not_served() -> None:
    params = {"_meta": META | {VERSION: "2031-01-01"}}
    reply = await modern_request(House(), "tools/list", params, mcp_protocol_version="2031-01-01")
    assert reply.status == 400
    assert_canonical_error(reply.json, code=-32022, request_id=1)
    assert MODERN in reply.json["error"]["data"]["supported"]
    assert reply.json["error"]["data"]["requested"] == "2031-01-01"


async def test_a_version_that_is_not_served_and_only_in_the_header() -> None:
    reply = await modern_request(House(), "tools/list", {}, mcp_protocol_version="2031-01-01")
    assert reply.status == 400
    assert_canonical_error(reply.json, code=-32022, request_id=1)


async def test_a_version_that_is_not_served_and_only_in_the_body() -> None:
    reply = await modern_request(House(), "tools/list", {"_meta": META | {VERSION: "x"}}, mcp_protocol_version=None)
    assert reply.status == 400
    assert_canonical_error(reply.json, request_id=1)
    assert reply.json["error"]["code"] in (-32020, -32022)


@pytest.mark.parametrize("missing", list(META))
async def test_metadata_that_is_missing(missing: str) -> None:
    meta = {name: value for name, value in META.items() if name != missing}
    reply = await modern_request(House(), "tools/list", {"_meta": meta})
    assert reply.status == 400
    assert_canonical_error(reply.json, code=-32602, request_id=1)


@pytest.mark.parametrize("meta", [None, 5, "x", [], {VERSION: 5}, {VERSION: MODERN, "progressToken": 1.5}])
async def test_metadata_of_another_kind(meta: Any) -> None:
    reply = await modern_request(House(), "tools/list", {"_meta": meta})
    assert reply.status == 400
    assert_canonical_error(reply.json, code=-32602, request_id=1)


async def test_an_unknown_method_is_not_found() -> None:
    reply = await modern_request(House(), "no/such", {"_meta": META})
    assert reply.status == 404
    assert_canonical_error(reply.json, code=-32601, request_id=1)


async def test_initialize_with_metadata_of_this_era_is_no_method_of_it() -> None:
    reply = await modern_request(House(), "initialize", HELLO | {"_meta": META})
    assert reply.status == 404


async def test_what_only_looks_like_metadata() -> None:
    """The name of the field somewhere in the arguments makes no request modern."""
    house = House()

    @house.server.tool
    async def echo(text: str) -> str:
        return text

    session = await open_session(house)
    words = f'"{VERSION}"'
    body = call("echo", modern=False, text=words).replace(words.replace('"', '\\"').encode(), b"x")
    body = body.replace(b'"text": "x"', b'"text": "x", "_meta": {' + words.encode() + b": 1}")
    reply = await HttpRequest(house.endpoint, body, session)
    assert reply.status == 200


@pytest.mark.parametrize("meta", [{VERSION: 5}, {VERSION: None}, {"note": {VERSION: MODERN}}])
async def test_metadata_that_says_no_version_makes_no_request_modern(meta: Any) -> None:
    reply = await HttpRequest(House().endpoint, request("tools/list", {"_meta": meta}))
    assert reply.status == 200


async def test_an_older_version_said_in_both_places_is_an_older_request() -> None:
    house = House()
    session = await open_session(house)
    params = {"name": "add", "arguments": {"a": 1, "b": 2}, "_meta": {VERSION: "2025-11-25"}}
    reply = await HttpRequest(house.endpoint, request("tools/call", params), session)
    assert text_of(reply) == "3"


async def test_notifications_are_accepted_and_never_answered() -> None:
    house = House()
    for method in ("notifications/cancelled", "notifications/made_up"):
        headers = {"mcp-protocol-version": MODERN, "mcp-method": method}
        reply = await HttpRequest(house.endpoint, notification(method, requestId=1), headers)
        assert (reply.status, reply.body) == (202, b"")


async def test_answers_from_clients_are_refused() -> None:
    headers = {"mcp-protocol-version": MODERN}
    reply = await HttpRequest(House().endpoint, {"jsonrpc": "2.0", "id": 1, "result": {}}, headers)
    assert reply.status == 400
    assert_canonical_error(reply.json, code=-32600)


async def test_errors_of_a_call() -> None:
    house = House()
    for params, code in (
        ({"name": "nothing"}, -32602),
        ({}, -32602),
        ({"name": "add", "arguments": {"a": 1}}, None),
    ):
        name = {"mcp_name": str(params["name"])} if "name" in params else {}
        reply = await modern_request(house, "tools/call", params | {"_meta": META}, **name)
        if code is None:
            assert reply.status == 200
            assert reply.json["result"]["isError"] is True
        else:
            assert reply.status == 400
            assert_canonical_error(reply.json, code=code, request_id=1)


async def test_a_resource_that_is_not_there() -> None:
    params = {"uri": "house://gold", "_meta": META}
    reply = await modern_request(House(), "resources/read", params, mcp_name="house://gold")
    assert reply.status == 400
    assert_canonical_error(reply.json, code=-32602, request_id=1)


async def test_no_batches() -> None:
    reply = await HttpRequest(House().endpoint, b"[" + call("add", a=1, b=2) + b"]", mirrored("add"))
    assert reply.status == 400
    assert_canonical_error(reply.json, code=-32600)
