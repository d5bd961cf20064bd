"""Server programs of a test: where they are installed, as whom they run, and how they are started and ended."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.connectors.sql.servers.certificates import write_certificates

START_SECONDS = 60.0
END_SECONDS = 20.0


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def program(name: str, *folders: str) -> str:
    """Return the path of an installed program; the test is skipped when there is none."""
    for folder in folders:
        for found in sorted(Path("/").glob(folder.lstrip("/")), reverse=True):
            if os.access(found / name, os.X_OK):
                return str(found / name)
    on_path = shutil.which(name)
    if on_path is None:
        pytest.skip(f"needs {name}: scripts/setup-tests installs it")
    return on_path


def user_for(*names: str) -> str | None:
    """Return who runs a server that refuses to be run by root; None when we are not root ourselves."""
    if os.geteuid() != 0:
        return None
    for name in names:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    return "nobody"


@contextlib.contextmanager
def folder_of(user: str | None) -> Iterator[Path]:
    """Make a folder that belongs to a user; its path is short, because sockets stand in it."""
    path = Path(tempfile.mkdtemp(prefix="dragoman-db-"))
    try:
        if user is not None:
            shutil.chown(path, user)
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def own_certificates(folder: Path, address: str, user: str | None) -> None:
    """Make certificates in the folder of a server that the server may read."""
    write_certificates(folder, address=address)
    if user is not None:
        for name in ("ca.pem", "server.pem", "server.key"):
            shutil.chown(folder / name, user)


def run_as(user: str | None, command: Sequence[str], *, text: str | None = None) -> str:
    """Run a program to its end and return what it printed; what it complains of fails the test."""
    done = subprocess.run(
        command,
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=START_SECONDS,
        user=user,
        group=_group(user),
        extra_groups=None if user is None else [],
        cwd="/",
    )
    assert done.returncode == 0, f"{command[0]} failed: {done.stderr[-2000:]}"
    return done.stdout


def _group(user: str | None) -> int | None:
    return None if user is None else pwd.getpwnam(user).pw_gid


class Server:
    """One server process; it ends when the test process does, however that ends.

    Args:
        command: the program and its arguments.
        user: who runs it, or None for ourselves.
        log: the file for what it says.
        ready: whether it answers by now.
        stop: the signal that ends it.
    """

    def __init__(
        self, command: Sequence[str], user: str | None, log: Path, ready: Callable[[], bool], stop: signal.Signals
    ) -> None:
        self._user = user
        self._log = log
        self._ready = ready
        self._stop = stop
        self._command = [*_with_the_parent(stop), *command]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process, while it runs."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=self._user,
                group=_group(self._user),
                extra_groups=None if self._user is None else [],
                cwd="/",
                start_new_session=True,
            )
        end = time.monotonic() + START_SECONDS
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > end:
                said = self._log.read_text(errors="replace")[-2000:]
                self.stop()
                pytest.fail(f"the server did not start: {said}")
            time.sleep(0.05)

    def stop(self, how: signal.Signals | None = None) -> None:
        """End it, as asked or as usual, and wait until it has ended."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how or self._stop)
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def freeze(self) -> None:
        """Let it answer nothing: every process of it stands still until `thaw`."""
        os.killpg(self.pid, signal.SIGSTOP)
        for child in _children(self.pid):
            os.kill(child, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        for child in _children(self.pid):
            os.kill(child, signal.SIGCONT)
        os.killpg(self.pid, signal.SIGCONT)


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _with_the_parent(stop: signal.Signals) -> list[str]:
    """Return what makes a program end with us, where the system has it."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", stop.name.removeprefix("SIG")] if setpriv else []
