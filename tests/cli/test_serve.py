import contextlib
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dragoman.cli.main import main
from tests.cli.conftest import Run


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(port: int) -> bool:
    """Whether requests are answered: everything before that, such as the announcement, is done."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as probe:
            probe.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            return probe.recv(1) == b"H"
    except OSError:
        return False


@contextlib.contextmanager
def meanwhile(port: int, work: Callable[[], object], end: signal.Signals = signal.SIGINT) -> Iterator[list[object]]:
    """Do something in another thread once requests are answered, then end the server that this thread runs."""
    results: list[object] = []

    def wait_and_work() -> None:
        deadline = time.monotonic() + 30
        while not answers(port) and time.monotonic() < deadline:
            time.sleep(0.02)
        try:
            results.append(work())
        finally:
            os.kill(os.getpid(), end)

    thread = threading.Thread(target=wait_and_work)
    thread.start()
    yield results
    thread.join()


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_it_says_what_it_serves_answers_and_ends_cleanly(
    capsys: pytest.CaptureFixture[str], database: Path, folder: Path, end: signal.Signals
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/mcp"
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    call = ["call", url, "tools_query", "sql=select name from tool where id = 1", "--header", "X-Test: yes"]
    with meanwhile(port, lambda: main(call), end) as statuses:
        status = main(["serve", str(database), str(folder), "--port", str(port)])
    out, err = capsys.readouterr()
    assert (status, statuses) == (0, [0])
    assert f"at {url} (Ctrl-C ends it)" in out
    assert "2 tools, 2 resources" in out
    assert "Hammer" in out
    assert "Traceback" not in err
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_settings_reach_the_endpoint(capsys: pytest.CaptureFixture[str], database: Path) -> None:
    port = free_port()
    words = ["--port", port, "--path", "/agents/mcp/", "--host", "0.0.0.0", "--name", "shed", "--log-level", "error"]  # noqa: S104
    url = f"http://127.0.0.1:{port}/agents/mcp"
    with meanwhile(port, lambda: main(["list", url, "--output", "json"])) as statuses:
        assert main(["serve", str(database), *map(str, words)]) == 0
    out, err = capsys.readouterr()
    assert statuses == [0]
    assert '"name": "shed"' in out
    assert "0.0.0.0 is more than this machine, and nobody has to sign in yet" in err
    assert f"port {port}" in err
    assert "--allow-host" in err


def test_a_taken_port_is_a_sentence(run: Run, database: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        status, out, err = run("serve", database, "--port", port)
    assert (status, out) == (2, "")
    assert err.startswith(f"dragoman: Port {port} on 127.0.0.1 is taken")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["{database}", "--path", "mcp"], "--path 'mcp': begin with /"),
        (["{database}", "--path", "/a b"], "--path '/a b': begin with /"),
        (["{database}", "--path", "//mcp"], "--path '//mcp': begin with /"),
        (["{database}", "--path", "/mcp?x=1"], "--path '/mcp?x=1': begin with /"),
        (["{database}", "--port", "http"], "'http' is no port"),
        (["{database}", "--log-level", "loud"], "invalid choice: 'loud'"),
        (["{database}", "--host", "not an address"], "Cannot listen on not an address"),
        (["{database}", "{database}"], "Two targets are called 'tools'"),
        (["gone.db"], "'gone.db' does not exist"),
        (["mysql://localhost/shop"], "'mysql://' cannot be served yet"),
        (["{broken}"], "broken.py:1: NameError: name 'oops' is not defined"),
        (["{broken}", "--stdio"], "broken.py:1: NameError: name 'oops' is not defined"),
        (["{database}", "--name", ""], "--name is empty"),
    ],
)
def test_mistakes_are_one_sentence_with_status_2(
    run: Run, database: Path, tmp_path: Path, words: list[str], sentence: str
) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("oops\n", encoding="utf-8")
    status, out, err = run("serve", *(word.format(database=database, broken=broken) for word in words))
    assert (status, out) == (2, "")
    assert err.startswith("dragoman: ")
    assert sentence in err
    assert err.count("\n") == 1


def test_the_stdio_snippet_can_be_typed_anywhere(
    capsys: pytest.CaptureFixture[str], database: Path, python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(database.parent)
    port = free_port()
    targets = ["shed=sqlite:///tools.db", "workshop.py:server", f"other=sqlite:///{database}"]
    with meanwhile(port, lambda: None):
        assert main(["serve", *targets, "--port", str(port), "--name", "shop"]) == 0
    out, _ = capsys.readouterr()
    snippet = json.loads(out[out.index("servers itself:") :].partition(":")[2].partition("Try:")[0])
    assert snippet["mcpServers"]["shop"]["args"] == [
        "serve",
        f"shed=sqlite:///{database}",
        f"{python}:server",
        f"other=sqlite:///{database}",
        "--name",
        "shop",
        "--stdio",
    ]


def test_another_thread_may_serve_too(run: Run, tmp_path: Path) -> None:
    """Signals belong to the main thread; a mistake is still a status there."""
    statuses: list[int] = []
    thread = threading.Thread(target=lambda: statuses.append(main(["serve", str(tmp_path), "--host", "no host"])))
    thread.start()
    thread.join()
    assert statuses == [2]
