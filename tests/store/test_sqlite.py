"""SQLite files: where they are, who may read them, several processes at once, a full disk, damage, kill -9."""

import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from dragoman import UsageError
from dragoman.store.events import StreamEvent
from dragoman.store.sqlite import SqliteEvents, SqliteTasks, connect, state_file
from dragoman.store.tasks import TaskRecord
from tests.store.room import largest_file

SCHEMA = "CREATE TABLE IF NOT EXISTS a(b TEXT)"
WRITER = """
import sys, time
from dragoman.store.sqlite import SqliteEvents, SqliteTasks
from dragoman.store.events import StreamEvent
from dragoman.store.tasks import TaskRecord
path, kind, name, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
store = SqliteTasks(path) if kind == "tasks" else SqliteEvents(path)
for number in range(1, count + 1):
    if kind == "tasks":
        now = time.time()
        store.save(TaskRecord(f"{name}-{number}", "o", "tool", "working", "", now, now, 60.0))
    else:
        store.append(name, "s", StreamEvent(number, b"x" * 100))
    print(number, flush=True)
store.close()
"""


def record(task_id: str = "t", status: Any = "working") -> TaskRecord:
    now = time.time()
    return TaskRecord(task_id, "o", "tool", status, "", now, now, 60.0)


def writer(path: Path, kind: str, name: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(path), kind, name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# --- where ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", {}, "{home}/.local/state/dragoman/a.db"),
        ("linux", {"XDG_STATE_HOME": "/x"}, "/x/dragoman/a.db"),
        ("linux", {"XDG_STATE_HOME": "/x", "DRAGOMAN_STATE": "/mine"}, "/mine/a.db"),
        ("freebsd14", {}, "{home}/.local/state/dragoman/a.db"),
        ("darwin", {}, "{home}/Library/Application Support/dragoman/a.db"),
        ("darwin", {"XDG_STATE_HOME": "/x"}, "{home}/Library/Application Support/dragoman/a.db"),
        ("win32", {}, "{home}/AppData/Local/dragoman/a.db"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/dragoman/a.db"),
        ("win32", {"LOCALAPPDATA": "/local", "DRAGOMAN_STATE": "/mine"}, "/mine/a.db"),
    ],
)
def test_where_the_state_is(
    platform: str, environment: dict[str, str], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("XDG_STATE_HOME", "DRAGOMAN_STATE", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", platform)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert state_file("a.db") == Path(expected.format(home=tmp_path))


def test_names_stay_in_the_folder_and_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DRAGOMAN_STATE", str(tmp_path))
    names = ["a b", "a_b", "../a", "/etc/passwd", "ä", "ö", "", "x" * 500, "y" + "x" * 499, "a\x00b", "a/b"]
    files = [state_file(f"{name}-tasks.sqlite3") for name in names]
    assert {file.parent for file in files} == {tmp_path}
    assert len(set(files)) == len(names)
    assert all(len(file.name) < 150 for file in files)


# --- who may read it --------------------------------------------------------------------------------------------------


def test_only_the_user_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.sqlite3"
    before = os.umask(0o022)
    try:
        connection = connect(path, SCHEMA)
    finally:
        os.umask(before)
    connection.execute("INSERT INTO a VALUES('secret')")
    assert {file.name: mode(file) for file in path.parent.iterdir()} == {
        "a.sqlite3": 0o600,
        "a.sqlite3-wal": 0o600,
        "a.sqlite3-shm": 0o600,
    }
    assert mode(path.parent) == 0o700
    connection.close()


def test_it_is_durable_and_for_several_processes(tmp_path: Path) -> None:
    connection = connect(tmp_path / "a.sqlite3", SCHEMA)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    connection.close()


def test_looking_for_tasks_makes_no_file(tmp_path: Path) -> None:
    store = SqliteTasks(tmp_path / "none" / "a.sqlite3")
    assert (store.load("t"), store.owned("o"), store.running()) == (None, [], [])
    store.expire(0)
    store.close()
    assert list(tmp_path.iterdir()) == []


# --- several processes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["tasks", "events"])
def test_processes_make_and_fill_one_file_at_once(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "shared.sqlite3"
    writers = [writer(path, kind, f"w{number}", 40) for number in range(6)]
    outputs = [process.communicate(timeout=60) for process in writers]
    assert [process.returncode for process in writers] == [0] * 6, [error for _, error in outputs]
    if kind == "tasks":
        tasks = SqliteTasks(path)
        assert len(tasks.running()) == 240
        tasks.close()
    else:
        events = SqliteEvents(path)
        assert [len(events.after(f"w{number}", "s", 0) or ()) for number in range(6)] == [40] * 6
        events.close()


@pytest.mark.parametrize("kind", ["tasks", "events"])
def test_what_was_kept_survives_a_killed_process(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "killed.sqlite3"
    process = writer(path, kind, "w", 1_000_000)
    assert process.stdout is not None
    assert process.stderr is not None
    told = [process.stdout.readline() for _ in range(30)]
    os.kill(process.pid, signal.SIGKILL)
    process.wait(timeout=20)
    rest = process.stdout.read()  # also what was read ahead, which communicate() would leave out
    process.stdout.close()
    process.stderr.close()
    acknowledged = int([*told, *(line for line in rest.splitlines(keepends=True) if line.endswith("\n"))][-1])
    if kind == "tasks":
        tasks = SqliteTasks(path)
        kept = len(tasks.running())
        tasks.close()
    else:
        events = SqliteEvents(path)
        kept = len(events.after("w", "s", 0) or ())
        events.close()
    assert acknowledged <= kept <= acknowledged + 1


def test_an_ended_task_stays_as_another_process_ended_it(tmp_path: Path) -> None:
    one, other = SqliteTasks(tmp_path / "a.sqlite3"), SqliteTasks(tmp_path / "a.sqlite3")
    one.save(record())
    other.save(record(status="failed"))
    one.save(record())
    one.save(record(status="completed"))
    for store in (one, other):
        loaded = store.load("t")
        assert loaded is not None
        assert loaded.status == "failed"
        store.close()


# --- what cannot work -------------------------------------------------------------------------------------------------


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite3"
    path.write_text("dear diary\n" * 1000)
    with pytest.raises(UsageError, match=r"The store '.*a\.sqlite3' cannot be used: file is not a database\. See"):
        SqliteEvents(path)
    with pytest.raises(UsageError, match="file is not a database"):
        SqliteTasks(path).running()
    assert path.read_text().startswith("dear diary")


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"The store '.*' cannot be used: "):
        SqliteEvents(tmp_path / "file" / "a.sqlite3")
    with pytest.raises(UsageError, match=r"The store '.*' cannot be used: "):
        SqliteTasks(tmp_path / "file" / "a.sqlite3").save(record())
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError, match="unable to open database file"):
        SqliteEvents(tmp_path / "folder")


def test_a_file_damaged_in_its_middle(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite3"
    store = SqliteTasks(path)
    for number in range(500):
        store.save(record(f"t{number}"))
    store.close()
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xff" * (len(content) - 8192)
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"cannot be used: database disk image is malformed"):
        SqliteTasks(path).running()


def test_a_record_that_is_none(tmp_path: Path) -> None:
    store = SqliteTasks(tmp_path / "a.sqlite3")
    store.save(record())
    store.close()
    connection = sqlite3.connect(tmp_path / "a.sqlite3")
    connection.execute("UPDATE task SET record = '{}'")
    connection.commit()
    connection.close()
    with pytest.raises(UsageError, match="missing required field"):
        store.load("t")
    store.close()


def test_a_record_of_a_later_version_is_read(tmp_path: Path) -> None:
    store = SqliteTasks(tmp_path / "a.sqlite3")
    store.save(record())
    store.close()
    connection = sqlite3.connect(tmp_path / "a.sqlite3")
    (kept,) = connection.execute("SELECT record FROM task").fetchone()
    connection.execute("UPDATE task SET record = ?", (json.dumps({**json.loads(kept), "later": 1}).encode(),))
    connection.commit()
    connection.close()
    loaded = store.load("t")
    store.close()
    assert loaded is not None
    assert loaded.task_id == "t"


def test_a_disk_without_room_is_said_and_nothing_before_is_lost(tmp_path: Path) -> None:
    events = SqliteEvents(tmp_path / "a.sqlite3")
    events.append("o", "s", StreamEvent(1, b"first"))
    with largest_file(100_000), pytest.raises(UsageError, match=r"cannot be used: .* See that it may be written"):
        events.append("o", "s", StreamEvent(2, b"x" * 200_000))
    assert events.after("o", "s", 0) == [StreamEvent(1, b"first")]
    events.append("o", "s", StreamEvent(2, b"x" * 200_000))
    assert len(events.after("o", "s", 0) or ()) == 2
    events.close()


def test_a_locked_file_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite3"
    store = SqliteTasks(path)
    store.save(record())
    code = (
        "import sqlite3, sys, time; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "c.execute('BEGIN IMMEDIATE'); print('locked', flush=True); time.sleep(0.7); c.execute('COMMIT')"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        other.stdout.readline()
        begun = time.monotonic()
        store.save(record("u"))
        assert time.monotonic() - begun > 0.2
    assert len(store.running()) == 2
    store.close()
