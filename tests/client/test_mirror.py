"""Headers that mirror a tool's arguments."""

from typing import Any

import pytest

from dragoman.client.mirror import Mirror
from dragoman.protocol.messages import ToolInfo


def tool(name: str, **properties: Any) -> ToolInfo:
    return ToolInfo(name=name, input_schema={"type": "object", "properties": properties})


def test_values_are_mirrored_by_their_path() -> None:
    mirror = Mirror()
    place = {"type": "object", "properties": {"city": {"type": "string", "x-mcp-header": "City"}}}
    limit = {"type": "integer", "x-mcp-header": "Limit"}
    exact = {"type": "boolean", "x-mcp-header": "Exact"}
    mirror.learn([tool("t", place=place, limit=limit, exact=exact), tool("plain", a={"type": "string"})])
    arguments = {"place": {"city": "Zürich"}, "limit": -7, "exact": True}
    assert mirror.headers("t", arguments) == {
        "Mcp-Param-City": "=?base64?WsO8cmljaA==?=",
        "Mcp-Param-Limit": "-7",
        "Mcp-Param-Exact": "true",
    }
    assert mirror.headers("plain", {"a": "x"}) == {}
    assert mirror.headers("unknown", {}) == {}


def test_what_is_absent_or_null_has_no_header() -> None:
    mirror = Mirror()
    place = {"type": "object", "properties": {"city": {"type": "string", "x-mcp-header": "City"}}}
    mirror.learn([tool("t", place=place)])
    assert mirror.headers("t", {}) == {}
    assert mirror.headers("t", {"place": "no object"}) == {}
    assert mirror.headers("t", {"place": {"city": None}}) == {}


def test_invalid_tools_are_left_out_and_a_new_listing_replaces_the_old(caplog: pytest.LogCaptureFixture) -> None:
    mirror = Mirror()
    good = tool("good", a={"type": "string", "x-mcp-header": "A"})
    bad = tool("bad", a={"type": "string", "x-mcp-header": ""})
    assert mirror.learn([good, bad]) == [good]
    assert "tool 'bad'" in caplog.text
    assert mirror.headers("good", {"a": "1"}) == {"Mcp-Param-A": "1"}
    assert mirror.learn([]) == []
    assert mirror.headers("good", {"a": "1"}) == {}
