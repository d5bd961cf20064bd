"""Several processes on one port, as their clients and whoever runs them see them."""

import contextlib
import http.client
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Self

import pytest

from tests.cli.conftest import Run
from tests.cli.team import APP, ASKED, EVENTS, Team, events, is_alive, modern
from tests.transports.peers import META, Answer, wait_for

WITH_TASKS = {
    **META,
    "io.modelcontextprotocol/clientCapabilities": {
        "elicitation": {"form": {}},
        "extensions": {"io.modelcontextprotocol/tasks": {}},
    },
}


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """Two workers that the tests which harm nobody share."""
    with Team(tmp_path_factory.mktemp("team"), "--workers", "2") as team:
        yield team


def test_all_answer_and_what_is_served_is_said_once(team: Team) -> None:
    assert team.pids() == team.workers()
    assert len(team.workers()) == 2
    assert team.out().count(f"at http://127.0.0.1:{team.port}/mcp") == 1
    assert f"2 workers answer. SIGHUP to process {team.process.pid} replaces them" in team.out()
    assert team.errors() == ""


def test_connections_are_shared_out_evenly(team: Team) -> None:
    by_worker: dict[int, int] = {}
    with contextlib.ExitStack() as opened:
        connections = [opened.enter_context(contextlib.closing(team.connect())) for _ in range(16)]
        for connection in connections:
            connection.connect()
        for connection in connections:
            message, headers = modern("tools/call", {"name": "pid", "arguments": {}})
            connection.request("POST", "/mcp", json.dumps(message), EVENTS | headers)
            process = int(Answer(connection.getresponse()).text)
            by_worker[process] = by_worker.get(process, 0) + 1
    assert sorted(by_worker) == sorted(team.workers())
    assert min(by_worker.values()) >= 5


def test_a_session_goes_on_over_fifty_new_connections(team: Team) -> None:
    session = team.session()
    level = {"jsonrpc": "2.0", "id": 1, "method": "logging/setLevel", "params": {"level": "debug"}}
    processes = set()
    for number in range(50):
        assert team.send(level | {"id": number}, session).json["result"] == {}
        call = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": "pid", "arguments": {}}}
        processes.add(int(team.send(call, session).text))
    assert len(processes) == 1  # where the session lives, whoever took the connection
    assert team.send(None, session, "DELETE").status == 204
    assert {team.send(level, session).status for _ in range(10)} == {404}


def test_a_question_of_an_older_session_is_answered_over_another_connection(team: Team) -> None:
    for _ in range(4):
        session = team.session(elicitation={})
        call = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "sure", "arguments": {}}}
        with contextlib.closing(team.connect()) as connection:
            connection.request("POST", "/mcp", json.dumps(call), EVENTS | session)
            told = events(connection.getresponse())
            question = next(told)
            assert question["method"] == "elicitation/create"
            answer = {"jsonrpc": "2.0", "id": question["id"], "result": yes(question["params"])}
            assert team.send(answer, session).status == 202
            assert next(told)["result"]["content"][0]["text"] == "True"


def yes(asked: dict[str, Any]) -> dict[str, Any]:
    """The answer to a form that confirms something."""
    (name,) = asked["requestedSchema"]["properties"]
    return {"action": "accept", "content": {name: True}}


def test_a_listener_hears_what_happens_in_every_worker(team: Team) -> None:
    wanted = {"notifications": {"resourceSubscriptions": ["note://x"]}}
    message, headers = modern("subscriptions/listen", wanted)
    with contextlib.closing(team.connect()) as connection:
        connection.request("POST", "/mcp", json.dumps(message), EVENTS | headers)
        hear_all(team, events(connection.getresponse()), acknowledged=True)


def test_a_listener_of_an_older_session_hears_it_too(team: Team) -> None:
    session = team.session()
    subscribe = {"jsonrpc": "2.0", "id": 2, "method": "resources/subscribe", "params": {"uri": "note://x"}}
    assert team.send(subscribe, session).status == 200
    with contextlib.closing(team.connect()) as connection:
        connection.request("GET", "/mcp", headers=session | {"accept": "text/event-stream"})
        hear_all(team, events(connection.getresponse()))


