"""The README, the tutorial and the how-to pages are run as they stand, from top to bottom, each in an empty folder.

- A `python` block is a program. One that opens with a comment naming a file (`# server.py`) is saved under
  that name, for the blocks below; each is run with nothing on its standard input and must end well. A file
  called `test_...py` is run by pytest instead.
- A `console` block holds commands after `$ ` and what they print; a `sh` block holds commands only.
  `dragoman serve`, `dragoman demo` and `uvicorn` run until the next one, on a free port that stands for 8000 on
  the whole page; every other `dragoman` or `python` command must end well and print what the block shows. A
  `make` command must name a task. What `NOT_RUN` lists speaks of the reader's machine.
- A `json` or `toml` block must be well formed; `text`, `nginx` and `caddy` blocks are only shown, but a `text` or
  `toml` block that opens with a comment naming a file is saved under that name.

`...` in what a command prints stands for anything.
"""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.shape.sources import ROOT

PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs" / "tutorial").glob("*.md")),
    *sorted((ROOT / "docs" / "howto").glob("*.md")),
]
PROGRAM = Path(sys.executable).with_name("dragoman")
ENVIRONMENT = {**os.environ, "PATH": f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}"}  # as in an active venv
PROGRAMS = {"dragoman": str(PROGRAM), "python": sys.executable}
SECONDS = 60
SERVERS = {"serve", "demo"}
UNTIL_DONE = {"--stdio", "--no-serve"}
NOT_RUN = {"cd", "git", "pip", "uv", "npx", "curl", "claude"}
SHOWN = {"text", "nginx", "caddy"}


@dataclass
class Reader:
    """Somebody who follows the page: a folder, a port, and the servers they left running."""

    folder: Path
    port: int
    servers: list[subprocess.Popen[str]] = field(default_factory=list)

    def told(self, text: str) -> str:
        """What the page says, with the reader's own port."""
        return text.replace("127.0.0.1:8000", f"127.0.0.1:{self.port}")

    def run(self, command: list[str]) -> str:
        """What a program prints; it must end well."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**ENVIRONMENT, "DRAGOMAN_STATE": str(self.folder / ".state")},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}{done.stderr}"
        return done.stdout

    def start(self, command: list[str]) -> None:
        """Start a server and wait until it listens; the one before it ends, as it would have to."""
        self.stop()
        log = self.folder / "server.log"
        with log.open("w") as output:
            server = subprocess.Popen(
                [*command, "--port", str(self.port)],
                cwd=self.folder,
                env={**ENVIRONMENT, "DRAGOMAN_STATE": str(self.folder / ".state")},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                text=True,
            )
        self.servers.append(server)
        deadline = time.monotonic() + SECONDS
        while not listens(self.port):
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, f"nothing listens after {SECONDS} s\n{log.read_text()}"
            time.sleep(0.05)

    def stop(self) -> None:
        """End what was started; Dragoman ends well when it is asked to, uvicorn by itself dies of the signal."""
        while self.servers:
            server = self.servers.pop()
            server.terminate()
            assert server.wait(SECONDS) in ({0, -signal.SIGTERM} if "uvicorn" in server.args else {0})  # type: ignore[operator]


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def blocks(text: str) -> list[tuple[str, str]]:
    """The fenced blocks of a page: language and text."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def commands(language: str, text: str) -> Iterator[tuple[str, str | None]]:
    """The commands of a block, each with what it prints where the block shows that."""
    text = text.replace("\\\n", " ")
    if language == "sh":
        for line in text.splitlines():
            if line.strip() and not line.startswith("#"):
                yield line, None
        return
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        line, _, output = part.partition("\n")
        yield line, output.strip() or None


def matches(shown: str, printed: str) -> bool:
    """Whether a program printed what the page shows."""
    pattern = re.escape(shown).replace(r"\.\.\.", r".*")
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None


def follow_python(reader: Reader, text: str, number: int) -> None:
    named = re.match(r"# ([\w/]+\.py)\n", text)
    file = reader.folder / (named[1] if named else f"snippet{number}.py")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    by_pytest = ["-m", "pytest", "-q", "-o", "asyncio_mode=auto"] if file.name.startswith("test_") else []
    reader.run([sys.executable, *by_pytest, str(file)])


def keep(reader: Reader, text: str) -> None:
    named = re.match(r"# ([\w-]+\.\w+)\n", text)
    if named:
        (reader.folder / named[1]).write_text(text, encoding="utf-8")


def follow_command(reader: Reader, line: str, shown: str | None) -> None:
    words = shlex.split(line, comments=True)
    if words[0] == "make":
        tasks = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        assert set(words[1:]) <= set(tasks)
    elif words[0] == "uvicorn":
        reader.start([sys.executable, "-m", *words])
    elif words[0] == "dragoman" and words[1] in SERVERS and not UNTIL_DONE & set(words):
        reader.start([str(PROGRAM), *words[1:]])
    elif words[0] in PROGRAMS:
        printed = reader.run([PROGRAMS[words[0]], *words[1:]])
        assert shown is None or matches(shown, printed), f"{line}\nprinted\n{printed}\nnot\n{shown}"
    else:
        assert words[0] in NOT_RUN, f"{line}: run it here or add it to NOT_RUN"


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    reader = Reader(tmp_path, free_port())
    yield reader
    reader.stop()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_page_can_be_followed(page: Path, reader: Reader) -> None:
    found = blocks(page.read_text(encoding="utf-8"))
    assert found, "a page that shows nothing to do is no page of this kind"
    for number, (language, text) in enumerate(found):
        told = reader.told(text)
        match language:
            case "python":
                follow_python(reader, told, number)
            case "sh" | "console":
                for line, shown in commands(language, told):
                    follow_command(reader, line, shown)
            case "json":
                json.loads(told)
            case "toml":
                tomllib.loads(told)
                keep(reader, told)
            case _ if language in SHOWN:
                keep(reader, told)
            case _:
                pytest.fail(f"block {number} is '{language}': no rule says how it is tested")
