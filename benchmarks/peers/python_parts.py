"""What the Python programs share, so that only the framework differs: settings, the backends of `io`, numbered tools."""

import os
from collections.abc import Callable
from typing import Any

SET = os.environ.get("BENCH_SET", "add")
TOOLS = int(os.environ.get("BENCH_TOOLS", "1"))
STREAM = os.environ.get("BENCH_REPLY", "json") == "stream"
BIG = "x" * 2**20
FLAG = "bench://flag"
UVICORN: dict[str, Any] = {
    "http": "httptools",
    "loop": "uvloop",
    "ws": "none",
    "log_level": "warning",
    "access_log": False,
    "timeout_keep_alive": 75,
}


class Backends:
    """The systems that `io` reads, on connections that are kept: redis-py with hiredis, and aiohttp."""

    def __init__(self) -> None:
        self._open_already = False

    async def read(self, key: str) -> str:
        """One Redis GET, then one HTTP GET; both texts."""
        if not self._open_already:
            self._open()
        value = await self._redis.get(key)
        async with self._http.get(self._url) as response:
            return f"{value} {await response.text()}"

    def _open(self) -> None:
        import aiohttp
        from redis.asyncio import Redis

        self._open_already = True
        self._url = os.environ["BENCH_HTTP_URL"]
        self._redis = Redis.from_url(os.environ["BENCH_REDIS_URL"], decode_responses=True)
        self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))


def numbered() -> list[tuple[str, Callable[..., Any]]]:
    """The further tools that a listing shows: each its own function, with two typed parameters."""

    def make(number: int) -> Callable[..., Any]:
        async def tool(name: str, count: int = number) -> int:
            """Count the letters of a name, several times over."""
            return len(name) * count

        tool.__name__ = f"tool_{number}"
        return tool

    return [(f"tool_{number}", make(number)) for number in range(1, TOOLS)]
