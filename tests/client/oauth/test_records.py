import time

import msgspec

from dragoman.client.oauth.records import Account, Registration, Token


def account() -> Account:
    token = Token(access_token="hush-a", refresh_token="hush-r", scopes=("x",))
    registration = Registration(client_id="me", client_secret="hush-s")
    return Account(
        resource="https://a", issuer="https://b", registration=registration, token=token, proof_key={"d": "hush-k"}
    )


def test_nothing_shows_a_secret() -> None:
    kept = account()
    for shown in (kept, kept.token, kept.registration):
        assert "hush" not in f"{shown} {shown!r} {[shown]}"


def test_what_is_kept_comes_back() -> None:
    assert msgspec.json.decode(msgspec.json.encode(account()), type=Account) == account()


def test_a_token_is_stale_shortly_before_its_end() -> None:
    assert Token(access_token="a", expires_at=time.time() + 20).is_stale
    assert not Token(access_token="a", expires_at=time.time() + 60).is_stale
    assert not Token(access_token="a").is_stale


def test_how_a_token_is_shown() -> None:
    assert Token(access_token="a").authorization == "Bearer a"
    assert Token(access_token="a", scheme="DPoP").authorization == "DPoP a"
