"""The settings of sign-in: `[auth]` and what stands below it in `dragoman.toml`.

What cannot be safe is refused here, when the file is read: keys of two kinds together, secrets that can be guessed, an
issuer that nobody could check.
"""

import re
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from dragoman.auth.principal import Claim
from dragoman.errors import SettingsError
from dragoman.secrets import Secret
from dragoman.settings import Seconds

ASYMMETRIC: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
SYMMETRIC: Final = ("HS256", "HS384", "HS512")
Provider = Literal["keycloak", "auth0", "entra", "google", "github", "okta", "cognito", "workos"]
Paths = str | tuple[str, ...]

_SHORTEST_SECRET: Final = 32
_VARIED: Final = 12  # a secret of fewer different characters is a placeholder
_LEEWAY: Final = 60.0
_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")  # RFC 6749, 3.3


class ApiKeySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """API keys, made by `dragoman keys add`."""

    store: Annotated[Path | None, Meta(description="the file of the keys; in the user's state folder by default")] = (
        None
    )


class StdioSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who calls over stdio, where the one client is whoever started the process."""

    subject: Annotated[str, Meta(min_length=1, description="who it is")] = "local"
    tenant: Annotated[str, Meta(description="the organisation it belongs to")] = ""
    roles: Annotated[tuple[str, ...], Meta(description="the roles it has")] = ()
    scopes: Annotated[tuple[str, ...], Meta(description="the scopes it has")] = ()
    claims: Annotated[
        dict[str, Claim], Meta(description="further facts, which row filters use as :principal.NAME")
    ] = {}


class ClaimSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a token says what: a member's name, a path such as `realm_access.roles`, or a JSON pointer."""

    subject: Annotated[Paths, Meta(description="who calls; the first that is there counts")] = "sub"
    client: Annotated[Paths, Meta(description="the client program")] = ("azp", "client_id", "cid")
    tenant: Annotated[Paths, Meta(description="the organisation")] = ()
    roles: Annotated[Paths, Meta(description="the roles; all that are there count")] = "roles"
    scopes: Annotated[Paths, Meta(description="the scopes; all that are there count")] = ("scope", "scp")
    role_names: Annotated[
        dict[str, str],
        Meta(description="by what the token calls a role, its name here; where there are any, others are no roles"),
    ] = {}
    facts: Annotated[
        dict[str, str], Meta(description="by the name in :principal.NAME, where the token has the value")
    ] = {}
    implied_scopes: Annotated[dict[str, tuple[str, ...]], Meta(description="by scope, those that it includes")] = {}


class JwtSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Signed tokens (JWT, RFC 7519) of one issuer."""

    issuer: Annotated[str, Meta(min_length=1, description="who signs them, exactly as their iss says")]
    audience: Annotated[
        tuple[str, ...], Meta(description="what their aud must name; the resource of [auth] by default")
    ] = ()
    jwks_url: Annotated[
        str | None, Meta(description="where the issuer's public keys are; its own metadata says it by default")
    ] = None
    jwks_file: Annotated[Path | None, Meta(description="a file with the public keys instead")] = None
    secret: Annotated[
        Secret | None, Meta(description="a secret shared with the issuer instead, for the algorithms HS256 to HS512")
    ] = None
    algorithms: Annotated[
        tuple[str, ...], Meta(description="accepted signatures; RS256, PS256, ES256 and EdDSA by default")
    ] = ()
    leeway_seconds: Annotated[
        float, Meta(ge=0, le=_LEEWAY, description="how far clocks may be apart", extra={"unit": "seconds"})
    ] = 30.0
    scopes: Annotated[tuple[str, ...], Meta(description="scopes that every token must have")] = ()
    required: Annotated[
        dict[str, str | tuple[str, ...]],
        Meta(
            description='by where the token says it, what it must say: one of these values, such as hd = "example.com"'
        ),
    ] = {}
    audience_claim: Annotated[
        str, Meta(description="the member that names the audience, for issuers that leave aud out")
    ] = "aud"
    allow_networks: Annotated[
        tuple[str, ...],
        Meta(description="private networks, such as 10.0.0.0/8, that the issuer's keys may be fetched from"),
    ] = ()
    claims: Annotated[ClaimSettings, Meta(description="where a token says what")] = ClaimSettings()

    def __post_init__(self) -> None:
        check_scopes(self.scopes)
        symmetric = [name for name in self.algorithms if name in SYMMETRIC]
        unknown = [name for name in self.algorithms if name not in (*ASYMMETRIC, *SYMMETRIC)]
        if unknown:
            known = ", ".join((*ASYMMETRIC, *SYMMETRIC))
            raise SettingsError(f"'{unknown[0]}' is none of {known}", path=("algorithms",))
        if self.secret is None:
            if symmetric:
                raise SettingsError(f"{symmetric[0]} needs a secret, and no public keys", path=("algorithms",))
        else:
            if self.jwks_url is not None or self.jwks_file is not None or len(symmetric) != len(self.algorithms):
                raise SettingsError(
                    "a secret stands alone: no jwks_url, no jwks_file, HS algorithms only", path=("secret",)
                )
            check_secret(self.secret)
        if self.jwks_url is not None and self.jwks_file is not None:
            raise SettingsError("leave jwks_url or jwks_file out", path=("jwks_file",))
        if self.jwks_url is not None:
            check_url(self.jwks_url, "jwks_url")
        if self.jwks_url is None and self.jwks_file is None and self.secret is None:
            check_url(self.issuer, "issuer")


class OAuthSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An authorization server (OAuth 2.1) whose tokens are accepted, and which clients are told of (RFC 9728)."""

    provider: Annotated[
        Provider | None, Meta(description="a known kind of server, which says where its keys and its tokens' facts are")
    ] = None
    domain: Annotated[str | None, Meta(description="the provider's host name, such as id.example.com")] = None
    tenant: Annotated[
        str | None, Meta(description="the provider's realm, tenant, authorization server or user pool")
    ] = None
    issuer: Annotated[str | None, Meta(description="who signs the tokens; a provider's domain and tenant say it")] = (
        None
    )
    audience: Annotated[
        tuple[str, ...], Meta(description="what a token's aud must name; the resource of [auth] by default")
    ] = ()
    jwks_url: Annotated[str | None, Meta(description="where the public keys are")] = None
    algorithms: Annotated[tuple[str, ...], Meta(description="accepted signatures, as in [auth.jwt]")] = ()
    leeway_seconds: Annotated[
        float, Meta(ge=0, le=_LEEWAY, description="how far clocks may be apart", extra={"unit": "seconds"})
    ] = 30.0
    scopes: Annotated[tuple[str, ...], Meta(description="scopes that every token must have")] = ()
    scopes_supported: Annotated[tuple[str, ...], Meta(description="scopes that clients are told of besides")] = ()
    required: Annotated[
        dict[str, str | tuple[str, ...]],
        Meta(
            description='by where the token says it, what it must say: one of these values, such as hd = "example.com"'
        ),
    ] = {}
    documentation: Annotated[str | None, Meta(description="a page for people who want to sign in")] = None
    audience_claim: Annotated[
        str | None, Meta(description="the member that names the audience, where that is not aud")
    ] = None
    allow_networks: Annotated[
        tuple[str, ...], Meta(description="private networks that the keys may be fetched from")
    ] = ()
    claims: Annotated[ClaimSettings | None, Meta(description="where a token says what")] = None

    def __post_init__(self) -> None:
        check_scopes(self.scopes)
        check_scopes(self.scopes_supported, "scopes_supported")
        if self.provider is None and self.issuer is None:
            raise SettingsError("is missing; name the issuer, or a provider", path=("issuer",))


class IntrospectionSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Tokens that only their issuer can read: it is asked (RFC 7662)."""

    url: Annotated[str, Meta(description="where it is asked")]
    client_id: Annotated[str, Meta(min_length=1, description="who asks")]
    client_secret: Annotated[Secret, Meta(description="what proves it")]
    issuer: Annotated[
        str, Meta(min_length=1, description="who vouches for the callers; an iss in the answer must be it")
    ]
    audience: Annotated[
        tuple[str, ...], Meta(description="what the answer's aud must name; the resource of [auth] by default")
    ] = ()
    scopes: Annotated[tuple[str, ...], Meta(description="scopes that every token must have")] = ()
    fresh_seconds: Annotated[Seconds, Meta(ge=0, le=300, description="how long an answer is believed")] = 10.0
    allow_networks: Annotated[tuple[str, ...], Meta(description="private networks that it may be in")] = ()
    claims: Annotated[ClaimSettings, Meta(description="where the answer says what")] = ClaimSettings()

    def __post_init__(self) -> None:
        check_url(self.url, "url")
        check_scopes(self.scopes)


class AuthSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may call. Where this section or a role is there, nobody may who has not signed in."""

    anonymous: Annotated[
        tuple[str, ...] | bool, Meta(description="the roles of callers who have not signed in; false for nobody")
    ] = False
    resource: Annotated[
        str | None,
        Meta(description="the URL of the endpoint as clients know it, which tokens must be for"),
    ] = None
    api_keys: Annotated[
        ApiKeySettings | None, Meta(description="accept API keys; so it is where no other kind is named")
    ] = None
    jwt: Annotated[JwtSettings | None, Meta(description="accept signed tokens")] = None
    oauth: Annotated[OAuthSettings | None, Meta(description="accept tokens of an authorization server")] = None
    introspection: Annotated[
        IntrospectionSettings | None, Meta(description="accept tokens that their issuer is asked about")
    ] = None
    stdio: Annotated[StdioSettings | None, Meta(description="who calls over stdio")] = None

    def __post_init__(self) -> None:
        if self.anonymous is True:
            raise SettingsError('name roles, such as ["public"], or write false', path=("anonymous",))
        if self.resource is not None:
            check_url(self.resource, "resource")
            if urlsplit(self.resource).fragment or urlsplit(self.resource).query:
                raise SettingsError("has neither query nor fragment (RFC 8707)", path=("resource",))


def check_url(url: str, name: str) -> None:
    """Refuse a URL that could be read or changed on its way: https, or http on this machine.

    Raises:
        SettingsError: it is such.
    """
    try:
        parts = urlsplit(url)
        is_good = bool(parts.hostname) and parts.port != 0 and parts.username is None
    except ValueError:
        is_good = False
    if not is_good or parts.scheme not in ("https", "http"):
        raise SettingsError("write a URL such as https://id.example.com/keys", path=(name,))
    if parts.scheme == "http" and not is_here(parts.hostname or ""):
        raise SettingsError("write https: only this machine is reached by http", path=(name,))


def is_here(host: str) -> bool:
    """Whether a host is this machine by its very name."""
    return host in ("localhost", "127.0.0.1", "::1")


def check_scopes(scopes: tuple[str, ...], name: str = "scopes") -> None:
    """Refuse what is no scope (RFC 6749, 3.3), and `offline_access`, which is no business of a resource.

    Raises:
        SettingsError: one is such.
    """
    for scope in scopes:
        if not _SCOPE.fullmatch(scope) or scope == "offline_access":
            raise SettingsError(f"'{scope}' is no scope to ask for", path=(name,))


def check_secret(secret: Secret) -> None:
    """Refuse a secret that can be guessed (P12).

    Raises:
        SettingsError: it is short or plainly a placeholder.
    """
    text = secret.reveal()
    if len(text.encode()) < _SHORTEST_SECRET or len(set(text)) < _VARIED:
        raise SettingsError(
            f"needs at least {_SHORTEST_SECRET} bytes that differ; make one with"
            " `python -c 'import secrets; print(secrets.token_urlsafe(32))'`",
            path=("secret",),
        )
