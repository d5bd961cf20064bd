"""Every route of an endpoint against every kind of credential: only what is public comes before the gate (P1)."""

import json
import time
from collections.abc import AsyncIterator, MutableMapping
from pathlib import Path
from typing import Any, cast

import pytest
from msgspec import structs

from dragoman import Context, Limits, Server
from dragoman.auth.credentials import Credentials
from dragoman.auth.gate import Gate, Views
from dragoman.auth.keys import ApiKeys, make_key
from dragoman.auth.policy import Role
from dragoman.auth.principal import Principal
from dragoman.server.exchange import Exchange
from dragoman.server.hooks import Run
from dragoman.server.methods import Method
from dragoman.store.keys import SqliteKeys
from dragoman.testing import HttpReply, HttpRequest
from dragoman.transports.http import Endpoint
from dragoman.transports.public import Document
from tests.auth.issuer import RESOURCE, claims, jwts, token
from tests.transports.peers import HELLO, META, MODERN, call, mirrored, request
from tests.transports.reading import Reading, until

ROLES = {"support": Role(tools=("*",), resources=("*",)), "less": Role(tools=("add",)), "none": Role()}
PUBLIC = "/.well-known/oauth-protected-resource"


class Guarded:
    """A server behind a gate, and credentials of every kind."""

    def __init__(self, folder: Path) -> None:
        self.calls = 0
        self.server = Server("guarded", "1", limits=Limits(disconnect_check_seconds=0.01))
        self.server.add_tool(self.add)
        self.server.add_tool(self.export, scopes=["write", "export"])
        self.server.add_tool(self.mine, when=lambda who, arguments: arguments["owner"] == who.subject)
        self.server.add_resource("note://one", lambda: "one", name="one")
        self.store = SqliteKeys(folder / "keys.sqlite3")
        credentials: list[Credentials] = [ApiKeys(self.store), jwts()]
        challenge = f'resource_metadata="https://mcp.example.com{PUBLIC}/mcp"'
        self.gate = Gate(Views(self.server, ROLES), credentials, challenge=challenge, scopes=["mcp"])
        routes = dict.fromkeys((PUBLIC, PUBLIC + "/mcp"), Document({"resource": RESOURCE}))
        self.app = Endpoint(self.server, sse=("/sse", "/messages"), gate=self.gate, routes=routes)
        self.good, self.record = make_key(self.store, "anna", roles=("support",))
        self.other, _ = make_key(self.store, "ben", roles=("support",))
        self.less, _ = make_key(self.store, "carl", roles=("less",))
        expired, _ = make_key(self.store, "dora", roles=("support",), seconds=-1)
        revoked, record = make_key(self.store, "eve", roles=("support",))
        self.revoke(record)
        key_id, secret = self.good.removeprefix("drg_").split("_", 1)
        self.bad: dict[str, str | None] = {
            "none": None,
            "empty": "",
            "no token": "Bearer",
            "another scheme": "Basic YW5uYTpwdw==",
            "malformed": "Bearer a b c",
            "malformed key": "Bearer drg_x",
            "unknown key": f"Bearer drg_{'a' * 12}_{'b' * 43}",
            "a wrong secret": f"Bearer drg_{key_id}_{secret[::-1]}",
            "a key in another case": f"Bearer {self.good.upper()}",
            "expired key": f"Bearer {expired}",
            "revoked key": f"Bearer {revoked}",
            "token for another audience": f"Bearer {token(claims(aud='https://other.example.com/mcp'))}",
            "expired token": f"Bearer {token(claims(exp=time.time() - 100))}",
            "token of another issuer": f"Bearer {token(claims(iss='https://evil.example.com'))}",
            "oversized": f"Bearer {'a' * 9000}",
        }

    def add(self, a: int, b: int) -> int:
        """Add."""
        self.calls += 1
        return a + b

    def export(self) -> str:
        """Give everything away."""
        return "everything"

    def mine(self, owner: str) -> str:
        """Give what is somebody's."""
        return f"of {owner}"

    def revoke(self, record: Any) -> None:
        self.store.save(structs.replace(record, revoked=time.time()))

    async def ask(
        self, credential: str | None, method: str, url: str, body: bytes = b"", /, **headers: str
    ) -> HttpReply:
        path, _, query = url.partition("?")

        async def asked(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
            await self.app({**scope, "query_string": query.encode()}, receive, send)

        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return await HttpRequest(asked, body, {**fields, "authorization": credential}, method=method, path=path)

    async def session(self, key: str) -> dict[str, str]:
        reply = await self.ask(f"Bearer {key}", "POST", "/mcp", request("initialize", HELLO))
        assert reply.status == 200, reply
        return {"mcp_session_id": reply.headers["mcp-session-id"], "mcp_protocol_version": "2025-11-25"}

    async def call(self, key: str, tool: str, /, **arguments: Any) -> HttpReply:
        return await self.ask(f"Bearer {key}", "POST", "/mcp", call(tool, **arguments), **mirrored(tool))


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Guarded]:
    house = Guarded(tmp_path)
    yield house
    await house.app.close()
    house.store.close()


