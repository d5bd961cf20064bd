import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dragoman.cli.main import main
from tests.cli.conftest import Run, Terminal


def test_text(run: Run, folder: Path) -> None:
    assert run("read", folder, "files://manual/hours.md") == (0, "# Hours\n\nOpen from nine to five.\n", "")


def test_json_has_the_protocol_s_shape(run: Run, python: Path) -> None:
    motto = json.loads(run("read", python, "shop://motto", "--output", "json")[1])
    assert motto == {"contents": [{"uri": "shop://motto", "mimeType": "text/plain", "text": "Measure twice"}]}
    (logo,) = json.loads(run("read", python, "shop://logo", "--output", "json")[1])["contents"]
    assert base64.b64decode(logo["blob"]) == b"\x89PNG\x00logo"


def test_a_piece_without_a_type(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "plain.py"
    path.write_text(
        "from dragoman import *\nserver = Server('plain')\n"
        "@server.resource('x://plain')\ndef plain() -> ResourceContents:\n    '''Plain.'''\n"
        "    return ResourceContents('x://plain', text='text')\n"
        "@server.resource('x://blob')\ndef blob() -> ResourceContents:\n    '''Blob.'''\n"
        "    return ResourceContents('x://blob', blob='AAAA')\n",
        encoding="utf-8",
    )
    found = json.loads(run("read", path, "x://plain", "--output", "json")[1])
    assert found == {"contents": [{"uri": "x://plain", "text": "text"}]}
    assert run("read", path, "x://blob")[0] == 0


def test_what_is_not_there_has_status_1_and_names_the_nearest(run: Run, python: Path) -> None:
    status, out, err = run("read", python, "shop://moto")
    assert (status, out) == (1, "")
    assert err == "dragoman: Resource not found: shop://moto. Did you mean shop://motto?\n"
    assert run("read", python, "zzz://x")[2] == "dragoman: Resource not found: zzz://x.\n"


def test_a_server_without_resources(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "empty.py"
    path.write_text("from dragoman import Server\nserver = Server('empty')\n", encoding="utf-8")
    status, _, err = run("read", path, "x://y")
    assert status == 1
    assert err.startswith("dragoman: ")


def test_bytes_never_reach_a_terminal(terminal: Callable[[], Terminal], python: Path) -> None:
    screen = terminal()
    assert main(["read", str(python), "shop://logo"]) == 0
    assert screen.shown == "[application/octet-stream, 9 bytes; write them to a file with --save FILE]\n"


def test_bytes_are_saved(run: Run, python: Path, tmp_path: Path) -> None:
    assert run("read", python, "shop://logo", "--save", tmp_path / "logo.png")[:2] == (0, "")
    assert (tmp_path / "logo.png").read_bytes() == b"\x89PNG\x00logo"


@pytest.mark.parametrize("uri", ["shop://\udcff"])
def test_a_uri_that_is_not_text(run: Run, python: Path, uri: str) -> None:
    status, _, err = run("read", python, uri)
    assert status == 2
    assert "not valid UTF-8" in err
