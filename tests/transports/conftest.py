"""One server process for all tests that do it no lasting harm, and servers of their own for the others."""

from collections.abc import Iterator

import pytest

from tests.transports.peers import Peer


@pytest.fixture(scope="session")
def peer() -> Iterator[Peer]:
    """A server with the default limits."""
    with Peer() as peer:
        yield peer


@pytest.fixture(scope="session")
def hasty() -> Iterator[Peer]:
    """A server that loses its patience within a second."""
    limits = {
        "header_seconds": 0.5,
        "body_seconds": 0.5,
        "write_stall_seconds": 0.5,
        "keep_alive_seconds": 0.2,
        "sessions": 40,
        "session_idle_seconds": 0.3,
        "grace_seconds": 2.0,
    }
    with Peer(limits=limits) as peer:
        yield peer
