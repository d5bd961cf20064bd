"""Dragoman's client signs in at an identity provider nobody here wrote (npm `oidc-provider`), without a screen.

The server that it signs in for takes the provider's tokens only with a good signature, issuer and audience.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import httpx2
import pytest
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from dragoman import AuthorizationCode, Client, ClientCredentials, MemoryTokens, OAuth, Server
from dragoman.client.oauth.faults import SignInFault
from dragoman.client.oauth.sign_in import SignIn
from tests.client.oauth.issuer import Guard, Issuer, serving
from tests.interop.runs import HERE, INSTALLED

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

START_SECONDS = 30.0


class Verified(dict[str, set[str]]):
    """The tokens that a server takes: by signature, issuer, audience and time."""

    def __init__(self, issuer: str, audience: str) -> None:
        super().__init__()
        self.issuer, self.audience = issuer, audience
        self.keys_of_issuer = KeySet.import_key_set(httpx2.get(f"{issuer}/jwks", trust_env=False).json())
        self.bound: list[Any] = []

    def __contains__(self, token: object) -> bool:
        try:
            claims = jwt.decode(str(token), self.keys_of_issuer, algorithms=["RS256"]).claims
        except (JoseError, ValueError):
            return False
        right = (claims["iss"], claims["aud"]) == (self.issuer, self.audience) and claims["exp"] > time.time()
        if right:
            self[str(token)] = set(claims.get("scope", "").split())
        return right


class Person:
    """Signs in by any name and consents, by plain requests."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def visit(self, url: str) -> str:
        """From the authorization URL to where the browser is sent in the end."""
        self.asked.append(url)
        async with httpx2.AsyncClient(trust_env=False, follow_redirects=False) as browser:
            answer = await browser.get(url)
            for _ in range(12):
                if answer.is_redirect:
                    onward = urljoin(str(answer.url), answer.headers["location"])
                    if "/callback?" in onward:
                        return onward
                    answer = await browser.get(onward)
                    continue
                prompt = re.search(r'name="prompt" value="(\w+)"', answer.text)
                action = re.search(r'action="([^"]+)"', answer.text)
                assert prompt, answer.text
                assert action, answer.text
                form = {"prompt": prompt[1], "login": "ada", "password": "any"}
                answer = await browser.post(urljoin(str(answer.url), action[1]), data=form)
        raise AssertionError("the provider asks without end")


class Realm:
    """A server, guarded by the provider, and who signs in there."""

    def __init__(self, guard: Guard, issuer: str, tokens: Verified) -> None:
        self.guard, self.issuer, self.tokens = guard, issuer, tokens
        self.person = Person()

    @property
    def url(self) -> str:
        return self.guard.url

    def options(self, **options: Any) -> OAuth:
        grant = AuthorizationCode(redirect=self.person.visit, redirect_uri="http://127.0.0.1:33418/callback")
        return OAuth(**{"grant": grant, "tokens": MemoryTokens(), **options})

    async def add(self, options: OAuth) -> Any:
        async with Client(self.url, auth=options) as client:
            return (await client.call_tool("add", {"a": 1, "b": 2})).structured


def said(log: Path, words: str = "") -> str:
    """What a log says, if it holds these words."""
    text = log.read_text("utf-8")
    return text if words in text else ""


@contextlib.asynccontextmanager
async def provider(resource: str, seconds: int, log: Path) -> AsyncIterator[str]:
    """The provider's issuer, while it runs."""
    command = [sys.executable, str(HERE / "servers" / "setup"), "--check"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: ASYNC221 - nothing else runs
    state = json.loads(answer)["oidc"]
    if "missing" in state:
        pytest.skip(f"oidc-provider: {state['missing']}")
    script = INSTALLED / "servers" / "oidc" / "server.mjs"
    shutil.copyfile(HERE / "servers" / "oidc" / "server.mjs", script)  # it finds its packages beside it
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    with log.open("wb") as output:
        words = [state["program"], str(script), str(port), resource, str(seconds)]
        running = await asyncio.create_subprocess_exec(*words, stdout=output, stderr=subprocess.STDOUT)
    try:
        end = time.monotonic() + START_SECONDS
        while not said(log, "listening"):
            assert running.returncode is None, said(log)
            assert time.monotonic() < end, said(log)
            await asyncio.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        with contextlib.suppress(ProcessLookupError):
            running.kill()
        await running.wait()


@contextlib.asynccontextmanager
async def realm(log: Path, seconds: int = 600) -> AsyncIterator[Realm]:
    server = Server("guarded", "1")

    @server.tool
    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    issuer = Issuer()
    guard = Guard(server.asgi(), issuer)
    async with serving(guard, "/mcp") as url, provider(url, seconds, log) as issuer.url:
        guard.url = url
        tokens = Verified(issuer.url, url)
        issuer.tokens = tokens
        guard.metadata["scopes_supported"] = ["read"]
        yield Realm(guard, issuer.url, tokens)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Realm]:
    async with realm(tmp_path / "log") as made:
        yield made


async def test_a_person_signs_in_and_stays_signed_in(place: Realm) -> None:
    options = place.options()
    assert await place.add(options) == 3
    assert await place.add(options) == 3
    assert len(place.person.asked) == 1
    (scopes,) = place.tokens.values()
    assert scopes == {"read"}


async def test_a_token_that_ends_is_refreshed_and_rotated(tmp_path: Path) -> None:
    async with realm(tmp_path / "log", seconds=1) as place:
        options = place.options()
        for _ in range(3):
            assert await place.add(options) == 3
            await asyncio.sleep(1.1)
        assert len(place.person.asked) == 1
        assert len(place.tokens) >= 3


async def test_more_scopes_are_asked_for_when_they_are_needed(place: Realm) -> None:
    place.guard.needs["tools/call"] = {"read", "write"}
    assert await place.add(place.options()) == 3
    assert len(place.person.asked) == 2
    assert list(place.tokens.values())[-1] == {"read", "write"}


async def test_a_program_signs_in_as_itself(place: Realm) -> None:
    secret = "a secret: of + the night"
    assert await place.add(OAuth(grant=ClientCredentials(), client_id="nightly", client_secret=secret)) == 3
    with pytest.raises(SignInFault, match="invalid_client"):
        await place.add(OAuth(grant=ClientCredentials(), client_id="nightly", client_secret="wrong"))


async def test_signing_out_ends_the_refresh_token(place: Realm) -> None:
    tokens = MemoryTokens()
    await place.add(place.options(tokens=tokens))
    kept = await tokens.load(place.url)
    assert kept is not None
    sign_in = SignIn(place.url, place.options(tokens=tokens))
    assert await sign_in.sign_out()
    await sign_in.close()
    account = json.loads(kept)
    form = {
        "grant_type": "refresh_token",
        "refresh_token": account["token"]["refresh_token"],
        "client_id": account["registration"]["client_id"],
    }
    answer = httpx2.post(f"{place.issuer}/token", data=form, trust_env=False)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
