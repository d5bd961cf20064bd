"""`dragoman audit`: lines are found, shown, proved and taken along."""

import json
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from dragoman.cli.main import main
from dragoman.ops.audit.log import ARCHIVE, AuditLog
from dragoman.ops.audit.record import AuditRecord, redacted


@pytest.fixture
def folder(tmp_path: Path) -> str:
    log = AuditLog(tmp_path / "audit")
    now = time.time()
    for number, (subject, outcome) in enumerate([("anna", "ok"), ("ben", "error"), ("anna", "fault"), ("", "ok")]):
        log.write(
            AuditRecord(
                at=now - 3600 * (4 - number), event="call", subject=subject, method="tools/call",
                name=f"tool_{number}", outcome=outcome, seconds=0.1, rows=number,  # type: ignore[arg-type]
                arguments=redacted({"city": "Oslo\x1b[31m"}),
            )
        )  # fmt: skip
    log.close()
    return str(tmp_path / "audit")


def audit(folder: str, capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert main(["audit", *words, "--folder", folder, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_lines_are_found(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert [line["name"] for line in audit(folder, capsys, "tail")] == ["tool_0", "tool_1", "tool_2", "tool_3"]
    assert [line["name"] for line in audit(folder, capsys, "search", "--for", "anna")] == ["tool_0", "tool_2"]
    assert [line["name"] for line in audit(folder, capsys, "search", "--outcome", "error")] == ["tool_1"]
    assert [line["name"] for line in audit(folder, capsys, "search", "--since", "150m")] == ["tool_2", "tool_3"]
    assert [line["name"] for line in audit(folder, capsys, "search", "--until", "150m", "--most", "1")] == ["tool_1"]
    assert audit(folder, capsys, "search", "--until", "2020-01-01") == []
    assert len(audit(folder, capsys, "search", "Oslo")) == 4


def test_they_are_shown_to_people(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "tail", "--folder", folder]) == 0
    shown = capsys.readouterr().out
    assert "anonymous" in shown
    assert "tools/call tool_2" in shown
    assert main(["audit", "search", "--name", "never", "--folder", folder]) == 0
    assert "No line" in capsys.readouterr().out


def test_they_are_taken_along_as_they_were_written(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "export", "--folder", folder]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["rows"] for line in lines] == [0, 1, 2, 3]
    assert lines[0]["arguments"] == {"city": "Oslo\x1b[31m"}


def test_a_changed_line_is_found(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "verify", "--folder", folder]) == 0
    assert "4 lines" in capsys.readouterr().out
    with sqlite3.connect(Path(folder) / ARCHIVE) as connection:
        connection.execute("UPDATE entry SET line = replace(line, 'tool_1', 'tool_9') WHERE number = 2")
    connection.close()
    assert main(["audit", "verify", "--folder", folder]) == 1
    assert "line 2" in capsys.readouterr().out
    assert main(["audit", "verify", "--folder", folder, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["ok"] is False


def test_new_lines_are_followed(folder: str) -> None:
    command = [sys.executable, "-m", "dragoman", "audit", "tail", "--follow", "--folder", folder]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdout is not None
        assert [follower.stdout.readline().split()[4] for _ in range(4)] == ["tool_0", "tool_1", "tool_2", "tool_3"]
        log = AuditLog(Path(folder))
        log.write(AuditRecord(at=time.time(), event="call", subject="new", method="tools/call", name="tool_new"))
        assert "tool_new" in follower.stdout.readline()
        log.close()
        follower.terminate()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["tail", "--since", "yesterday"], "--since 'yesterday'"),
        (["search", "--most", "0"], "--most"),
        (["burn"], "invalid choice"),
    ],
)
def test_mistakes_are_told(folder: str, capsys: pytest.CaptureFixture[str], words: list[str], told: str) -> None:
    assert main(["audit", *words, "--folder", folder]) == 2
    assert told in capsys.readouterr().err


def test_no_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "tail", "--folder", str(tmp_path)]) == 2
    assert "There is no audit log" in capsys.readouterr().err
