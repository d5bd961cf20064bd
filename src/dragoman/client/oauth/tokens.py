"""The token endpoint: every grant is one request to it, and what comes back is checked before it is used."""

import base64
import re
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote_plus

from dragoman.client.oauth.challenge import read_scopes
from dragoman.client.oauth.discovery import Place
from dragoman.client.oauth.faults import SignInFault
from dragoman.client.oauth.options import OAuth, plain
from dragoman.client.oauth.records import Registration, Token
from dragoman.client.oauth.signing import Proofs, client_assertion
from dragoman.client.oauth.web import Answer, Web
from dragoman.client.wire import quote

_WHAT: Final = "The token endpoint"
_OK: Final = 200
_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ACCESS_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,16384}")


class Refused(SignInFault):
    """The token endpoint said no.

    Args:
        message: what it said.
        error: its code (RFC 6749, 5.2).
    """

    def __init__(self, message: str, error: str) -> None:
        super().__init__(message)
        self.error = error


class TokenEndpoint:
    """Asks for tokens, as one client, for one server.

    Args:
        web: asks.
        options: what the user said.
        place: the authorization server, and the server that tokens are for.
        registration: the client.
        proofs: signs requests, where tokens are to be bound to a key.
    """

    def __init__(
        self, web: Web, options: OAuth, place: Place, registration: Registration, proofs: Proofs | None
    ) -> None:
        self._web, self._options, self._place = web, options, place
        self._registration, self._proofs = registration, proofs

    async def ask(self, fields: Mapping[str, str], scopes: tuple[str, ...]) -> Token:
        """Get a token.

        Args:
            fields: the grant and what belongs to it.
            scopes: what was asked for, which is what the token has unless the answer says otherwise.

        Raises:
            Refused: the endpoint said no.
            SignInFault: there is no usable answer.
        """
        url = self._place.issuer.token_endpoint
        form, headers = self._signed({**fields, "resource": self._place.resource})
        answer = await self._post(url, form, headers)
        if self._proofs is not None:
            is_new = self._proofs.heed(url, answer.nonce)
            if is_new and answer.body.get("error") == "use_dpop_nonce":
                answer = await self._post(url, form, headers)
        if answer.status != _OK:
            raise _refused(self._place.issuer.issuer, answer)
        return self._read(answer.body, scopes)

    async def revoke(self, url: str, token: str) -> None:
        """Give a token back (RFC 7009).

        Args:
            url: the revocation endpoint.
            token: the token.

        Raises:
            SignInFault: it was not taken.
        """
        form, headers = self._signed({"token": token})
        answer = await self._web.post(url, "The revocation endpoint", form=form, headers=headers)
        if answer.status != _OK:
            raise SignInFault(f"{self._place.issuer.issuer} did not take its token back: HTTP {answer.status}.")

    async def _post(self, url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        proof = {} if self._proofs is None else {"dpop": self._proofs.prove("POST", url)}
        return await self._web.post(url, _WHAT, form=form, headers={**headers, **proof})

    def _signed(self, fields: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
        """Add who asks (RFC 6749, 2.3.1); a public client only says its name."""
        client = self._registration
        match client.method:
            case "client_secret_basic":
                pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret or '')}"
                return fields, {"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
            case "client_secret_post":
                secret = {"client_secret": client.client_secret or ""}
                return {**fields, "client_id": client.client_id, **secret}, {}
            case "private_key_jwt":
                options = self._options
                assertion = client_assertion(
                    client.client_id, self._place.issuer.issuer, plain(options.private_key or ""), options.algorithm
                )
                signed = {"client_assertion_type": _ASSERTION, "client_assertion": assertion}
                return {**fields, "client_id": client.client_id, **signed}, {}
            case _:
                return {**fields, "client_id": client.client_id}, {}

    def _read(self, body: Mapping[str, Any], scopes: tuple[str, ...]) -> Token:
        """Take a token, if it is one that can be shown as asked for (RFC 6749, 5.1)."""
        issuer, access_token, kind = self._place.issuer.issuer, body.get("access_token"), body.get("token_type")
        if not isinstance(access_token, str) or not _ACCESS_TOKEN.fullmatch(access_token):
            raise SignInFault(f"{issuer} gave no access token.")
        scheme = {"bearer": "Bearer", "dpop": "DPoP"}.get(str(kind).lower())
        if scheme is None or (scheme == "DPoP" and self._proofs is None):
            raise SignInFault(f"{issuer} gave a token of the type {quote(str(kind))}, which was not asked for.")
        if self._options.dpop and scheme != "DPoP":
            raise SignInFault(f"{issuer} gave a token that is not bound to a key, which dpop=True asks for.")
        refresh_token, seconds, granted = body.get("refresh_token"), body.get("expires_in"), body.get("scope")
        try:
            lifetime = float(seconds) if isinstance(seconds, int | float | str) else None
        except ValueError:
            lifetime = None
        return Token(
            access_token=access_token,
            scheme=scheme,
            refresh_token=refresh_token if isinstance(refresh_token, str) and refresh_token else None,
            expires_at=None if lifetime is None or lifetime <= 0 else time.time() + lifetime,
            scopes=read_scopes(granted) if isinstance(granted, str) and granted else scopes,
        )


def _refused(issuer: str, answer: Answer) -> Refused:
    error, description = answer.body.get("error"), answer.body.get("error_description")
    code = error if isinstance(error, str) else ""
    said = f"{quote(code)}" if code else f"HTTP {answer.status}"
    if isinstance(description, str) and description:
        said += f" ({quote(description, 300)})"
    return Refused(f"{issuer} gives no token: {said}.", code)
