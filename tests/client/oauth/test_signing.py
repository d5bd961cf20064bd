import base64
import hashlib

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from dragoman import UsageError
from dragoman.client.oauth.signing import Proofs, client_assertion


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (ECKey.generate_key("P-256"), "ES256"),
        (ECKey.generate_key("P-384"), "ES384"),
        (RSAKey.generate_key(2048), "RS256"),
        (RSAKey.generate_key(2048), "PS256"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_assertions(key: ECKey | RSAKey, algorithm: str) -> None:
    text = client_assertion("me", "https://as.example", key.as_pem(private=True).decode(), algorithm)
    assert jwt.decode(text, key, algorithms=[algorithm]).claims["aud"] == "https://as.example"


@pytest.mark.parametrize(
    ("pem", "algorithm"),
    [
        ("no key", "ES256"),
        ("", "RS256"),
        (RSAKey.generate_key(2048).as_pem(private=True).decode(), "ES256"),
        (ECKey.generate_key("P-256").as_pem(private=False).decode(), "ES256"),
        (OKPKey.generate_key("X25519").as_pem(private=True).decode(), "Ed25519"),
    ],
)
def test_keys_that_are_none(pem: str, algorithm: str) -> None:
    with pytest.raises(UsageError, match="no PEM of a key") as caught:
        client_assertion("me", "https://as.example", pem, algorithm)
    assert "PRIVATE" not in str(caught.value)


def test_a_proof_is_of_one_request() -> None:
    proofs = Proofs()
    proof = jwt.decode(proofs.prove("POST", "https://a.example/mcp?x#y", "token"), ECKey.import_key(proofs.key))
    assert proof.header["typ"] == "dpop+jwt"
    assert set(proof.header["jwk"]) == {"kty", "crv", "x", "y"}
    assert proof.claims["htm"] == "POST"
    assert proof.claims["htu"] == "https://a.example/mcp"
    assert proof.claims["ath"] == base64.urlsafe_b64encode(hashlib.sha256(b"token").digest()).rstrip(b"=").decode()
    again = jwt.decode(proofs.prove("POST", "https://a.example/mcp"), ECKey.import_key(proofs.key))
    assert again.claims["jti"] != proof.claims["jti"]
    assert "ath" not in again.claims


def test_each_server_has_its_nonce() -> None:
    proofs = Proofs()
    assert proofs.heed("https://a.example/x", "one")
    assert not proofs.heed("https://a.example/y", "one")
    assert not proofs.heed("https://a.example/y", None)
    key = ECKey.import_key(proofs.key)
    assert jwt.decode(proofs.prove("GET", "https://a.example/z"), key).claims["nonce"] == "one"
    assert "nonce" not in jwt.decode(proofs.prove("GET", "https://b.example/z"), key).claims


def test_a_key_is_kept() -> None:
    proofs = Proofs()
    assert Proofs(proofs.key).key == proofs.key
    assert Proofs().key != proofs.key