BODIES: dict[str, tuple[bytes, dict[str, str]]] = {
    "a call": (call("add", a=1, b=2), mirrored("add")),
    "a listing": (request("tools/list", {"_meta": META}), {"mcp-protocol-version": MODERN, "mcp-method": "tools/list"}),
    "a handshake": (request("initialize", HELLO), {}),
    "an older call": (call("add", modern=False, a=1, b=2), {"mcp-session-id": "x"}),
    "a notification": (b'{"jsonrpc":"2.0","method":"notifications/initialized"}', {}),
    "a batch": (b"[" + call("add", modern=False, a=1, b=2) + b"]", {"mcp-protocol-version": "2025-03-26"}),
    "no JSON": (b"{", {}),
    "nothing": (b"", {"content-type": "application/json"}),
}


def routes(app: Endpoint) -> list[tuple[str, str, bytes, dict[str, str]]]:
    """Every route there is, with every method and body; those that are public are not among them."""
    assert app.sse is not None
    paths = [
        app.path,
        app.path + "/",
        "/sse",
        "/messages",
        "/messages?session_id=x",
        "/",
        "/elsewhere",
        "/.well-known/",
    ]
    assert all(app.sse.has(path) for path in ("/sse", "/messages"))
    found = [("POST", path, body, headers) for path in paths for body, headers in BODIES.values()]
    for method in ("GET", "HEAD", "DELETE", "OPTIONS", "PUT", "PATCH", "TRACE"):
        found += [(method, path, b"", {}) for path in paths]
        found += [(method, path, b"", {"mcp-session-id": "x", "last-event-id": "a-1"}) for path in paths]
    return found


async def test_no_route_is_before_the_gate(house: Guarded) -> None:
    for name, credential in house.bad.items():
        told = set()
        for method, url, body, headers in routes(house.app):
            reply = await house.ask(credential, method, url, body, **headers)
            assert reply.status == 401, (name, method, url, reply)
            told.add((reply.body, reply.headers["www-authenticate"]))
        assert len(told) == 1, name
        assert 'resource_metadata="https://mcp.example.com' in told.pop()[1]
    assert house.calls == 0
    assert len(house.app.sessions) == 0
    assert len(house.app.sse or "") == 0


async def test_every_bad_credential_is_told_the_same(house: Guarded) -> None:
    replies = [
        await house.ask(credential, "POST", "/mcp", call("add", a=1, b=2))
        for name, credential in house.bad.items()
        if name != "none"
    ]
    told = {(reply.body, reply.headers["www-authenticate"]) for reply in replies}
    assert len(told) == 1
    assert 'error="invalid_token"' in told.pop()[1]
    nobody = await house.ask(None, "POST", "/mcp", call("add", a=1, b=2))
    assert "error=" not in nobody.headers["www-authenticate"]
    assert 'scope="mcp"' in nobody.headers["www-authenticate"]


