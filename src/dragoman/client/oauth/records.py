"""What a sign-in leaves behind: the client as the authorization server knows it, its token, and both with their places.

Nothing here shows a secret: a record as text names where it belongs and no more.
"""

import time
from typing import Any, Final

from msgspec import Struct

_EARLY_SECONDS: Final = 30.0  # a token that ends sooner is renewed before it is used


class Registration(Struct, kw_only=True):
    """A client as one authorization server knows it (RFC 7591, 3.2.1).

    Args:
        client_id: its name there.
        client_secret: its secret, where it has one.
        method: how it shows at the token endpoint who it is (`token_endpoint_auth_method`).
        redirect_uri: where the server sends browsers to.
        expires_at: when the secret ends, in seconds since 1970; 0 for never.
        metadata: whether the name is the URL of a client ID metadata document.
        scopes: what it registered for; some servers give it nothing beyond.
    """

    client_id: str
    client_secret: str | None = None
    method: str = "none"
    redirect_uri: str = ""
    expires_at: float = 0.0
    metadata: bool = False
    scopes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Registration({self.client_id!r})"


class Token(Struct, kw_only=True):
    """What the token endpoint gave (RFC 6749, 5.1).

    Args:
        access_token: shown to the server with every request.
        scheme: how it is shown, `Bearer` or `DPoP`.
        refresh_token: gets the next one, where there is one.
        expires_at: when it ends, in seconds since 1970; None where the server did not say.
        scopes: what it is good for, as far as is known.
    """

    access_token: str
    scheme: str = "Bearer"
    refresh_token: str | None = None
    expires_at: float | None = None
    scopes: tuple[str, ...] = ()

    @property
    def is_stale(self) -> bool:
        """Whether it has ended, or is about to."""
        return self.expires_at is not None and time.time() > self.expires_at - _EARLY_SECONDS

    @property
    def authorization(self) -> str:
        """The value of the `Authorization` field."""
        return f"{self.scheme} {self.access_token}"

    def __repr__(self) -> str:
        return f"Token({self.scheme})"


class Account(Struct, kw_only=True):
    """A sign-in at one server, kept as long as it is good.

    Args:
        resource: the server, as its metadata names it.
        issuer: the authorization server that everything here belongs to.
        registration: the client there.
        token: the token.
        requested: the scopes asked for, this time and before.
        metadata_url: where the server's metadata was.
        proof_key: the private key that the token is bound to, as a JWK (RFC 9449).
    """

    resource: str
    issuer: str
    registration: Registration
    token: Token | None = None
    requested: tuple[str, ...] = ()
    metadata_url: str | None = None
    proof_key: dict[str, Any] | None = None

    def __repr__(self) -> str:
        return f"Account({self.resource!r} by {self.issuer!r})"
