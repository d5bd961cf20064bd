"""The keys of an issuer: fetched when needed, by one, not too often, and kept through an outage for a day."""

import asyncio
import json
import warnings
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from dragoman.auth.credentials import Refused
from dragoman.auth.fetch import FetchFault
from dragoman.auth.jwks import FRESH_SECONDS, PAUSE_SECONDS, STALE_SECONDS, Keys, Source, read_keys
from dragoman.auth.jwt import Issuer
from dragoman.auth.settings import JwtSettings
from dragoman.errors import HttpFault
from tests.auth.issuer import EC, EDWARDS, NAME, OTHER, RESOURCE, RSA, jwts, key_set, token
from tests.auth.test_fetch import a_server, saying


class Publisher:
    """Where an issuer has its keys; and a clock."""

    def __init__(self, document: bytes | None) -> None:
        self.document = document
        self.asked = 0
        self.now = 1000.0
        self.keys = Keys(self.read, NAME, lambda: self.now)

    async def read(self) -> bytes:
        self.asked += 1
        await asyncio.sleep(0.01)
        if self.document is None:
            raise FetchFault("nobody answers")
        return self.document


async def test_many_callers_fetch_once() -> None:
    publisher = Publisher(key_set())
    found = await asyncio.gather(*(publisher.keys.find("rsa") for _ in range(100)))
    assert all(found)
    assert publisher.asked == 1


async def test_a_key_that_is_new_is_fetched_but_unknown_ones_at_most_once_a_minute() -> None:
    publisher = Publisher(key_set(RSA))
    assert await publisher.keys.find("rsa")
    for number in range(50):
        assert await publisher.keys.find(f"made-up-{number}") is None
    assert publisher.asked == 1  # what was just fetched is not fetched again
    publisher.document = key_set(RSA, EC)
    publisher.now += PAUSE_SECONDS + 1
    assert await publisher.keys.find("ec")
    assert publisher.asked == 2
    await asyncio.gather(*(publisher.keys.find(f"made-up-{number}") for number in range(50)))
    assert publisher.asked == 2


async def test_a_key_that_was_taken_back_ends_with_the_next_fetch() -> None:
    publisher = Publisher(key_set(RSA, EC))
    assert await publisher.keys.find("rsa")
    publisher.document = key_set(EC)
    publisher.now += FRESH_SECONDS + 1
    assert await publisher.keys.find("rsa") is None


async def test_an_outage_is_survived_for_a_day_and_no_longer() -> None:
    publisher = Publisher(key_set())
    assert await publisher.keys.find("rsa")
    publisher.document = None
    for _ in range(10):
        publisher.now += STALE_SECONDS / 11
        assert await publisher.keys.find("rsa")
    publisher.now += STALE_SECONDS / 11 + 1
    with pytest.raises(HttpFault) as told:
        await publisher.keys.find("rsa")
    assert told.value.status == 503
    publisher.document = key_set()
    publisher.now += PAUSE_SECONDS + 1
    assert await publisher.keys.find("rsa")


async def test_no_keys_at_all_is_503_and_asks_only_now_and_then() -> None:
    publisher = Publisher(None)
    for _ in range(20):
        with pytest.raises(HttpFault):
            await publisher.keys.find("rsa")
    assert publisher.asked == 1
    publisher.document = key_set()
    publisher.now += 6
    assert await publisher.keys.find("rsa")


@pytest.mark.parametrize("document", [b"", b"no", b"[]", b"{}", b'{"keys": {}}', b'{"keys": 1}', b"\xff"])
async def test_a_document_that_is_none_changes_nothing(document: bytes) -> None:
    publisher = Publisher(key_set())
    assert await publisher.keys.find("rsa")
    publisher.document = document
    publisher.now += FRESH_SECONDS + 1
    assert await publisher.keys.find("rsa")


async def test_what_is_no_public_key_for_signatures_is_none() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        small = RSAKey.generate_key(1024, {"kid": "small"}, private=True)
    listed = [
        {"kty": "oct", "k": "AAAA", "kid": "symmetric"},
        RSA.as_dict(private=False) | {"use": "enc", "kid": "for encryption"},
        RSA.as_dict(private=False) | {"key_ops": ["encrypt"], "kid": "for encryption, too"},
        small.as_dict(private=False),
        {"kty": "RSA", "n": "AQAB", "kid": "broken"},
        {"kty": "XYZ", "kid": "unknown"},
        "no key",
        RSA.as_dict(private=True),
    ]
    by_id, every = read_keys(json.dumps({"keys": listed}).encode())
    assert list(by_id) == ["rsa"]
    assert len(every) == 1
    assert not every[0].is_private


async def test_swapped_keys_let_nobody_in_who_signs_with_the_old_ones() -> None:
    swapped = jwts(key_set(OTHER))
    with pytest.raises(Refused):
        await swapped.check(token())


async def test_keys_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(key_set(RSA, EDWARDS))
    issuer = Issuer(JwtSettings(issuer=NAME, jwks_file=path), (RESOURCE,))
    assert (await issuer.check(token(), {"alg": "RS256", "kid": "rsa"})).principal.subject == "anna"
    await issuer.close()
    gone = Source(JwtSettings(issuer=NAME, jwks_file=tmp_path / "gone"))
    with pytest.raises(OSError, match="gone"):
        await gone.read()
    await gone.close()


async def metadata(said: dict[str, Any], path: str = "/.well-known/oauth-authorization-server") -> tuple[bytes, str]:
    """What a source reads of an issuer on this machine that says this of itself; and the issuer."""

    async def answer(head: str, writer: asyncio.StreamWriter) -> None:
        asked = head.split(" ")[1]
        body, status = b"", "404 Not Found"
        if asked == path:
            body, status = json.dumps({"issuer": url, "jwks_uri": f"{url}/keys"} | said).encode(), "200 OK"
        elif asked == "/keys":
            body, status = key_set(RSA), "200 OK"
        await saying(body, status)(head, writer)

    async with a_server(answer) as (url, _):
        source = Source(JwtSettings(issuer=url))
        try:
            return await source.read(), url
        finally:
            await source.close()


@pytest.mark.parametrize("path", ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"])
async def test_the_issuer_says_where_its_keys_are(path: str) -> None:
    document, _ = await metadata({}, path)
    assert document == key_set(RSA)


@pytest.mark.parametrize(
    "said",
    [
        {"issuer": "https://evil.example.com"},
        {"issuer": None},
        {"jwks_uri": None},
        {"jwks_uri": "http://169.254.169.254/keys"},
        {"jwks_uri": "https://10.0.0.1/keys"},
        {"jwks_uri": "file:///etc/passwd"},
    ],
)
async def test_metadata_that_is_not_to_be_followed(said: dict[str, Any]) -> None:
    with pytest.raises(FetchFault):
        await metadata(said)
