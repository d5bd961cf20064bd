"""Runs one foreign client against one server through a tap, and keeps what both ends saw.

A client is a program in an environment of its own (peers/<name>), started with a clean HOME and a time limit;
on stdio it starts the server itself, on HTTP it finds the one the tests share. The clients' answers come back
as one JSON document, what crossed the wire as the taps recorded it.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tests.interop.wiretap import HttpExchange, HttpTap, WireMessage, read_exits, read_recordings

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
PEERS = HERE / "peers"
INSTALLED = REPOSITORY / ".cache" / "interop"
DATA = REPOSITORY.parent / "shared" / "data"
DRAGOMAN = str(Path(sys.executable).with_name("dragoman"))
SECONDS = 100.0  # the Inspector starts anew for each of a dozen looks


@dataclass(frozen=True)
class Scene:
    """What is served, and what each client does there; a plan is described at the top of each client.

    Parameters:
        name: for the names of folders and logs.
        targets: the words after `dragoman serve`.
        plan: the same for every client.
    """

    name: str
    targets: tuple[str, ...]
    plan: dict[str, Any]

    @property
    def command(self) -> list[str]:
        """How the server is started."""
        return [DRAGOMAN, "serve", *self.targets]


PAGE = "specification/basic/patterns/mrtr.md"  # on multi round-trip requests, whose state may be tampered with
DATABASE_AND_HANDBOOK = Scene(
    "database-and-handbook",
    (str(DATA / "chinook.sqlite"), str(DATA / "handbook")),
    {
        "calls": {
            "query": ["chinook_query", {"sql": "select Name from Artist order by ArtistId limit 3"}],
            "search": ["handbook_search", {"query": "tampered request state"}],
            "lines": ["handbook_read", {"path": PAGE, "offset": 3, "limit": 5}],
            "describe": ["chinook_describe", {"table": "Artist"}],
            "refused": ["chinook_query", {"sql": "delete from Artist"}],
            "unknown": ["chinook_qery", {"sql": "select 1"}],
        },
        "watched": {},
        "reads": {
            "table": "sql://chinook/Artist",
            "page": f"files://handbook/{PAGE}",
            "missing": "files://handbook/specification/no-such-page.md",
        },
        "prompts": {},
    },
)
LIVELY = Scene(
    "lively",
    (str(HERE / "lively.py"),),
    {
        "calls": {
            "add": ["add", {"parts": [1, 2, 3]}],
            "show": ["show", {}],
            "refuse": ["refuse", {}],
            "fail": ["fail", {}],
            "order": ["order", {"thing": "cake"}],
        },
        "watched": {"count": ["count", {"to": 4}]},
        "reads": {"motto": "lively://motto", "pixel": "lively://pixel", "square": "lively://squares/12"},
        "prompts": {
            "greet": ["greet", {"name": "Ada"}],
            "debate": ["debate", {"topic": "tea"}],
            "lacking": ["greet", {}],
        },
        "answer": {"size": 3, "gift": True},
    },
)


@dataclass(frozen=True)
class Run:
    """A client as a test uses it: the peer, the mode it negotiates in, and the revision that should give."""

    peer: str
    revision: str
    mode: str = ""

    @property
    def name(self) -> str:
        return f"{self.peer}-{self.mode}" if self.mode else self.peer

    @property
    def modern(self) -> bool:
        return self.revision >= "2026-07-28"


RUNS = (
    Run("python1", "2025-11-25"),
    Run("python2", "2026-07-28", "auto"),
    Run("python2", "2025-11-25", "legacy"),
    Run("ts1", "2025-11-25"),
    Run("ts2", "2026-07-28", "auto"),
    Run("ts2", "2025-11-25", "legacy"),
    Run("inspector", "2026-07-28", "auto"),
    Run("inspector", "2025-11-25", "legacy"),
)


@dataclass(frozen=True)
class Seen:
    """What one run left: the client's own document, the recording, and how exchanges or processes ended."""

    run: Run
    wire: Literal["http", "stdio"]
    document: dict[str, Any]
    messages: list[WireMessage]
    exchanges: list[HttpExchange]
    exits: list[dict[str, Any]]


def _command(run: Run, plan: dict[str, Any], program: str) -> list[str]:
    """The client's command line up to the wire."""
    plan = {**plan, "mode": run.mode}
    source = PEERS / run.peer
    if (source / "go.mod").exists() or (source / "Cargo.toml").exists():
        return [program, json.dumps(plan)]
    script = source / "client.py"
    if run.peer == "inspector":
        launcher = INSTALLED / run.peer / "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js"
        plan["node"] = [program, str(launcher)]
        program = sys.executable
    elif not script.exists():
        # A module of Node finds its packages beside itself.
        script = INSTALLED / run.peer / "client.mjs"
        shutil.copyfile(source / "client.mjs", script)
    return [program, str(script), json.dumps(plan)]


async def _finish(run: Run, command: list[str], scratch: Path) -> dict[str, Any]:
    """Wait for the client, within the limit, and decode what it printed."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(scratch / "home"), "LANG": "C.UTF-8"}
    (scratch / "home").mkdir()
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
        cwd=scratch,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(SECONDS):
            out, err = await process.communicate()
    except TimeoutError:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = await process.communicate()
        raise AssertionError(f"{run.name} took more than {SECONDS} s; it wrote:\n{out!r}\n{err.decode()}") from None
    if process.returncode != 0:
        raise AssertionError(f"{run.name} ended with {process.returncode}:\n{err.decode()[-6000:]}")
    document: dict[str, Any] = json.loads(out)
    return document


async def look_over_http(scene: Scene, run: Run, program: str, url: str, scratch: Path) -> Seen:
    """Run a client against the server at the URL."""
    async with HttpTap(url) as tap:
        command = [*_command(run, scene.plan, program), "http", tap.url]
        document = await _finish(run, command, scratch)
    return Seen(run, "http", document, tap.messages, tap.exchanges, [])


async def look_over_stdio(scene: Scene, run: Run, program: str, scratch: Path) -> Seen:
    """Run a client that starts the server itself."""
    folder = scratch / "recordings"
    folder.mkdir()
    tap = [sys.executable, str(HERE / "stdio_tap.py"), str(folder)]
    command = [*_command(run, scene.plan, program), "stdio", *tap, *scene.command, "--stdio"]
    document = await _finish(run, command, scratch)
    return Seen(run, "stdio", document, read_recordings(folder), [], read_exits(folder))
