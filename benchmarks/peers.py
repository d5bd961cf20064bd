"""The projects that are measured: how each is installed at its pinned version, started, and what it can do.

A peer lives in benchmarks/peers/<name>: its program and its pins. What is installed or built goes to
.cache/bench/<name> and is made anew only when the pins or the program changed. A peer that cannot be had here says
why by raising `Missing`, and is left out of the table by name.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import ClassVar

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent
PROGRAMS = HERE / "peers"
INSTALLED = REPOSITORY / ".cache" / "bench"
BUILD_SECONDS = 900.0

MODERN = "2026-07-28"
LEGACY = "2025-11-25"


class Missing(Exception):
    """A peer, or something that a row needs, cannot be had on this machine; the sentence says what."""


class Peer:
    """One project under measure.

    Its program is started as `<program> MODE PORT` with MODE `http` or `stdio`; benchmarks/README.md has the contract.

    Attributes:
        name: the folder in benchmarks/peers, and the word for `--peers`.
        title: its name in the table.
        language: what it is written in.
        modes: `http`, `stdio`, or both.
        revisions: the protocol versions it serves, newest first.
        features: what it does beyond `add`; a row leaves out a peer without what it needs.
        pins: the files whose change makes another install.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    language: ClassVar[str] = "Python"
    modes: ClassVar[frozenset[str]] = frozenset({"http", "stdio"})
    revisions: ClassVar[tuple[str, ...]] = (MODERN, LEGACY)
    features: ClassVar[frozenset[str]] = frozenset()
    pins: ClassVar[tuple[str, ...]] = ()

    @property
    def version(self) -> str:
        """The version of the project that is measured."""
        raise NotImplementedError

    @property
    def home(self) -> Path:
        """The folder of its program and pins."""
        return PROGRAMS / self.name

    @property
    def place(self) -> Path:
        """The folder of what is installed or built."""
        return INSTALLED / self.name

    def command(self, mode: str, port: int) -> list[str]:
        """The words that start its program."""
        raise NotImplementedError

    def environment(self, settings: Mapping[str, str]) -> dict[str, str]:
        """The environment of its program: this one's, without what measures Python, and the row's settings."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("COV", "PYTHON", "BENCH_"))}
        return {**kept, "BENCH_THREADS": "1", **settings}

    def make(self) -> None:
        """Install or build it in `place`, which exists.

        Raises:
            Missing: a tool that this needs is not installed.
        """
        raise NotImplementedError

    def stamp(self) -> str:
        """The digest of what decides an install."""
        digest = hashlib.sha256(f"{sys.version_info[:2]} {sys.platform}".encode())
        for name in self.pins:
            digest.update(name.encode() + b"\0" + (self.home / name).read_bytes() + b"\0")
        return digest.hexdigest()

    def install(self) -> None:
        """Bring what is installed up to date; nothing is done where nothing changed.

        Raises:
            Missing: the peer cannot be had on this machine.
        """
        absent = [name for name in self.pins if not (self.home / name).is_file()]
        if absent:
            raise Missing(f"benchmarks/peers/{self.name} has no {', '.join(absent)}")
        stamp = self.place / "stamp"
        if stamp.is_file() and stamp.read_text("utf-8") == self.stamp():
            return
        print(f"bench: installing {self.title}", file=sys.stderr, flush=True)
        self.place.mkdir(parents=True, exist_ok=True)
        try:
            self.make()
        except (OSError, subprocess.SubprocessError) as failure:
            raise Missing(f"its install failed: {failure}") from failure
        stamp.write_text(self.stamp(), "utf-8")


class PythonPeer(Peer):
    """A program in a virtual environment of its own, made with the Python that runs the benchmark.

    Attributes:
        package: the distribution whose version is measured.
        environment_of: the peer whose environment it shares.
    """

    package: ClassVar[str]
    environment_of: ClassVar[str] = ""
    pins = ("requirements.txt",)

    @property
    def home_of_pins(self) -> Path:
        """The folder that has the requirements."""
        return PROGRAMS / (self.environment_of or self.name)

    @property
    def python(self) -> str:
        """The interpreter of its environment."""
        return str(INSTALLED / (self.environment_of or self.name) / "bin" / "python")

    @property
    def version(self) -> str:
        """The pinned version of its package."""
        return pinned(self.home_of_pins / "requirements.txt", self.package)

    def command(self, mode: str, port: int) -> list[str]:
        """Its interpreter and its program."""
        return [self.python, str(self.home / "server.py"), mode, str(port)]

    def install(self) -> None:
        """Make its environment, or that of the peer with which it shares one."""
        if self.environment_of:
            PEERS[self.environment_of].install()
        else:
            super().install()

    def make(self) -> None:
        """Make a virtual environment that holds exactly the requirements."""
        shutil.rmtree(self.place)
        subprocess.run([sys.executable, "-m", "venv", str(self.place)], check=True)
        pip = [self.python, "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--no-deps"]
        pins = ["--require-hashes", "--only-binary", ":all:", "-r", str(self.home / "requirements.txt")]
        subprocess.run([*pip, *pins], timeout=BUILD_SECONDS, check=True)


class Dragoman(PythonPeer):
    """This project, from the working tree, as its users run it: `Server.run`."""

    name, title, package = "dragoman", "Dragoman", "dragoman"
    features = frozenset({"all", "sse-progress", "listen", "pages", "workers"})

    @property
    def version(self) -> str:
        """The version in pyproject.toml, and the commit of the working tree."""
        project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
        describe = ["git", "describe", "--always", "--dirty"]
        commit = subprocess.run(describe, cwd=REPOSITORY, capture_output=True, text=True, check=False).stdout.strip()
        return f"{project['version']} ({commit})" if commit else str(project["version"])

    def make(self) -> None:
        """Install the requirements, and put the sources of the working tree on the path."""
        super().make()
        packages = next((self.place / "lib").glob("python*/site-packages"))
        (packages / "dragoman.pth").write_text(f"{REPOSITORY / 'src'}\n", "utf-8")


class Bare(PythonPeer):
    """The limit of an ASGI server: uvicorn, an application that decodes, adds and encodes, and nothing else."""

    name, title, package, environment_of = "bare", "bare ASGI app", "uvicorn", "dragoman"
    modes = frozenset({"http"})
    revisions = (MODERN,)
    features = frozenset({"sizes", "rows"})


class Raw(PythonPeer):
    """The limit of Python: a uvloop protocol around httptools' parser, without ASGI."""

    name, title, package, environment_of = "raw", "raw uvloop + httptools", "httptools", "dragoman"
    modes = frozenset({"http"})
    revisions = (MODERN,)


