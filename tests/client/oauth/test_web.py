import asyncio
import socket
from typing import Any

import pytest

from dragoman.client.oauth import web
from dragoman.client.oauth.faults import SignInFault
from dragoman.client.oauth.web import Web
from tests.client.oauth.issuer import say, serving

HERE = "http://127.0.0.1:1/mcp"
ELSEWHERE = "https://mcp.example/mcp"


@pytest.mark.parametrize(
    ("server", "url"),
    [
        (ELSEWHERE, "http://as.example/x"),
        (ELSEWHERE, "http://127.0.0.1/x"),
        (ELSEWHERE, "https://127.0.0.1/x"),
        (ELSEWHERE, "https://localhost/x"),
        (ELSEWHERE, "https://[::1]/x"),
        (ELSEWHERE, "https://[::ffff:127.0.0.1]/x"),
        (ELSEWHERE, "https://169.254.169.254/latest"),
        (ELSEWHERE, "https://[fe80::1]/x"),
        (ELSEWHERE, "https://0.0.0.0/x"),
        (ELSEWHERE, "ftp://as.example/x"),
        (ELSEWHERE, "as.example"),
        (ELSEWHERE, ""),
        (ELSEWHERE, "https:///x"),
        (ELSEWHERE, "https://user:word@as.example/x"),
        (ELSEWHERE, "https://as.example/x#y"),
        (ELSEWHERE, "https://as.example/\r\nx: y"),
        (ELSEWHERE, "https://as.example/" + "a" * 5000),
        (HERE, "http://as.example/x"),
        (HERE, "https://169.254.169.254/x"),
    ],
)
async def test_what_is_never_asked(server: str, url: str) -> None:
    for ask in (Web(server).get, Web(server).post):
        with pytest.raises(SignInFault):
            await ask(url, "It")


@pytest.mark.parametrize(
    ("server", "url"), [(ELSEWHERE, "https://as.example:8443/x?y"), (HERE, "http://localhost:5/x")]
)
def test_what_may_be_asked(server: str, url: str) -> None:
    assert str(Web(server).check(url, "It")) == url


class Strange:
    """Answers by path."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        match scope["path"]:
            case "/object":
                await say(send, 200, {"a": 1}, {"www-authenticate": "Bearer", "dpop-nonce": "n"})
            case "/deep":
                await say(send, 200, b"[" * 100_000)
            case "/page":
                await say(send, 200, b"<html>")
            case "/huge":
                await say(send, 200, b'"' + b"a" * web.BODY_BYTES + b'"')
            case "/onward":
                await say(send, 302, {}, {"location": "/object"})
            case "/away":
                await say(send, 302, {}, {"location": "http://127.0.0.1:1/object"})
            case "/circle":
                await say(send, 302, {}, {"location": "/circle"})
            case "/slow":
                await asyncio.sleep(30)


async def test_answers() -> None:
    async with serving(Strange(), "") as url:
        asking = Web(url)
        found = await asking.get(f"{url}/object", "It")
        assert (found.status, found.body, found.nonce, found.challenges) == (200, {"a": 1}, "n", ("Bearer",))
        assert (await asking.get(f"{url}/onward", "It")).body == {"a": 1}
        for path in ("/deep", "/page"):
            assert (await asking.get(url + path, "It")).body == {}
        for path, words in (("/huge", "more than"), ("/away", "another origin"), ("/circle", "without end")):
            with pytest.raises(SignInFault, match=words):
                await asking.get(url + path, "It")
        assert (await asking.post(f"{url}/away", "It", form={})).status == 302
        await asking.close()


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "::1", "fe80::1", "0.0.0.0"])  # noqa: S104
async def test_names_that_stand_for_such_addresses(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(SignInFault, match="stands for"):
        await Web(ELSEWHERE).get("https://as.example/x", "It")


async def test_nobody_answers() -> None:
    with pytest.raises(SignInFault, match="cannot be reached"):
        await Web(HERE).get("http://127.0.0.1:1/x", "It")
