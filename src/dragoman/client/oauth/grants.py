"""One way to a token for each kind of caller: a person in the browser, a program by itself, by an assertion.

Each ends in one request to the token endpoint; a refusal there is told and not tried another way.
"""

import webbrowser
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from dragoman.client.oauth.authorization import AuthorizationRequest
from dragoman.client.oauth.browser import Callback, open_browser
from dragoman.client.oauth.clients import JWT_BEARER, identify
from dragoman.client.oauth.discovery import Place
from dragoman.client.oauth.faults import SignInFault
from dragoman.client.oauth.options import (
    AuthorizationCode,
    ClientCredentials,
    IdentityAssertion,
    JwtBearer,
    OAuth,
    plain,
)
from dragoman.client.oauth.records import Registration, Token
from dragoman.client.oauth.signing import Proofs
from dragoman.client.oauth.tokens import TokenEndpoint
from dragoman.client.oauth.web import Web
from dragoman.client.wire import quote
from dragoman.errors import UsageError

HANDLER_URI: Final = "http://127.0.0.1/callback"
"""Where the browser is sent to when a handler visits in its place and names no other."""

_EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
_ID_TOKEN: Final = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105  (the name of a kind)
_ID_JAG: Final = "urn:ietf:params:oauth:token-type:id-jag"
_OK: Final = 200

Visit = Callable[[AuthorizationRequest], Awaitable[str]]


async def obtain(
    web: Web,
    options: OAuth,
    place: Place,
    scopes: tuple[str, ...],
    known: Registration | None,
    proofs: Proofs | None,
) -> tuple[Registration, Token]:
    """Sign in.

    Args:
        web: asks.
        options: what the user said.
        place: where, and for what.
        scopes: what to ask for.
        known: this client's registration there, of before.
        proofs: binds the token to a key.

    Raises:
        SignInFault: there is no token.
    """
    asked = {"scope": " ".join(scopes)} if scopes else {}
    grant = options.grant
    if isinstance(grant, AuthorizationCode):
        async with _returning(grant, options.timeout, known) as (redirect_uri, visit):
            registration = await identify(web, options, place.issuer, redirect_uri, scopes, known)
            request = AuthorizationRequest(web, place, registration, redirect_uri, scopes)
            fields = request.redeem(await visit(request))
            token = await TokenEndpoint(web, options, place, registration, proofs).ask(fields, scopes)
            return registration, token
    registration = await identify(web, options, place.issuer, "", scopes, known)
    endpoint = TokenEndpoint(web, options, place, registration, proofs)
    match grant:
        case ClientCredentials():
            return registration, await endpoint.ask({"grant_type": "client_credentials", **asked}, scopes)
        case JwtBearer(assertion=given):
            assertion = given if isinstance(given, str) else await given(place.issuer.issuer)
        case IdentityAssertion():
            assertion = await _exchange(web, grant, place, scopes)
    fields = {"grant_type": JWT_BEARER, "assertion": plain(assertion), **asked}
    return registration, await endpoint.ask(fields, scopes)


async def _exchange(web: Web, grant: IdentityAssertion, place: Place, scopes: tuple[str, ...]) -> str:
    """Have the identity provider say to the authorization server who the person is (RFC 8693; ID-JAG)."""
    form = {
        "grant_type": _EXCHANGE,
        "requested_token_type": _ID_JAG,
        "audience": place.issuer.issuer,
        "resource": place.resource,
        "subject_token": plain(grant.id_token),
        "subject_token_type": _ID_TOKEN,
        "client_id": grant.client_id,
    }
    if grant.client_secret is not None:
        form["client_secret"] = plain(grant.client_secret)
    if scopes:
        form["scope"] = " ".join(scopes)
    answer = await web.post(grant.token_endpoint, "The identity provider", form=form)
    assertion: Any = answer.body.get("access_token")
    if answer.status != _OK or not isinstance(assertion, str) or not assertion:
        said = quote(str(answer.body.get("error", f"HTTP {answer.status}")))
        raise SignInFault(f"The identity provider at {grant.token_endpoint} gives no assertion: {said}.")
    if answer.body.get("issued_token_type") != _ID_JAG:
        raise SignInFault(f"The identity provider at {grant.token_endpoint} gave something else than an assertion.")
    return assertion


@asynccontextmanager
async def _returning(
    grant: AuthorizationCode, seconds: float, known: Registration | None
) -> AsyncIterator[tuple[str, Visit]]:
    """Where the browser comes back to, and what sends it on its way; nothing listens longer than the block."""
    if grant.redirect is not None:
        handler = grant.redirect
        yield grant.redirect_uri or HANDLER_URI, lambda request: handler(request.url)
        return
    before = known.redirect_uri if known is not None and known.redirect_uri else None
    callback = Callback(grant.redirect_uri or before)
    try:
        await callback.__aenter__()
    except UsageError:
        if grant.redirect_uri is not None:
            raise
        callback = Callback()  # the port of before is taken: another, and another registration
        await callback.__aenter__()
    try:

        async def visit(request: AuthorizationRequest) -> str:
            if grant.announce is not None:
                grant.announce(request.url)
            callback.expect(request.state)
            try:
                opened = await open_browser(request.url)
            except webbrowser.Error:
                opened = False
            if not opened and grant.announce is None:
                raise SignInFault(f"There is no browser to open here. To sign in, visit {request.url}")
            return await callback.wait(seconds)

        yield callback.redirect_uri, visit
    finally:
        await callback.__aexit__(None, None, None)
