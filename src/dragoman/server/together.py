"""Serving in several processes: what a server needs so that a client does not notice which of them answers."""

from typing import TYPE_CHECKING

from dragoman.errors import UsageError
from dragoman.store.bus import Bus
from dragoman.store.used_states import UsedStateStore

if TYPE_CHECKING:
    from dragoman.server.server import Server


def join(server: "Server", bus: Bus, used_states: UsedStateStore) -> None:
    """Serve together with the other processes on a bus; called in the event loop, before the first request.

    Args:
        server: the server of this process.
        bus: its place on the bus.
        used_states: the one memory of used states that all of them share.

    Raises:
        UsageError: something of the server works in one process only.
    """
    check_shared(server)
    server.changes.join(bus)
    server.tasks.join(bus)
    server.used_states = used_states


def check_shared(server: "Server") -> None:
    """See that nothing of a server works in one process only.

    Raises:
        UsageError: its seal is its own, or its tasks are kept in memory.
    """
    if not server.seal.is_shared:
        raise UsageError(
            "Several processes need one secret: what one seals, the others must open. Set DRAGOMAN_SECRET, at least 32 "
            "characters, or write Server(..., secrets=[...])."
        )
    if server.has_tasks() and not server.tasks.is_shared:
        raise UsageError(
            f"{server.info.name} keeps its tasks in the memory of one process, where others cannot look them up. Give "
            "it Server(..., tasks=SqliteTasks(...)), leave tasks= out, or serve with one worker."
        )
