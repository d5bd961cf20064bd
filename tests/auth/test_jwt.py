"""Signed tokens: which are good, and every way in which one is not."""

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import RSAKey

from dragoman.auth.credentials import Refused, TooNarrow
from dragoman.auth.jwks import Keys
from dragoman.auth.jwt import LONGEST, Issuer, Jwts, canonical
from dragoman.auth.settings import ClaimSettings, JwtSettings
from dragoman.errors import SettingsError
from dragoman.secrets import Secret
from tests.auth.issuer import EC, NAME, OTHER, RESOURCE, RSA, by_hand, claims, jwts, key_set, raw, secret_key, token

SECRET = "Zq8w-7rTn2_kLx5vBc0dYh3mPf6sUj9a"


@pytest.mark.parametrize("alg", ["RS256", "PS256", "ES256", "EdDSA"])
async def test_a_good_token_says_who_calls(alg: str) -> None:
    known = await jwts().check(token(alg=alg))
    principal = known.principal
    assert principal.identity == ("anna", NAME, "desk", "")
    assert (principal.roles, principal.scopes) == (("support",), ("read", "write"))
    assert known.until - time.monotonic() <= 60


async def test_what_is_believed_ends_with_the_token() -> None:
    now = time.time()
    known = await jwts(leeway_seconds=0.0).check(token(claims(exp=now + 5)))
    assert known.until - time.monotonic() <= 5


BAD: dict[str, Any] = {
    "expired": lambda: token(claims(exp=time.time() - 40)),
    "without an end": lambda: token(claims(exp=None)),
    "an end that is text": lambda: token(claims(exp="never")),
    "an end that is true": lambda: token(claims(exp=True)),
    "an end beyond all times": lambda: token(claims(exp=1e300)),
    "an end that is infinite": lambda: token(claims(exp=float("inf"))),
    "not good yet": lambda: token(claims(nbf=time.time() + 40)),
    "issued in the future": lambda: token(claims(iat=time.time() + 40)),
    "another audience": lambda: token(claims(aud="https://mcp.example.com/other")),
    "an audience that begins like ours": lambda: token(claims(aud=RESOURCE + "/more")),
    "our audience in another case of its path": lambda: token(claims(aud="https://mcp.example.com/MCP")),
    "no audience": lambda: token(claims(aud=None)),
    "an audience that is no text": lambda: token(claims(aud={RESOURCE: 1})),
    "another issuer": lambda: token(claims(iss="https://evil.example.com")),
    "our issuer with a slash": lambda: token(claims(iss=NAME + "/")),
    "no issuer": lambda: token(claims(iss=None)),
    "nobody": lambda: token(claims(sub=None)),
    "somebody empty": lambda: token(claims(sub="")),
    "a subject without end": lambda: token(claims(sub="a" * 2000)),
    "too many roles": lambda: token(claims(roles=[f"r{number}" for number in range(300)])),
    "no object": lambda: token([claims()]),  # type: ignore[arg-type]
    "alg none": lambda: raw({"alg": "none", "kid": "rsa"}, claims()),
    "alg None": lambda: raw({"alg": "None", "typ": "JWT"}, claims()),
    "alg of another case": lambda: token().replace(token().split(".")[0], raw({"alg": "rs256"}, {}).split(".")[0]),
    "alg that is no text": lambda: raw({"alg": ["RS256"], "kid": "rsa"}, claims(), b"x"),
    "no alg": lambda: raw({"kid": "rsa"}, claims(), b"x"),
    "HS256 with the public key": lambda: by_hand({"alg": "HS256", "kid": "rsa"}, RSA.as_pem(private=False)),
    "HS256 with the public key, without an id": lambda: by_hand({"alg": "HS256"}, RSA.as_pem(private=False).strip()),
    "HS256 with the key set": lambda: by_hand({"alg": "HS256", "kid": "rsa"}, key_set()),
    "signed by another under the same id": lambda: token(key=OTHER),
    "an unknown key": lambda: token(header={"kid": "unknown"}),
    "a key id that is a path": lambda: token(header={"kid": "../../dev/null"}),
    "a key id that is SQL": lambda: token(header={"kid": "' OR 1=1 --"}),
    "a key id that is no text": lambda: raw({"alg": "RS256", "kid": 1}, claims(), b"x"),
    "no key id where there are several": lambda: token(header={"kid": None}),
    "a key of another kind": lambda: token(alg="RS256", header={"kid": "ec"}),
    "its own key": lambda: token(key=OTHER, header={"kid": "mine", "jwk": OTHER.as_dict(private=False)}),
    "its own key's place": lambda: token(key=OTHER, header={"jku": "https://evil.example.com/keys", "kid": "x"}),
    "its own certificate": lambda: token(key=OTHER, header={"x5c": ["AAAA"], "x5u": "https://evil.example.com"}),
    "unknown critical extensions": lambda: by_hand({"alg": "RS256", "kid": "rsa", "crit": ["b"], "b": 1}),
    "no critical extensions, critically": lambda: raw({"alg": "RS256", "kid": "rsa", "crit": []}, claims(), b"x"),
    "an unencoded payload": lambda: raw({"alg": "RS256", "kid": "rsa", "b64": False}, claims(), b"x"),
    "another type": lambda: token(header={"typ": "logout+jwt"}),
    "a type that is no text": lambda: raw({"alg": "RS256", "kid": "rsa", "typ": 1}, claims(), b"x"),
    "without a signature": lambda: token().rpartition(".")[0] + ".",
    "with a longer payload": lambda: ".".join(
        [token().split(".")[0], raw({}, claims(sub="eve")).split(".")[1], "AAAA"]
    ),
    "oversized": lambda: token(claims(more="x" * LONGEST)),
    "nested without end": lambda: "eyJ" + "W1tb" * 1500 + ".e30.AAAA",
    "no base64": lambda: "eyJ~.e30.AAAA",
    "no JSON": lambda: "eyJ.e30.AAAA",
}


