"""Known authorization servers: where their issuers and keys are, and what their tokens call things."""

from typing import Any

import pytest

from dragoman.auth.claims import principal_of
from dragoman.auth.providers import PRESETS, resolve
from dragoman.auth.settings import ClaimSettings, OAuthSettings, Provider
from dragoman.errors import SettingsError

ID = "id.example.com"
OURS: dict[str, str | tuple[str, ...]] = {"hd": ID}
PLACES: dict[Provider, tuple[dict[str, Any], str, str]] = {
    "keycloak": ({"domain": ID, "tenant": "main"}, f"https://{ID}/realms/main", "/protocol/openid-connect/certs"),
    "auth0": ({"domain": ID}, f"https://{ID}/", ".well-known/jwks.json"),
    "entra": ({"tenant": "t-1"}, "https://login.microsoftonline.com/t-1/v2.0", "/t-1/discovery/v2.0/keys"),
    "google": ({}, "https://accounts.google.com", "https://www.googleapis.com/oauth2/v3/certs"),
    "github": ({}, "https://token.actions.githubusercontent.com", "/.well-known/jwks"),
    "okta": ({"domain": ID}, f"https://{ID}/oauth2/default", "/oauth2/default/v1/keys"),
    "cognito": (
        {"tenant": "eu-west-1_AbC"},
        "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC",
        "/eu-west-1_AbC/.well-known/jwks.json",
    ),
    "workos": ({"domain": ID}, f"https://{ID}", "/oauth2/jwks"),
}


def test_every_provider_is_looked_at() -> None:
    assert set(PLACES) == set(PRESETS)


@pytest.mark.parametrize("provider", PLACES)
def test_where_a_provider_is(provider: Provider) -> None:
    said, issuer, keys = PLACES[provider]
    found = resolve(OAuthSettings(provider=provider, required=OURS, **said))
    assert found.issuer == issuer
    assert found.jwks_url is not None
    assert found.jwks_url.startswith("https://")
    assert found.jwks_url.endswith(keys)
    assert "{" not in found.jwks_url
    assert "//" not in found.jwks_url.removeprefix("https://")


@pytest.mark.parametrize("provider", [name for name, (said, *_) in PLACES.items() if said])
def test_what_a_provider_needs(provider: Provider) -> None:
    with pytest.raises(SettingsError, match="is missing"):
        resolve(OAuthSettings(provider=provider))


@pytest.mark.parametrize("domain", ["id.example.com/evil", "a@b", "a b", "https://id.example.com", "a:1", "..", "-a"])
def test_a_domain_is_a_name(domain: str) -> None:
    with pytest.raises(SettingsError, match="use letters"):
        resolve(OAuthSettings(provider="auth0", domain=domain))


@pytest.mark.parametrize("provider", ["google", "github"])
def test_who_signs_for_anybody_is_not_taken_at_its_word(provider: Provider) -> None:
    with pytest.raises(SettingsError, match="signs for anybody"):
        resolve(OAuthSettings(provider=provider))


def test_what_is_said_wins() -> None:
    settings = OAuthSettings(
        provider="keycloak",
        issuer="https://id.example.com/realms/other",
        claims=ClaimSettings(roles="groups", facts={"employee_id": "employee"}),
    )
    found = resolve(settings)
    assert found.issuer == "https://id.example.com/realms/other"
    assert found.jwks_url == "https://id.example.com/realms/other/protocol/openid-connect/certs"
    assert (found.claims.roles, found.claims.client) == ("groups", "azp")
    assert found.claims.facts == {"employee_id": "employee"}


def test_an_issuer_without_a_preset_is_asked_where_its_keys_are() -> None:
    assert resolve(OAuthSettings(issuer="https://id.example.com")).jwks_url is None


def test_facts_of_a_preset() -> None:
    said = {"sub": "s", "oid": "o", "tid": "t", "azp": "c", "roles": ["r"], "scp": "a b"}
    principal = principal_of(said, PRESETS["entra"].claims, "i")
    assert principal.identity == ("o", "i", "c", "t")
    assert (principal.roles, principal.scopes) == (("r",), ("a", "b"))
