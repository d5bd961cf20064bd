from typing import Any

import pytest

from dragoman import OAuth, Secret, UsageError
from dragoman.client.oauth.options import ClientCredentials, IdentityAssertion, JwtBearer, plain


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"client_secret": "s"}, "needs the client_id"),
        ({"private_key": "k"}, "needs the client_id"),
        ({"client_id": "c", "private_key": "k", "algorithm": "HS256"}, "'HS256' signs nothing"),
        ({"client_id": "c", "private_key": "k", "algorithm": "none"}, "signs nothing"),
        ({"grant": ClientCredentials()}, "client_secret or private_key"),
        ({"grant": ClientCredentials(), "client_id": "c"}, "client_secret or private_key"),
        ({"scopes": "a b"}, "list of scopes"),
        ({"client_metadata_url": "http://app.example/c.json"}, "https URL with a path"),
        ({"client_metadata_url": "https://app.example/"}, "https URL with a path"),
        ({"client_metadata_url": "https://me@app.example/c"}, "https URL with a path"),
        ({"client_metadata_url": "https://app.example/c#d"}, "https URL with a path"),
    ],
)
def test_what_does_not_go_together(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        OAuth(**options)


def test_nothing_shows_a_secret() -> None:
    person = IdentityAssertion(id_token="hush1", token_endpoint="https://x", client_id="c", client_secret="hush2")
    shown = repr(OAuth(grant=person, client_id="c", client_secret="hush3", private_key="hush4"))
    assert "hush" not in shown + repr(JwtBearer("hush5"))


def test_a_secret_is_used_as_it_is() -> None:
    assert plain("word") == "word"
    assert plain(Secret("long-word")) == "long-word"
