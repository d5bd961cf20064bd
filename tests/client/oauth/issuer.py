"""An authorization server and a server that it guards, each on a port of its own, with every mistake one can wish for.

`Issuer` checks what a real one must: client, redirect URI, PKCE, `resource`, codes and refresh tokens used once. What
it was asked is kept, for tests to look at.
"""

import asyncio
import base64
import contextlib
import hashlib
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode

import uvicorn

from dragoman import Server
from dragoman.transports.uvicorn import listen, url_of

Application = Callable[..., Awaitable[None]]


@dataclass
class Issuer:
    """An authorization server.

    `metadata`, `registered` and `granted` override what it says; `answer` what it sends browsers back with.
    """

    url: str = ""
    resource: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    registered: dict[str, Any] = field(default_factory=dict)
    granted: dict[str, Any] = field(default_factory=dict)
    answer: dict[str, str | None] = field(default_factory=dict)
    registration_status: int = 201
    token_status: int = 200
    paths: list[str] = field(default_factory=lambda: ["/.well-known/oauth-authorization-server"])
    registrations: list[dict[str, Any]] = field(default_factory=list)
    visits: list[dict[str, str]] = field(default_factory=list)
    requests: list[dict[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    tokens: dict[str, set[str]] = field(default_factory=dict)
    refreshes: dict[str, str] = field(default_factory=dict)
    revoked: list[str] = field(default_factory=list)
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        path, query = scope["path"], dict(parse_qsl(scope["query_string"].decode()))
        self.asked.append(path)
        body = await _body(receive)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        if path in self.paths:
            await say(send, 200, self._metadata())
        elif path == "/authorize":
            await say(send, 302, {}, {"location": self._authorize(query)})
        elif path == "/register":
            self.registrations.append(json.loads(body))
            client = {"client_id": f"client-{len(self.registrations)}", **self.registered}
            await say(send, self.registration_status, client)
        elif path == "/token":
            form = dict(parse_qsl(body.decode()))
            self.requests.append(form)
            self.headers.append(headers)
            await say(send, *self._token(form))
        elif path == "/revoke":
            self.revoked.append(dict(parse_qsl(body.decode()))["token"])
            await say(send, 200, {})
        else:
            await say(send, 404, {})

    def _metadata(self) -> dict[str, Any]:
        whole = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "registration_endpoint": f"{self.url}/register",
            "revocation_endpoint": f"{self.url}/revoke",
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none"],
            "authorization_response_iss_parameter_supported": True,
            **self.metadata,
        }
        return {name: value for name, value in whole.items() if value is not None}

    def _authorize(self, query: dict[str, str]) -> str:
        self.visits.append(query)
        code = secrets.token_urlsafe(8)
        self._codes[code] = query
        answer = {"code": code, "state": query["state"], "iss": self.url, **self.answer}
        given = {name: value for name, value in answer.items() if value is not None}
        return f"{query['redirect_uri']}?{urlencode(given)}"

    def _token(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if self.token_status != 200:
            return self.token_status, self.granted
        if form.get("resource") != self.resource:
            return 400, {"error": "invalid_target"}
        scope = form.get("scope", "")
        if form["grant_type"] == "authorization_code":
            asked = self._codes.pop(form["code"], None)
            digest = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest())
            if asked is None or asked["code_challenge"] != digest.rstrip(b"=").decode():
                return 400, {"error": "invalid_grant"}
            if asked["redirect_uri"] != form["redirect_uri"] or asked["resource"] != form["resource"]:
                return 400, {"error": "invalid_grant"}
            scope = asked.get("scope", "")
        elif form["grant_type"] == "refresh_token":
            kept = self.refreshes.pop(form["refresh_token"], None)
            if kept is None:
                return 400, {"error": "invalid_grant", "error_description": "used or unknown"}
            scope = kept
        token, refresh = f"at-{secrets.token_urlsafe(8)}", f"rt-{secrets.token_urlsafe(8)}"
        self.tokens[token] = set(scope.split())
        self.refreshes[refresh] = scope
        given = {"access_token": token, "token_type": "Bearer", "refresh_token": refresh, "scope": scope}
        return 200, {name: value for name, value in {**given, **self.granted}.items() if value is not None}


@dataclass
class Guard:
    """Stands before a server, and lets tokens of its issuer in.

    `challenge` is what it says beside `Bearer`; `needs` the scopes that a method takes.
    """

    server: Application
    issuer: Issuer
    url: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    path: str | None = "/.well-known/oauth-protected-resource/mcp"
    challenge: str | None = None
    needs: dict[str, set[str]] = field(default_factory=dict)
    always: tuple[int, str] | None = None
    seen: list[str | None] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.server(scope, receive, send)
            return
        self.asked.append(scope["path"])
        if scope["path"] != "/mcp":
            if scope["path"] == self.path:
                await say(
                    send, 200, {"resource": self.url, "authorization_servers": [self.issuer.url], **self.metadata}
                )
            else:
                await say(send, 404, {})
            return
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        shown = headers.get("authorization")
        self.seen.append(shown)
        token = (shown or "").removeprefix("Bearer ")
        if self.always is not None and shown is not None:
            await say(send, self.always[0], {}, {"www-authenticate": self.always[1]})
        elif token not in self.issuer.tokens:
            where = f'resource_metadata="{self.url.removesuffix("/mcp")}{self.path}"' if self.path else ""
            said = f"Bearer {where}" if self.challenge is None else self.challenge
            await say(send, 401, {}, {"www-authenticate": said})
        else:
            wanted = self.needs.get(headers.get("mcp-method", ""), set())
            if not wanted <= self.issuer.tokens[token]:
                said = f'Bearer error="insufficient_scope", scope="{" ".join(sorted(wanted))}"'
                await say(send, 403, {}, {"www-authenticate": said})
            else:
                await self.server(scope, receive, send)


@dataclass
class Realm:
    """Both, served."""

    issuer: Issuer
    guard: Guard

    @property
    def url(self) -> str:
        """The server's."""
        return self.guard.url


def basic_of(headers: dict[str, str]) -> tuple[str, str]:
    """Name and secret of HTTP Basic, as RFC 6749 encodes them."""
    name, _, secret = base64.b64decode(headers["authorization"].removeprefix("Basic ")).decode().partition(":")
    return unquote_plus(name), unquote_plus(secret)


@contextlib.asynccontextmanager
async def realm(server: Server) -> AsyncIterator[Realm]:
    """A guarded server and its issuer, as long as a block lasts."""
    issuer = Issuer()
    guard = Guard(server.asgi(), issuer)
    async with serving(issuer, "") as issuer_url, serving(guard, "/mcp") as url:
        issuer.url, issuer.resource, guard.url = issuer_url, url, url
        yield Realm(issuer, guard)


@contextlib.asynccontextmanager
async def serving(application: Any, path: str) -> AsyncIterator[str]:
    """The URL of an application on a free port."""
    listening = listen("127.0.0.1", 0)
    config = uvicorn.Config(application, http="httptools", ws="none", log_config=None)
    config.lifespan = "on" if isinstance(application, Guard) else "off"
    running = uvicorn.Server(config)
    task = asyncio.create_task(running.serve(sockets=[listening]))
    try:
        yield url_of(listening, path)
    finally:
        running.should_exit = True
        await task
        listening.close()


async def say(send: Any, status: int, document: Any, headers: dict[str, str] | None = None) -> None:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    fields = {"content-type": "application/json", "content-length": str(len(body)), **(headers or {})}
    head = [(name.encode(), value.encode()) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})


async def _body(receive: Any) -> bytes:
    body, more = b"", True
    while more:
        event = await receive()
        body, more = body + event.get("body", b""), event.get("more_body", False)
    return body
