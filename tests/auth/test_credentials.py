"""Credentials of one's own: a gate asks the kind that a token has the form of, and tells what it refuses."""

import time

import pytest

from dragoman import Server
from dragoman.auth.credentials import Known, Refused, TooNarrow
from dragoman.auth.gate import Gate, Views
from dragoman.auth.principal import Principal
from dragoman.errors import HttpFault


class Badges:
    """Takes one badge, and says which letter its badges begin with."""

    def __init__(self, letter: str) -> None:
        self.letter = letter
        self.is_closed = False

    def is_mine(self, token: str) -> bool:
        return token.startswith(self.letter)

    async def check(self, token: str) -> Known:
        if token == f"{self.letter}-narrow":
            raise TooNarrow(["write", "read"])
        if token != f"{self.letter}-good":
            raise Refused("it is no badge")
        return Known(Principal(subject=token, issuer="badges"), time.monotonic() + 10)

    async def close(self) -> None:
        self.is_closed = True


async def test_a_gate_asks_the_kind_that_a_token_is_of() -> None:
    kinds = [Badges("a"), Badges("b")]
    gate = Gate(Views(Server("s", "1"), None), kinds)
    for letter in "ab":
        principal, _ = await gate.admit({b"authorization": f"Bearer {letter}-good".encode()})
        assert principal.subject == f"{letter}-good"
    for token, status, said in (
        ("a-bad", 401, b'Bearer error="invalid_token"'),
        ("c-good", 401, b'Bearer error="invalid_token"'),
        ("b-narrow", 403, b'Bearer error="insufficient_scope", scope="read write"'),
    ):
        with pytest.raises(HttpFault) as told:
            await gate.admit({b"authorization": f"Bearer {token}".encode()})
        assert (told.value.status, told.value.headers[0][1]) == (status, said)
    await gate.close()
    assert all(kind.is_closed for kind in kinds)
