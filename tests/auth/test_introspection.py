"""Tokens that their issuer is asked about."""

import json
import time
from typing import Any

import pytest

from dragoman.auth.credentials import Refused, TooNarrow
from dragoman.auth.introspection import Introspection
from dragoman.auth.settings import IntrospectionSettings
from dragoman.errors import HttpFault
from dragoman.secrets import Secret
from tests.auth.issuer import NAME, RESOURCE
from tests.auth.test_fetch import a_server, saying

SAID = {"active": True, "sub": "anna", "aud": RESOURCE, "scope": "read", "client_id": "desk"}


async def ask(said: Any, status: str = "200 OK", **settings: Any) -> tuple[Any, list[str]]:
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    async with a_server(saying(body, status)) as (url, came):
        given: dict[str, Any] = {"client_id": "me", "client_secret": Secret("pw"), "issuer": NAME} | settings
        asked = Introspection(IntrospectionSettings(url=f"{url}/introspect", **given), (RESOURCE,))
        try:
            return await asked.check("opaque"), came
        finally:
            await asked.close()


async def test_who_a_token_is_of() -> None:
    known, came = await ask(SAID)
    assert known.principal.identity == ("anna", NAME, "desk", "")
    assert known.until - time.monotonic() <= 10
    assert "POST /introspect" in came[0]
    assert "opaque" not in came[0]  # in the body, not in the URL
    known, _ = await ask(SAID | {"exp": time.time() + 2, "iss": NAME, "aud": ["x", RESOURCE]})
    assert known.until - time.monotonic() <= 2


@pytest.mark.parametrize(
    "changes",
    [
        {"active": False},
        {"active": "true"},
        {"active": 1},
        {"exp": 1},
        {"nbf": time.time() + 100},
        {"iss": "https://evil.example.com"},
        {"aud": "https://other.example.com"},
        {"aud": None},
        {"sub": None},
    ],
)
async def test_a_token_that_is_not_good(changes: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        await ask(SAID | changes)
    with pytest.raises(Refused):
        await ask([])


async def test_a_token_that_lacks_a_scope() -> None:
    with pytest.raises(TooNarrow):
        await ask(SAID, scopes=("write",))


@pytest.mark.parametrize(("body", "status"), [(b"no JSON", "200 OK"), (b"{}", "500 Oops"), (b"{}", "401 No")])
async def test_an_issuer_that_does_not_answer_vouches_for_nobody(body: bytes, status: str) -> None:
    with pytest.raises(HttpFault) as told:
        await ask(body, status)
    assert told.value.status == 503


def test_keys_are_not_its_business() -> None:
    settings = IntrospectionSettings(url="https://a.example", client_id="x", client_secret=Secret("y"), issuer=NAME)
    asked = Introspection(settings, (RESOURCE,))
    assert asked.is_mine("opaque")
    assert not asked.is_mine("drg_x")
