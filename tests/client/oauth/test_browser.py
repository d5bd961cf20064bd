import asyncio
import contextlib
from urllib.parse import urlsplit

import httpx2
import pytest

from dragoman.client.oauth.browser import Callback
from dragoman.client.oauth.faults import SignInFault
from dragoman.errors import UsageError


async def get(url: str) -> httpx2.Response:
    async with httpx2.AsyncClient(trust_env=False) as browser:
        return await browser.get(url)


async def test_the_answer_comes_back() -> None:
    async with Callback() as callback:
        callback.expect("right")
        waiting = asyncio.create_task(callback.wait(5))
        answer = f"{callback.redirect_uri}?code=c&state=right"
        page = await get(answer)
        assert page.status_code == 200
        assert page.headers["content-security-policy"] == "default-src 'none'"
        assert await waiting == answer


async def test_it_listens_on_this_machine_only_and_no_longer_than_needed() -> None:
    async with Callback() as callback:
        assert callback.redirect_uri.startswith("http://127.0.0.1:")
        gone = callback.redirect_uri
    with pytest.raises(httpx2.ConnectError):
        await get(gone)


@pytest.mark.parametrize("words", ["?code=c&state=wrong", "?code=c", "/other?code=c&state=right", "?a=b" + "&a=b" * 99])
async def test_whatever_else_knocks_changes_nothing(words: str) -> None:
    async with Callback() as callback:
        callback.expect("right")
        waiting = asyncio.create_task(callback.wait(5))
        assert (await get(callback.redirect_uri + words)).status_code == 400
        assert not waiting.done()
        assert (await get(f"{callback.redirect_uri}?state=right&code=c")).status_code == 200
        assert (await waiting).endswith("code=c")


async def test_an_answer_counts_once() -> None:
    async with Callback() as callback:
        callback.expect("right")
        waiting = asyncio.create_task(callback.wait(5))
        await get(f"{callback.redirect_uri}?state=right&code=first")
        assert (await get(f"{callback.redirect_uri}?state=right&code=second")).status_code == 400
        assert "first" in await waiting


async def test_bytes_that_are_no_request_change_nothing() -> None:
    async with Callback() as callback:
        callback.expect("right")
        waiting = asyncio.create_task(callback.wait(5))
        for data in (
            b"\x00\xff" * 50,
            b"GET /callback?state=right HTTP/1.1\r\n" + b"a" * 40_000,
            b"POST / HTTP/1.1\r\n\r\n",
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(callback.redirect_uri).port)
            writer.write(data)
            writer.write_eof()
            with contextlib.suppress(ConnectionError):
                await reader.read()
            writer.close()
        assert not waiting.done()
        waiting.cancel()


async def test_the_answer_may_be_there_before_anybody_waits() -> None:
    async with Callback() as callback:
        assert (await get(f"{callback.redirect_uri}?state=&code=c")).status_code == 400
        callback.expect("right")
        assert (await get(f"{callback.redirect_uri}?state=right&code=c")).status_code == 200
        assert (await callback.wait(1)).endswith("code=c")


async def test_nobody_comes() -> None:
    async with Callback() as callback:
        with pytest.raises(SignInFault, match="Nobody signed in"):
            await callback.wait(0.05)


async def test_a_port_that_was_registered_is_used_exactly() -> None:
    async with Callback() as free:
        port = urlsplit(free.redirect_uri).port
    async with Callback(f"http://127.0.0.1:{port}/here") as callback:
        assert callback.redirect_uri == f"http://127.0.0.1:{port}/here"
        with pytest.raises(UsageError, match="cannot be opened"):
            await Callback(callback.redirect_uri).__aenter__()


@pytest.mark.parametrize("uri", ["https://127.0.0.1:5/x", "http://mcp.example:5/x", "http://127.0.0.1/x"])
async def test_places_that_are_not_ours(uri: str) -> None:
    with pytest.raises(UsageError, match="no port of this machine"):
        await Callback(uri).__aenter__()
