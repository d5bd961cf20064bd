"""Who signs people in for a server: its metadata (RFC 9728), and that of its authorization server (RFC 8414, OpenID).

Both are checked before anything in them is used: the first names the server that was asked, the second the issuer that
was looked for. What they say beyond is text of strangers.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import httpx2
from msgspec import Struct

from dragoman.client.oauth.challenge import read_scopes
from dragoman.client.oauth.faults import SignInFault
from dragoman.client.oauth.web import Web
from dragoman.client.wire import quote

RESOURCE_PATH: Final = "/.well-known/oauth-protected-resource"
_OK: Final = 200
_SERVER: Final = "The metadata of the server"
_ISSUER: Final = "The metadata of the authorization server"
_OFFLINE: Final = "offline_access"


class Issuer(Struct, frozen=True, kw_only=True):
    """An authorization server, as its checked metadata describes it.

    Args:
        issuer: its identifier.
        authorization_endpoint: where browsers go.
        token_endpoint: where tokens come from.
        registration_endpoint: where clients introduce themselves.
        revocation_endpoint: where tokens are given back.
        methods: how clients may show who they are; None where it does not say.
        challenge_methods: the PKCE methods it checks; None where it does not say.
        names_itself: whether its answers carry `iss` (RFC 9207).
        takes_metadata_urls: whether a client may be the URL of its metadata document.
        scopes: what it can give.
        proof_algorithms: what proofs may be signed with (RFC 9449, 5.1).
        is_guess: whether there is no metadata and these are the places of 2025-03-26.
    """

    issuer: str
    token_endpoint: str
    authorization_endpoint: str | None = None
    registration_endpoint: str | None = None
    revocation_endpoint: str | None = None
    methods: tuple[str, ...] | None = None
    challenge_methods: tuple[str, ...] | None = None
    names_itself: bool = False
    takes_metadata_urls: bool = False
    scopes: tuple[str, ...] = ()
    proof_algorithms: tuple[str, ...] = ()
    is_guess: bool = False

    @property
    def gives_offline_access(self) -> bool:
        """Whether refresh tokens may be asked for by a scope."""
        return _OFFLINE in self.scopes


class Place(Struct, frozen=True, kw_only=True):
    """Where to sign in for a server.

    Args:
        resource: the server's identifier, for the `resource` parameter (RFC 8707).
        issuer: the authorization server.
        scopes: what the server says its basics take; None where it does not say.
        metadata_url: where the server's metadata is; None where it has none.
        wants_proof: whether it asks for tokens that are bound to a key.
    """

    resource: str
    issuer: Issuer
    scopes: tuple[str, ...] | None = None
    metadata_url: str | None = None
    wants_proof: bool = False


async def discover(
    web: Web, server: str, metadata_url: str | None, *, preferred: str | None = None, older: bool = False
) -> Place:
    """Find out where to sign in (Authorization Server Discovery).

    Args:
        web: asks.
        server: the URL of the server.
        metadata_url: where the server said its metadata is.
        preferred: the issuer to take where there are several.
        older: whether a server that describes nothing may be one of 2025-03-26.

    Raises:
        SignInFault: there is no such place, or what is said of it does not hold.
    """
    url, body = await _server_metadata(web, server, metadata_url)
    if body is None:
        return await _own_issuer(web, server, older=older)
    resource = body.get("resource")
    if not isinstance(resource, str) or not covers(resource, server):
        told = quote(resource) if isinstance(resource, str) else "none"
        raise SignInFault(f"{url} describes another server than {canonical(server)}: its resource is {told}; not used.")
    named = [name for name in _texts(body, "authorization_servers") or () if name]
    if not named:
        raise SignInFault(f"{url} names no authorization server, so there is nobody to sign in at.")
    chosen = preferred if preferred in named else named[0]
    issuer = await _issuer_metadata(web, chosen)
    if issuer is None:
        raise SignInFault(f"The authorization server {quote(chosen)} publishes no metadata.")
    scopes = _texts(body, "scopes_supported")
    algorithms = _texts(body, "dpop_signing_alg_values_supported") or ()
    return Place(
        resource=resource,
        issuer=issuer,
        scopes=None if scopes is None else read_scopes(" ".join(scopes)),
        metadata_url=url,
        wants_proof=body.get("dpop_bound_access_tokens_required") is True or "ES256" in algorithms,
    )


def covers(resource: str, server: str) -> bool:
    """Whether a resource identifier is of this server: same origin, and its path or one above it (RFC 9728, 3.3)."""
    try:
        said, used = httpx2.URL(resource), httpx2.URL(server)
    except (httpx2.InvalidURL, ValueError):
        return False
    if (said.scheme, said.host, said.port) != (used.scheme, used.host, used.port) or said.fragment or said.query:
        return False
    above, path = said.path.rstrip("/"), used.path.rstrip("/")
    return path == above or path.startswith(above + "/")


def canonical(server: str) -> str:
    """The identifier of a server by its URL: no query, no fragment, no slash at the end (Canonical Server URI)."""
    url = httpx2.URL(server).copy_with(query=None, fragment=None, username=None, password=None)
    return str(url).rstrip("/")


async def _server_metadata(web: Web, server: str, metadata_url: str | None) -> tuple[str, Mapping[str, Any] | None]:
    """The server's metadata and where it was found: where it said, or at its path, or at its root."""
    if metadata_url is not None:
        answer = await web.get(metadata_url, _SERVER)
        if answer.status != _OK or not answer.body:
            raise SignInFault(f"{_SERVER} is not at {quote(metadata_url)}, where it says: HTTP {answer.status}.")
        return metadata_url, answer.body
    root = _origin(server)
    path = httpx2.URL(server).path.rstrip("/")
    for url in dict.fromkeys((root + RESOURCE_PATH + path, root + RESOURCE_PATH)):
        answer = await web.get(url, _SERVER)
        if answer.status == _OK and answer.body:
            return url, answer.body
    return root + RESOURCE_PATH, None


