"""The HTTP wire: one POST per message, in both shapes of Streamable HTTP.

From 2026-07-28 on there is no state: headers mirror the body and a closed stream cancels. What older revisions add is
in `session.py`, the transport before them in `http_sse.py`; HTTP itself is in `endpoint.py`. Nothing here knows what a
message means.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import httpx2

from dragoman.client.endpoint import JSON, STREAM, BearerToken, Credentials, Endpoint, media_type, reason
from dragoman.client.http_sse import EventWire
from dragoman.client.listener import Listener
from dragoman.client.session import Session
from dragoman.client.wire import (
    RESPONSE_BYTES,
    UNCANCELLED,
    Call,
    Refusal,
    SessionEnded,
    error_for,
    is_response,
    messages_in,
    quote,
)
from dragoman.errors import ConnectionFault, Fault, UsageError
from dragoman.protocol.headers import encode_value
from dragoman.protocol.jsonrpc import Message
from dragoman.protocol.revisions import Revision
from dragoman.protocol.sse import EventDecoder

if TYPE_CHECKING:
    from dragoman.client.oauth.options import OAuth

logger: Final = logging.getLogger("dragoman.client")

_TAIL_SECONDS: Final = 0.1


class HttpWire:
    """A connection to an MCP endpoint.

    Args:
        url: the endpoint.
        listener: hears what comes before an answer.
        headers: header fields for every request, such as `Authorization`.
        response_bytes: the largest answer or event taken.
        auth: a token to show, or how to sign in where the server wants it.

    Raises:
        UsageError: the URL is none, or credentials are given twice or would travel in the open.
    """

    mirrors = True
    silence_seconds: float | None = None

    def __init__(
        self,
        url: str,
        listener: Listener,
        headers: Mapping[str, str] | None = None,
        response_bytes: int = RESPONSE_BYTES,
        auth: "str | OAuth | None" = None,
    ) -> None:
        self.revision: Revision | None = None
        credentials = credentials_of(url, headers, auth, listener)
        self._endpoint = Endpoint(url, headers, response_bytes, credentials)
        self._shown = self._endpoint.shown
        self._listener = listener
        self._session: Session | None = None  # up to 2025-11-25, from the answer to `initialize` on
        self._forgotten: list[Session] = []  # sessions that the server ended
        self._events: EventWire | None = None  # the transport of 2024-11-05, once it was chosen

    async def open(self) -> None:
        """Make ready to connect; the first message connects."""
        self._endpoint.open()

    async def exchange(self, call: Call) -> Message:
        """Send a request and return its response.

        Raises:
            Refusal: the server answered with an HTTP error and no JSON-RPC message.
            SessionEnded: the server no longer knows the session.
            ConnectionFault: no usable answer.
        """
        if self._events is not None:
            return await self._events.exchange(call)
        session = None if call.method == "initialize" else self._session
        headers = self._headers(session)
        try:
            async with self._endpoint.send("POST", self._with_mirrors(call, headers), call.body) as response:
                if not response.is_success:
                    return await self._failed(call, session, response)
                if call.method == "initialize":
                    self._begin(response.headers.get("mcp-session-id"))
                if media_type(response) == STREAM:
                    return await self._follow(call, session, response)
                return await self._whole(call, response)
        except asyncio.CancelledError:
            # A closed stream cancels by itself from 2026-07-28 on; before, it takes a notification (Cancellation).
            if session is not None and call.method not in UNCANCELLED:
                session.cancel(call, headers)
            raise

    async def notify(self, method: str, body: bytes) -> None:
        """Send a message that has no answer.

        Raises:
            ConnectionFault: it was not accepted.
        """
        if self._events is not None:
            await self._events.notify(body)
            return
        headers = self._headers(self._session)
        if self.revision is not None and self.revision.modern:
            headers["mcp-method"] = method
        async with self._endpoint.send("POST", headers, body) as response:
            said = await self._endpoint.body(response)  # also when it is empty: a read answer frees its connection
            if not response.is_success:
                raise self._endpoint.refusal(response, said)

    async def restart(self) -> None:
        """Do nothing: every request connects anew where it must."""

    async def fall_back(self) -> bool:
        """Go over to HTTP+SSE if the URL opens such a stream (2026-07-28, Backward Compatibility).

        Raises:
            ConnectionFault: it does, and names a URL of another origin to post to.
        """
        events = EventWire(self._endpoint, self._listener)
        try:
            await events.open()
        except Refusal:
            await events.close()
            return False
        except BaseException:
            await events.close()
            raise
        self._events = events
        return True

    async def listen(self, *, ready: bool = False) -> None:
        """Open the session's event stream, where the revision has one (up to 2025-11-25)."""
        if self._session is not None:
            self._session.listen(self._headers(self._session))
            if ready:
                await self._session.listening()

    async def close(self) -> None:
        """End the session and all connections."""
        try:
            for forgotten in self._forgotten:
                await forgotten.end(None)
            if self._session is not None:
                await self._session.end(self._headers(self._session))
            if self._events is not None:
                await self._events.close()
        finally:
            self._session = self._events = None
            self._forgotten.clear()
            await self._endpoint.close()

    def _begin(self, session_id: str | None) -> None:
        """Begin a session, in place of one that the server forgot."""
        if self._session is not None:
            self._forgotten.append(self._session)
        self._session = Session(self._endpoint, session_id, self._read_events)

    def _headers(self, session: Session | None) -> dict[str, str]:
        """The header fields that every request has in the current era."""
        headers = {"accept": f"{JSON}, {STREAM}", "content-type": JSON}
        if self.revision is not None and (self.revision.modern or session is not None):
            headers["mcp-protocol-version"] = self.revision.name
        if session is not None and session.id is not None:
            headers["mcp-session-id"] = session.id
        return headers

    def _with_mirrors(self, call: Call, headers: dict[str, str]) -> Mapping[str, str]:
        """Add the headers that mirror the body (2026-07-28, Request Metadata)."""
        if self.revision is None or not self.revision.modern:
            return headers
        mirrors = {"mcp-method": call.method, **call.mirrored}
        first, *rest = self.revision.name_sources.get(call.method, "").split("_")
        named = call.params.get(first + "".join(word.capitalize() for word in rest))
        if isinstance(named, str):
            mirrors["mcp-name"] = encode_value(named)
        return headers | mirrors

    async def _whole(self, call: Call, response: httpx2.Response) -> Message:
        """Read an answer that is one JSON body."""
        body = await self._endpoint.body(response)
        if media_type(response) != JSON:
            what = f"{media_type(response) or 'no content type'}: {quote(body)}" if body else "an empty body"
            raise Refusal(f"{self._shown} answered {call.method} with HTTP {response.status_code} and {what}.")
        try:
            messages = messages_in(body)
        except Fault as fault:
            failure = error_for(call.id, body)
            if failure is not None:
                return failure
            raise Refusal(f"{self._shown} answered {call.method} with no JSON-RPC message: {fault}") from None
        found = await self._take(call, messages)
        if found is None:
            raise ConnectionFault(f"{self._shown} answered {call.method} with a message that is not its response.")
        return found

    async def _follow(self, call: Call, session: Session | None, response: httpx2.Response) -> Message:
        """Read an event stream up to the response, and take a broken one up again where the era allows."""
        decoder = EventDecoder(self._endpoint.most)
        fault = ConnectionFault(f"{self._shown} ended the stream of {call.method} before its response.")
        try:
            found = await self._read_events(call, response, decoder)
        except (httpx2.HTTPError, httpx2.StreamError) as error:
            found, fault = None, ConnectionFault(f"The stream of {call.method} broke: {reason(error)}.")
        if found is None and session is not None:
            found = await session.resume(call, decoder, self._headers(session))
        if found is None:
            raise fault
        return found

    async def _read_events(self, call: Call | None, response: httpx2.Response, decoder: EventDecoder) -> Message | None:
        """Take messages from a stream until the response of `call` comes or the stream ends."""
        chunks = response.aiter_bytes()
        async for chunk in chunks:
            try:
                for event in decoder.feed(chunk):
                    if event.event == "message" and event.data.strip():
                        found = await self._take(call, messages_in(event.data))
                        if found is not None:
                            await _finish(chunks)
                            return found
            except Fault as fault:
                raise ConnectionFault(f"{self._shown} sent an event that is no JSON-RPC message: {fault}") from None
        return None

    async def _take(self, call: Call | None, messages: list[Message]) -> Message | None:
        """Hear notifications, answer requests, and find the response."""
        found = None
        for message in messages:
            if is_response(message):
                if call is not None and message.id == call.id:
                    found = message
            elif isinstance(message.id, int | str):
                await self._answer(message)
            else:
                await self._listener.hear(message)
        return found

    async def _answer(self, message: Message) -> None:
        answers, method = self._listener.answers, str(message.method)
        if self.revision is not None and self.revision.modern:
            logger.warning("The server sent the request %s, which its revision does not allow; ignored", method)
        elif answers.asks(message):
            answers.begin(message, lambda body: self.notify(method, body))
        else:
            try:
                await self.notify(method, await answers.reply(message))
            except ConnectionFault as fault:
                logger.warning("The server did not take the answer to its %s: %s", method, fault)

    async def _failed(self, call: Call, session: Session | None, response: httpx2.Response) -> Message:
        """Take an HTTP error: as the JSON-RPC error in its body, if there is one."""
        if response.status_code == HTTPStatus.NOT_FOUND and session is not None and session.id is not None:
            raise SessionEnded(session.id)
        body = await self._endpoint.body(response)
        failure = error_for(call.id, body)
        if failure is None:
            raise self._endpoint.refusal(response, body)
        return failure


def credentials_of(
    url: str, headers: Mapping[str, str] | None, auth: "str | OAuth | None", listener: Listener
) -> Credentials | None:
    """What shows the server who asks; signing in is loaded only where it is wanted.

    Args:
        url: the server.
        headers: the user's own header fields.
        auth: a token, or how to sign in.
        listener: knows how to stop the clocks while somebody signs in.

    Raises:
        UsageError: credentials are given twice or would travel in the open.
    """
    if auth is None:
        return None
    if any(name.lower() == "authorization" for name in headers or ()):
        raise UsageError("Credentials are given both as auth and as the header Authorization; keep one.")
    if isinstance(auth, str):
        return BearerToken(auth)
    from dragoman.client.oauth.sign_in import SignIn

    return SignIn(url, auth, lambda: listener.answers.patience())  # noqa: PLW0108  (it is set later)


async def _finish(chunks: AsyncIterator[bytes]) -> None:
    """Read a stream to its end, which is near, so that its connection can be used again."""
    with contextlib.suppress(TimeoutError, httpx2.HTTPError):
        async with asyncio.timeout(_TAIL_SECONDS):
            async for _ in chunks:
                pass
