"""A sign-in at one server: adds the token to requests, and gets one, or a better one, when the server refuses.

One sign-in at a time, whoever asks: requests that are refused meanwhile wait for it and share its end. A token goes to
the server it was given for and nowhere else; everything kept is of one issuer and is dropped when the server names
another.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Final

import httpx2
import msgspec

from dragoman.client.endpoint import is_loopback
from dragoman.client.oauth.challenge import Challenge, read_challenge
from dragoman.client.oauth.discovery import Place, canonical, discover
from dragoman.client.oauth.faults import SignInFault
from dragoman.client.oauth.grants import obtain
from dragoman.client.oauth.options import AuthorizationCode, OAuth, TokenStore
from dragoman.client.oauth.records import Account
from dragoman.client.oauth.signing import PROOF_ALGORITHM, Proofs
from dragoman.client.oauth.storage import MemoryTokens, default_tokens
from dragoman.client.oauth.tokens import Refused, TokenEndpoint
from dragoman.client.oauth.web import Web
from dragoman.errors import UsageError

logger: Final = logging.getLogger("dragoman.client")

ATTEMPTS: Final = 3
"""How often one request is sent again with a better token."""

_UNAUTHORIZED: Final = 401
_FORBIDDEN: Final = 403
_OFFLINE: Final = "offline_access"
_NONCE: Final = "use_dpop_nonce"


class SignIn:
    """The sign-in of a client at a server.

    Args:
        url: the server.
        options: how to sign in.
        patience: stops the clocks of the client while somebody signs in.

    Raises:
        UsageError: a token would travel where others can read it.
    """

    def __init__(
        self,
        url: str,
        options: OAuth,
        patience: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext,
    ) -> None:
        parsed = httpx2.URL(url)
        if parsed.scheme != "https" and not is_loopback(parsed.host):
            raise UsageError(f"{url[:200]}: tokens are sent over https only; plain http is for this machine.")
        self._url, self._options, self._patience = url, options, patience
        is_person = isinstance(options.grant, AuthorizationCode)
        self._tokens: TokenStore = options.tokens or (default_tokens() if is_person else MemoryTokens())
        self._key = canonical(url)
        self._web = Web(url)
        self._account: Account | None = None
        self._proofs: Proofs | None = None
        self._is_loaded = False
        self._is_fresh = False  # the token is of a sign-in, or of a refresh, that no answer has confirmed yet
        self._is_signed_in = False  # it is of a sign-in
        self._lock = asyncio.Lock()
        self._generation = 0
        self._failure: SignInFault | None = None

    async def headers(self, verb: str, url: str) -> Mapping[str, str]:
        """The header fields that show who asks; none where nobody signed in yet.

        Args:
            verb: the HTTP method.
            url: where the request goes.
        """
        if not self._is_loaded or self._is_stale:
            async with self._lock:
                if not self._is_loaded:
                    await self._load()
                if self._is_stale:
                    await self._refresh(None)
        token = None if self._account is None else self._account.token
        if token is None:
            return {}
        if token.scheme == "DPoP" and self._proofs is not None:
            return {"authorization": token.authorization, "dpop": self._proofs.prove(verb, url, token.access_token)}
        return {"authorization": token.authorization}

    def understand(self, response: httpx2.Response) -> Challenge | None:
        """Understand a refusal; None where the answer is none that a sign-in would change.

        Args:
            response: what came, its body unread.
        """
        sent = response.request.headers.get("authorization")
        if self._proofs is not None:
            self._proofs.heed(self._url, response.headers.get("dpop-nonce"))
        if response.status_code not in (_UNAUTHORIZED, _FORBIDDEN):
            if sent is not None and sent == self._authorization:
                self._is_fresh = False
            return None
        fields = response.headers.get_list("www-authenticate")
        return read_challenge(response.status_code, fields, sent, self._generation)

    async def answer(self, challenge: Challenge, attempt: int) -> None:
        """Get a token that the server may take; the request can then be sent again.

        Args:
            challenge: what the server said.
            attempt: how often this was done for the request before.

        Raises:
            SignInFault: there is no such token.
        """
        if attempt >= ATTEMPTS:
            raise SignInFault(f"{self._shown} refuses every token, {ATTEMPTS} times now; this does not lead anywhere.")
        if challenge.error == _NONCE and self._proofs is not None:
            return  # it is known by now, and in the next proof
        with self._patience():
            async with self._lock:
                if challenge.generation != self._generation and self._failure is not None:
                    raise SignInFault(str(self._failure))
                if challenge.sent != self._authorization:
                    return  # somebody else signed in meanwhile
                try:
                    await self._improve(challenge)
                except SignInFault as fault:
                    self._failure = fault
                    raise
                else:
                    self._failure = None
                finally:
                    self._generation += 1

    async def sign_in(self) -> Account:
        """Sign in now, whatever is kept; raises SignInFault when there is no token."""
        with self._patience():
            async with self._lock:
                await self._load()
                question = {"jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": {}}
                said = await self._web.post(self._url, "The server", document=question)  # how it refuses
                found = read_challenge(_UNAUTHORIZED, said.challenges, None, self._generation)
                return await self._begin(found or Challenge(status=_UNAUTHORIZED))

    async def sign_out(self) -> bool:
        """Forget the sign-in and tell the authorization server so, where it listens (RFC 7009); whether there was one.

        Raises:
            SignInFault: it is forgotten here, but the authorization server could not be told.
        """
        async with self._lock:
            await self._load()
            account, self._account = self._account, None
            await self._tokens.delete(self._key)
            if account is None:
                return False
            if account.token is not None:
                await self._revoke(account)
            return True

    async def close(self) -> None:
        """Close all connections."""
        await self._web.close()

    @property
    def _shown(self) -> str:
        return canonical(self._url)

    @property
    def _authorization(self) -> str | None:
        token = None if self._account is None else self._account.token
        return None if token is None else token.authorization

    @property
    def _is_stale(self) -> bool:
        """Whether the token has ended and there is a way to a new one without the user."""
        token = None if self._account is None else self._account.token
        return token is not None and token.is_stale and token.refresh_token is not None

    async def _improve(self, challenge: Challenge) -> None:
        """Refresh or sign in, as the refusal wants."""
        account = self._account
        if account is not None and account.token is not None:
            if challenge.status == _FORBIDDEN:
                if not set(challenge.scopes) - set(account.requested):
                    wanted = " ".join(challenge.scopes) or "more"
                    message = f"{self._shown} wants the scopes {wanted}; they were asked for and not given"
                    raise SignInFault(f"{message}. Ask whoever runs {account.issuer} for them.")
            elif not self._is_fresh:
                if await self._refresh(challenge.metadata_url):
                    return
            elif self._is_signed_in:
                raise SignInFault(f"{self._shown} refuses the token that {account.issuer} has just given for it.")
        await self._begin(challenge)

    async def _begin(self, challenge: Challenge) -> Account:
        """Sign in."""
        grant = self._options.grant
        if isinstance(grant, AuthorizationCode) and not grant.ask:
            raise SignInFault(f"{self._shown} wants you to sign in; run: dragoman login {self._shown}")
        place = await self._discover(challenge.metadata_url)
        before = self._account if self._belongs(place) else None
        scopes = self._scopes(place, challenge, before)
        proofs = self._choose_proofs(place, challenge, before)
        known = None if before is None else before.registration
        registration, token = await obtain(self._web, self._options, place, scopes, known, proofs)
        self._proofs = proofs
        self._account = Account(
            resource=place.resource,
            issuer=place.issuer.issuer,
            registration=registration,
            token=token,
            requested=scopes,
            metadata_url=place.metadata_url,
            proof_key=None if proofs is None else proofs.key,
        )
        self._is_fresh = self._is_signed_in = True
        await self._save()
        return self._account

    async def _refresh(self, metadata_url: str | None) -> bool:
        """Get the next token without the user; whether there is one now (OAuth 2.1, 4.3)."""
        old = self._account
        if old is None or old.token is None or old.token.refresh_token is None:
            return False
        await self._load()  # another process may have done it, and used up the refresh token
        account = self._account
        if account is None or account.token is None or account.token.refresh_token is None:
            self._account = account = old
        elif account.token.access_token != old.token.access_token and not account.token.is_stale:
            return True
        place = await self._discover(metadata_url)
        if not self._belongs(place) or account.token is None or account.token.refresh_token is None:
            return False
        fields = {"grant_type": "refresh_token", "refresh_token": account.token.refresh_token}
        endpoint = TokenEndpoint(self._web, self._options, place, account.registration, self._proofs)
        try:
            token = await endpoint.ask(fields, account.token.scopes)
        except Refused as refused:
            logger.info("The sign-in at %s is over: %s", account.issuer, refused)
            account.token = None
            await self._save()
            return False
        token.refresh_token = token.refresh_token or account.token.refresh_token
        account.token = token
        self._is_fresh, self._is_signed_in = True, False
        await self._save()
        return True

    async def _revoke(self, account: Account) -> None:
        """Have the authorization server forget the tokens too, where it offers that."""
        token = account.token
        place = await self._discover(account.metadata_url)
        if token is None or place.issuer.issuer != account.issuer or place.issuer.revocation_endpoint is None:
            return
        endpoint = TokenEndpoint(self._web, self._options, place, account.registration, None)
        await endpoint.revoke(place.issuer.revocation_endpoint, token.refresh_token or token.access_token)

    async def _discover(self, metadata_url: str | None) -> Place:
        account = self._account
        where = metadata_url or (None if account is None else account.metadata_url)
        preferred = self._options.issuer or (None if account is None else account.issuer)
        return await discover(self._web, self._url, where, preferred=preferred, older=self._options.older_servers)

    def _belongs(self, place: Place) -> bool:
        """Whether what is kept is of this place (Authorization Server Binding)."""
        account = self._account
        return account is not None and (account.issuer, account.resource) == (place.issuer.issuer, place.resource)

    def _scopes(self, place: Place, challenge: Challenge, before: Account | None) -> tuple[str, ...]:
        """What to ask for: what the refusal names, or what the server says it takes; and what was asked before."""
        chosen = self._options.scopes
        if chosen is not None and challenge.status != _FORBIDDEN:
            wanted = tuple(chosen)
        else:
            wanted = (*(chosen or ()), *(challenge.scopes or place.scopes or ()))
        earlier = () if before is None else before.requested
        scopes = [scope for scope in dict.fromkeys((*earlier, *wanted)) if scope != _OFFLINE or scope in wanted]
        if scopes and place.issuer.gives_offline_access and isinstance(self._options.grant, AuthorizationCode):
            scopes.append(_OFFLINE)
        return tuple(dict.fromkeys(scopes))

    def _choose_proofs(self, place: Place, challenge: Challenge, before: Account | None) -> Proofs | None:
        """Whether the token is bound to a key: as the user says, or where both sides speak of it."""
        able = PROOF_ALGORITHM in place.issuer.proof_algorithms
        if self._options.dpop and not able:
            raise SignInFault(f"{place.issuer.issuer} gives no tokens bound to a key (DPoP with {PROOF_ALGORITHM}).")
        asked = challenge.wants_proof or place.wants_proof
        if self._options.dpop is False or not able or not (asked or self._options.dpop):
            return None
        if before is not None and self._proofs is not None:
            return self._proofs
        return Proofs()

    async def _load(self) -> None:
        """Take what is kept, where it can be read and belongs to the issuer that the user names."""
        kept = await self._tokens.load(self._key)
        self._is_loaded = True
        if kept is None:
            return
        try:
            account = msgspec.json.decode(kept, type=Account)
        except msgspec.MsgspecError:
            logger.warning("What is kept of the sign-in at %s cannot be read; it is not used", self._shown)
            return
        of_client = self._options.client_id in (None, account.registration.client_id)
        if of_client and self._options.issuer in (None, account.issuer):
            self._account = account
            self._proofs = None if account.proof_key is None else Proofs(account.proof_key)

    async def _save(self) -> None:
        try:
            await self._tokens.save(self._key, msgspec.json.encode(self._account))
        except UsageError as error:
            logger.warning("The sign-in at %s is not kept: %s", self._shown, error)
