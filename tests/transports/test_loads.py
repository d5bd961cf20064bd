"""Numbers in shared memory."""

import contextlib
import subprocess
import sys
from pathlib import Path

from dragoman.transports.loads import Loads


def test_the_least_of_those_that_are_there(tmp_path: Path) -> None:
    path = tmp_path / "loads"
    with contextlib.closing(Loads(path)) as here, contextlib.closing(Loads(path)) as there:
        here.say(1, 5)
        there.say(2, 3)
        assert (here.least(), there.least()) == (3, 3)
        there.leave(2)
        assert here.least() == 5
        here.say(1025, 7)  # long after worker 1, in its place
        assert there.least() == 7


def test_another_process_sees_them(tmp_path: Path) -> None:
    path = tmp_path / "loads"
    code = (
        f"from pathlib import Path; from dragoman.transports.loads import Loads; Loads(Path({str(path)!r})).say(4, 9)"
    )
    with contextlib.closing(Loads(path)) as loads:
        subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
        assert loads.least() == 9