def hear_all(team: Team, told: Iterator[Any], *, acknowledged: bool = False) -> None:
    """Each worker touches the resource, and each time the listener hears it."""
    if acknowledged:
        assert next(told)["method"] == "notifications/subscriptions/acknowledged"
    processes: set[int] = set()
    while processes != team.workers():
        processes.add(int(team.text("touch")))
        heard = next(told)
        assert (heard["method"], heard["params"]["uri"]) == ("notifications/resources/updated", "note://x")


def test_a_question_is_taken_up_in_any_worker_and_only_once(team: Team) -> None:
    for _ in range(6):
        asked = team.call("sure", ASKED)
        assert asked["resultType"] == "input_required"
        ((key, question),) = asked["inputRequests"].items()
        retry = {"name": "sure", "arguments": {}, "requestState": asked["requestState"]}
        retry["inputResponses"] = {key: yes(question["params"])}
        assert team.ask("tools/call", retry, ASKED)["content"][0]["text"] == "True"
        again = {team.ask("tools/call", retry, ASKED)["message"] for _ in range(4)}
        assert again == {"The requestState was used before; call again without it."}


def test_a_task_is_cancelled_from_any_worker(team: Team) -> None:
    for _ in range(4):
        task = team.call("long", WITH_TASKS)["taskId"]
        for _ in range(3):
            assert team.ask("tasks/get", {"taskId": task}, WITH_TASKS)["status"] == "working"
        assert team.ask("tasks/cancel", {"taskId": task}, WITH_TASKS)["resultType"] == "complete"
        assert team.ask("tasks/get", {"taskId": task}, WITH_TASKS)["status"] == "cancelled"


def test_a_task_is_answered_from_any_worker(team: Team) -> None:
    for _ in range(4):
        task = team.call("long", WITH_TASKS, ask=True)["taskId"]
        seen = wait_for(partial(waiting_task, team, task))
        ((key, question),) = seen["inputRequests"].items()
        responses = {"taskId": task, "inputResponses": {key: yes(question["params"])}}
        assert team.ask("tasks/update", responses, WITH_TASKS)["resultType"] == "complete"
        done = wait_for(partial(finished_task, team, task))
        assert done["result"]["content"][0]["text"] == "True"


def waiting_task(team: Team, task: str) -> Any:
    seen = team.ask("tasks/get", {"taskId": task}, WITH_TASKS)
    return seen if seen["status"] == "input_required" else None


def finished_task(team: Team, task: str) -> Any:
    seen = team.ask("tasks/get", {"taskId": task}, WITH_TASKS)
    return seen if seen["status"] == "completed" else None


def test_the_transport_of_2024_11_05_works_from_any_worker(run: Run, tmp_path: Path) -> None:
    with Team(tmp_path, "--workers", "2", "--sse", "--host", "0.0.0.0") as team:  # noqa: S104
        for _ in range(6):
            status, out, err = run("list", f"http://127.0.0.1:{team.port}/sse")
            assert (status, err) == (0, "")
            assert "touch" in out
        assert team.errors().count("is more than this machine") == 1


def test_a_killed_worker_is_replaced_and_nobody_notices(tmp_path: Path) -> None:
    with Team(tmp_path, "--workers", "2") as team:
        before = team.workers()
        killed = min(before)
        os.kill(killed, signal.SIGKILL)
        wait_for(lambda: not is_alive(killed))
        assert killed not in team.pids(60)
        wait_for(lambda: len(team.workers()) == 2 and "serves in the place of worker" in team.errors(), 20)
        assert team.pids() == team.workers() != before
        assert f"(process {killed}) was killed by SIGKILL; another one is started" in team.errors()


def are_gone(team: Team, workers: set[int]) -> bool:
    return not workers & team.workers()