class FastMcp(PythonPeer):
    """FastMCP 4."""

    name, title, package = "fastmcp", "FastMCP", "fastmcp"
    features = frozenset({"all", "sse-progress", "listen", "pages"})


class PythonSdk(PythonPeer):
    """The official Python SDK 2."""

    name, title, package = "python_sdk", "Python SDK", "mcp"
    features = frozenset({"all", "sse-progress", "listen", "pages"})


class TypeScriptSdk(Peer):
    """The official TypeScript SDK 2, on Node."""

    name, title, language = "typescript", "TypeScript SDK", "TypeScript"
    features = frozenset({"all", "sse-progress", "listen", "pages"})
    pins = ("package.json", "package-lock.json", "server.mjs")

    @property
    def version(self) -> str:
        """The pinned version of its server package."""
        dependencies: dict[str, str] = json.loads((self.home / "package.json").read_text("utf-8"))["dependencies"]
        named = [version for package, version in dependencies.items() if package.startswith("@modelcontextprotocol/")]
        return named[0] if named else "?"

    def command(self, mode: str, port: int) -> list[str]:
        """Node and its program."""
        return [self.node(), str(self.place / "server.mjs"), mode, str(port)]

    def make(self) -> None:
        """Install exactly what the lock file names; no package's install script runs."""
        if shutil.which("npm") is None:
            raise Missing("npm is not installed")
        for name in self.pins:
            shutil.copyfile(self.home / name, self.place / name)
        quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]
        command = ["npm", "ci", "--engine-strict=false", *quiet]
        subprocess.run(command, cwd=self.place, stdout=subprocess.DEVNULL, timeout=BUILD_SECONDS, check=True)

    def node(self) -> str:
        """The Node that runs it: one that came with its packages, else this machine's.

        Raises:
            Missing: there is none.
        """
        bundled = sorted((self.place / "node_modules").glob("node-*/bin/node"))
        node = str(bundled[0]) if bundled else shutil.which("node")
        if node is None:
            raise Missing("node is not installed")
        return node


