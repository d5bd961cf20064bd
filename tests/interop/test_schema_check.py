"""The second opinion itself: it accepts what each revision says, and bites on every kind of corruption."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.interop.schema_check import REVISION_KEY, REVISIONS, UNSAID, check
from tests.interop.wiretap import WireMessage

pytestmark = pytest.mark.usefixtures("shared_data")

MODERN = "2026-07-28"
INFO = {"name": "server", "version": "1"}
TOOL = {"name": "add", "inputSchema": {"type": "object"}}


def _said(sender: Any, message: object, channel: str = "stdio", revision: str | None = None) -> WireMessage:
    text = message if isinstance(message, bytes) else json.dumps(message).encode()
    return WireMessage(sender, channel, text, revision)


def _request(method: str, request_id: object = 2, **params: object) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}


def _result(request_id: object = 2, **result: object) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": request_id, "result": result}


def _legacy(revision: str) -> list[WireMessage]:
    """A recorded handshake that agrees on the revision."""
    client = {"protocolVersion": revision, "capabilities": {}, "clientInfo": INFO}
    answer = _result(1, protocolVersion=revision, capabilities={"tools": {}}, serverInfo=INFO)
    return [_said("client", _request("initialize", 1, **client)), _said("server", answer)]


def _modern(method: str, request_id: object = 2, **params: object) -> WireMessage:
    return _said("client", _request(method, request_id, _meta={REVISION_KEY: MODERN}, **params))


@pytest.mark.parametrize("revision", REVISIONS[:-1])
def test_a_right_exchange_holds_in_every_older_revision(revision: str) -> None:
    talk = [
        *_legacy(revision),
        _said("client", _request("tools/list")),
        _said("server", _result(tools=[TOOL])),
        _said("client", _request("tools/call", 3, name="add")),
        _said("server", _result(3, content=[{"type": "text", "text": "3"}])),
        _said("client", _request("ping", 4)),
        _said("server", _result(4)),
        _said("server", {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}),
    ]
    verdict = check(talk, closed=True)
    assert verdict.problems == []
    assert verdict.revisions == {revision}
    assert verdict.checked["ListToolsResult"] == verdict.checked["CallToolResult"] == 1
    assert verdict.checked["EmptyResult"] == verdict.checked["ServerNotification"] == 1


def test_a_right_exchange_holds_in_the_newest_revision() -> None:
    listing = {"tools": [TOOL], "resultType": "complete", "ttlMs": 0, "cacheScope": "public"}
    talk = [_modern("tools/list"), _said("server", _result(**listing))]
    verdict = check(talk, closed=True)
    assert verdict.problems == []
    assert verdict.revisions == {MODERN}
    assert verdict.checked["ListToolsResultResponse"] == 1


@pytest.mark.parametrize("revision", REVISIONS[:-1])
def test_a_corrupted_result_is_found_with_its_place(revision: str) -> None:
    tool = {"name": 7, "inputSchema": {"type": "object"}}
    talk = [
        *_legacy(revision),
        _said("client", _request("tools/list")),
        _said("server", _result(tools=[tool])),
    ]
    (problem,) = check(talk).problems
    assert f"ListToolsResult of {revision}" in problem
    assert "/tools/0/name" in problem


@pytest.mark.parametrize("missing", ["tools", "resultType", "ttlMs", "cacheScope"])
def test_what_the_newest_revision_requires_may_not_be_missing(missing: str) -> None:
    listing = {"tools": [TOOL], "resultType": "complete", "ttlMs": 0, "cacheScope": "public"}
    del listing[missing]
    problems = check([_modern("tools/list"), _said("server", _result(**listing))]).problems
    assert any(missing in problem for problem in problems)


def test_the_answer_of_one_method_does_not_pass_for_another() -> None:
    talk = [*_legacy("2025-11-25"), _said("client", _request("resources/list"))]
    assert check([*talk, _said("server", _result(tools=[TOOL]))]).problems
    assert not check([*talk, _said("server", _result(resources=[]))]).problems


def test_an_error_is_held_against_the_definition_of_its_code() -> None:
    def error(**members: object) -> WireMessage:
        return _said("server", {"jsonrpc": "2.0", "id": 2, "error": members})

    asked = _modern("tools/list")
    assert not check([asked, error(code=-32601, message="There is no such method.")]).problems
    assert check([asked, error(code=-32601)]).problems
    assert check([asked, error(code="-32601", message="a code is a number")]).problems
    without_versions = error(code=-32022, message="This version is unknown.", data={"requested": "1999-01-01"})
    assert any("supported" in problem for problem in check([asked, without_versions]).problems)


@pytest.mark.parametrize("revision", ["2024-11-05", "2025-06-18"])
def test_an_error_without_an_id_is_none_of_the_older_revisions(revision: str) -> None:
    error = {"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "That is no JSON."}}
    assert check([*_legacy(revision), _said("server", error)]).problems


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(b"Serving 4 tools", id="a print"),
        pytest.param(b'{"jsonrpc": "2.0", "id": 2, "result": {"tools": []', id="cut off"),
        pytest.param(b'{"jsonrpc": "2.0", "id": 2, "result": {"tools": [], "_meta": {"a": "\xff"}}}', id="no utf-8"),
        pytest.param(_result("2", tools=[]), id="an id of another type"),
        pytest.param(_result(3, tools=[]), id="an id nobody used"),
        pytest.param({"id": 2, "result": {"tools": []}}, id="no jsonrpc"),
        pytest.param(_result(tools=[]) | {"error": {"code": 1, "message": "both"}}, id="result and error"),
        pytest.param(_result(tools=[]) | {"extra": 1}, id="a member of the envelope"),
        pytest.param({"jsonrpc": "2.0", "id": 2}, id="neither result nor error"),
        pytest.param([_result(tools=[])], id="a batch"),
        pytest.param({"jsonrpc": "2.0", "method": "notifications/unheard_of"}, id="an unknown notification"),
        pytest.param(_request("tools/list", 9), id="a request servers do not make"),
    ],
)
def test_a_line_that_is_no_answer_is_a_problem(wrong: object) -> None:
    talk = [*_legacy("2025-11-25"), _said("client", _request("tools/list"))]
    assert check([*talk, _said("server", wrong)]).problems


def test_one_request_has_one_answer() -> None:
    talk = [
        *_legacy("2025-11-25"),
        _said("client", _request("tools/list")),
        _said("server", _result(tools=[])),
    ]
    assert check(talk).problems == []
    assert check([*talk, talk[-1]]).problems


def test_a_request_without_an_answer_is_named() -> None:
    talk = [*_legacy("2025-11-25"), _said("client", _request("tools/list"))]
    assert check(talk).unanswered == ["stdio tools/list"]


def test_the_newest_revision_has_no_requests_from_the_server() -> None:
    ask = {"roots": {"jsonrpc": "2.0", "id": "s1", "method": "roots/list"}}
    assert not check([*_legacy("2025-11-25"), _said("server", ask["roots"])]).problems
    (problem,) = check([_said("server", ask["roots"])]).problems
    assert "no requests from the server" in problem


def test_closed_refuses_what_a_later_revision_added() -> None:
    listing = _result(tools=[TOOL | {"outputSchema": {"type": "object"}}])
    for revision, named in (("2025-03-26", False), ("2025-06-18", True)):
        talk = [*_legacy(revision), _said("client", _request("tools/list")), _said("server", listing)]
        assert check(talk).problems == []
        assert (check(talk, closed=True).problems == []) is named


def test_a_batch_belongs_to_one_revision() -> None:
    both = [_request("ping", 5), _request("ping", 6)]
    for revision in ("2025-03-26", "2025-06-18"):
        talk = [*_legacy(revision), _said("client", both), _said("server", [_result(5), _result(6)])]
        assert (check(talk).problems == []) is (revision == "2025-03-26")


def test_http_takes_the_revision_from_the_header_or_the_default() -> None:
    for header, expected in (("2025-06-18", "2025-06-18"), (None, UNSAID)):
        talk = [
            _said("client", _request("ping"), "http-1", header),
            _said("server", _result(), "http-1", header),
        ]
        assert check(talk).revisions == {expected}
