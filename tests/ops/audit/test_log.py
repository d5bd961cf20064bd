"""The log of a process: what was written is there after a kill, and what can't be written is said."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from dragoman import UsageError
from dragoman.ops.audit.archive import Archive, Wanted
from dragoman.ops.audit.journal import SUFFIX
from dragoman.ops.audit.log import ARCHIVE, KEY, AuditLog, Unrecorded, move, read_key
from dragoman.ops.audit.record import AuditRecord
from dragoman.secrets import Secret
from tests.store.room import largest_file

WRITER = """
import sys
from pathlib import Path
from dragoman.ops.audit.log import AuditLog
from dragoman.ops.audit.record import AuditRecord
log = AuditLog(Path(sys.argv[1]))
for number in range(1_000_000):
    log.write(AuditRecord(at=float(number), event="call", name=f"{sys.argv[2]}-{number}"))
    print(number, flush=True)
"""


def found(folder: Path) -> list[AuditRecord]:
    archive = Archive(folder / ARCHIVE, read_key(folder))
    try:
        move(folder, archive)
        assert not list(archive.verify())
        return [msgspec.json.decode(line, type=AuditRecord) for line in archive.search(Wanted(most=10_000_000))]
    finally:
        archive.close()


def call(number: int = 1, name: str = "") -> AuditRecord:
    return AuditRecord(at=float(number), event="call", name=name)


def test_lines_reach_the_archive(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit")
    for number in range(10):
        log.write(call(number))
    log.close()
    assert not list((tmp_path / "audit").glob("*" + SUFFIX))
    assert [record.at for record in found(tmp_path / "audit")] == list(range(10))


def test_lines_reach_the_archive_while_it_is_written(tmp_path: Path) -> None:
    log = AuditLog(tmp_path, synced=True)
    log.write(call())
    end = time.monotonic() + 20
    archive = Archive(tmp_path / ARCHIVE, read_key(tmp_path))
    while not list(archive.search(Wanted())) and time.monotonic() < end:
        time.sleep(0.05)
    assert len(list(archive.search(Wanted()))) == 1
    archive.close()
    log.close()


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_a_kill_loses_no_line_that_was_answered_for(tmp_path: Path) -> None:
    answered: dict[str, int] = {}
    for name in ("a", "b", "c"):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), name], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            for line in writer.stdout:
                answered[name] = int(line)
                if answered[name] >= 3000:
                    break
            writer.send_signal(signal.SIGKILL)
            for line in writer.stdout:
                if line.endswith("\n"):
                    answered[name] = int(line)
    names = {record.name for record in found(tmp_path)}
    for name, last in answered.items():
        assert {f"{name}-{number}" for number in range(last + 1)} <= names
        assert f"{name}-{last + 2}" not in names


def test_what_cannot_be_written_is_refused_or_goes_on_as_set(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for on_failure in ("refuse", "go_on"):
        folder = tmp_path / on_failure
        log = AuditLog(folder, on_failure=on_failure)
        log.write(call(1))
        with largest_file(64):
            if on_failure == "refuse":
                with pytest.raises(Unrecorded):
                    log.write(call(2))
            else:
                log.write(call(2))
                log.write(call(3))
        log.write(call(4))
        log.close()
        assert [record.at for record in found(folder)] == [1.0, 4.0]
    assert sum("cannot be written" in message for message in caplog.messages) >= 2
    assert any("written again" in message for message in caplog.messages)


def test_known_secrets_are_masked(tmp_path: Path) -> None:
    secret = Secret("correct-horse-battery")
    log = AuditLog(tmp_path)
    log.write(call(name=f"x {secret.reveal()} y"))
    log.close()
    assert found(tmp_path)[0].name == "x *** y"


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_the_key_is_for_one_user(tmp_path: Path) -> None:
    read_key(tmp_path)
    assert stat.S_IMODE((tmp_path / KEY).stat().st_mode) == 0o600
    (tmp_path / KEY).chmod(0o640)
    with pytest.raises(UsageError, match="chmod 600"):
        AuditLog(tmp_path)
    (tmp_path / KEY).chmod(0o600)
    (tmp_path / KEY).write_bytes(b"short")
    with pytest.raises(UsageError, match="damaged"):
        AuditLog(tmp_path)


def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be used"):
        AuditLog(tmp_path / "file")


def test_a_damaged_journal_stays_where_it_is(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    read_key(tmp_path)
    damaged = tmp_path / ("x" + SUFFIX)
    damaged.write_bytes(b"no header\n")
    assert found(tmp_path) == []
    assert damaged.exists()
    assert "damaged" in caplog.text
