"""The HTTP wire: one POST per message, in both shapes of Streamable HTTP.

2026-07-28: no state, headers that mirror the body, and a closed stream cancels. Up to 2025-11-25: a session id once
the server gives one, the agreed version in a header, messages of the server on streams of their own. What differs
asks `self.revision`; nothing here knows what a message means.
"""

import asyncio
import contextlib
import ipaddress
import logging
import ssl
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from typing import Final

import httpx2

from dragoman.client.answers import answer
from dragoman.client.listener import Listener
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
from dragoman.errors import ClientError, ConnectionFault, Fault, UsageError
from dragoman.protocol import jsonrpc
from dragoman.protocol.headers import encode_value
from dragoman.protocol.jsonrpc import Message, Notification
from dragoman.protocol.revisions import Revision
from dragoman.protocol.sse import EventDecoder

logger: Final = logging.getLogger("dragoman.client")

_STREAM: Final = "text/event-stream"
_JSON: Final = "application/json"
_GOODBYE_SECONDS: Final = 2.0
_TAIL_SECONDS: Final = 0.1
_RESUMPTIONS: Final = 8
_EXCERPT: Final = 300


class HttpWire:
    """A connection to an MCP endpoint.

    Args:
        url: the endpoint.
        headers: header fields for every request, such as `Authorization`.
        response_bytes: the largest answer or event taken.
        listener: hears what comes before an answer.

    Raises:
        UsageError: the URL is none.
    """

    mirrors = True
    silence_seconds: float | None = None

    def __init__(
        self,
        url: str,
        listener: Listener,
        headers: Mapping[str, str] | None = None,
        response_bytes: int = RESPONSE_BYTES,
    ) -> None:
        try:
            self._url = httpx2.URL(url)
        except httpx2.InvalidURL as error:
            raise UsageError(f"{quote(url)} is not a URL: {error}.") from None
        if not self._url.host:
            raise UsageError(f"{quote(url)} names no host; write for example http://127.0.0.1:8000/mcp.")
        self.revision: Revision | None = None
        self.session: str | None = None
        self._shown = str(self._url.copy_with(username=None, password=None))
        self._headers = {name.lower(): value for name, value in (headers or {}).items()}
        self._most = response_bytes
        self._listener = listener
        self._http: httpx2.AsyncClient | None = None
        self._stream: asyncio.Task[None] | None = None  # the session's own event stream
        self._cancellations: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Make ready to connect; the first message connects."""
        here = is_loopback(self._url.host)
        # Redirects are not followed, so plain HTTP to this machine never meets TLS: an empty context loads no CAs.
        verify = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if here and self._url.scheme == "http" else True
        self._http = httpx2.AsyncClient(
            verify=verify,
            trust_env=not here,
            follow_redirects=False,
            timeout=None,  # the caller limits the whole exchange
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=20),
        )

    async def exchange(self, call: Call) -> Message:
        """Send a request and return its response.

        Raises:
            Refusal: the server answered with an HTTP error and no JSON-RPC message.
            SessionEnded: the server no longer knows the session.
            ConnectionFault: no usable answer.
        """
        session = self.session
        try:
            async with self._send("POST", self._request_headers(call), call.body) as response:
                if not response.is_success:
                    return await self._failed(call, response)
                if call.method == "initialize":
                    self.session = response.headers.get("mcp-session-id")
                if _media_type(response) == _STREAM:
                    return await self._follow(call, response)
                return await self._whole(call, response)
        except asyncio.CancelledError:
            # A closed stream cancels by itself from 2026-07-28 on; before, it takes a notification (Cancellation).
            if self.revision is not None and not self.revision.modern and call.method not in UNCANCELLED:
                self._cancel_later(call.id, session)
            raise

    async def notify(self, method: str, body: bytes) -> None:
        """Send a message that has no answer.

        Raises:
            ConnectionFault: it was not accepted.
        """
        headers = self._era_headers(self.session)
        if self.revision is not None and self.revision.modern:
            headers["mcp-method"] = method
        async with self._send("POST", headers, body) as response:
            if not response.is_success:
                raise await self._refusal(response)

    async def restart(self) -> None:
        """Do nothing: every request connects anew where it must."""

    async def listen(self) -> None:
        """Open the session's event stream, where the revision has one (up to 2025-11-25)."""
        if self.revision is not None and not self.revision.modern and (self._stream is None or self._stream.done()):
            self._stream = asyncio.create_task(self._read_session_stream())

    async def close(self) -> None:
        """End the session and all connections."""
        http = self._http
        if http is None:
            return
        tasks = [*self._cancellations]
        if self._stream is not None:
            self._stream.cancel()
            tasks.append(self._stream)
        try:
            if tasks:
                await asyncio.wait(tasks, timeout=_GOODBYE_SECONDS)
            if self.session is not None:
                await self._end_session(http, self.session)
        finally:
            for task in tasks:
                task.cancel()
            self._http = self.session = self._stream = None
            await http.aclose()

    @contextlib.asynccontextmanager
    async def _send(
        self, verb: str, headers: dict[str, str], body: bytes | None = None
    ) -> AsyncIterator[httpx2.Response]:
        """Send one HTTP request; every failure of the transport becomes one sentence."""
        if self._http is None:
            raise ConnectionFault(f"The connection to {self._shown} is closed.")
        try:
            async with self._http.stream(
                verb, self._url, headers={**self._headers, **headers}, content=body
            ) as response:
                yield response
        except httpx2.ConnectError as error:
            message = f"Cannot connect to {self._shown}: {_reason(error)}. Is the server running there?"
            raise ConnectionFault(message) from error
        except (httpx2.HTTPError, httpx2.StreamError) as error:
            message = f"The connection to {self._shown} broke before the answer was complete: {_reason(error)}."
            raise ConnectionFault(message) from error
        except UnicodeEncodeError as error:
            raise ClientError(f"The request to {self._shown} cannot be sent: {error}.") from error

    def _request_headers(self, call: Call) -> dict[str, str]:
        if call.method == "initialize":
            return {"accept": f"{_JSON}, {_STREAM}", "content-type": _JSON}
        headers = self._era_headers(self.session)
        if self.revision is not None and self.revision.modern:
            headers["mcp-method"] = call.method
            source = self.revision.name_sources.get(call.method)
            named = call.params.get(source) if source is not None else None
            if isinstance(named, str):
                headers["mcp-name"] = encode_value(named)
            headers.update(call.mirrored)
        return headers

    def _era_headers(self, session: str | None) -> dict[str, str]:
        headers = {"accept": f"{_JSON}, {_STREAM}", "content-type": _JSON}
        if self.revision is not None:
            headers["mcp-protocol-version"] = self.revision.name
        if session is not None:
            headers["mcp-session-id"] = session
        return headers

    async def _whole(self, call: Call, response: httpx2.Response) -> Message:
        """Read an answer that is one JSON body."""
        body = await self._body(response)
        if _media_type(response) != _JSON:
            what = f"{_media_type(response) or 'no content type'}: {quote(body)}" if body else "an empty body"
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

    async def _follow(self, call: Call, response: httpx2.Response) -> Message:
        """Read an event stream up to the response, and take a broken one up again where the era allows."""
        decoder = EventDecoder(self._most)
        fault = ConnectionFault(f"{self._shown} ended the stream of {call.method} before its response.")
        try:
            found = await self._read_events(call, response, decoder)
        except (httpx2.HTTPError, httpx2.StreamError) as error:
            found, fault = None, ConnectionFault(f"The stream of {call.method} broke: {_reason(error)}.")
        resumable = self.revision is not None and not self.revision.modern
        left = _RESUMPTIONS
        while found is None and resumable and decoder.last_id and left:
            left -= 1
            found, decoder = await self._resume(call, decoder)
        if found is None:
            raise fault
        return found

    async def _resume(self, call: Call, before: EventDecoder) -> tuple[Message | None, EventDecoder]:
        """Continue a stream after the last event that came (2025-11-25, Resumability and Redelivery)."""
        await asyncio.sleep((before.retry_milliseconds or 0) / 1000)
        decoder = EventDecoder(self._most)
        decoder.last_id, decoder.retry_milliseconds = before.last_id, before.retry_milliseconds
        headers = {**self._era_headers(self.session), "accept": _STREAM, "last-event-id": before.last_id}
        async with self._send("GET", headers) as response:
            if not response.is_success or _media_type(response) != _STREAM:
                raise await self._refusal(response)
            return await self._read_events(call, response, decoder), decoder

    async def _read_events(self, call: Call | None, response: httpx2.Response, decoder: EventDecoder) -> Message | None:
        """Take messages from a stream until the response of `call` comes or the stream ends."""
        chunks = response.aiter_bytes()
        async for chunk in chunks:
            try:
                events = decoder.feed(chunk)
                for event in events:
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
        if self.revision is not None and self.revision.modern:
            logger.warning("The server sent the request %s, which its revision does not allow; ignored", message.method)
            return
        try:
            await self.notify(str(message.method), answer(message))
        except ConnectionFault as fault:
            logger.warning("The server did not take the answer to its %s: %s", message.method, fault)

    async def _failed(self, call: Call, response: httpx2.Response) -> Message:
        """Take an HTTP error: as the JSON-RPC error in its body, if there is one."""
        if response.status_code == HTTPStatus.NOT_FOUND and "mcp-session-id" in response.request.headers:
            raise SessionEnded(response.request.headers["mcp-session-id"])
        if response.is_redirect:
            where = quote(response.headers.get("location", "nowhere"))
            raise ConnectionFault(f"{self._shown} redirects to {where}; redirects are not followed, use the right URL.")
        body = await self._body(response)
        failure = error_for(call.id, body)
        if failure is None:
            raise self._explain(response, body)
        return failure

    async def _refusal(self, response: httpx2.Response) -> Refusal:
        return self._explain(response, await self._body(response))

    def _explain(self, response: httpx2.Response, body: bytes) -> Refusal:
        status = response.status_code
        words = f"{self._shown} answered HTTP {status} ({response.reason_phrase or 'no reason'})"
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            words += "; it may want credentials: headers={'Authorization': 'Bearer ...'}"
        if body.strip() and _media_type(response) in (_JSON, "text/plain"):
            words += f": {quote(body, _EXCERPT)}"
        return Refusal(words + ".")

    async def _body(self, response: httpx2.Response) -> bytes:
        """Read a body up to the limit."""
        parts: list[bytes] = []
        size = 0
        async for chunk in response.aiter_bytes():
            size += len(chunk)
            if size > self._most:
                raise ConnectionFault(f"{self._shown} answered with more than {self._most} bytes (response_bytes).")
            parts.append(chunk)
        return b"".join(parts)

    async def _read_session_stream(self) -> None:
        """Read what belongs to no request until the server says that it has no such stream."""
        decoder = EventDecoder(self._most)
        while True:
            headers = {**self._era_headers(self.session), "accept": _STREAM}
            if decoder.last_id:
                headers["last-event-id"] = decoder.last_id
            try:
                async with self._send("GET", headers) as response:
                    if response.status_code != HTTPStatus.OK or _media_type(response) != _STREAM:
                        return
                    fresh = EventDecoder(self._most)
                    fresh.last_id, fresh.retry_milliseconds = decoder.last_id, decoder.retry_milliseconds
                    decoder = fresh
                    await self._read_events(None, response, decoder)
            except ConnectionFault as fault:
                logger.debug("The session's event stream broke: %s", fault)
            await asyncio.sleep(1.0 if decoder.retry_milliseconds is None else decoder.retry_milliseconds / 1000)

    def _cancel_later(self, call_id: int, session: str | None) -> None:
        """Tell the server in a task of its own: the one that asked is being cancelled."""
        params = {"requestId": call_id, "reason": "The caller gave up."}
        body = jsonrpc.encode(Notification("notifications/cancelled", params))
        task = asyncio.create_task(self._cancel(body, session))
        self._cancellations.add(task)
        task.add_done_callback(self._cancellations.discard)

    async def _cancel(self, body: bytes, session: str | None) -> None:
        try:
            async with asyncio.timeout(_GOODBYE_SECONDS), self._send("POST", self._era_headers(session), body):
                pass
        except (ConnectionFault, TimeoutError) as error:
            logger.debug("The server did not take a cancellation: %s", error)

    async def _end_session(self, http: httpx2.AsyncClient, session: str) -> None:
        """Say goodbye; a server may refuse to let clients end sessions (405)."""
        try:
            headers = {**self._headers, **self._era_headers(session)}
            async with asyncio.timeout(_GOODBYE_SECONDS), http.stream("DELETE", self._url, headers=headers):
                pass
        except (httpx2.HTTPError, TimeoutError) as error:
            logger.debug("The session could not be ended: %s", error)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by name or address."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def _finish(chunks: AsyncIterator[bytes]) -> None:
    """Read a stream to its end, which is near, so that its connection can be used again."""
    with contextlib.suppress(TimeoutError, httpx2.HTTPError):
        async with asyncio.timeout(_TAIL_SECONDS):
            async for _ in chunks:
                pass


def _media_type(response: httpx2.Response) -> str:
    kind: str = response.headers.get("content-type", "")
    return kind.partition(";")[0].strip().lower()


def _reason(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__
