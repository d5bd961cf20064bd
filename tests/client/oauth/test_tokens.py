import time
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from dragoman import OAuth
from dragoman.client.oauth.discovery import Issuer, Place
from dragoman.client.oauth.faults import SignInFault
from dragoman.client.oauth.options import ClientCredentials
from dragoman.client.oauth.records import Registration, Token
from dragoman.client.oauth.signing import Proofs
from dragoman.client.oauth.tokens import Refused, TokenEndpoint
from dragoman.client.oauth.web import Web
from tests.client.oauth.conftest import person
from tests.client.oauth.issuer import Realm, basic_of


async def asked(
    place: Realm, registration: Registration, options: OAuth | None = None, proofs: Proofs | None = None
) -> Token:
    described = Issuer(issuer=place.issuer.url, token_endpoint=f"{place.issuer.url}/token")
    where = Place(resource=place.url, issuer=described)
    web = Web(place.url)
    try:
        endpoint = TokenEndpoint(web, options or person(), where, registration, proofs)
        return await endpoint.ask({"grant_type": "client_credentials", "scope": "a b"}, ("a", "b"))
    finally:
        await web.close()


ME = Registration(client_id="me")


async def test_a_public_client_says_its_name(place: Realm) -> None:
    await asked(place, ME)
    assert place.issuer.requests[0]["client_id"] == "me"
    assert place.issuer.requests[0]["resource"] == place.url
    assert "authorization" not in place.issuer.headers[0]


async def test_a_secret_in_a_header(place: Realm) -> None:
    await asked(place, Registration(client_id="m:e", client_secret="s:é +", method="client_secret_basic"))
    assert basic_of(place.issuer.headers[0]) == ("m:e", "s:é +")
    assert "client_secret" not in place.issuer.requests[0]


async def test_a_secret_in_the_form(place: Realm) -> None:
    await asked(place, Registration(client_id="me", client_secret="s&=", method="client_secret_post"))
    assert place.issuer.requests[0]["client_secret"] == "s&="


async def test_a_key(place: Realm) -> None:
    key = ECKey.generate_key("P-256")
    options = OAuth(grant=ClientCredentials(), client_id="me", private_key=key.as_pem(private=True).decode())
    for _ in range(2):
        await asked(place, Registration(client_id="me", method="private_key_jwt"), options)
    first, second = (form["client_assertion"] for form in place.issuer.requests)
    claims = jwt.decode(first, key, algorithms=["ES256"]).claims
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("me", "me", place.issuer.url)
    assert 0 < claims["exp"] - time.time() <= 60
    assert claims["jti"] != jwt.decode(second, key, algorithms=["ES256"]).claims["jti"]


async def test_what_a_token_is(place: Realm) -> None:
    place.issuer.granted |= {"expires_in": 3600, "scope": "a"}
    token = await asked(place, ME)
    assert token.scopes == ("a",)
    assert token.refresh_token is not None
    assert token.expires_at is not None
    assert 3590 < token.expires_at - time.time() <= 3600
    place.issuer.granted |= {"expires_in": None, "scope": None}
    token = await asked(place, ME)
    assert (token.scopes, token.expires_at) == (("a", "b"), None)


@pytest.mark.parametrize(
    "granted",
    [
        {"access_token": None},
        {"access_token": ""},
        {"access_token": 3},
        {"access_token": "a b"},
        {"access_token": "a\r\nx: y"},
        {"access_token": "é"},
        {"token_type": None},
        {"token_type": "mac"},
        {"token_type": "DPoP"},
    ],
)
async def test_tokens_that_cannot_be_used(place: Realm, granted: dict[str, Any]) -> None:
    place.issuer.granted |= granted
    with pytest.raises(SignInFault):
        await asked(place, ME)


@pytest.mark.parametrize("seconds", ["x", True, -1, [], "1e999"])
async def test_an_end_that_is_none(place: Realm, seconds: Any) -> None:
    place.issuer.granted["expires_in"] = seconds
    assert (await asked(place, ME)).access_token


async def test_a_refusal_is_told_once_and_without_what_was_sent(place: Realm) -> None:
    place.issuer.token_status = 401
    place.issuer.granted = {"error": "invalid_client", "error_description": "who \x1b[31mare you"}
    with pytest.raises(Refused) as caught:
        await asked(place, Registration(client_id="me", client_secret="hush", method="client_secret_post"))
    assert caught.value.error == "invalid_client"
    assert "hush" not in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert len(place.issuer.requests) == 1


async def test_a_bound_token_is_wanted_and_another_comes(place: Realm) -> None:
    with pytest.raises(SignInFault, match="not bound"):
        await asked(place, ME, person(dpop=True), Proofs())
