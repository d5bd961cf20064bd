"""How a client signs in, as its user says it: `Client(url, auth=OAuth(...))`. Plain values, nothing is loaded for them.

The defaults sign a person in, in the browser. Everything else is for programs: credentials of their own, assertions of
a platform, a handler in place of the browser.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol
from urllib.parse import urlsplit

from dragoman.errors import UsageError
from dragoman.secrets import Secret

SIGN_IN_SECONDS: Final = 300.0
"""How long a person may take to sign in."""

Redirect = Callable[[str], Awaitable[str]]
"""Gets the URL that a browser should open, and gives the URL that the browser was sent to in the end."""

ALGORITHMS: Final = ("ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "Ed25519")


class TokenStore(Protocol):
    """Where sign-ins are kept."""

    async def load(self, key: str) -> bytes | None:
        """What is kept under a key."""

    async def save(self, key: str, value: bytes) -> None:
        """Keep a value, in place of the one before."""

    async def delete(self, key: str) -> None:
        """Forget a value; nothing where there is none."""


@dataclass(frozen=True, kw_only=True)
class AuthorizationCode:
    """A person signs in, in a browser (OAuth 2.1, 4.1).

    Args:
        redirect: visits the authorization URL in place of the browser.
        redirect_uri: where the authorization server sends the browser to; a free port of this machine without one.
        announce: hears the URL before the browser opens it, to show it.
        ask: whether a person may be asked at all; without, only what is kept of a sign-in before is used.
    """

    redirect: Redirect | None = None
    redirect_uri: str | None = None
    announce: Callable[[str], None] | None = None
    ask: bool = True


@dataclass(frozen=True)
class ClientCredentials:
    """A program signs in as itself, with its secret or its private key (OAuth 2.1, 4.2)."""


@dataclass(frozen=True)
class JwtBearer:
    """A program signs in with an assertion of its platform (RFC 7523, 2.1).

    Args:
        assertion: the assertion, or a function that gets the issuer and gives a fresh one.
    """

    assertion: str | Callable[[str], Awaitable[str]] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class IdentityAssertion:
    """A person who is signed in at the organisation's identity provider (Enterprise-Managed Authorization).

    Args:
        id_token: what the identity provider said of the person.
        token_endpoint: the identity provider's token endpoint.
        client_id: this client's name there.
        client_secret: its secret there, where it has one.
    """

    id_token: str = field(repr=False)
    token_endpoint: str
    client_id: str
    client_secret: str | None = field(default=None, repr=False)


Grant = AuthorizationCode | ClientCredentials | JwtBearer | IdentityAssertion


@dataclass(frozen=True, kw_only=True)
class OAuth:
    """How to sign in where a server wants it (Authorization).

    Args:
        grant: who signs in, and how; a person in the browser unless given.
        client_id: this client's name at the authorization server, where it was registered by hand.
        client_secret: its secret.
        private_key: its private key as PEM, for `private_key_jwt`.
        algorithm: what the key signs with.
        issuer: the authorization server that these belong to; no other gets to see them.
        client_metadata_url: the https URL of this client's metadata document, used where the server takes such.
        client_name: what the person is shown at registration.
        scopes: the scopes to ask for; what the server says it takes unless given.
        tokens: where sign-ins are kept; the keyring or a file of the user's own, for programs the memory.
        dpop: whether tokens are bound to a key (RFC 9449); None where the server asks for it.
        older_servers: whether `/authorize`, `/token` and `/register` are tried where a server describes nothing
            (2025-03-26).
        timeout: seconds that a person may take.

    Raises:
        UsageError: these do not go together.
    """

    grant: Grant = field(default_factory=AuthorizationCode)
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    private_key: str | None = field(default=None, repr=False)
    algorithm: str = "ES256"
    issuer: str | None = None
    client_metadata_url: str | None = None
    client_name: str = "Dragoman"
    scopes: Sequence[str] | None = None
    tokens: TokenStore | None = None
    dpop: bool | None = None
    older_servers: bool = False
    timeout: float = SIGN_IN_SECONDS

    def __post_init__(self) -> None:
        if self.client_id is None and (self.client_secret is not None or self.private_key is not None):
            raise UsageError("A client secret or private key needs the client_id that it belongs to.")
        if self.private_key is not None and self.algorithm not in ALGORITHMS:
            raise UsageError(f"'{self.algorithm}' signs nothing here; use one of {', '.join(ALGORITHMS)}.")
        if isinstance(self.grant, ClientCredentials) and self.client_secret is None and self.private_key is None:
            raise UsageError("A program that signs in as itself needs a client_id, and a client_secret or private_key.")
        if isinstance(self.scopes, str):
            raise UsageError("scopes is a list of scopes, such as ['files:read'].")
        if self.client_metadata_url is not None:
            _check_metadata_url(self.client_metadata_url)


def _check_metadata_url(url: str) -> None:
    """A client ID metadata document has an https URL with a path (Client Registration)."""
    parts = urlsplit(url)
    if parts.scheme != "https" or parts.path in ("", "/") or parts.fragment or "@" in parts.netloc:
        raise UsageError(f"client_metadata_url '{url[:200]}' must be an https URL with a path.")


def plain(value: str) -> str:
    """A value that may be a `Secret`, as it is used."""
    return value.reveal() if isinstance(value, Secret) else value