class Load:
    """Clients that call one after the other on connections which they keep, until they are told to stop."""

    def __init__(self, team: Team, clients: int = 4) -> None:
        self.done = 0
        self.failures: list[str] = []
        self._team = team
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def has_done(self, calls: int) -> bool:
        return self.done > calls

    def _run(self) -> None:
        message, headers = modern("tools/call", {"name": "pid", "arguments": {}})
        body = json.dumps(message)
        with contextlib.closing(self._team.connect()) as connection:
            while not self._stop.is_set():
                try:
                    connection.request("POST", "/mcp", body, EVENTS | headers)
                    answer = Answer(connection.getresponse())
                    assert answer.status == 200
                except (OSError, http.client.HTTPException, AssertionError) as error:
                    self.failures.append(repr(error))
                    connection.close()
                self.done += 1


def test_a_reload_under_load_loses_nothing(tmp_path: Path) -> None:
    with Team(tmp_path, "--workers", "2") as team:
        for _ in range(2):
            before = team.workers()
            with Load(team) as load:
                wait_for(partial(load.has_done, 50))
                team.process.send_signal(signal.SIGHUP)
                wait_for(partial(are_gone, team, before), 30)
                wait_for(partial(load.has_done, load.done + 50))
            assert load.failures == []
            assert len(team.workers()) == 2


def test_a_call_in_flight_survives_a_reload(tmp_path: Path) -> None:
    with Team(tmp_path, "--workers", "2") as team:
        before = team.workers()
        session = team.session()
        call = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": "slow", "arguments": {"seconds": 4}},
        }
        answers: list[Answer] = []
        threads = [threading.Thread(target=lambda: answers.append(team.send(call, session)))]
        message, headers = modern("tools/call", {"name": "slow", "arguments": {"seconds": 4}})
        threads.append(threading.Thread(target=lambda: answers.append(team.send(message, headers))))
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        team.process.send_signal(signal.SIGHUP)
        for thread in threads:
            thread.join()
        assert [answer.text for answer in answers] == ["slept", "slept"]
        wait_for(lambda: not before & team.workers(), 20)
        assert team.send(call | {"id": 2}, session).status == 404


def test_a_reload_that_fails_changes_nothing(tmp_path: Path) -> None:
    with Team(tmp_path, "--workers", "2") as team:
        before = team.workers()
        team.file.write_text("oops\n", encoding="utf-8")
        team.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "The new workers did not start; those that serve go on" in team.errors(), 20)
        assert team.errors().count("NameError: name 'oops' is not defined") == 1
        assert team.pids() == team.workers() == before


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_calls_in_flight_are_answered_before_the_end(tmp_path: Path, sig: signal.Signals) -> None:
    with Team(tmp_path, "--workers", "2") as team:
        workers = team.workers()
        message, headers = modern("tools/call", {"name": "slow", "arguments": {"seconds": 1}})
        listen, to_listen = modern("subscriptions/listen", {"notifications": {"resourceSubscriptions": ["note://x"]}})
        answers: list[Answer] = []
        threads = [
            threading.Thread(target=lambda: answers.append(team.send(message, headers))),
            threading.Thread(target=lambda: answers.append(team.send(listen, to_listen))),
        ]
        for thread in threads:
            thread.start()
        time.sleep(0.4)
        assert team.end(sig) == 0
        for thread in threads:
            thread.join()
        assert any(b"slept" in answer.body for answer in answers)
        assert any(b'"resultType":"complete"' in answer.body for answer in answers if b"slept" not in answer.body)
        assert not any(map(is_alive, workers))
        assert "Traceback" not in team.errors()


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    with Team(tmp_path, "--workers", "2") as team:
        workers = team.workers()
        message, headers = modern("tools/call", {"name": "slow", "arguments": {"seconds": 60}})
        with contextlib.closing(team.connect()) as connection:
            connection.request("POST", "/mcp", json.dumps(message), EVENTS | headers)
            time.sleep(0.3)
            began = time.monotonic()
            team.process.terminate()
            time.sleep(0.5)
            assert team.end() == 0
        assert time.monotonic() - began < 8
        assert not any(map(is_alive, workers))


def test_workers_do_not_outlive_their_supervisor(tmp_path: Path) -> None:
    with Team(tmp_path, "--workers", "2") as team:
        workers = team.workers()
        folder = folder_of(min(workers))
        assert folder.is_dir()
        team.process.kill()
        wait_for(lambda: not any(map(is_alive, workers)), 15)
        assert not folder.exists()


