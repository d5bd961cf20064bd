import contextlib
import http.client
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
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
    assert "3 tools, 2 resources" in out
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
    assert "0.0.0.0 is more than this machine, and nobody has to sign in" in err
    assert f"port {port}" in err
    assert "--allow-host" in err


def test_the_transport_of_2024_11_05_is_served_where_it_is_asked_for(
    capsys: pytest.CaptureFixture[str], database: Path
) -> None:
    for words, status in ([], 3), (["--sse"], 0):
        port = free_port()
        with meanwhile(port, partial(main, ["list", f"http://127.0.0.1:{port}/sse"])) as statuses:
            assert main(["serve", str(database), "--port", str(port), *words]) == 0
        assert statuses == [status]
    assert "tools_query" in capsys.readouterr().out


def test_a_session_begun_in_one_process_goes_on_in_another(
    capsys: pytest.CaptureFixture[str], database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An id that leads to a process that is gone says so, which only a server with a home of its own can tell."""
    monkeypatch.setenv("DRAGOMAN_SECRET", "a secret that all processes of this test share")
    gone, port = free_port(), free_port()
    with meanwhile(gone, lambda: begin_session(gone)) as sessions:
        words = ["--port", str(gone), "--home", f"http://127.0.0.1:{gone}/mcp"]
        assert main(["serve", str(database), *words]) == 0
    with meanwhile(port, lambda: end_session(port, str(sessions[0]))) as answers:
        words = ["--port", str(port), "--home", f"http://127.0.0.1:{port}/mcp"]
        assert main(["serve", str(database), *words]) == 0
    assert answers == [
        (404, b"Session not found: the process that had it is gone. Send 'initialize' to begin a new one.")
    ]


def test_a_configuration_says_where_and_the_command_line_wins(
    capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    port, other = free_port(), free_port()
    Path("dragoman.toml").write_text(
        f"[server]\nname = 'House'\nport = {port}\npath = '/house'\nsse = true\n"
        f"[connectors.house]\ntype = 'files'\npath = '{folder.name}'\n"
    )
    with meanwhile(port, partial(main, ["list", f"http://127.0.0.1:{port}/house"])) as statuses:
        assert main(["serve"]) == 0
    with meanwhile(other, partial(main, ["list", f"http://127.0.0.1:{other}/sse"])) as others:
        assert main(["serve", "dragoman.toml", "--port", str(other), "--path", "/mcp"]) == 0
    out, err = capsys.readouterr()
    assert (statuses, others) == ([0], [0])
    assert f"at http://127.0.0.1:{port}/house (Ctrl-C" in out
    assert f"at http://127.0.0.1:{other}/mcp (Ctrl-C" in out
    assert f'"{folder.parent / "dragoman.toml"}"' in out  # in the command for clients that start servers
    assert "Traceback" not in err


def test_without_targets_and_without_a_configuration(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = run("serve")
    assert (status, out) == (2, "")
    assert err == (
        "dragoman: Name what to serve, such as shop.db or ./handbook, or write a dragoman.toml in this folder.\n"
    )


def test_a_mistake_in_the_configuration_is_one_sentence(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text("[server]\nprot = 1\n")
    status, out, err = run("serve", str(file))
    assert (status, out) == (2, "")
    assert err == f"dragoman: {file}:2: server.prot: there is no such setting; did you mean 'port'?\n"


def begin_session(port: int) -> str:
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello})
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("POST", "/mcp", body, {"content-type": "application/json"})
        session = connection.getresponse().headers["mcp-session-id"]
    return str(session)


def end_session(port: int, session: str) -> tuple[int, bytes]:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("DELETE", "/mcp", headers={"mcp-session-id": session})
        response = connection.getresponse()
        return response.status, response.read()


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
        (["redis://localhost/0"], "'redis://' cannot be served yet"),
        (["{broken}"], "broken.py:1: NameError: name 'oops' is not defined"),
        (["{broken}", "--stdio"], "broken.py:1: NameError: name 'oops' is not defined"),
        (["{database}", "--name", ""], "--name is empty"),
        (["{database}", "--home", "10.0.0.7:8000"], "--home '10.0.0.7:8000': write the URL of this process's"),
        (["{database}", "--home", "ftp://10.0.0.7/mcp"], "--home 'ftp://10.0.0.7/mcp': write the URL"),
        (["{database}", "--home", "http:///mcp"], "--home 'http:///mcp': write the URL"),
        (["{database}", "--home", "http://10.0.0.7:x/mcp"], "--home 'http://10.0.0.7:x/mcp': write the URL"),
        (["{database}", "--home", "http://10.0.0.7/mcp?a"], "--home 'http://10.0.0.7/mcp?a': write the URL"),
        (["{database}", "--home", "http://10.0.0.7/mcp"], "--home needs a secret that all processes share: set DRAG"),
    ],
)
def test_mistakes_are_one_sentence_with_status_2(
    run: Run, database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], sentence: str
) -> None:
    monkeypatch.delenv("DRAGOMAN_SECRET", raising=False)
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
