"""Documents that anybody may read."""

import pytest

from dragoman.testing import HttpRequest
from dragoman.transports.public import Document

DOCUMENT = Document({"resource": "https://mcp.example.com/mcp"}, 60)


async def test_it_is_read() -> None:
    reply = await HttpRequest(DOCUMENT, method="GET")
    assert (reply.status, reply.json) == (200, {"resource": "https://mcp.example.com/mcp"})
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["cache-control"] == "public, max-age=60"
    assert reply.headers["access-control-allow-origin"] == "*"
    head = await HttpRequest(DOCUMENT, method="HEAD")
    assert (head.body, head.headers["content-length"]) == (b"", str(len(reply.body)))


async def test_a_page_may_ask_whether_it_may() -> None:
    reply = await HttpRequest(DOCUMENT, method="OPTIONS")
    assert (reply.status, reply.body) == (204, b"")
    assert "content-length" not in reply.headers
    assert "GET" in reply.headers["access-control-allow-methods"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_it_is_only_read(method: str) -> None:
    reply = await HttpRequest(DOCUMENT, b"x", method=method)
    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
