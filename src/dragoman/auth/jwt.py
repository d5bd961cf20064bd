"""Signed tokens (JWT, RFC 7519, checked as RFC 8725 and OAuth 2.1 want): who a token is of, if it is good and for us.

A token says of itself only which key signed it, and that by an id; the algorithms, the issuer and the audience are
ours to say (P8). Nothing of a token is passed on (P9).
"""

import base64
import binascii
import json
import time
import warnings
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from dragoman.auth.claims import check_required, principal_of
from dragoman.auth.credentials import Known, Refused, TooNarrow
from dragoman.auth.jwks import Keys, Source
from dragoman.auth.settings import SYMMETRIC, JwtSettings
from dragoman.errors import SettingsError

LONGEST: Final = 8192
BELIEVED_SECONDS: Final = 60.0
USUAL: Final = ("RS256", "PS256", "ES256", "EdDSA")
_TYPES: Final = frozenset({"jwt", "at+jwt", "application/at+jwt", "application/jwt"})
_PARTS: Final = 3
_LATEST: Final = 2**53  # seconds; nan and infinity are no times either
_EDWARDS: Final = {"EdDSA": "EdDSA", "Ed25519": "EdDSA"}  # RFC 9864 gives the curve a name of its own


class Issuer:
    """One issuer, and what its tokens must be like.

    Args:
        settings: what is said of it.
        audience: what a token's `aud` must name one of.
        keys: its public keys; those that the settings name by default.
    """

    def __init__(self, settings: JwtSettings, audience: Sequence[str], keys: Keys | None = None) -> None:
        self.settings = settings
        self.name = settings.issuer
        self._audience = frozenset(map(canonical, audience))
        symmetric = settings.secret is not None
        self._algorithms = frozenset(settings.algorithms or (SYMMETRIC if symmetric else USUAL))
        self._source: Source | None = None
        self._secret: Any = None
        self._keys = keys
        if settings.secret is not None:
            from joserfc.jwk import OctKey

            self._secret = OctKey.import_key(settings.secret.reveal())
        elif keys is None:
            self._source = Source(settings)
            self._keys = Keys(self._source.read, settings.issuer)

    async def check(self, token: str, header: dict[str, Any]) -> Known:
        """Say who a token of this issuer is of.

        Raises:
            Refused: it is not good, or not for this server.
            TooNarrow: it lacks a scope that every request needs.
            HttpFault: it cannot be checked just now (503).
        """
        algorithm = header.get("alg")
        if not isinstance(algorithm, str) or _EDWARDS.get(algorithm, algorithm) not in self._algorithms:
            raise Refused("the token is signed in a way that is not accepted")
        said = self._verified(token, algorithm, await self._key(header, algorithm))
        now = time.time()
        left = self._check_times(said, now)
        if said.get("iss") != self.name:
            raise Refused("the token is of another issuer")
        if not self._is_for_us(said.get(self.settings.audience_claim)):
            raise Refused("the token is for another audience")
        check_required(said, self.settings.required)
        principal = principal_of(said, self.settings.claims, self.name)
        if not set(self.settings.scopes).issubset(principal.scopes):
            raise TooNarrow(self.settings.scopes)
        return Known(principal, time.monotonic() + min(left, BELIEVED_SECONDS))

    async def _key(self, header: dict[str, Any], algorithm: str) -> Any:
        if self._secret is not None:
            return self._secret
        assert self._keys is not None  # noqa: S101 (one of the two is there)
        key_id = header.get("kid")
        if key_id is not None and not isinstance(key_id, str):
            raise Refused("the token names its key by something that is no text")
        key = await self._keys.find(key_id)
        if key is None:
            raise Refused("the token is signed by a key that its issuer does not have")
        named = key.get("alg")
        if named is not None and _EDWARDS.get(named, named) != _EDWARDS.get(algorithm, algorithm):
            raise Refused("the key of the token is for another algorithm")
        return key

    def _verified(self, token: str, algorithm: str, key: Any) -> dict[str, Any]:
        from joserfc import jws
        from joserfc.errors import JoseError

        try:
            registry = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
            registry.max_header_length = registry.max_payload_length = LONGEST
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # EdDSA has another name now (RFC 9864), which issuers don't use yet
                payload = jws.deserialize_compact(token, key, registry=registry).payload
            said = json.loads(payload or b"")
        except (JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise Refused(f"the token's signature does not hold ({type(error).__name__})") from None
        if not isinstance(said, dict):
            raise Refused("the token says nothing")
        return said

    def _check_times(self, said: dict[str, Any], now: float) -> float:
        """See that a token is good now; gives for how long."""
        leeway = self.settings.leeway_seconds
        expires, begins, issued = _time(said.get("exp")), _time(said.get("nbf", 0)), _time(said.get("iat", 0))
        if now >= expires + leeway:
            raise Refused("the token has expired")
        if now < begins - leeway or now < issued - leeway:
            raise Refused("the token is not good yet")
        return expires + leeway - now

    def _is_for_us(self, said: Any) -> bool:
        named = [said] if isinstance(said, str) else said
        return isinstance(named, list) and any(
            isinstance(one, str) and canonical(one) in self._audience for one in named
        )

    async def close(self) -> None:
        """Close the connections."""
        if self._source is not None:
            await self._source.close()


class Jwts:
    """Checks signed tokens, each by its issuer's rules.

    Args:
        issuers: whose tokens are accepted.

    Raises:
        SettingsError: two are the same.
    """

    def __init__(self, issuers: Sequence[Issuer]) -> None:
        self._issuers = {issuer.name: issuer for issuer in issuers}
        if len(self._issuers) != len(issuers):
            raise SettingsError(
                "the issuer of [auth.jwt] and [auth.oauth] is the same", "auth.oauth", ("auth", "oauth")
            )

    def is_mine(self, token: str) -> bool:
        """Whether a token has the form of a signed one."""
        return token.startswith("eyJ") and token.count(".") == _PARTS - 1

    async def check(self, token: str) -> Known:
        """Return who a token is of.

        Raises:
            Refused: it is not accepted.
            TooNarrow: it lacks a scope that every request needs.
        """
        if len(token) > LONGEST:
            raise Refused("the token is too long")
        head, body, _ = token.split(".")
        header = _part(head)
        if "crit" in header or "b64" in header:
            raise Refused("the token has critical extensions, none of which are known here")
        kind = header.get("typ", "JWT")
        if not isinstance(kind, str) or kind.lower() not in _TYPES:
            raise Refused("the token is of another type")
        named = _part(body).get("iss")  # which rules to check it by; whether it is true, they say
        issuer = self._issuers.get(named) if isinstance(named, str) else None
        if issuer is None:
            raise Refused("the token is of an issuer that is not accepted")
        return await issuer.check(token, header)

    async def close(self) -> None:
        """Close the connections."""
        for issuer in self._issuers.values():
            await issuer.close()


def canonical(audience: str) -> str:
    """An audience to compare: scheme and host of a URL in lower case, no slash alone (Authorization, Canonical URI)."""
    try:
        parts = urlsplit(audience)
    except ValueError:
        return audience
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return audience
    path = "" if parts.path == "/" else parts.path
    query = f"?{parts.query}" if parts.query else ""
    fragment = f"#{parts.fragment}" if parts.fragment else ""
    return f"{parts.scheme}://{parts.netloc.lower()}{path}{query}{fragment}"


def _part(text: str) -> dict[str, Any]:
    """One part of a token, decoded; nothing of it is true yet."""
    try:
        said = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise Refused("the token is malformed") from None
    if not isinstance(said, dict):
        raise Refused("the token is malformed")
    return said


def _time(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < _LATEST:
        raise Refused("the token does not say when it is good")
    return value
