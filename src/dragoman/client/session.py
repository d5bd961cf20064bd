"""What Streamable HTTP was up to 2025-11-25 and is no more: sessions, streams of their own, streams taken up again.

Source: 2025-11-25, Transports (Listening for Messages, Resumability and Redelivery, Session Management) and
Cancellation. What it reads from a stream it hands to the wire, which knows what messages are.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Final

import httpx2

from dragoman.client.endpoint import STREAM, Endpoint, media_type
from dragoman.client.wire import Call, Refusal
from dragoman.errors import ConnectionFault
from dragoman.protocol import jsonrpc
from dragoman.protocol.jsonrpc import Message, Notification
from dragoman.protocol.sse import EventDecoder

logger: Final = logging.getLogger("dragoman.client")

Read = Callable[[Call | None, httpx2.Response, EventDecoder], Awaitable[Message | None]]
"""Takes messages from a stream until the response of the call comes, or the stream ends."""

GOODBYE_SECONDS: Final = 2.0
"""How long the end of a session, or a cancellation, may take."""

_RESUMPTIONS: Final = 8  # of one request in a row that bring nothing
_PAUSE_SECONDS: Final = 1.0  # before a stream is opened again that broke, unless the server says
_OPENING_SECONDS: Final = 2.0


class Session:
    """A session with an older server, or the time with one that gives no session id.

    Args:
        endpoint: where the server answers.
        session_id: the id it gave, None without one.
        read: reads streams.
    """

    def __init__(self, endpoint: Endpoint, session_id: str | None, read: Read) -> None:
        self.id = session_id
        self._endpoint = endpoint
        self._read = read
        self._stream: asyncio.Task[None] | None = None
        self._opened = asyncio.Event()  # the stream is there, or will not be
        self._cancellations: set[asyncio.Task[None]] = set()

    def listen(self, headers: Mapping[str, str]) -> None:
        """Open the session's own stream, once.

        Args:
            headers: the header fields of every request of this session.
        """
        if self._stream is None:
            self._stream = asyncio.create_task(self._read_stream(headers))

    async def listening(self) -> None:
        """Wait until the stream is there, or is refused, or the server takes too long to say."""
        try:
            async with asyncio.timeout(_OPENING_SECONDS):
                await self._opened.wait()
        except TimeoutError:
            logger.debug("The server does not say whether it has an event stream")

    async def resume(self, call: Call, decoder: EventDecoder, headers: Mapping[str, str]) -> Message | None:
        """Take a stream up again that ended before its response, as often as it goes on.

        A server may end a stream on purpose and let the client come back after a while (2025-11-25, Sending Messages).

        Args:
            call: the request.
            decoder: as the stream left it; without an event id there is nothing to take up.
            headers: the header fields of every request of this session.

        Raises:
            ConnectionFault: the server cannot continue it.
        """
        futile, broken = 0, False
        while decoder.last_id and futile < _RESUMPTIONS:
            before, pause = decoder.last_id, decoder.retry_milliseconds
            await asyncio.sleep((_PAUSE_SECONDS if broken else 0.0) if pause is None else pause / 1000)
            decoder = decoder.next_stream()
            whole = {**headers, "accept": STREAM, "last-event-id": decoder.last_id}
            try:
                async with self._endpoint.send("GET", whole) as response:
                    if not response.is_success or media_type(response) != STREAM:
                        raise self._endpoint.refusal(response, await self._endpoint.body(response))
                    found = await self._read(call, response, decoder)
            except Refusal:
                raise
            except ConnectionFault as fault:
                logger.debug("The stream of %s broke again: %s", call.method, fault)
                found, broken = None, True
            if found is not None:
                return found
            futile = 0 if decoder.last_id != before else futile + 1
        return None

    def cancel(self, call: Call, headers: Mapping[str, str]) -> None:
        """Tell the server that nobody waits, in a task of its own: the one that asked is being cancelled."""
        params = {"requestId": call.id, "reason": "The caller gave up."}
        body = jsonrpc.encode(Notification("notifications/cancelled", params))
        task = asyncio.create_task(self._say("POST", headers, body))
        self._cancellations.add(task)
        task.add_done_callback(self._cancellations.discard)

    async def end(self, headers: Mapping[str, str] | None) -> None:
        """Finish what is under way and say goodbye.

        Args:
            headers: the header fields of every request; None when the server has forgotten the session.
        """
        if self._stream is not None:
            self._stream.cancel()
            await asyncio.wait({self._stream})
        if self._cancellations:
            await asyncio.wait(self._cancellations)
        if self.id is not None and headers is not None:
            await self._say("DELETE", headers)

    async def _say(self, verb: str, headers: Mapping[str, str], body: bytes | None = None) -> None:
        """Send what needs no answer; a server may refuse it, for example the end of a session with 405."""
        try:
            async with asyncio.timeout(GOODBYE_SECONDS), self._endpoint.send(verb, headers, body):
                pass
        except (ConnectionFault, TimeoutError) as error:
            logger.debug("The server did not take the %s: %s", verb, error)

    async def _read_stream(self, headers: Mapping[str, str]) -> None:
        """Read what belongs to no request until the server says that it has no such stream."""
        decoder = EventDecoder(self._endpoint.most)
        while True:
            whole = {**headers, "accept": STREAM}
            if decoder.last_id:
                whole["last-event-id"] = decoder.last_id
            try:
                async with self._endpoint.send("GET", whole) as response:
                    self._opened.set()
                    if response.status_code != HTTPStatus.OK or media_type(response) != STREAM:
                        return
                    decoder = decoder.next_stream()
                    await self._read(None, response, decoder)
            except ConnectionFault as fault:
                logger.debug("The session's event stream broke: %s", fault)
            pause = decoder.retry_milliseconds
            await asyncio.sleep(_PAUSE_SECONDS if pause is None else pause / 1000)
