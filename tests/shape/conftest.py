"""What several shape tests ask for."""

import pytest

import dragoman


@pytest.fixture(scope="session")
def public_names() -> frozenset[str]:
    """The names the package promises."""
    return frozenset(dragoman.__all__)
