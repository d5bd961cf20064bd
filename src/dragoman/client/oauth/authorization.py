"""The authorization request and its answer: PKCE, `state`, and who answers (OAuth 2.1, 4.1; RFC 9207).

Each request has a record of its own: what the answer must carry is decided before the browser opens, and an answer
that does not carry it is not looked at further.
"""

import base64
import hashlib
import hmac
import re
import secrets
from typing import Final
from urllib.parse import parse_qsl, urlsplit

import httpx2

from dragoman.client.oauth.discovery import Place
from dragoman.client.oauth.faults import SignInFault
from dragoman.client.oauth.records import Registration
from dragoman.client.oauth.web import Web
from dragoman.client.wire import quote

_WHAT: Final = "The authorization endpoint"
_OPENABLE: Final = re.compile(r"https?://[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")
_MOST_FIELDS: Final = 50


class AuthorizationRequest:
    """One request for a code.

    Args:
        web: says which URLs may be opened.
        place: where to sign in, and for what.
        registration: the client.
        redirect_uri: where the browser comes back to.
        scopes: what is asked for; empty for what the server gives by itself.

    Raises:
        SignInFault: the authorization server cannot be used safely.
    """

    def __init__(
        self, web: Web, place: Place, registration: Registration, redirect_uri: str, scopes: tuple[str, ...]
    ) -> None:
        issuer = place.issuer
        if issuer.authorization_endpoint is None:
            raise SignInFault(f"{issuer.issuer} names no authorization endpoint, so nobody can sign in there.")
        if not issuer.is_guess and "S256" not in (issuer.challenge_methods or ()):
            message = f"{issuer.issuer} does not say that it checks PKCE with S256 (code_challenge_methods_supported)"
            raise SignInFault(f"{message}; a code could be stolen, so it is not used.")
        endpoint = web.check(issuer.authorization_endpoint, _WHAT)
        self.redirect_uri = redirect_uri
        self.state = secrets.token_urlsafe(32)
        self._verifier = secrets.token_urlsafe(48)
        self._issuer, self._names_itself = issuer.issuer, issuer.names_itself
        digest = hashlib.sha256(self._verifier.encode()).digest()
        fields = {
            "response_type": "code",
            "client_id": registration.client_id,
            "redirect_uri": redirect_uri,
            "state": self.state,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            "resource": place.resource,
        }
        if scopes:
            fields["scope"] = " ".join(scopes)
        if "offline_access" in scopes:
            fields["prompt"] = "consent"  # OpenID Connect gives it with consent only (Core, 11)
        self.url = _openable(endpoint.copy_merge_params(fields))

    def redeem(self, returned: str) -> dict[str, str]:
        """The fields of the token request that an answer is good for.

        Args:
            returned: the URL that the browser was sent to.

        Raises:
            SignInFault: it does not answer this request, or the answer is no.
        """
        fields = self._fields(returned)
        if not hmac.compare_digest(fields.get("state", "").encode(), self.state.encode()):
            raise SignInFault("The answer of the browser is not to this sign-in (state); it was not used.")
        # Before anything else in the answer is believed, also an error (Authorization Response Validation).
        if "iss" in fields and fields["iss"] != self._issuer:
            message = f"The answer of the browser is of {quote(fields['iss'])}, not of {self._issuer}"
            raise SignInFault(f"{message}; somebody may be mixing them up, so it was not used (RFC 9207).")
        if "iss" not in fields and self._names_itself:
            raise SignInFault(f"The answer of the browser does not say that it is of {self._issuer} (RFC 9207).")
        if "error" in fields:
            said = quote(fields["error"])
            if fields.get("error_description"):
                said += f" ({quote(fields['error_description'], 300)})"
            raise SignInFault(f"{self._issuer} did not sign you in: {said}.")
        if not fields.get("code"):
            raise SignInFault(f"{self._issuer} sent the browser back without a code.")
        return {
            "grant_type": "authorization_code",
            "code": fields["code"],
            "redirect_uri": self.redirect_uri,
            "code_verifier": self._verifier,
        }

    def _fields(self, returned: str) -> dict[str, str]:
        """The fields of an answer; one that is there twice makes it none (OAuth 2.1, 4.1.2)."""
        came, wanted = urlsplit(returned), urlsplit(self.redirect_uri)
        if (came.scheme, came.netloc, came.path or "/") != (wanted.scheme, wanted.netloc, wanted.path or "/"):
            raise SignInFault("The browser was sent to another place than this sign-in waits at.")
        try:
            pairs = parse_qsl(came.query, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
        except ValueError:
            raise SignInFault("The answer of the browser has too many fields.") from None
        fields = dict(pairs)
        if len(fields) != len(pairs):
            raise SignInFault("The answer of the browser says something twice; it was not used.")
        return fields


def _openable(url: httpx2.URL) -> str:
    """A URL that may be handed to a program that opens it: http or https, and nothing a shell would obey."""
    text = str(url)
    if not _OPENABLE.fullmatch(text):
        raise SignInFault(f"{_WHAT} is said to be at {quote(text)}, which is not opened.")
    return text
