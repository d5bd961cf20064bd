"""The client that asks other servers: which addresses it asks, and what it takes from them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from ipaddress import ip_address

import pytest

from dragoman.auth.fetch import Fetcher, FetchFault, is_public
from dragoman.errors import SettingsError

Answer = Callable[[str, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def a_server(answer: Answer) -> AsyncIterator[tuple[str, list[str]]]:
    """A server that gives each connection one answer; its URL, and the requests that came."""
    came: list[str] = []
    serving: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.current_task())
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                came.append(head)
                await answer(head, writer)
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", came
    finally:
        server.close()
        for task in filter(None, serving):
            task.cancel()
        await asyncio.gather(*filter(None, serving), return_exceptions=True)
        await server.wait_closed()


def saying(body: bytes, status: str = "200 OK", *headers: str) -> Answer:
    async def answer(_head: str, writer: asyncio.StreamWriter) -> None:
        head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
        writer.write("\r\n".join(head).encode() + body)
        await writer.drain()

    return answer


async def test_it_reads_what_is_there() -> None:
    async with a_server(saying(b"keys")) as (url, came):
        fetcher = Fetcher(url)
        assert await fetcher.get(f"{url}/keys") == b"keys"
        assert "GET /keys HTTP/1.1" in came[0]
        assert f"host: {url.removeprefix('http://')}" in came[0].lower()
        await fetcher.post(url, {"token": "a&b"}, ("me", "pw"))
        assert "authorization: basic bwu6chc=" in came[1].lower()
        await fetcher.close()


@pytest.mark.parametrize(
    "answer",
    [
        saying(b"x", "302 Found", "Location: http://127.0.0.1:1/"),
        saying(b"x", "500 Oops"),
        saying(b"x" * 2000),
        saying(b"x", "200 OK", "Content-Encoding: gzip"),
    ],
    ids=["redirect", "error", "too large", "compressed"],
)
async def test_what_it_does_not_take(answer: Answer) -> None:
    async with a_server(answer) as (url, came):
        fetcher = Fetcher(url, most=1000)
        with pytest.raises(FetchFault):
            await fetcher.get(url)
        assert len(came) == 1
        await fetcher.close()


async def test_a_server_that_takes_its_time_is_not_waited_for() -> None:
    async def trickle(_head: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(100):
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with a_server(trickle) as (url, _):
        fetcher = Fetcher(url, seconds=0.3)
        with pytest.raises(FetchFault, match=r"within 0\.3 seconds"):
            await fetcher.get(url)
        await fetcher.close()


@pytest.mark.parametrize(
    "url",
    [
        "http://id.example.com/keys",
        "ftp://127.0.0.1/keys",
        "https://127.0.0.1/keys",
        "https://localhost/keys",
        "https://2130706433/keys",
        "https://0x7f.1/keys",
        "https://①②⑦.⓪.⓪.①/keys",
        "https://[::1]/keys",
        "https://[::ffff:127.0.0.1]/keys",
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/keys",
        "https://0.0.0.0/keys",
        "https:///keys",
    ],
)
async def test_a_private_place_is_not_asked(url: str) -> None:
    fetcher = Fetcher("https://id.example.com")
    with pytest.raises(FetchFault):
        await fetcher.get(url)
    await fetcher.close()


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("100.64.0.1", False),
        ("100.100.100.200", False),
        ("168.63.129.16", False),
        ("169.254.169.254", False),
        ("192.88.99.1", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::ffff:8.8.8.8", False),
        ("::127.0.0.1", False),
        ("::ffff:0:127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b:1::7f00:1", False),
        ("2002:7f00:1::", False),
        ("2001:0:7f00:1::", False),
        ("2001:db8::1", False),
        ("fec0::1", False),
        ("fe80::1", False),
        ("fd00:ec2::254", False),
        ("ff02::1", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(ip_address(address)) is public


def test_a_private_network_can_be_allowed() -> None:
    fetcher = Fetcher("https://id.example.com", ["10.1.0.0/16", "fd00::/8"])
    assert fetcher.may_ask(ip_address("10.1.2.3"))
    assert fetcher.may_ask(ip_address("fd00::1"))
    assert not fetcher.may_ask(ip_address("10.2.2.3"))
    assert not fetcher.may_ask(ip_address("127.0.0.1"))
    with pytest.raises(SettingsError, match="no network"):
        Fetcher("https://id.example.com", ["10.0.0.1/8"])


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    async with a_server(saying(b"keys")) as (url, _):
        fetcher = Fetcher(url)
        assert await fetcher.get(url) == b"keys"
        await fetcher.close()
