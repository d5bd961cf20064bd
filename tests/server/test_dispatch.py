"""The hot path: accept a message, serve it."""

from typing import Any

import msgspec
import pytest
from msgspec import UNSET, Raw

from dragoman import Context, Server
from dragoman.errors import InvalidParams, MethodNotFound
from dragoman.protocol.jsonrpc import Message
from dragoman.protocol.messages import NO_META, CallToolParams, Params, RequestMeta
from dragoman.protocol.revisions import LATEST_LEGACY, LATEST_MODERN, REVISIONS, Revision
from dragoman.server.dispatch import accept, meta_of, serve
from dragoman.server.exchange import Exchange
from dragoman.server.methods import METHODS
from tests.server.clients import ALL_CAPABILITIES


def message(method: str, params: Any = UNSET) -> Message:
    raw = {} if params is UNSET else {"params": Raw(msgspec.json.encode(params))}
    return Message(jsonrpc="2.0", method=method, id=1, **raw)


def exchange_of(server: Server, revision: Revision = LATEST_MODERN) -> Exchange:
    exchange = Exchange()
    exchange.server, exchange.id, exchange.revision = server, 7, revision
    exchange.capabilities = ALL_CAPABILITIES
    return exchange


def test_parameters_are_decoded_by_the_methods_row() -> None:
    method, params = accept(LATEST_MODERN, message("tools/call", {"name": "a", "arguments": {"b": 1}}))
    assert method is METHODS["tools/call"]
    assert isinstance(params, CallToolParams)
    assert (params.name, bytes(params.arguments)) == ("a", b'{"b":1}')


@pytest.mark.parametrize("revision", REVISIONS.values(), ids=lambda revision: revision.name)
def test_every_method_of_a_revision_has_a_row(revision: Revision) -> None:
    assert revision.methods <= METHODS.keys()


@pytest.mark.parametrize(
    ("revision", "method", "hint"),
    [
        (LATEST_MODERN, "initialize", ""),
        (LATEST_MODERN, "ping", ""),
        (LATEST_LEGACY, "server/discover", ""),
        (LATEST_MODERN, "tool/list", " Did you mean 'tools/list'?"),
        (LATEST_MODERN, "x" * 200, ""),
        (LATEST_MODERN, "tools/call\nTraceback", ""),
    ],
)
def test_a_method_the_revision_does_not_have(revision: Revision, method: str, hint: str) -> None:
    with pytest.raises(MethodNotFound) as raised:
        accept(revision, message(method))
    shown = raised.value.message
    assert f"is not part of protocol version {revision.name}.{hint}" in shown
    assert "\n" not in shown
    assert len(shown) < 250


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("tools/call", {}),
        ("tools/call", {"name": 1}),
        ("tools/call", {"name": "n" * 5000}),
        ("tools/call", []),
        ("tools/call", "x"),
        ("tools/list", {"cursor": 1}),
        ("prompts/get", {"name": "a", "arguments": {"b": 1}}),
        ("completion/complete", {"ref": {"type": "ref/tool"}, "argument": {"name": "a", "value": "b"}}),
        ("completion/complete", {"ref": {"type": "x" * 100_000}, "argument": {"name": "a", "value": "b"}}),
        ("completion/complete", {"ref": {"type": "x\ny"}, "argument": {"name": "a", "value": "b"}}),
        ("tools/list", {"_meta": {"progressToken": 1.5}}),
    ],
)
def test_parameters_the_method_does_not_take(method: str, params: Any) -> None:
    with pytest.raises(InvalidParams) as raised:
        accept(LATEST_MODERN, message(method, params))
    shown = raised.value.message
    assert shown.startswith(f"Invalid parameters of '{method}': ")
    assert "\n" not in shown
    assert len(shown) < 300


def test_metadata_is_empty_where_none_was_sent() -> None:
    assert meta_of(Params()) is NO_META
    meta = RequestMeta(protocol_version="2026-07-28")
    assert meta_of(Params(meta=meta)) is meta


async def served(exchange: Exchange, method: str, params: Any) -> dict[str, Any]:
    row, decoded = accept(exchange.revision, message(method, params))
    reply: dict[str, Any] = msgspec.json.decode(await serve(exchange, row, decoded))
    return reply


async def test_an_answer_is_stamped_and_has_the_requests_id() -> None:
    server = Server("dispatch", "3")

    @server.tool
    async def one() -> int:
        return 1

    reply = await served(exchange_of(server), "tools/call", {"name": "one"})
    assert (reply["jsonrpc"], reply["id"], reply["result"]["resultType"]) == ("2.0", 7, "complete")
    assert reply["result"]["_meta"]["io.modelcontextprotocol/serverInfo"] == {"name": "dispatch", "version": "3"}
    listed = await served(exchange_of(server), "tools/list", {})
    assert listed["result"]["tools"][0]["name"] == "one", "a listing was stamped before and is not stamped again"
    legacy = await served(exchange_of(server, LATEST_LEGACY), "ping", {})
    assert legacy["result"] == {}


async def test_an_exchange_is_answered_when_the_function_is_done() -> None:
    server = Server("dispatch")
    exchange = exchange_of(server)
    seen: list[bool] = []

    @server.tool
    async def look() -> str:
        seen.append(exchange.answered)
        return "x"

    await served(exchange, "tools/call", {"name": "look"})
    assert (seen, exchange.answered) == ([False], True)
    failing = exchange_of(server)
    with pytest.raises(InvalidParams):
        await served(failing, "tools/call", {"name": "none"})
    assert failing.answered


async def test_a_question_is_an_answer_of_2026_07_28() -> None:
    server = Server("dispatch")

    @server.tool
    async def ask(context: Context) -> bool:
        return await context.confirm("sure?")

    exchange = exchange_of(server)
    reply = await served(exchange, "tools/call", {"name": "ask"})
    assert reply["result"]["resultType"] == "input_required"
    assert list(reply["result"]["inputRequests"]) == ["q0"]
    assert exchange.asks_by_retry
    assert "ttlMs" not in reply["result"]


@pytest.mark.parametrize(
    ("method", "may_ask"),
    [("tools/call", True), ("resources/read", True), ("prompts/get", True), ("ping", False)],
)
async def test_only_three_methods_may_ask(method: str, may_ask: bool) -> None:
    assert METHODS[method].may_ask is may_ask
    assert sum(row.may_ask for row in METHODS.values()) == 3


@pytest.mark.parametrize("state", ["", "x", "ü", "x" * 10_000])
async def test_a_state_that_is_not_ours_is_refused_before_the_function_runs(state: str) -> None:
    server = Server("dispatch")

    @server.tool
    async def never() -> str:
        raise AssertionError("it ran")

    with pytest.raises(InvalidParams, match="requestState is not one of this server's"):
        await served(exchange_of(server), "tools/call", {"name": "never", "requestState": state})


async def test_an_older_revision_knows_no_state() -> None:
    server = Server("dispatch")

    @server.tool
    async def one() -> int:
        return 1

    reply = await served(exchange_of(server, LATEST_LEGACY), "tools/call", {"name": "one", "requestState": "x"})
    assert reply["result"]["structuredContent"] == {"result": 1}
