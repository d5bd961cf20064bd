"""One HTTP endpoint: what cannot be reached, sent or taken is said in one sentence."""

import gzip
import json

import pytest

from dragoman.client.client import Client
from dragoman.client.endpoint import Endpoint, is_loopback
from dragoman.errors import ClientError, ConnectionFault, UsageError
from tests.client.peers import (
    Reply,
    Sent,
    answer,
    events,
    http_peer,
    json_reply,
    modern,
    response,
    text_result,
    unused,
)

FOREVER = 60.0


async def test_a_redirect_is_told_and_not_followed() -> None:
    async def script(sent: Sent) -> Reply:
        return Reply(307, b"", {"location": "http://127.0.0.1:1/elsewhere"})

    async with http_peer(script) as peer:
        with pytest.raises(ConnectionFault, match=r"redirects to 'http://127.0.0.1:1/elsewhere'"):
            async with Client(peer.url):
                pass
    assert len(peer.requests) == 1


async def test_nobody_listens() -> None:
    async with http_peer(unused) as peer:
        url = peer.url
    with pytest.raises(ConnectionFault, match=f"Cannot connect to {url}: .*Is the server running there"):
        async with Client(url):
            pass


async def test_a_password_in_the_url_is_not_shown() -> None:
    async def script(sent: Sent) -> Reply:
        return Reply(403)

    async with http_peer(script) as peer:
        with pytest.raises(ConnectionFault) as caught:
            async with Client(peer.url.replace("http://", "http://me:secret@")):
                pass
    assert "secret" not in str(caught.value)
    assert peer.requests[0].headers["authorization"].startswith("Basic ")


@pytest.mark.parametrize("how", ["body", "event", "gzip"])
async def test_an_answer_may_not_be_larger_than_the_limit(how: str) -> None:
    async def script(sent: Sent) -> Reply:
        message = response(sent, text_result("x" * 5000))
        if how == "event":
            return events(message)
        if how == "body":
            return json_reply(message)
        body = gzip.compress(json.dumps(message).encode())
        return Reply(200, body, {"content-type": "application/json", "content-encoding": "gzip"})

    async with http_peer(modern(script)) as peer, Client(peer.url, response_bytes=4000) as client:
        with pytest.raises(ConnectionFault, match="4000 bytes"):
            await client.call_tool("t")


async def test_a_header_that_cannot_be_sent() -> None:
    async with http_peer(unused) as peer:
        with pytest.raises(ClientError, match="cannot be sent"):
            async with Client(peer.url, headers={"x-name": "世界"}):
                pass


@pytest.mark.parametrize(("url", "words"), [("http://[::1", "not a URL"), ("http:///mcp", "names no host")])
def test_urls_that_are_none(url: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Client(url)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("a.localhost", True),
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("example.com", False),
        ("10.0.0.1", False),
    ],
)
def test_loopback_is_recognised(host: str, *, expected: bool) -> None:
    assert is_loopback(host) is expected


async def test_proxies_of_the_environment_do_not_see_local_traffic(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with http_peer(modern(answer)) as peer, Client(peer.url) as client:
        assert (await client.call_tool("t")).data == "done"


async def test_other_hosts_are_reached_with_the_certificates_of_the_machine() -> None:
    endpoint = Endpoint("https://example.com/mcp", None, 1)
    endpoint.open()
    await endpoint.close()