class GoSdk(Peer):
    """The official Go SDK, with one thread of Go code as every peer has one core."""

    name, title, language = "go", "Go SDK", "Go"
    features = frozenset({"all", "sse-progress", "listen", "pages"})
    pins = ("go.mod", "go.sum", "main.go")

    @property
    def version(self) -> str:
        """The pinned version of the SDK's module."""
        found = re.search(r"modelcontextprotocol/go-sdk (v\S+)", (self.home / "go.mod").read_text("utf-8"))
        return found.group(1).removeprefix("v") if found else "?"

    def command(self, mode: str, port: int) -> list[str]:
        """The program that was built."""
        return [str(self.place / "server"), mode, str(port)]

    def environment(self, settings: Mapping[str, str]) -> dict[str, str]:
        """The environment of its program, with as many threads as the row gives everybody."""
        environment = super().environment(settings)
        return {**environment, "GOMAXPROCS": environment["BENCH_THREADS"]}

    def make(self) -> None:
        """Build the program from exactly the modules that it pins."""
        if not works("go", "version"):
            raise Missing("go is not installed")
        build = ["go", "build", "-trimpath", "-mod=readonly", "-o", str(self.place / "server"), "."]
        local = {**os.environ, "GOTOOLCHAIN": "local"}
        subprocess.run(build, cwd=self.home, env=local, timeout=BUILD_SECONDS, check=True)


class Rmcp(Peer):
    """The official Rust SDK."""

    name, title, language = "rust", "rmcp", "Rust"
    features = frozenset({"all", "sse-progress", "listen", "pages"})
    pins = ("Cargo.toml", "Cargo.lock", "src/main.rs")

    @property
    def version(self) -> str:
        """The locked version of the rmcp crate."""
        packages = tomllib.loads((self.home / "Cargo.lock").read_text("utf-8"))["package"]
        return next((str(package["version"]) for package in packages if package["name"] == "rmcp"), "?")

    def command(self, mode: str, port: int) -> list[str]:
        """The program that was built."""
        manifest = tomllib.loads((self.home / "Cargo.toml").read_text("utf-8"))
        program = manifest.get("bin", [manifest["package"]])[0]["name"]
        return [str(self.place / "target" / "release" / program), mode, str(port)]

    def make(self) -> None:
        """Build the program, optimised, from exactly the crates that are locked."""
        if not works("cargo", "--version"):
            raise Missing("cargo is not installed")
        build = ["cargo", "build", "--quiet", "--release", "--locked", "--target-dir", str(self.place / "target")]
        subprocess.run(build, cwd=self.home, timeout=BUILD_SECONDS, check=True)


def works(compiler: str, question: str) -> bool:
    """Whether a compiler is there and has a toolchain behind it; rustup's own program alone has none."""
    if shutil.which(compiler) is None:
        return False
    return subprocess.run([compiler, question], capture_output=True, check=False).returncode == 0


def pinned(requirements: Path, package: str) -> str:
    """The version at which a requirements file pins a package."""
    found = re.search(rf"^{re.escape(package)}==(\S+)", requirements.read_text("utf-8"), re.MULTILINE)
    return found.group(1) if found else "?"


_ALL: tuple[Peer, ...] = (
    Raw(),
    Bare(),
    Dragoman(),
    FastMcp(),
    PythonSdk(),
    TypeScriptSdk(),
    GoSdk(),
    Rmcp(),
)
PEERS: dict[str, Peer] = {peer.name: peer for peer in _ALL}


def install(names: Iterable[str]) -> tuple[dict[str, Peer], dict[str, str]]:
    """Install peers; those that are there, and of each other one why it is not."""
    there: dict[str, Peer] = {}
    missing: dict[str, str] = {}
    INSTALLED.mkdir(parents=True, exist_ok=True)
    with (INSTALLED / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of two runs at once, one installs
        for name in names:
            try:
                PEERS[name].install()
                there[name] = PEERS[name]
            except Missing as reason:
                missing[name] = str(reason)
    return there, missing
