import asyncio
from pathlib import Path

import msgspec
import pytest

from dragoman.client.oauth.records import Account, Registration, Token
from dragoman.client.oauth.storage import FileTokens
from tests.cli.conftest import Run


def test_nobody_was_signed_in(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRAGOMAN_STATE", str(tmp_path))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    assert run("logout", "https://mcp.example/mcp") == (0, "Nobody was signed in there.\n", "")


def test_tokens_that_nobody_took_back_are_said(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRAGOMAN_STATE", str(tmp_path))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    gone = "http://127.0.0.1:1/mcp"
    kept = Account(
        resource=gone,
        issuer="http://127.0.0.1:1",
        registration=Registration(client_id="me"),
        token=Token(access_token="hush-hush"),
    )
    asyncio.run(FileTokens().save(gone, msgspec.json.encode(kept)))
    status, out, err = run("logout", gone)
    assert (status, out) == (0, "Signed out.\n")
    assert "its tokens may go on until they end" in err
    assert "hush" not in err
    assert run("logout", gone)[1] == "Nobody was signed in there.\n"
