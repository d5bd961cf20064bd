"""From what a token says to who calls."""

from typing import Any

import pytest

from dragoman.auth.claims import find, principal_of
from dragoman.auth.credentials import Refused
from dragoman.auth.settings import ClaimSettings

SAID: dict[str, Any] = {
    "sub": "anna",
    "azp": "desk",
    "realm_access": {"roles": ["a", "b", 1, None]},
    "resource_access": {"shop": {"roles": ["c"]}},
    "https://example.com/roles": ["d"],
    "urn:zitadel:roles": {"admin": {"1": "x"}},
    "cognito:groups": ["e"],
    "scope": "read  write",
    "scp": ["more"],
    "org": {"id": 7},
    "list": [{"x": 1}],
    "a/b": "slash",
    "flag": True,
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("sub", "anna"),
        ("realm_access.roles", ["a", "b", 1, None]),
        ("/realm_access/roles", ["a", "b", 1, None]),
        ("https://example.com/roles", ["d"]),
        ("cognito:groups", ["e"]),
        ("list.0.x", 1),
        ("list.9", None),
        ("list.x", None),
        ("/a~1b", "slash"),
        ("sub.x", None),
        ("nowhere.at.all", None),
        ("", None),
    ],
)
def test_where_things_are(path: str, found: Any) -> None:
    assert find(SAID, path) == found


def test_who_calls() -> None:
    settings = ClaimSettings(
        tenant=("nowhere", "org.id"),
        roles=("realm_access.roles", "resource_access.shop.roles", "urn:zitadel:roles", "nowhere", "sub.x"),
        facts={"employee": "org.id", "flag": "flag", "gone": "nowhere", "table": "org"},
        implied_scopes={"write": ("read", "list")},
    )
    principal = principal_of(SAID, settings, "https://id.example.com")
    assert principal.identity == ("anna", "https://id.example.com", "desk", "7")
    assert principal.roles == ("a", "b", "c", "admin")
    assert principal.scopes == ("read", "write", "more", "list")
    assert principal.claims == (("employee", 7), ("flag", True))


def test_roles_by_other_names() -> None:
    settings = ClaimSettings(roles="realm_access.roles", role_names={"a": "support", "z": "admin"})
    assert principal_of(SAID, settings, "x").roles == ("support",)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"sub": ""},
        {"sub": None},
        {"sub": True},
        {"sub": ["anna"]},
        {"sub": "a" * 1025},
        {"sub": "a", "azp": "b" * 1025},
    ],
)
def test_nobody(said: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        principal_of(said, ClaimSettings(), "x")


def test_too_much() -> None:
    with pytest.raises(Refused, match="too many"):
        principal_of({"sub": "a", "scope": " ".join(map(str, range(300)))}, ClaimSettings(), "x")
    with pytest.raises(Refused, match="length"):
        principal_of({"sub": "a", "fact": "b" * 2000}, ClaimSettings(facts={"fact": "fact"}), "x")
