"""Results as users see them."""

import base64
import json
from typing import Any

import pytest
from msgspec import UNSET, Raw

from dragoman.client.replies import ResourceReply, ToolReply, Unfinished, kind_of, read, read_any, result_of
from dragoman.client.wire import messages_in
from dragoman.errors import ClientError, ConnectionFault, ServerFault
from dragoman.protocol.content import ImageContent, ResourceContents, TextContent
from dragoman.protocol.jsonrpc import Message
from dragoman.protocol.messages import CallToolResult, EmptyResult, ListToolsResult


def raw(value: Any) -> Raw:
    return Raw(json.dumps(value).encode())


def reply(**result: Any) -> ToolReply:
    return ToolReply(read(raw({"content": [], **result}), CallToolResult, "tools/call"))


def result(**members: Any) -> Raw:
    (message,) = messages_in(json.dumps({"jsonrpc": "2.0", "id": 1, **members}).encode())
    return result_of(message, "m")


def test_a_response_is_a_result_or_an_error() -> None:
    assert bytes(result(result={"a": 1})) == b'{"a": 1}'
    with pytest.raises(ServerFault) as caught:
        result(error={"code": 7, "message": "seven", "data": [1]})
    assert (caught.value.code, caught.value.message, caught.value.data) == (7, "seven", [1])
    with pytest.raises(ConnectionFault, match="malformed error"):
        result(error={"message": "no code"})
    with pytest.raises(ConnectionFault, match="neither a result nor an error"):
        result_of(Message("2.0", id=1), "m")


@pytest.mark.parametrize("kind", [{}, {"resultType": "complete"}])
def test_complete_results(kind: dict[str, str]) -> None:
    assert read(raw({"tools": [], **kind}), ListToolsResult, "tools/list").tools == []
    assert read_any(raw({"x": 1, **kind}), "x") == {"x": 1, **kind}


def test_a_result_of_an_unknown_kind() -> None:
    value = raw({"resultType": "later", "content": []})
    with pytest.raises(ConnectionFault, match="unknown resultType 'later'"):
        read(value, CallToolResult, "tools/call")
    with pytest.raises(ConnectionFault, match="unknown resultType 'later'"):
        read(raw({"resultType": "later"}), CallToolResult, "tools/call")
    with pytest.raises(ConnectionFault, match="unknown resultType 'later'"):
        read_any(value, "tools/call")


def test_null_where_nothing_should_be() -> None:
    page = {
        "tools": [{"name": "t", "title": None, "inputSchema": {"default": None}}],
        "nextCursor": None,
        "_meta": None,
    }
    read_page = read(raw(page), ListToolsResult, "tools/list")
    assert read_page.next_cursor is UNSET
    assert read_page.tools[0].title is UNSET
    assert read_page.tools[0].input_schema == {"default": None}
    reply = read(raw({"content": [], "isError": None, "structuredContent": {"a": None}}), CallToolResult, "tools/call")
    assert ToolReply(reply).structured == {"a": None}
    with pytest.raises(ConnectionFault, match="not what the protocol says"):
        read(raw({"tools": None}), ListToolsResult, "tools/list")


def test_a_call_that_became_a_task_is_unfinished() -> None:
    with pytest.raises(Unfinished, match=r"made a task of it \(x\)") as caught:
        read(raw({"resultType": "task", "taskId": "x"}), CallToolResult, "tools/call")
    assert caught.value.kind == "task"
    assert kind_of(caught.value.raw) == "task"
    assert kind_of(Raw(b"[]")) is None


def test_a_server_that_asks_questions() -> None:
    value = {"resultType": "input_required", "inputRequests": {"region": {}, "size": {}}}
    with pytest.raises(ClientError, match=r"tools/call: the server asks before it finishes \(region, size\)"):
        read(raw(value), CallToolResult, "tools/call")
    with pytest.raises(ClientError, match="its own state back"):
        read(raw({"resultType": "input_required", "requestState": "x"}), EmptyResult, "m")


@pytest.mark.parametrize("value", [{"tools": [{"name": "x"}]}, {"tools": 1}, [1], "text", {"resultType": 5}])
def test_a_result_of_another_shape(value: Any) -> None:
    with pytest.raises(ConnectionFault, match="result of tools/list is not what the protocol says"):
        read(raw(value), ListToolsResult, "tools/list")


def test_any_json_is_a_result_for_who_asks_for_any() -> None:
    assert read_any(raw([1]), "x") == [1]


def test_text() -> None:
    parts = [
        {"type": "text", "text": "a"},
        {"type": "image", "data": "", "mimeType": "x/y"},
        {"type": "text", "text": "b"},
    ]
    answer = reply(content=parts, _meta={"k": 1}, isError=True)
    assert answer.text == "a\nb"
    assert answer.content == [TextContent("a"), ImageContent("", "x/y"), TextContent("b")]
    assert (answer.data, answer.structured, answer.is_error, answer.meta) == (None, None, True, {"k": 1})
    assert repr(answer) == "ToolReply(data=None, is_error=True)"


def test_one_text_is_the_data() -> None:
    answer = reply(content=[{"type": "text", "text": "a"}])
    assert (answer.data, answer.is_error, answer.meta) == ("a", False, {})


def test_one_picture_is_no_data() -> None:
    assert reply(content=[{"type": "image", "data": "", "mimeType": "x/y"}]).data is None


@pytest.mark.parametrize("value", [{"a": [1]}, [1, 2], 3, None, {"result": 1}])
def test_structured_content_is_the_data(value: Any) -> None:
    answer = reply(structuredContent=value)
    assert answer.data == value
    assert answer.structured == value


@pytest.mark.parametrize("meta", [{"dragoman/wrapped": True}, {"fastmcp": {"wrap_result": True}}])
def test_a_wrapped_value_is_taken_out(meta: dict[str, Any]) -> None:
    answer = reply(structuredContent={"result": [1]}, _meta=meta)
    assert answer.data == [1]
    assert answer.structured == {"result": [1]}
    assert reply(structuredContent={"result": 1, "more": 2}, _meta=meta).data == {"result": 1, "more": 2}


@pytest.mark.parametrize("meta", [{"dragoman/wrapped": 1}, {"fastmcp": True}, {"fastmcp": {"wrap_result": "yes"}}])
def test_only_the_mark_itself_unwraps(meta: dict[str, Any]) -> None:
    assert reply(structuredContent={"result": 1}, _meta=meta).data == {"result": 1}


def test_resources() -> None:
    text = ResourceReply(ResourceContents("a://b", "text/plain", text="grün", meta={"k": 1}))
    assert (text.uri, text.mime_type, text.text, text.data, text.meta) == (
        "a://b",
        "text/plain",
        "grün",
        "grün".encode(),
        {"k": 1},
    )
    assert repr(text) == "ResourceReply(uri='a://b', mime_type='text/plain')"
    blob = ResourceReply(ResourceContents("a://b", blob=base64.b64encode(b"\0\1").decode()))
    assert (blob.mime_type, blob.text, blob.data, blob.meta) == (None, None, b"\0\1", {})
    assert ResourceReply(ResourceContents("a://b")).data == b""


@pytest.mark.parametrize("blob", ["not base64!", "ä"])
def test_a_blob_that_is_not_base64(blob: str) -> None:
    with pytest.raises(ConnectionFault, match="blob of a://b is not valid base64"):
        _ = ResourceReply(ResourceContents("a://b", UNSET, blob=blob)).data
