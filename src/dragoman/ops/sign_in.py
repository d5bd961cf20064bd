"""From settings to a gate: which tokens a server accepts, what callers see, and where they are told to sign in.

The one place that knows every kind of credential; a kind is loaded when the settings name it.
"""

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from dragoman.auth.credentials import Credentials
from dragoman.auth.gate import Gate, Views
from dragoman.auth.keys import ApiKeys
from dragoman.auth.principal import Principal
from dragoman.auth.settings import ApiKeySettings, AuthSettings, OAuthSettings, StdioSettings
from dragoman.errors import SettingsError, UsageError
from dragoman.ops.settings import Settings
from dragoman.server.suggest import nearest
from dragoman.store.keys import SqliteKeys
from dragoman.store.sqlite import state_file

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dragoman.auth.jwt import Jwts
    from dragoman.server.server import Server

KEYS: Final = "keys.sqlite3"
STDIO: Final = "stdio"
WELL_KNOWN: Final = "/.well-known/oauth-protected-resource"


def is_asked(settings: Settings) -> bool:
    """Whether callers have to sign in."""
    return settings.auth is not None or bool(settings.roles)


def gate_of(server: "Server", settings: Settings, resource: str | None) -> Gate | None:
    """Make the gate that a configuration describes; None where it describes none.

    Args:
        server: what is behind it.
        settings: the whole configuration.
        resource: the URL of the endpoint as clients know it, where the configuration does not say.

    Raises:
        UsageError: something that is needed is not said.
    """
    if not is_asked(settings):
        return None
    auth = settings.auth or AuthSettings()
    resource = auth.resource or resource
    anonymous = None if isinstance(auth.anonymous, bool) else auth.anonymous
    check_roles(anonymous or (), settings, ("auth", "anonymous"))
    oauth = auth.oauth
    return Gate(
        Views(server, settings.roles or None, private=True),
        _credentials(auth, resource),
        challenge="" if oauth is None else f'resource_metadata="{_metadata_url(_needed(resource))}"',
        scopes=() if oauth is None else oauth.scopes,
        anonymous=anonymous,
    )


def documents_of(settings: Settings, path: str, resource: str | None, name: str) -> dict[str, dict[str, Any]]:
    """Say by path where callers can sign in, on both paths of RFC 9728; nothing without an authorization server.

    Args:
        settings: the whole configuration.
        path: where the endpoint is.
        resource: as for `gate_of`.
        name: what the server is called.
    """
    auth = settings.auth
    if auth is None or auth.oauth is None:
        return {}
    document = metadata_of(auth.oauth, _needed(auth.resource or resource), name)
    return dict.fromkeys((WELL_KNOWN, WELL_KNOWN + path.rstrip("/")), document)


def metadata_of(oauth: OAuthSettings, resource: str, name: str) -> dict[str, Any]:
    """The metadata of a protected resource (RFC 9728, 2)."""
    from dragoman.auth.providers import resolve

    document = {
        "resource": resource,
        "authorization_servers": [resolve(oauth).issuer],
        "scopes_supported": sorted({*oauth.scopes, *oauth.scopes_supported}),
        "bearer_methods_supported": ["header"],
        "resource_name": name,
        "resource_documentation": oauth.documentation,
    }
    return {key: value for key, value in document.items() if value}


def stdio_principal(settings: Settings, roles: "Iterable[str]") -> Principal | None:
    """Who is at the other end of stdio; None where callers need not sign in.

    Args:
        settings: the whole configuration.
        roles: those of the command line, which win.

    Raises:
        UsageError: nobody said who it is, or a role is unknown.
    """
    roles = tuple(roles)
    said = None if settings.auth is None else settings.auth.stdio
    if not roles and said is None:
        if is_asked(settings):
            raise UsageError("Say who calls over stdio: --as ROLE, or [auth.stdio] in the configuration.")
        return None
    caller = said or StdioSettings()
    check_roles(roles, settings, ("--as",))
    check_roles(() if roles else caller.roles, settings, ("auth", "stdio", "roles"))
    return Principal(
        subject=caller.subject,
        issuer=STDIO,
        tenant=caller.tenant,
        roles=roles or caller.roles,
        scopes=caller.scopes,
        claims=tuple(sorted(caller.claims.items())),
    )


def check_roles(names: "Iterable[str]", settings: Settings, path: tuple[str, ...]) -> None:
    """Refuse roles that do not exist.

    Raises:
        UsageError: one does not.
    """
    known = settings.roles
    for name in names:
        if name not in known:
            near = nearest(name, known)
            hint = f"did you mean '{near}'?" if near else f"write [roles.{name}] with what it may use."
            raise SettingsError(f"there is no role '{name}'; {hint}", ".".join(path), path)


def _credentials(auth: AuthSettings, resource: str | None) -> list[Credentials]:
    found: list[Credentials] = []
    others = (auth.jwt, auth.oauth, auth.introspection)
    keys = auth.api_keys or (ApiKeySettings() if all(one is None for one in others) else None)
    if keys is not None:
        found.append(ApiKeys(SqliteKeys(keys.store or state_file(KEYS))))
    if auth.jwt is not None or auth.oauth is not None:
        found.append(_jwts(auth, resource))
    if auth.introspection is not None:
        from dragoman.auth.introspection import Introspection

        asked = auth.introspection
        found.append(Introspection(asked, asked.audience or (_needed(resource),)))
    return found


def _jwts(auth: AuthSettings, resource: str | None) -> "Jwts":
    from dragoman.auth.jwt import Issuer, Jwts
    from dragoman.auth.providers import resolve

    every = [one for one in (auth.jwt, None if auth.oauth is None else resolve(auth.oauth)) if one is not None]
    return Jwts([Issuer(one, one.audience or (_needed(resource),)) for one in every])


def _needed(resource: str | None) -> str:
    if resource is None:
        raise SettingsError(
            "is missing; name the URL of the endpoint as clients know it, such as https://mcp.example.com/mcp",
            "auth.resource",
            ("auth",),
        )
    return resource


def _metadata_url(resource: str) -> str:
    """Where the metadata of a resource is (RFC 9728, 3.1)."""
    parts = urlsplit(resource)
    return f"{parts.scheme}://{parts.netloc}{WELL_KNOWN}{parts.path.rstrip('/')}"
