"""The running event loop, found without a system call.

Up to Python 3.11 `asyncio.get_running_loop()` asks the system for the process id each time, to notice a fork.
"""

import asyncio
import os
import threading


class _Here(threading.local):
    """What this thread knows.

    `loop` is the event loop that it ran last: a thread runs one at a time, so while that one runs it is the running
    one. The hot path asks that itself before it calls `running_loop`.
    """

    loop: asyncio.AbstractEventLoop | None = None


here = _Here()


def running_loop() -> asyncio.AbstractEventLoop:
    """The running event loop, remembered."""
    loop = here.loop
    if loop is None or not loop.is_running():
        loop = here.loop = asyncio.get_running_loop()
    return loop


def forget() -> None:
    """In the child of a fork nothing runs yet, whatever the parent's loop says of itself."""
    here.loop = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forget)
