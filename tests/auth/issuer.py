"""An issuer of tokens, without a server: keys of its own, and tokens with anything in them."""

import base64
import hashlib
import hmac
import json
import time
import warnings
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from dragoman.auth.jwks import Keys
from dragoman.auth.jwt import Issuer, Jwts
from dragoman.auth.settings import JwtSettings

NAME = "https://id.example.com"
RESOURCE = "https://mcp.example.com/mcp"

RSA = RSAKey.generate_key(2048, {"kid": "rsa"}, private=True)
EC = ECKey.generate_key("P-256", {"kid": "ec"}, private=True)
EDWARDS = OKPKey.generate_key("Ed25519", {"kid": "ed"}, private=True)
OTHER = RSAKey.generate_key(2048, {"kid": "rsa"}, private=True)  # of somebody else, under the same id
PRIVATE: dict[str, Any] = {"RS256": RSA, "PS256": RSA, "ES256": EC, "EdDSA": EDWARDS}


def key_set(*keys: Any) -> bytes:
    return json.dumps({"keys": [key.as_dict(private=False) for key in keys or (RSA, EC, EDWARDS)]}).encode()


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    usual = {
        "iss": NAME,
        "sub": "anna",
        "aud": RESOURCE,
        "exp": now + 300,
        "iat": now,
        "azp": "desk",
        "roles": ["support"],
        "scope": "read write",
    }
    return {name: value for name, value in (usual | changes).items() if value is not None}


def token(
    said: dict[str, Any] | None = None, *, alg: str = "RS256", key: Any = None, header: dict[str, Any] | None = None
) -> str:
    """A token, signed."""
    key = key or PRIVATE[alg]
    head = {"alg": alg, "typ": "at+jwt", "kid": key.kid} | (header or {})
    head = {name: value for name, value in head.items() if value is not None}
    payload = json.dumps(claims() if said is None else said).encode()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        registry = jws.JWSRegistry(algorithms=[alg], strict_check_header=False)
        registry.max_header_length = 2**16
        registry.max_payload_length = 2**16
        return jws.serialize_compact({**head, "alg": alg}, payload, key, registry=registry)


def raw(head: dict[str, Any], said: Any, signature: bytes = b"") -> str:
    """A token made by hand."""
    parts = (json.dumps(head).encode(), json.dumps(said).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def by_hand(head: dict[str, Any], secret: bytes | None = None) -> str:
    """A token whose signature holds, which no library would make: by a secret, else by the private key."""
    signed = raw(head, claims()).rpartition(".")[0]
    if secret is not None:
        signature = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
    else:
        assert RSA.private_key is not None
        signature = RSA.private_key.sign(signed.encode(), PKCS1v15(), SHA256())
    return f"{signed}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def jwts(document: bytes | None = None, audience: tuple[str, ...] = (RESOURCE,), **settings: Any) -> Jwts:
    """What checks its tokens."""

    async def read() -> bytes:
        return key_set() if document is None else document

    keys = None if "secret" in settings else Keys(read, NAME)
    given = JwtSettings(**({"issuer": NAME} | settings))
    return Jwts([Issuer(given, audience, keys)])


def secret_key(text: str) -> OctKey:
    return OctKey.import_key(text)