@pytest.mark.parametrize("query", ["access_token={}", "key={}", "x=1&api_key={}", "q={}", "TOKEN={}"])
async def test_a_key_in_the_url_is_refused_on_every_route(house: Guarded, query: str) -> None:
    for credential in (None, f"Bearer {house.good}"):
        for method, url, body, headers in routes(house.app):
            url += ("&" if "?" in url else "?") + query.format(house.good)  # noqa: PLW2901
            reply = await house.ask(credential, method, url, body, **headers)
            assert reply.status == 400
            assert house.good.encode() not in reply.body
    assert house.calls == 0


async def test_a_good_credential_passes_on_every_route(house: Guarded) -> None:
    for method, url, body, headers in routes(house.app):
        if (method, url) == ("GET", "/sse"):
            continue  # it stays open
        reply = await house.ask(f"Bearer {house.good}", method, url, body, **headers)
        assert reply.status != 401, (method, url, reply)
    assert house.calls > 0


async def test_nothing_of_the_body_is_read_before_the_gate(house: Guarded) -> None:
    async def receive() -> dict[str, Any]:
        pytest.fail("the body was read")

    sent: list[Any] = []

    async def send(event: Any) -> None:
        sent.append(event)

    headers = [(b"host", b"localhost"), (b"content-type", b"application/json"), (b"content-length", b"100")]
    scope = {"type": "http", "method": "POST", "path": "/mcp", "query_string": b"", "headers": headers}
    await house.app(scope, cast("Any", receive), send)
    assert sent[0]["status"] == 401


async def test_what_is_public_asks_for_no_credential_but_for_a_host(house: Guarded) -> None:
    for credential in house.bad.values():
        for path in house.app.routes:
            reply = await house.ask(credential, "GET", path)
            assert (reply.status, reply.json) == (200, {"resource": RESOURCE})
            assert (await house.ask(credential, "GET", path, host="evil.example.com")).status == 403
    assert (await house.ask(None, "GET", PUBLIC + "/mcp/more")).status == 401


@pytest.mark.parametrize(
    "name", ["x-forwarded-for", "x-forwarded-user", "x-real-ip", "forwarded", "x-dragoman-forwarded"]
)
async def test_no_other_header_says_who_calls(house: Guarded, name: str) -> None:
    for value in ("127.0.0.1", "anna", "1", "for=127.0.0.1"):
        assert (await house.ask(None, "POST", "/mcp", call("add", a=1, b=2), **{name: value})).status == 401


async def test_two_credentials_are_none(house: Guarded) -> None:
    fields = [(b"host", b"localhost"), (b"content-type", b"application/json")]
    fields += [(b"authorization", f"Bearer {key}".encode()) for key in (house.good, house.other)]
    sent: list[Any] = []

    async def send(event: Any) -> None:
        sent.append(event)

    scope = {"type": "http", "method": "POST", "path": "/mcp", "query_string": b"", "headers": fields}
    await house.app(scope, cast("Any", None), send)
    assert sent[0]["status"] == 400


async def test_the_session_of_another_is_not_found(house: Guarded) -> None:
    session = await house.session(house.good)
    made_up = {**session, "mcp_session_id": "x" * 32}
    for key in (house.other, house.less):
        for method, body, more in (
            ("GET", b"", {}),
            ("GET", b"", {"last_event_id": "a-1"}),
            ("DELETE", b"", {}),
            ("POST", request("resources/subscribe", {"uri": "note://one"}), {}),
        ):
            theirs = await house.ask(f"Bearer {key}", method, "/mcp", body, **session, **more)
            unknown = await house.ask(f"Bearer {key}", method, "/mcp", body, **made_up, **more)
            assert (theirs.status, theirs.body) == (unknown.status, unknown.body)
    assert len(house.app.sessions) == 1
    kept = await house.ask(f"Bearer {house.good}", "POST", "/mcp", call("add", modern=False, a=1, b=2), **session)
    assert kept.status == 200


