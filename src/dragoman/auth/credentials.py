"""What a credential is to the gate: something that turns the text of a bearer token into who calls."""

from collections.abc import Iterable
from typing import Protocol

from msgspec import Struct

from dragoman.auth.principal import Principal


class Known(Struct, frozen=True):
    """Who a token is of, and until when that may be believed without asking again.

    Args:
        principal: who calls.
        until: on the monotonic clock, seconds.
    """

    principal: Principal
    until: float


class Refused(Exception):
    """A token that is not accepted. The text is for the log; callers learn only that it is invalid.

    Args:
        reason: why, without any part of the token.
    """


class TooNarrow(Exception):
    """A good token without the scopes that every request needs.

    Args:
        scopes: all that are needed.
    """

    def __init__(self, scopes: Iterable[str]) -> None:
        self.scopes = tuple(scopes)
        super().__init__(f"the token lacks some of the scopes {' '.join(self.scopes)}")


class Credentials(Protocol):
    """One kind of token."""

    def is_mine(self, token: str) -> bool:
        """Whether a token has the form of this kind; nothing is checked yet."""

    async def check(self, token: str) -> Known:
        """Return who a token is of.

        Raises:
            Refused: it is not accepted.
        """

    async def close(self) -> None:
        """Let go of what checking opened."""
