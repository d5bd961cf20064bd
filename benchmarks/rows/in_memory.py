"""A call from a client in the same process: no wire, both ends counted."""

import json
import subprocess
from collections.abc import Callable

from benchmarks.load import Wrong
from benchmarks.measure import Goal, Outcome, Row, Sample
from benchmarks.peers import Missing, Peer, PythonPeer
from benchmarks.race import Run, in_turns, say
from benchmarks.servers import pinned


def _turn(run: Run, peer: Peer) -> Callable[[], Sample]:
    """What runs the peer's program once; it checks every answer itself and says how many there were."""
    if not isinstance(peer, PythonPeer):
        raise Missing(f"{peer.title} is not a Python package")

    def sample() -> Sample:
        words = [peer.python, str(peer.home / "in_memory.py"), str(run.seconds)]
        done = subprocess.run(
            pinned(run.cores.serve, words),
            env=peer.environment({}),
            capture_output=True,
            text=True,
            timeout=run.seconds + 60,
            check=False,
        )
        if done.returncode:
            raise Wrong(f"its client failed: {done.stderr.strip()[-300:]}")
        said = json.loads(done.stdout)
        return Sample(said["calls"] / said["seconds"], cpu=said["cpu"] * 1e6 / said["calls"])

    return sample


def measure(run: Run) -> Outcome:
    """One call after another, awaited each."""
    outcome = Outcome()
    turns = {peer.name: _turn(run, peer) for peer in run.choose(("dragoman", "fastmcp", "python_sdk"), outcome)}
    say(f"measuring {len(turns)} in {run.rounds} rounds")
    return in_turns(outcome, turns, run.rounds)


ROWS = [
    Row("in-memory", "in-memory client call", (Goal("dragoman", "fastmcp", at_least=20),), measure),
]
