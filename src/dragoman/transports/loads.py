"""How many connections each worker of one port has, in memory that all of them share.

A worker writes its own number alone and reads all; a number that is a moment old costs a little balance and nothing
else. Whoever is not there counts as full.
"""

import mmap
from pathlib import Path
from typing import Final

_PLACES: Final = 1024  # more than there are workers at one time, those that leave included
_BYTES: Final = 4
_ABSENT: Final = 2 ** (8 * _BYTES) - 1


class Loads:
    """The numbers, as one process sees them.

    Args:
        path: the file that the memory is shared by; made where it is not there.
    """

    def __init__(self, path: Path) -> None:
        with path.open("r+b" if path.exists() else "w+b") as file:
            if file.seek(0, 2) == 0:
                file.write(b"\xff" * (_PLACES * _BYTES))
                file.flush()
            self._memory = mmap.mmap(file.fileno(), _PLACES * _BYTES)
        self._numbers = memoryview(self._memory).cast("I")

    def say(self, worker: int, connections: int) -> None:
        """Say how many connections a worker has."""
        self._numbers[worker % _PLACES] = connections

    def leave(self, worker: int) -> None:
        """Say that a worker takes no connections."""
        self._numbers[worker % _PLACES] = _ABSENT

    def least(self) -> int:
        """How many connections the worker with the fewest has."""
        return min(self._numbers)

    def close(self) -> None:
        """Let go of the memory."""
        self._numbers.release()
        self._memory.close()
