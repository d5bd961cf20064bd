"""Routes that nobody needs to sign in for: an explicit table of ASGI applications, by path, beside the endpoint.

They are what a caller needs before it can sign in. Such a request has passed the checks of size and Host, and nothing
of it reaches the endpoint; whose pages may ask is for the application to say, which sets what it needs (P1, P2).
"""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_METHODS: Final = b"GET, HEAD, OPTIONS"


class Document:
    """A JSON document that anybody may read, also a page in a browser.

    Args:
        content: what it says.
        seconds: how long it may be kept.
    """

    def __init__(self, content: dict[str, Any], seconds: int = 300) -> None:
        self.content = content
        self._body = json.dumps(content).encode()
        self._headers = [
            (b"access-control-allow-origin", b"*"),
            (b"access-control-allow-methods", _METHODS),
            (b"access-control-allow-headers", b"mcp-protocol-version"),
            (b"x-content-type-options", b"nosniff"),
        ]
        self._read = [(b"content-type", b"application/json"), (b"cache-control", b"public, max-age=%d" % seconds)]

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer GET and HEAD with it, and OPTIONS with who may ask (Fetch, CORS protocol)."""
        status, body, headers = 200, self._body, self._read
        if scope["method"] == "OPTIONS":
            status, body, headers = 204, b"", []
        elif scope["method"] not in ("GET", "HEAD"):
            status, body, headers = 405, b"", [(b"allow", _METHODS)]
        length = [] if scope["method"] == "OPTIONS" else [(b"content-length", b"%d" % len(body))]
        start = {"type": "http.response.start", "status": status, "headers": [*headers, *length, *self._headers]}
        await send(start)
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
