"""Who runs a task, and when they count as gone: this process, another one, a dead one, another machine."""

import os
import signal
import subprocess
import sys
import time

import pytest

from dragoman.server.task_workers import LOST_SECONDS, Worker, is_lost

NAME = (
    "from dragoman.server.task_workers import Worker; import time; print(Worker().begin(), flush=True); time.sleep(60)"
)


def process() -> tuple[subprocess.Popen[str], str]:
    started = subprocess.Popen([sys.executable, "-c", NAME], stdout=subprocess.PIPE, text=True)
    assert started.stdout is not None
    return started, started.stdout.readline().strip()


def now() -> float:
    return time.time()


def test_a_worker_of_this_process_is_there_until_it_stops() -> None:
    worker = Worker()
    assert is_lost(worker.name, now(), now()), "it has not begun"
    name = worker.begin()
    assert name == worker.name
    assert not is_lost(name, now(), now())
    assert not is_lost(name, 0, now()), "it is known to be there, however silent"
    other = Worker()
    other.begin()
    other.stop()
    assert not is_lost(name, now(), now())
    worker.stop()
    assert is_lost(name, now(), now())


def test_two_servers_of_one_process_are_told_apart() -> None:
    assert Worker().name != Worker().name


def test_a_killed_process_is_noticed_at_once() -> None:
    started, name = process()
    try:
        assert not is_lost(name, now(), now())
        assert not is_lost(name, 0, now())
        os.kill(started.pid, signal.SIGKILL)
        if sys.platform == "linux":
            for _ in range(200):
                if is_lost(name, now(), now()):
                    break
                time.sleep(0.01)
            assert is_lost(name, now(), now()), "also before anybody has waited for it"
    finally:
        started.kill()
        started.communicate()
    assert is_lost(name, now(), now())


@pytest.mark.skipif(sys.platform != "linux", reason="the birth of a process is read from /proc")
def test_a_process_that_got_the_id_of_a_dead_one_is_not_taken_for_it() -> None:
    started, name = process()
    machine, number, birth, token = name.split(":")
    assert is_lost(f"{machine}:{number}:{int(birth) - 1}:{token}", now(), now())
    started.kill()
    started.communicate()


def test_a_fork_is_another_worker() -> None:
    code = (
        "import os; from dragoman.server.task_workers import Worker, is_lost\n"
        "worker = Worker(); mine = worker.begin(); read, write = os.pipe(); child = os.fork()\n"
        "if child == 0:\n"
        "    os.write(write, f'{worker.begin() != mine} {is_lost(mine, 0, 1e12)}'.encode()); os._exit(0)\n"
        "os.waitpid(child, 0); print(os.read(read, 100).decode())"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "True False"


@pytest.mark.parametrize(
    "name",
    ["", ":", "other:1:2:a", "other:1", "nonsense", ":::", "a:b:c:d:e", "other:²:1:a", "other:-1:1:a", "ö:1::a"],
)
def test_somebody_elsewhere_is_gone_when_silent(name: str) -> None:
    assert not is_lost(name, now() - LOST_SECONDS / 2, now())
    assert is_lost(name, now() - LOST_SECONDS * 2, now())


@pytest.mark.skipif(os.name != "posix", reason="signal 0 is of POSIX")
def test_where_births_are_not_known_the_process_is_looked_for() -> None:
    machine = Worker().name.split(":")[0]
    assert is_lost(f"{machine}:99999999::a", now(), now())
    assert is_lost(f"{machine}:{10**30}::a", now(), now())
    assert not is_lost(f"{machine}:1::a", now(), now())
    assert is_lost(f"{machine}:1::a", 0, now()), "it may be any process: silence counts"