async def test_a_session_is_no_credential(house: Guarded) -> None:
    session = await house.session(house.good)
    reply = await house.ask(None, "POST", "/mcp", call("add", modern=False, a=1, b=2), **session)
    assert reply.status == 401


async def test_roles_decide_what_is_there(house: Guarded) -> None:
    async def names(key: str) -> list[str]:
        body, headers = BODIES["a listing"]
        reply = await house.ask(f"Bearer {key}", "POST", "/mcp", body, **headers)
        return [tool["name"] for tool in reply.json["result"]["tools"]]

    assert await names(house.good) == ["add", "mine"]
    assert await names(house.less) == ["add"]
    hidden, unknown = (
        await house.call(house.less, "mine", owner="carl"),
        await house.call(house.less, "nine", owner="carl"),
    )
    assert hidden.status == unknown.status
    assert hidden.json["error"]["code"] == unknown.json["error"]["code"]
    assert hidden.body.replace(b"mine", b"nine") == unknown.body


async def test_a_call_that_lacks_only_a_scope_says_which(house: Guarded) -> None:
    some = token(claims(roles=["support"], scope="write other"))
    session = await house.session(some)
    for reply in (
        await house.call(some, "export"),
        await house.ask(f"Bearer {some}", "POST", "/mcp", call("export", modern=False), **session),
    ):
        assert reply.status == 403
        challenge = reply.headers["www-authenticate"]
        assert challenge.startswith('Bearer error="insufficient_scope", scope="export mcp write", resource_metadata=')
    every = token(claims(roles=["support"], scope="write export"))
    assert b"everything" in (await house.call(every, "export")).body
    without_role = token(claims(roles=["none"], scope="write"))
    assert (await house.call(without_role, "export")).status == 400


async def test_in_a_batch_a_missing_scope_is_an_answer(house: Guarded) -> None:
    body = b"[" + call("export", modern=False) + b"," + call("add", modern=False, request_id=2, a=1, b=2) + b"]"
    reply = await house.ask(f"Bearer {house.good}", "POST", "/mcp", body, mcp_protocol_version="2025-03-26")
    refused, answered = reply.json
    assert "more scopes: export write" in refused["error"]["message"]
    assert answered["result"]["content"][0]["text"] == "3"


