"""Fixtures: a server over every wire that a client has."""

import contextlib
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from dragoman import Client
from tests.client.desk import make_desk
from tests.client.serving import served

DESK = Path(__file__).with_name("desk.py")
Reach = Callable[..., Client]


@pytest.fixture(params=["memory", "http", "stdio"])
async def reach(request: pytest.FixtureRequest) -> AsyncIterator[Reach]:
    """Makes clients of one desk over one wire."""
    async with contextlib.AsyncExitStack() as stack:
        if request.param == "memory":
            server = await stack.enter_async_context(make_desk())
            yield lambda **options: Client(server, **options)
        elif request.param == "stdio":
            yield lambda **options: Client([sys.executable, str(DESK)], **options)
        else:
            url = await stack.enter_async_context(served(make_desk()))
            yield lambda **options: Client(url, **options)
