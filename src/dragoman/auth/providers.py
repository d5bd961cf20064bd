"""Known kinds of authorization servers, as data: where their issuer and keys are, and what their tokens call things.

Everything here can be said in the settings, too, and what is said there wins.
"""

import re
from typing import Final

from msgspec import Struct, structs

from dragoman.auth.settings import ClaimSettings, JwtSettings, OAuthSettings, Paths
from dragoman.errors import SettingsError

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")


class Preset(Struct, frozen=True, kw_only=True):
    """One kind of server.

    Args:
        issuer: what its tokens say in `iss`; `{domain}`, `{tenant}` and `{region}` are filled in.
        keys: where its public keys are; `{issuer}` as well.
        tenant: what `{tenant}` is where the settings leave it out.
        audience_claim: the member that names the audience.
        claims: where its tokens say what.
        required: for an issuer that signs for anybody and any audience, what tells ours from theirs, as an example.
    """

    issuer: str
    keys: str
    tenant: str = ""
    audience_claim: str = "aud"
    claims: ClaimSettings
    required: str = ""


def _claims(roles: Paths = "roles", client: Paths = "azp", tenant: Paths = (), subject: Paths = "sub") -> ClaimSettings:
    return ClaimSettings(subject=subject, client=client, tenant=tenant, roles=roles)


PRESETS: Final[dict[str, Preset]] = {
    "keycloak": Preset(
        issuer="https://{domain}/realms/{tenant}",
        keys="{issuer}/protocol/openid-connect/certs",
        claims=_claims(roles="realm_access.roles"),
    ),
    "auth0": Preset(
        issuer="https://{domain}/",
        keys="https://{domain}/.well-known/jwks.json",
        claims=_claims(roles="permissions", tenant="org_id"),
    ),
    "entra": Preset(
        issuer="https://login.microsoftonline.com/{tenant}/v2.0",
        keys="https://login.microsoftonline.com/{tenant}/discovery/v2.0/keys",
        claims=_claims(tenant="tid", subject="oid"),
    ),
    "google": Preset(
        issuer="https://accounts.google.com",
        keys="https://www.googleapis.com/oauth2/v3/certs",
        claims=_claims(tenant="hd"),
        required='hd = "example.com"',
    ),
    "github": Preset(
        issuer="https://token.actions.githubusercontent.com",
        keys="https://token.actions.githubusercontent.com/.well-known/jwks",
        claims=_claims(roles=(), client="job_workflow_ref", tenant="repository_owner"),
        required='repository_owner = "example"',
    ),
    "okta": Preset(
        issuer="https://{domain}/oauth2/{tenant}",
        keys="{issuer}/v1/keys",
        tenant="default",
        claims=_claims(roles="groups", client="cid", subject=("uid", "sub")),
    ),
    "cognito": Preset(
        issuer="https://cognito-idp.{region}.amazonaws.com/{tenant}",
        keys="{issuer}/.well-known/jwks.json",
        claims=_claims(roles="cognito:groups", client="client_id"),
    ),
    "workos": Preset(
        issuer="https://{domain}",
        keys="{issuer}/oauth2/jwks",
        claims=_claims(roles=("role", "roles", "permissions"), client=("client_id", "azp"), tenant="org_id"),
    ),
}


def resolve(oauth: OAuthSettings) -> JwtSettings:
    """The tokens that an authorization server's settings mean.

    Raises:
        SettingsError: something that its provider needs is missing or malformed.
    """
    preset = None if oauth.provider is None else PRESETS[oauth.provider]
    issuer, keys = oauth.issuer, oauth.jwks_url
    if preset is not None and preset.required and not oauth.required:
        problem = f"is missing: this provider signs for anybody; say whose tokens are yours: {{ {preset.required} }}"
        raise SettingsError(problem, "auth.oauth.required", ("auth", "oauth"))
    if preset is not None:
        issuer = issuer or _filled(preset.issuer, oauth, preset)
        keys = keys or _filled(preset.keys, oauth, preset, issuer)
    found = JwtSettings(
        issuer=issuer or "",
        audience=oauth.audience,
        jwks_url=keys,
        algorithms=oauth.algorithms,
        leeway_seconds=oauth.leeway_seconds,
        scopes=oauth.scopes,
        required=oauth.required,
        audience_claim=oauth.audience_claim or ("aud" if preset is None else preset.audience_claim),
        allow_networks=oauth.allow_networks,
        claims=ClaimSettings() if preset is None else preset.claims,
    )
    return found if oauth.claims is None else structs.replace(found, claims=_merged(oauth.claims, found.claims))


def _merged(said: ClaimSettings, preset: ClaimSettings) -> ClaimSettings:
    """What the settings say, and what the preset says where they say nothing."""
    usual = ClaimSettings()
    changes = {name: value for name, value in structs.asdict(said).items() if value != getattr(usual, name)}
    return structs.replace(preset, **changes)


def _filled(pattern: str, oauth: OAuthSettings, preset: Preset, issuer: str = "") -> str:
    """A pattern with what the settings say in its places."""
    tenant = oauth.tenant or preset.tenant
    region, mark, _ = tenant.partition("_")
    values = {"domain": oauth.domain or "", "tenant": tenant, "region": region if mark else "", "issuer": issuer}
    for name, value in values.items():
        place = "{" + name + "}"
        if place not in pattern:
            continue
        key = "tenant" if name == "region" else name
        if not value:
            raise SettingsError("is missing; its provider needs it", f"auth.oauth.{key}", ("auth", "oauth"))
        if name != "issuer" and not _NAME.fullmatch(value):
            raise SettingsError("use letters, digits, - . and _", f"auth.oauth.{key}", ("auth", "oauth", key))
        pattern = pattern.replace(place, value.rstrip("/") if name == "issuer" else value)
    return pattern
