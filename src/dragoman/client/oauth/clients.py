"""Who this client is at an authorization server, in the order of the specification (Client Registration).

Registered by hand; by the URL of its metadata document; by dynamic registration. Credentials belong to the issuer that
gave them and are shown to no other.
"""

import time
from collections.abc import Sequence
from typing import Any, Final

from dragoman.client.oauth.discovery import Issuer
from dragoman.client.oauth.faults import SignInFault
from dragoman.client.oauth.options import AuthorizationCode, OAuth, plain
from dragoman.client.oauth.records import Registration
from dragoman.client.oauth.web import Web
from dragoman.client.wire import quote

JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_METHODS: Final = ("none", "client_secret_basic", "client_secret_post")
_DEFAULT_METHODS: Final = ("client_secret_basic",)  # where an issuer does not say (RFC 8414, 2)
_WHAT: Final = "The registration of clients"


async def identify(
    web: Web,
    options: OAuth,
    issuer: Issuer,
    redirect_uri: str,
    scopes: Sequence[str],
    known: Registration | None,
) -> Registration:
    """Be somebody at an authorization server.

    Args:
        web: asks.
        options: what the user said.
        issuer: the authorization server.
        redirect_uri: where browsers come back to.
        scopes: what will be asked for.
        known: a registration of before, at this issuer.

    Raises:
        SignInFault: it takes nobody, or not this client.
    """
    if options.client_id is not None:
        if options.issuer is not None and options.issuer != issuer.issuer:
            message = f"The server now signs in at {quote(issuer.issuer)}, but client_id belongs to {options.issuer}"
            raise SignInFault(f"{message}; register there and change client_id and issuer.")
        secret = None if options.client_secret is None else plain(options.client_secret)
        method = "private_key_jwt" if options.private_key is not None else _method(issuer, secret, None)
        return Registration(client_id=options.client_id, client_secret=secret, method=method, redirect_uri=redirect_uri)
    if options.client_metadata_url is not None and issuer.takes_metadata_urls:
        return Registration(client_id=options.client_metadata_url, redirect_uri=redirect_uri, metadata=True)
    if known is not None and _is_good(known, redirect_uri, scopes):
        return known
    if issuer.registration_endpoint is None:
        message = f"{issuer.issuer} registers no clients by itself; register Dragoman there"
        raise SignInFault(f"{message} and give its client_id (--client-id, OAuth(client_id=...)).")
    return await _register(web, options, issuer, redirect_uri, scopes)


def _is_good(known: Registration, redirect_uri: str, scopes: Sequence[str]) -> bool:
    """Whether a registration of before can be used again, for these scopes."""
    lasts = not known.expires_at or known.expires_at > time.time()
    return lasts and known.redirect_uri == redirect_uri and set(scopes) <= set(known.scopes) and not known.metadata


async def _register(web: Web, options: OAuth, issuer: Issuer, redirect_uri: str, scopes: Sequence[str]) -> Registration:
    """Introduce this client (RFC 7591); it is a native application, which has no secret to keep."""
    assert issuer.registration_endpoint is not None  # noqa: S101  (for the type: the only caller looked)
    supported = issuer.methods or _DEFAULT_METHODS
    is_person = isinstance(options.grant, AuthorizationCode)
    document: dict[str, Any] = {
        "client_name": options.client_name,
        "grant_types": ["authorization_code", "refresh_token"] if is_person else [JWT_BEARER],
        "token_endpoint_auth_method": next((one for one in _METHODS if one in supported), "none"),
        "application_type": "native",
    }
    if is_person:
        document |= {"redirect_uris": [redirect_uri], "response_types": ["code"]}
    if scopes:
        document["scope"] = " ".join(scopes)
    answer = await web.post(issuer.registration_endpoint, _WHAT, document=document)
    if answer.status not in (200, 201):
        said = f"{quote(str(answer.body.get('error', 'no reason')))}"
        if isinstance(answer.body.get("error_description"), str):
            said += f" ({quote(answer.body['error_description'])})"
        message = f"{issuer.issuer} does not register this client: HTTP {answer.status}, {said}."
        raise SignInFault(f"{message} Register it by hand for {redirect_uri} and give its client_id.")
    client_id, secret = answer.body.get("client_id"), answer.body.get("client_secret")
    if not isinstance(client_id, str) or not client_id:
        raise SignInFault(f"{issuer.issuer} registered this client and gave it no client_id.")
    secret = secret if isinstance(secret, str) and secret else None
    expires_at = answer.body.get("client_secret_expires_at", 0)
    return Registration(
        client_id=client_id,
        client_secret=secret,
        method=_method(issuer, secret, answer.body.get("token_endpoint_auth_method")),
        redirect_uri=redirect_uri,
        expires_at=float(expires_at) if isinstance(expires_at, int | float) else 0.0,
        scopes=tuple(scopes),
    )


def _method(issuer: Issuer, secret: str | None, registered: Any) -> str:
    """How to show who this client is: as it was registered, or what the issuer takes."""
    if secret is None:
        return "none"
    if registered in _METHODS:
        return str(registered)
    supported = issuer.methods or _DEFAULT_METHODS
    return next((one for one in ("client_secret_basic", "client_secret_post", "none") if one in supported), "none")