def folder_of(worker: int) -> Path:
    """Where the workers keep what they share."""
    words = Path(f"/proc/{worker}/cmdline").read_bytes().split(b"\0")
    return Path(words[words.index(b"--worker") + 1].decode().split(",", 4)[4])


def test_a_session_ends_with_its_worker(tmp_path: Path) -> None:
    with Team(tmp_path, "--workers", "2") as team:
        session = team.session()
        call = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "pid", "arguments": {}}}
        home = int(team.send(call, session).text)
        os.kill(home, signal.SIGKILL)
        wait_for(lambda: not is_alive(home))
        answers = [team.send(call, session) for _ in range(10)]
        assert {answer.status for answer in answers} == {404}
        assert b"Send 'initialize' to begin a new one" in answers[0].body


STUCK = """
import time
from dragoman import Limits, Server

server = Server("stuck", limits=Limits(grace_seconds=1))

@server.tool
async def stuck() -> str:
    time.sleep(120)
    return "woke"
"""


@pytest.mark.slow
@pytest.mark.parametrize("is_killed", [False, True])
def test_a_worker_that_a_tool_holds_up_is_ended_all_the_same(tmp_path: Path, is_killed: bool) -> None:
    with Team(tmp_path, "--workers", "2", app=STUCK) as team:
        workers = team.workers()
        message, headers = modern("tools/call", {"name": "stuck", "arguments": {}})
        with contextlib.closing(team.connect()) as connection:
            connection.request("POST", "/mcp", json.dumps(message), EVENTS | headers)
            time.sleep(0.5)
            if is_killed:
                team.process.kill()
            else:
                team.process.terminate()
                time.sleep(0.5)
                assert team.end() == 0
            wait_for(lambda: not any(map(is_alive, workers)), 45)


@pytest.mark.slow
def test_a_server_that_does_not_start_any_more_is_given_up(tmp_path: Path) -> None:
    with Team(tmp_path, "--workers", "2") as team:
        team.file.write_text("oops\n", encoding="utf-8")
        os.kill(min(team.workers()), signal.SIGKILL)
        assert team.process.wait(60) == 2
        assert "No worker starts any more (6 tries); all are ended" in team.errors()


BROKEN_LATE = """
import contextlib
from dragoman import Server

@contextlib.asynccontextmanager
async def lifespan(server):
    raise RuntimeError("no database")
    yield

server = Server("late", lifespan=lifespan)
"""
IN_MEMORY = APP.replace('SqliteTasks(os.environ["TEAM_TASKS"])', "MemoryTasks()").replace("SqliteTasks", "MemoryTasks")


@pytest.mark.parametrize(
    ("app", "sentence"),
    [
        ("oops\n", "team.py:1: NameError: name 'oops' is not defined"),
        (BROKEN_LATE, "late does not start: RuntimeError: no database"),
        (IN_MEMORY, "team keeps its tasks in the memory of one process, where others cannot look them up."),
    ],
)
def test_what_cannot_start_is_said_once(tmp_path: Path, app: str, sentence: str) -> None:
    team = Team(tmp_path, "--workers", "3", app=app)
    try:
        assert team.process.wait(20) == 2
        assert team.errors().count(sentence) == 1
        assert team.errors().count("\n") == 1
        assert team.out() == ""
    finally:
        team.__exit__()


def test_a_taken_port_is_a_sentence(run: Run, database: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, out, err = run("serve", database, "--workers", 2, "--port", port)
    assert (status, out) == (2, "")
    assert err.startswith(f"dragoman: Port {port} on 127.0.0.1 is taken")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--workers", "0"], "'0' is no number of workers: use 1 to 256"),
        (["--workers", "many"], "'many' is no number of workers"),
        (["--workers", "2", "--stdio"], "--workers is for HTTP: over stdio one client has one process."),
        (["--workers", "2", "--home", "http://10.0.0.7/mcp"], "--home names one process, and --workers starts several"),
    ],
)
def test_what_cannot_work_is_a_sentence(run: Run, database: Path, words: list[str], sentence: str) -> None:
    status, out, err = run("serve", database, *words)
    assert (status, out) == (2, "")
    assert sentence in err
    assert err.count("\n") == 1
