"""What a client signs: who it is (`private_key_jwt`, RFC 7523), and that a token is its own (DPoP, RFC 9449)."""

import base64
import hashlib
import secrets
import time
from typing import Any, Final

import httpx2
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from dragoman.client.oauth.faults import SignInFault
from dragoman.errors import UsageError

PROOF_ALGORITHM: Final = "ES256"
_ASSERTION_SECONDS: Final = 60
_KINDS: Final[dict[str, type[ECKey | RSAKey | OKPKey]]] = {"ES": ECKey, "RS": RSAKey, "PS": RSAKey, "Ed": OKPKey}


def client_assertion(client_id: str, issuer: str, private_key: str, algorithm: str) -> str:
    """Say who this client is, to one authorization server and for a minute (RFC 7523, 3).

    Args:
        client_id: the client's name there.
        issuer: the authorization server, the only audience.
        private_key: the key, as PEM.
        algorithm: what it signs with.

    Raises:
        UsageError: the key is none, or does not sign so.
    """
    now = int(time.time())
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": issuer,
        "jti": secrets.token_urlsafe(16),
        "iat": now,
        "exp": now + _ASSERTION_SECONDS,
    }
    try:
        key = _KINDS[algorithm[:2]].import_key(private_key)
        return jwt.encode({"alg": algorithm, "typ": "JWT"}, claims, key, algorithms=[algorithm])
    except (JoseError, ValueError, TypeError):
        raise UsageError(f"The private key of {client_id} is no PEM of a key for {algorithm}.") from None


class Proofs:
    """Signs that requests come from the holder of a key (DPoP); one per sign-in.

    Args:
        key: the private key as a JWK; a new one without.
    """

    def __init__(self, key: dict[str, Any] | None = None) -> None:
        self._key: Key = ECKey.import_key(key) if key is not None else ECKey.generate_key("P-256")
        self._public = {name: self._key.as_dict(private=False)[name] for name in ("kty", "crv", "x", "y")}
        self._nonces: dict[str, str] = {}  # by origin; there are two, the server and its issuer

    @property
    def key(self) -> dict[str, Any]:
        """The private key, to keep with the token."""
        return dict(self._key.as_dict(private=True))

    def heed(self, url: str, nonce: str | None) -> bool:
        """Put a server's nonce into what it is shown from now on; whether it is another than before."""
        origin = _origin(url)
        if nonce is None or self._nonces.get(origin) == nonce:
            return False
        self._nonces[origin] = nonce
        return True

    def prove(self, verb: str, url: str, token: str | None = None) -> str:
        """A proof for one request (RFC 9449, 4.2).

        Args:
            verb: the HTTP method.
            url: where it goes.
            token: the access token that goes with it.
        """
        claims: dict[str, Any] = {
            "jti": secrets.token_urlsafe(16),
            "htm": verb,
            "htu": str(httpx2.URL(url).copy_with(query=None, fragment=None)),
            "iat": int(time.time()),
        }
        if (nonce := self._nonces.get(_origin(url))) is not None:
            claims["nonce"] = nonce
        if token is not None:
            digest = hashlib.sha256(token.encode()).digest()
            claims["ath"] = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        header = {"typ": "dpop+jwt", "alg": PROOF_ALGORITHM, "jwk": self._public}
        try:
            return jwt.encode(header, claims, self._key, algorithms=[PROOF_ALGORITHM])
        except JoseError as error:
            raise SignInFault(f"The proof for {url} cannot be signed: {error}.") from error


def _origin(url: str) -> str:
    parsed = httpx2.URL(url)
    return f"{parsed.scheme}://{parsed.host}:{parsed.port}"