async def _own_issuer(web: Web, server: str, *, older: bool) -> Place:
    """A server without metadata may be its own authorization server (2025-03-26, Authorization)."""
    root = _origin(server)
    issuer = await _issuer_metadata(web, root)
    if issuer is None and older:
        issuer = Issuer(
            issuer=root,
            authorization_endpoint=f"{root}/authorize",
            token_endpoint=f"{root}/token",
            registration_endpoint=f"{root}/register",
            is_guess=True,
        )
    if issuer is None:
        message = f"{canonical(server)} wants credentials and does not say where to get them ({RESOURCE_PATH})."
        raise SignInFault(f"{message} Give it a token: auth='...', --token or --header.")
    return Place(resource=canonical(server), issuer=issuer)


async def _issuer_metadata(web: Web, issuer: str) -> Issuer | None:
    """The metadata of an authorization server, from the first of its places that has any; None without."""
    web.check(issuer, "The authorization server")
    for url in _issuer_urls(issuer):
        answer = await web.get(url, _ISSUER)
        if answer.status == _OK and answer.body:
            return _read_issuer(answer.body, issuer, url)
    return None


def _issuer_urls(issuer: str) -> Iterator[str]:
    """Where the metadata may be, in the order of the specification (Authorization Server Metadata Discovery)."""
    root, path = _origin(issuer), httpx2.URL(issuer).path.rstrip("/")
    yield f"{root}/.well-known/oauth-authorization-server{path}"
    yield f"{root}/.well-known/openid-configuration{path}"
    if path:
        yield f"{root}{path}/.well-known/openid-configuration"


def _read_issuer(body: Mapping[str, Any], issuer: str, url: str) -> Issuer:
    if body.get("issuer") != issuer:
        told = quote(str(body.get("issuer")))
        raise SignInFault(f"{url} is of the issuer {told}, not of {quote(issuer)} (RFC 8414, 3.3); not used.")
    token_endpoint = _text(body, "token_endpoint")
    if token_endpoint is None:
        raise SignInFault(f"{url} names no token endpoint.")
    return Issuer(
        issuer=issuer,
        token_endpoint=token_endpoint,
        authorization_endpoint=_text(body, "authorization_endpoint"),
        registration_endpoint=_text(body, "registration_endpoint"),
        revocation_endpoint=_text(body, "revocation_endpoint"),
        methods=_texts(body, "token_endpoint_auth_methods_supported"),
        challenge_methods=_texts(body, "code_challenge_methods_supported"),
        names_itself=body.get("authorization_response_iss_parameter_supported") is True,
        takes_metadata_urls=body.get("client_id_metadata_document_supported") is True,
        scopes=_texts(body, "scopes_supported") or (),
        proof_algorithms=_texts(body, "dpop_signing_alg_values_supported") or (),
    )


def _origin(url: str) -> str:
    """Scheme, host and port."""
    return str(httpx2.URL(url).copy_with(path="/", query=None, fragment=None, username=None, password=None)).rstrip("/")


def _text(body: Mapping[str, Any], name: str) -> str | None:
    value = body.get(name)
    return value if isinstance(value, str) and value else None


def _texts(body: Mapping[str, Any], name: str) -> tuple[str, ...] | None:
    value = body.get(name)
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else None
