import base64
import hashlib
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from dragoman.client.oauth.authorization import AuthorizationRequest
from dragoman.client.oauth.discovery import Issuer, Place
from dragoman.client.oauth.faults import SignInFault
from dragoman.client.oauth.records import Registration
from dragoman.client.oauth.web import Web

ISSUER = "https://as.example"
HERE = "http://127.0.0.1:5/callback"


def request(scopes: tuple[str, ...] = (), **issuer: Any) -> AuthorizationRequest:
    described = {
        "issuer": ISSUER,
        "token_endpoint": f"{ISSUER}/token",
        "authorization_endpoint": f"{ISSUER}/authorize?tenant=a",
        "challenge_methods": ("plain", "S256"),
        **issuer,
    }
    place = Place(resource="https://mcp.example/mcp", issuer=Issuer(**described))
    return AuthorizationRequest(Web("https://mcp.example/mcp"), place, Registration(client_id="me"), HERE, scopes)


def test_what_is_asked() -> None:
    made = request(("a", "b"))
    asked = {name: values[0] for name, values in parse_qs(urlsplit(made.url).query).items()}
    verifier = made.redeem(f"{HERE}?state={made.state}&code=c&iss={ISSUER}")["code_verifier"]
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    assert len(verifier) >= 43
    assert asked == {
        "tenant": "a",
        "response_type": "code",
        "client_id": "me",
        "redirect_uri": HERE,
        "state": made.state,
        "code_challenge": digest,
        "code_challenge_method": "S256",
        "resource": "https://mcp.example/mcp",
        "scope": "a b",
    }


def test_no_two_requests_are_alike() -> None:
    first, second = request(), request()
    assert first.state != second.state
    with pytest.raises(SignInFault, match="state"):
        first.redeem(f"{HERE}?state={second.state}&code=c")


@pytest.mark.parametrize("methods", [None, (), ("plain",)])
def test_without_pkce_nothing_is_asked(methods: Any) -> None:
    with pytest.raises(SignInFault, match="PKCE"):
        request(challenge_methods=methods)


@pytest.mark.parametrize(
    "url",
    [
        None,
        "http://as.example/authorize",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "calc.exe",
        "-e",
        "http://127.0.0.1/authorize",
        "https://a:b@as.example/authorize",
        "https://as.example/a$(calc)\n",
        "https://as.example/a b",
        "https://169.254.169.254/authorize",
    ],
)
def test_only_harmless_urls_are_opened(url: str | None) -> None:
    with pytest.raises(SignInFault):
        request(authorization_endpoint=url)


def test_what_a_shell_would_obey_is_encoded_or_refused() -> None:
    made = request(authorization_endpoint='https://as.example/a`calc`"<>{x}')
    assert not set(made.url) & set('`"<>{}')
    with pytest.raises(SignInFault, match="not opened"):
        request(authorization_endpoint="https://as.example/a|calc")


@pytest.mark.parametrize(
    ("names_itself", "iss", "message"),
    [
        (True, ISSUER, None),
        (True, None, "does not say that it is of"),
        (True, "https://evil.example", "mixing"),
        (False, ISSUER, None),
        (False, None, None),
        (False, "https://evil.example", "mixing"),
        (False, ISSUER + "/", "mixing"),
        (True, "HTTPS://as.example", "mixing"),
        (True, "https://as.example:443", "mixing"),
    ],
)
def test_who_answers(names_itself: bool, iss: str | None, message: str | None) -> None:
    made = request(names_itself=names_itself)
    answer = f"{HERE}?state={made.state}&code=c" + (f"&iss={iss}" if iss is not None else "")
    if message is None:
        assert made.redeem(answer)["code"] == "c"
    else:
        with pytest.raises(SignInFault, match=message):
            made.redeem(answer)


def test_an_error_of_somebody_else_is_not_shown() -> None:
    made = request(names_itself=True)
    with pytest.raises(SignInFault) as caught:
        made.redeem(f"{HERE}?state={made.state}&error=call_this_number&iss=https://evil.example")
    assert "call_this_number" not in str(caught.value)


def test_an_error_is_told() -> None:
    made = request()
    with pytest.raises(SignInFault, match=r"access_denied.*not today"):
        made.redeem(f"{HERE}?state={made.state}&error=access_denied&error_description=not+today")


@pytest.mark.parametrize(
    "answer",
    [
        "?code=c",
        "?code=c&state=",
        "?code=c&state=other",
        "?state={state}",
        "?state={state}&code=",
        "?state={state}&code=a&code=b",
        "?state={state}&state={state}&code=a",
        "/more?state={state}&code=a",
        "?state={state}&code=a" + "&x=1" * 100,
    ],
)
def test_answers_that_are_none(answer: str) -> None:
    made = request()
    with pytest.raises(SignInFault):
        made.redeem(HERE + answer.format(state=made.state))


def test_an_answer_at_another_place_is_none() -> None:
    made = request()
    for place in ("http://127.0.0.1:6/callback", "https://127.0.0.1:5/callback", "http://evil.example/callback"):
        with pytest.raises(SignInFault, match="another place"):
            made.redeem(f"{place}?state={made.state}&code=c")
