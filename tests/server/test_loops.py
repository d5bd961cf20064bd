"""The remembered loop is the running one, whatever ran before, in whichever thread and process."""

import asyncio
import os
import threading

import pytest

from dragoman.server.loops import here, running_loop


async def found() -> bool:
    return running_loop() is here.loop is asyncio.get_running_loop()


def test_one_loop_after_another() -> None:
    assert asyncio.run(found())
    assert asyncio.run(found())


def test_each_thread_has_its_own() -> None:
    async def both() -> bool:
        mine = await found()
        seen: list[bool] = []
        thread = threading.Thread(target=lambda: seen.append(asyncio.run(found())))
        thread.start()
        await asyncio.to_thread(thread.join)
        return mine and seen == [True] and await found()

    assert asyncio.run(both())


def test_outside_of_a_loop_there_is_none() -> None:
    with pytest.raises(RuntimeError):
        running_loop()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_the_child_of_a_fork_has_forgotten() -> None:
    def fork() -> int:
        child = os.fork()
        if child == 0:
            os._exit(0 if here.loop is None else 1)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    async def inside() -> int:
        assert await found()
        return fork()

    assert asyncio.run(inside()) == 0
