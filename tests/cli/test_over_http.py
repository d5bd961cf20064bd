import signal
from pathlib import Path

import pytest

from dragoman.cli.main import main
from tests.cli.test_serve import free_port, meanwhile


def test_what_is_not_well_is_said_and_the_rest_served(capsys: pytest.CaptureFixture[str], database: Path) -> None:
    database.write_bytes(b"SQLite format 3\0" + b"\xff" * 500)
    port = free_port()
    with meanwhile(port, lambda: None, signal.SIGTERM):
        assert main(["serve", str(database), "--port", str(port)]) == 0
    out, err = capsys.readouterr()
    assert "tools  database" in out
    assert "Warning: " in err


def test_every_address_with_allowed_hosts_needs_no_hint(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    port = free_port()
    words = ["--host", "0.0.0.0", "--allow-host", "mcp.example.com", "--allow-origin", "https://app.example.com"]  # noqa: S104
    with meanwhile(port, lambda: None):
        assert main(["serve", str(folder), "--port", str(port), *words]) == 0
    _, err = capsys.readouterr()
    assert "nobody has to sign in" in err
    assert "--allow-host" not in err


def test_a_server_that_does_not_start_is_a_sentence(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "stuck.py"
    path.write_text(
        "from dragoman import Server\n"
        "def lifespan(server):\n    raise OSError('no disk')\n"
        "server = Server('stuck', lifespan=lifespan)\n",
        encoding="utf-8",
    )
    assert main(["serve", str(path), "--port", "0"]) == 2
    assert capsys.readouterr().err == "dragoman: stuck does not start: OSError: no disk\n"
