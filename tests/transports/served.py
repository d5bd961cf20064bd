"""A program that serves over HTTP or stdio what the tests of wires abuse, and says how it is afterwards.

`python served.py http '{"limits": {...}}'` prints its port; `python served.py stdio '{...}'` speaks on its streams.
"""

import asyncio
import contextlib
import ctypes
import json
import os
import subprocess
import sys
import threading
import time
from typing import Any

from dragoman import Context, Limits, Server
from dragoman.transports.http import Endpoint
from dragoman.transports.stdio import run_stdio
from dragoman.transports.uvicorn import listen, serve_http

calls: dict[str, str] = {}  # what became of each slow call
endpoints: list[Endpoint] = []
captured = sys.stdout  # what a library may have kept from before


def make_server(limits: dict[str, Any]) -> Server:
    server = Server("served", "1", limits=Limits(**limits))
    add_quick(server)
    add_slow(server)
    add_loud(server)
    return server


def add_quick(server: Server) -> None:
    @server.tool
    async def add(a: int, b: int) -> int:
        return a + b

    @server.tool
    def add_in_thread(a: int, b: int) -> int:
        return a + b

    @server.tool
    async def blob(size: int) -> str:
        return "x" * size

    @server.tool
    async def became(name: str) -> str:
        """What became of a slow call."""
        return calls.get(name, "never begun")

    @server.tool
    async def health() -> dict[str, int]:
        """What is alive in this process."""
        return {
            "tasks": len(asyncio.all_tasks()),
            "descriptors": len(os.listdir("/proc/self/fd")),  # noqa: PTH208 - a glance
            "threads": sum(not thread.name.startswith("dragoman_") for thread in threading.enumerate()),
            "sessions": sum(len(endpoint.sessions) for endpoint in endpoints),
        }


def add_slow(server: Server) -> None:
    @server.tool
    async def slow(name: str, seconds: float) -> str:
        """Take a while, and keep a record of it."""
        calls[name] = "running"
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            calls[name] = "cancelled"
            raise
        calls[name] = "finished"
        return "slept"

    @server.tool
    def stuck(seconds: float) -> str:
        """Block a thread."""
        time.sleep(seconds)
        return "woke"

    @server.tool
    async def stubborn(name: str) -> str:
        """Hold a cancellation back."""
        calls[name] = "running"
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        calls[name] = "held back"
        return "still here"

    @server.tool
    async def flood(context: Context, name: str, count: int, size: int) -> str:
        """Say much before the answer."""
        calls[name] = "running"
        try:
            for number in range(count):
                await context.progress(number + 1, count, "x" * size)
        except asyncio.CancelledError:
            calls[name] = "cancelled"
            raise
        calls[name] = "finished"
        return "said"

    @server.tool
    async def exit_early() -> str:
        raise SystemExit(3)


def add_loud(server: Server) -> None:
    @server.tool
    async def shout() -> str:
        """Print in every way there is."""
        print("printed")  # noqa: T201
        sys.stdout.write("written\n")
        captured.write("captured\n")
        os.write(1, b"by descriptor\n")
        library = ctypes.CDLL(None)
        library.printf(b"by libc\n")
        subprocess.run(["/bin/echo", "by a child"], check=True)  # noqa: ASYNC221
        return "shouted"

    @server.tool
    async def greedy() -> str:
        """Start a program that reads standard input."""
        read = subprocess.run(["/bin/cat"], check=True, capture_output=True, timeout=5)  # noqa: ASYNC221
        return f"read {len(read.stdout)}"


def main() -> None:
    settings = json.loads(sys.argv[2])
    server = make_server(settings.get("limits", {}))
    if sys.argv[1] == "stdio":
        run_stdio(server)
        return
    listening = listen("127.0.0.1", 0)
    endpoints.append(Endpoint(server, **settings.get("endpoint", {})))
    print(listening.getsockname()[1], flush=True)  # noqa: T201
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve_http(endpoints[0], listening))


if __name__ == "__main__":
    main()
