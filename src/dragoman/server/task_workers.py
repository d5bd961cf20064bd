"""Which process runs a task, and whether it is still there.

A worker's name says the machine, the process, when the process was born, which server of it, and the bus that reaches
it. So a process that got the id of a dead one is not taken for it, and two servers of one process are told apart.
"""

import os
import secrets
import socket
from pathlib import Path
from typing import Final

SAY_SECONDS: Final = 15.0  # how often a worker says that it still runs its tasks
LOST_SECONDS: Final = 60.0  # silence after which its tasks count as lost, where nothing else tells

_alive: Final[set[str]] = set()  # the workers of this process that have not stopped


class Worker:
    """Somebody who runs tasks: one server in one process. `bus` names the bus by which others reach it."""

    def __init__(self) -> None:
        self.bus = ""
        self._token = secrets.token_hex(6)

    @property
    def name(self) -> str:
        """What records call it; another one after a fork."""
        process = os.getpid()
        place = f"@{self.bus}" if self.bus else ""
        return f"{_machine()}:{process}:{_birth(process) or ''}:{self._token}{place}"

    def begin(self) -> str:
        """Count as alive from now on; gives the name."""
        name = self.name
        _alive.add(name)
        return name

    def stop(self) -> None:
        """Count as gone."""
        _alive.discard(self.name)


def is_lost(worker: str, seen: float, now: float) -> bool:
    """Whether the worker of a task is gone: dead on this machine, or silent on another.

    Args:
        worker: its name.
        seen: when it last said that it runs the task, seconds since 1970.
        now: the time.
    """
    machine, process, birth, _token = [*worker.split(":"), "", "", ""][:4]
    if machine == _machine() and process.isascii() and process.isdigit():
        if int(process) == os.getpid():
            return worker not in _alive
        if birth:
            return _birth(int(process)) != birth
        if os.name == "posix" and not _exists(int(process)):
            return True
    return now - seen > LOST_SECONDS


def bus_of(worker: str) -> str:
    """The bus by which a worker is reached; empty where there is none."""
    return worker.rpartition(":")[2].partition("@")[2]


def _machine() -> str:
    """This machine; on Linux together with the space that process ids are counted in, which containers have each."""
    try:
        space = Path("/proc/self/ns/pid").readlink().name
    except OSError:
        space = ""
    return f"{socket.gethostname()}/{space}".replace(":", "")


def _birth(process: int) -> str | None:
    """When a process was born, in ticks since the machine's start (proc(5)); None where it is gone or nobody knows."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in ("Z", "X") else fields[19]


def _exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True