def sse(app: Endpoint) -> Endpoint:
    async def asked(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        await app({**scope, "path": "/sse"}, receive, send)

    return cast("Endpoint", asked)


async def test_a_narrower_token_of_the_same_caller_gets_nothing_over_a_wider_stream(house: Guarded) -> None:
    wide = token(claims(roles=["support"], scope="write export"))
    narrow = token(claims(roles=["support"], scope="write"))
    stream = Reading(sse(house.app), b"", {"authorization": f"Bearer {wide}", "accept": "text/event-stream"}, "GET")
    await until(lambda: bool(stream.events))
    url = stream.events.pop(0).data.decode()
    for key, status in ((narrow, 404), (wide, 202)):
        reply = await house.ask(f"Bearer {key}", "POST", url, request("initialize", HELLO))
        assert reply.status == status
        reply = await house.ask(f"Bearer {key}", "POST", url, call("export", modern=False, request_id=2))
        assert reply.status == status
    await until(lambda: len(stream.events) == 2)
    assert b"everything" in stream.events[-1].data
    stream.leave()
    await stream.end()


async def test_the_address_of_every_request_is_known(house: Guarded) -> None:
    seen: list[str] = []

    def noting(run: Run) -> Run:
        async def noted(exchange: Exchange, method: Method, params: Any) -> Any:
            seen.append(exchange.address)
            return await run(exchange, method, params)

        return noted

    house.server.hooks.add(noting)

    def app(path: str, query: str = "") -> Endpoint:
        async def asked(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
            scope = {**scope, "path": path, "query_string": query.encode(), "client": ("192.0.2.7", 5)}
            await house.app(scope, receive, send)

        return cast("Endpoint", asked)

    headers: dict[str, str | None] = {"authorization": f"Bearer {house.good}"}
    stream = Reading(app("/sse"), b"", {**headers, "accept": "text/event-stream"}, "GET")
    await until(lambda: bool(stream.events))
    _, _, query = stream.events.pop(0).data.decode().partition("?")
    await HttpRequest(app("/messages", query), request("initialize", HELLO), headers)
    await HttpRequest(app("/mcp"), call("add", a=1, b=2), {**headers, **mirrored("add")})
    batch = b"[" + call("add", modern=False, a=1, b=2) + b"]"
    await HttpRequest(app("/mcp"), batch, {**headers, "mcp-protocol-version": "2025-03-26"})
    stream.leave()
    await stream.end()
    assert seen == ["192.0.2.7"] * 3


async def test_a_rule_for_caller_and_arguments(house: Guarded) -> None:
    assert b"of anna" in (await house.call(house.good, "mine", owner="anna")).body
    refused, unknown = (
        await house.call(house.good, "mine", owner="ben"),
        await house.call(house.good, "zzzz", owner="ben"),
    )
    assert refused.body.replace(b"mine", b"zzzz") == unknown.body
    crashed = await house.call(house.good, "mine")
    assert crashed.status == 500
    assert b"owner" not in crashed.body


async def test_what_was_asked_of_one_is_not_answered_by_another(house: Guarded) -> None:
    async def choose(context: Context) -> str:
        """Choose."""
        return "sure" if await context.confirm("Sure?") else "no"

    house.server.add_tool(choose)
    meta = {**META, "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}}}
    params = {"name": "choose", "arguments": {}, "_meta": meta}
    asked = await house.ask(f"Bearer {house.good}", "POST", "/mcp", request("tools/call", params), **mirrored("choose"))
    result = asked.json["result"]
    (name,) = result["inputRequests"]
    (field,) = result["inputRequests"][name]["params"]["requestedSchema"]["properties"]
    answer = {name: {"action": "accept", "content": {field: True}}}
    retry = request("tools/call", params | {"requestState": result["requestState"], "inputResponses": answer})
    stolen = await house.ask(f"Bearer {house.other}", "POST", "/mcp", retry, **mirrored("choose"))
    assert "error" in stolen.json
    own = await house.ask(f"Bearer {house.good}", "POST", "/mcp", retry, **mirrored("choose"))
    assert b"sure" in own.body


async def test_without_a_gate_what_asks_for_a_role_is_not_there() -> None:
    server = Server("open", "1")
    server.add_tool(lambda: "x", name="free", description="Free.")
    server.add_tool(lambda: "x", name="kept", description="Kept.", roles=["staff"])
    async with server.asgi() as app:
        body, headers = BODIES["a listing"]
        reply = await HttpRequest(app, body, headers)
        assert [tool["name"] for tool in reply.json["result"]["tools"]] == ["free"]
        assert b"Unknown tool" in (await HttpRequest(app, call("kept"), mirrored("kept"))).body


async def test_ten_thousand_keys_that_nobody_made_leave_nothing(house: Guarded) -> None:
    for number in range(10_000):
        with pytest.raises(Exception, match="not accepted"):
            await house.gate.admit({b"authorization": f"Bearer drg_{'a' * 12}_{number:043d}".encode()})
    assert len(house.gate) == 0


def test_the_examples_are_as_they_should_be() -> None:
    assert all(json.loads(body) for name, (body, _) in BODIES.items() if name not in ("no JSON", "nothing"))
    assert Principal().is_anonymous
