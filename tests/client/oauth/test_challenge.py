import pytest

from dragoman.client.oauth.challenge import read_challenge, read_challenges, read_scopes


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        (["Bearer"], {"bearer": {}}),
        (['Bearer realm="a, b", scope="x y"'], {"bearer": {"realm": "a, b", "scope": "x y"}}),
        (["bearer error=invalid_token"], {"bearer": {"error": "invalid_token"}}),
        (['Basic realm="x", Bearer scope="a"'], {"basic": {"realm": "x"}, "bearer": {"scope": "a"}}),
        (["Basic", 'Bearer scope="a"'], {"basic": {}, "bearer": {"scope": "a"}}),
        (["Negotiate abc==, Bearer"], {"negotiate": {}, "bearer": {}}),
        ([r'Bearer error_description="say \"no\""'], {"bearer": {"error_description": 'say "no"'}}),
        (['Bearer scope = "a" , scope="b"'], {"bearer": {"scope": "a"}}),
        (['Bearer scope="a", Bearer scope="b"'], {"bearer": {"scope": "a"}}),
        (["Bearer SCOPE=a"], {"bearer": {"scope": "a"}}),
        ([",,, ="], {}),
        (['Bearer scope="never ended'], {"bearer": {}}),
        ([""], {}),
        ([], {}),
    ],
)
def test_what_is_read(fields: list[str], found: dict[str, dict[str, str]]) -> None:
    read = read_challenges(fields)
    assert {name: dict(values) for name, values in read.items() if name in found} == found


def test_a_hostile_field_costs_little() -> None:
    read_challenges(["a" * 1_000_000, "a=" * 500_000, 'a="' + "\\" * 1_000_000, "," * 1_000_000])


def test_a_401_is_a_challenge_whatever_it_says() -> None:
    challenge = read_challenge(401, [], None, 3)
    assert challenge is not None
    assert (challenge.sent, challenge.generation, challenge.scopes, challenge.metadata_url) == (None, 3, (), None)


def test_a_403_is_one_where_scopes_are_missing() -> None:
    challenge = read_challenge(403, ['Bearer error="insufficient_scope", scope="a b a"'], "Bearer x", 0)
    assert challenge is not None
    assert challenge.scopes == ("a", "b")
    assert read_challenge(403, ['Bearer error="access_denied"'], "Bearer x", 0) is None
    assert read_challenge(403, [], "Bearer x", 0) is None


def test_a_server_may_want_proofs() -> None:
    challenge = read_challenge(401, ['DPoP error="use_dpop_nonce", resource_metadata="https://a.example/m"'], None, 0)
    assert challenge is not None
    assert challenge.wants_proof
    assert challenge.error == "use_dpop_nonce"
    assert challenge.metadata_url == "https://a.example/m"


def test_scopes() -> None:
    assert read_scopes("a  b\tc d") == ("a", "d")
    assert read_scopes('a"b c') == ("c",)
    assert len(read_scopes(" ".join(map(str, range(1000))))) == 200