@pytest.mark.parametrize("case", BAD)
async def test_a_token_that_is_not_good(case: str) -> None:
    checked = jwts()
    await checked.check(token())  # the keys are there, and good
    with pytest.raises(Refused):
        await checked.check(BAD[case]())


async def test_clocks_may_be_a_little_apart() -> None:
    now = time.time()
    for said in (claims(exp=now - 20), claims(nbf=now + 20), claims(iat=now + 20)):
        await jwts().check(token(said))
        with pytest.raises(Refused):
            await jwts(leeway_seconds=10.0).check(token(said))


@pytest.mark.parametrize(
    "audience", ["HTTPS://MCP.Example.com/mcp", ["https://other.example.com", "https://MCP.example.com/mcp"]]
)
async def test_the_audience_may_have_its_host_in_upper_case(audience: Any) -> None:
    await jwts().check(token(claims(aud=audience)))


def test_what_is_the_same_audience() -> None:
    assert canonical("https://A.example/") == canonical("https://a.example")
    assert canonical("https://a.example/x/") != canonical("https://a.example/x")
    assert canonical("api://Desk") != canonical("api://desk")
    assert canonical("https://[") == "https://["


async def test_only_the_algorithms_of_the_settings() -> None:
    only = jwts(algorithms=("ES256",))
    await only.check(token(alg="ES256"))
    with pytest.raises(Refused):
        await only.check(token())


async def test_a_key_that_names_its_algorithm_is_for_no_other() -> None:
    key = RSAKey.import_key(RSA.as_dict(private=True) | {"alg": "PS256"})
    checked = jwts(key_set(key), algorithms=("RS256", "PS256"))
    await checked.check(token(alg="PS256"))
    with pytest.raises(Refused, match="another algorithm"):
        await checked.check(token(alg="RS256"))


async def test_the_only_key_needs_no_id() -> None:
    await jwts(key_set(RSA)).check(token(header={"kid": None}))


async def test_a_shared_secret() -> None:
    checked = jwts(secret=Secret(SECRET))
    await checked.check(token(alg="HS256", key=secret_key(SECRET)))
    for bad in (token(alg="HS256", key=secret_key(SECRET[::-1])), token(), raw({"alg": "none"}, claims())):
        with pytest.raises(Refused):
            await checked.check(bad)


async def test_scopes_that_every_token_needs() -> None:
    with pytest.raises(TooNarrow) as told:
        await jwts(scopes=("read", "mcp")).check(token())
    assert told.value.scopes == ("read", "mcp")
    includes = ClaimSettings(implied_scopes={"write": ("mcp",), "mcp": ("list", "write")})
    known = await jwts(scopes=("mcp",), claims=includes).check(token())
    assert set(known.principal.scopes) == {"read", "write", "mcp", "list"}


async def test_what_every_token_must_say() -> None:
    required = {"hd": ("example.com", "example.org"), "azp": "desk"}
    await jwts(required=required).check(token(claims(hd="example.org")))
    await jwts(required=required).check(token(claims(hd=["x", "example.com"])))
    for said in (
        claims(),
        claims(hd="example.net"),
        claims(hd=["x"]),
        claims(hd="example.com", azp="other"),
        claims(hd=1),
    ):
        with pytest.raises(Refused, match="required"):
            await jwts(required=required).check(token(said))


async def test_each_issuer_has_its_own_keys() -> None:
    """A key of one issuer signs nothing for another."""

    def issuer(name: str, *keys: Any) -> Issuer:
        async def read() -> bytes:
            return key_set(*keys)

        return Issuer(JwtSettings(issuer=name), (RESOURCE,), Keys(read, name))

    both = Jwts([issuer(NAME, RSA), issuer("https://two.example.com", EC)])
    await both.check(token())
    await both.check(token(claims(iss="https://two.example.com"), alg="ES256"))
    for bad in (token(claims(iss="https://two.example.com")), token(alg="ES256")):
        with pytest.raises(Refused):
            await both.check(bad)
    with pytest.raises(SettingsError):
        Jwts([issuer(NAME, RSA), issuer(NAME, EC)])


@settings(max_examples=400, deadline=None)
@given(st.data())
async def test_a_token_with_any_letter_changed_is_not_accepted(data: st.DataObject) -> None:
    good = _GOOD
    place = data.draw(st.integers(0, len(good) - 1))
    letter = data.draw(st.sampled_from("ABCabc019-_.="))
    changed = good[:place] + letter + good[place + 1 :]
    checked = jwts()
    if checked.is_mine(changed) and not _is_same(changed):
        with pytest.raises(Refused):
            await checked.check(changed)


_GOOD = token(claims(exp=time.time() + 3000))


def _is_same(changed: str) -> bool:
    """Whether only bits changed that stand for nothing: the last letter of a part has some to spare."""
    import base64

    def bits(text: str) -> list[bytes]:
        return [base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in text.split(".")]

    try:
        return bits(changed) == bits(_GOOD)
    except ValueError:
        return False


def test_tokens_of_another_form_are_somebody_elses() -> None:
    assert not any(map(jwts().is_mine, ("drg_a_b", "eyJhbGciOi", "a.b.c", "eyJ.a.b.c.d")))


def test_the_examples_are_as_they_should_be() -> None:
    assert json.loads(key_set())["keys"][0].keys() == {"kty", "kid", "n", "e"}
