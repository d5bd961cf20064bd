"""A guarded server with its issuer, and a browser without a screen."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from dragoman import OAuth, Server
from dragoman.client.oauth.options import AuthorizationCode
from dragoman.client.oauth.storage import MemoryTokens
from tests.client.oauth.issuer import Realm, realm


async def visit(url: str) -> str:
    """Go where a browser would; where it was sent to."""
    async with httpx2.AsyncClient(trust_env=False, follow_redirects=False) as browser:
        location: str = (await browser.get(url)).headers["location"]
        return location


def person(**options: Any) -> OAuth:
    """A person who signs in without a screen; kept in memory."""
    return OAuth(**{"grant": AuthorizationCode(redirect=visit), "tokens": MemoryTokens(), **options})


@pytest.fixture
async def place() -> AsyncIterator[Realm]:
    """A guarded server that adds."""
    server = Server("guarded", "1")

    @server.tool
    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    async with realm(server) as made:
        yield made
