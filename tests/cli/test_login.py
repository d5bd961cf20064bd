"""`dragoman login`, and what the other commands do with it, against a guarded server in this process."""

import asyncio
import threading
import webbrowser
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from dragoman import Server
from tests.cli.conftest import Run
from tests.client.oauth.issuer import Realm, basic_of, realm


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Realm]:
    """A guarded server, served by a thread; sign-ins are kept in files of a folder of the test."""
    monkeypatch.setenv("DRAGOMAN_STATE", str(tmp_path))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    monkeypatch.delenv("DRAGOMAN_TOKEN", raising=False)
    server = Server("guarded", "1")

    @server.tool
    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    made: list[Realm] = []
    ready, loop, ended = threading.Event(), asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        async with realm(server) as served:
            made.append(served)
            ready.set()
            await ended.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(20)
    yield made[0]
    loop.call_soon_threadsafe(ended.set)
    thread.join(20)
    loop.close()


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A browser that goes where it is told; where it was."""
    visited: list[str] = []

    def visit(url: str) -> bool:
        visited.append(url)
        return httpx2.get(url, follow_redirects=True, trust_env=False).is_success

    monkeypatch.setattr(webbrowser, "open", visit)
    return visited


def test_one_sign_in_is_for_all_commands(run: Run, place: Realm, browser: list[str], tmp_path: Path) -> None:
    place.guard.metadata["scopes_supported"] = ["use"]
    status, out, err = run("login", place.url)
    assert status == 0
    assert f"Signed in at {place.issuer.url} for {place.url}.\nIt is good for: use\n" == out
    assert err == f"To sign in, visit {browser[0]}\n"
    assert run("call", place.url, "add", "a=1", "b=2")[:2] == (0, "3\n")
    assert run("list", place.url)[0] == 0
    assert len(browser) == 1
    (kept,) = (tmp_path / "sign-in").glob("*.json")
    assert kept.stat().st_mode & 0o077 == 0
    assert run("logout", place.url) == (0, "Signed out.\n", "")
    assert run("logout", place.url)[1] == "Nobody was signed in there.\n"
    assert len(place.issuer.revoked) == 1


def test_without_a_sign_in_the_way_to_one_is_said(run: Run, place: Realm, browser: list[str], tmp_path: Path) -> None:
    status, _, err = run("list", place.url)
    assert status == 3
    assert "--sign-in" in err
    (tmp_path / "sign-in").mkdir()
    status, _, err = run("list", place.url)
    assert status == 3
    assert f"run: dragoman login {place.url}" in err
    assert not browser
    assert not place.issuer.registrations


def test_a_command_may_sign_in_by_itself(run: Run, place: Realm, browser: list[str]) -> None:
    assert run("call", "--sign-in", place.url, "add", "a=1", "b=2")[:2] == (0, "3\n")
    assert run("call", place.url, "add", "a=1", "b=2")[:2] == (0, "3\n")
    assert len(browser) == 1


def test_a_token(run: Run, place: Realm, monkeypatch: pytest.MonkeyPatch) -> None:
    place.issuer.tokens["key-of-mine"] = set()
    assert run("list", "--token", "key-of-mine", place.url)[0] == 0
    status, out, err = run("list", "--token", "wrong-key", place.url)
    assert (status, out) == (3, "")
    assert "wrong-key" not in err
    monkeypatch.setenv("DRAGOMAN_TOKEN", "key-of-mine")
    assert run("list", place.url)[0] == 0
    assert run("list", "--header", "Authorization: Bearer other", place.url)[0] == 3


def test_a_program(run: Run, place: Realm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRAGOMAN_CLIENT_SECRET", "hush-hush")
    place.issuer.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_basic"]
    assert run("login", "--as-program", "--client-id", "nightly", place.url)[0] == 0
    assert basic_of(place.issuer.headers[0]) == ("nightly", "hush-hush")
    assert run("call", place.url, "add", "a=1", "b=2")[:2] == (0, "3\n")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["login", "shop.db"], "is no URL"),
        (["logout", "shop.db"], "is no URL"),
        (["login", "http://mcp.example/mcp"], "over https only"),
        (["login", "--as-program", "https://mcp.example/mcp"], "needs a client_id"),
        (["list", "--token", "a", "--sign-in", "http://127.0.0.1:1/mcp"], "keep one"),
        (["list", "--token", "a b", "http://127.0.0.1:1/mcp"], "no token has"),
        (["list", "--token", "abcd", "shop.db"], "--token goes with a URL only"),
        (["list", "--sign-in", "shop.db"], "--sign-in goes with a URL only"),
        (["list", "--token", "abcd", "--header", "Authorization: x", "http://127.0.0.1:1/mcp"], "keep one"),
    ],
)
def test_mistakes(run: Run, words: list[str], sentence: str) -> None:
    status, out, err = run(*words)
    assert (status, out) == (2, "")
    assert sentence in err
