"""HTTP+SSE of 2024-11-05: one event stream that carries everything to the client, and a URL to post to.

Used where a server refuses the newer transport. The server names the URL in its first event; it must be of the origin
that the user named, or whoever speaks on the stream could send the user's credentials anywhere.
"""

import asyncio
import contextlib
import logging
from typing import Any, Final

import httpx2

from dragoman.client.channel import Channel
from dragoman.client.endpoint import JSON, STREAM, Endpoint, media_type, reason
from dragoman.client.listener import Listener
from dragoman.client.wire import UNCANCELLED, Call, messages_in, quote
from dragoman.errors import ConnectionFault, Fault
from dragoman.protocol import jsonrpc
from dragoman.protocol.jsonrpc import Message, Notification
from dragoman.protocol.revisions import LATEST_LEGACY
from dragoman.protocol.sse import Event, EventDecoder

logger: Final = logging.getLogger("dragoman.client")

OPENING_SECONDS: Final = 10.0
"""How long the first event may take."""

_GOODBYE_SECONDS: Final = 2.0


class EventWire:
    """A connection of this transport; it ends with its stream, which cannot be taken up again.

    Args:
        endpoint: where the stream is.
        listener: hears what comes before an answer.
    """

    def __init__(self, endpoint: Endpoint, listener: Listener) -> None:
        self._endpoint = endpoint
        self._channel = Channel(listener, self._post)
        self._target: asyncio.Future[httpx2.URL] = asyncio.get_running_loop().create_future()
        self._stream = asyncio.create_task(self._read())
        self._cancellations: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Wait for the event that names the URL to post to.

        Raises:
            ConnectionFault: there is no such stream here, or it names a URL of another origin.
        """
        try:
            async with asyncio.timeout(OPENING_SECONDS):
                either: set[asyncio.Future[Any]] = {self._target, self._stream}
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            message = f"{self._endpoint.shown} opened an event stream and said nothing for {OPENING_SECONDS:g} seconds."
            raise ConnectionFault(message) from None
        if not self._target.done():
            raise self._channel.why()
        self._target.result()

    async def exchange(self, call: Call) -> Message:
        """Send a request and return its response; when cancelled, say so to the server.

        Raises:
            ConnectionFault: the stream ended, or the message was not accepted.
        """
        try:
            return await self._channel.exchange(call)
        except asyncio.CancelledError:
            if call.method not in UNCANCELLED and self._channel.fault is None:
                self._cancel(call)
            raise

    async def notify(self, body: bytes) -> None:
        """Send a message that has no answer; raises ConnectionFault when it is not accepted."""
        await self._post(body)

    async def close(self) -> None:
        """End the stream; calls in flight fail."""
        if self._cancellations:
            await asyncio.wait(self._cancellations)
        self._channel.close()
        self._stream.cancel()
        await asyncio.wait({self._stream})
        if self._target.done():
            self._target.exception()  # was told, or nobody waits
        else:
            self._target.cancel()

    async def _post(self, body: bytes) -> None:
        if self._channel.fault is not None:
            raise self._channel.why()
        headers = {"content-type": JSON, "accept": f"{JSON}, {STREAM}"}
        async with self._endpoint.send("POST", headers, body, self._target.result()) as response:
            said = await self._endpoint.body(response)  # also when it is empty: a read answer frees its connection
            if not response.is_success:
                raise self._endpoint.refusal(response, said)

    def _cancel(self, call: Call) -> None:
        """Tell the server that nobody waits, in a task of its own: the one that asked is being cancelled."""
        params = {"requestId": call.id, "reason": "The caller gave up."}
        body = jsonrpc.encode(Notification("notifications/cancelled", params))
        task = asyncio.create_task(self._say(body))
        self._cancellations.add(task)
        task.add_done_callback(self._cancellations.discard)

    async def _say(self, body: bytes) -> None:
        with contextlib.suppress(ConnectionFault, TimeoutError):
            async with asyncio.timeout(_GOODBYE_SECONDS):
                await self._post(body)

    async def _read(self) -> None:
        """Read the stream to its end, which is the end of the connection."""
        shown = self._endpoint.shown
        fault = ConnectionFault(f"{shown} ended its event stream.")
        try:
            async with self._endpoint.send("GET", {"accept": STREAM}) as response:
                if not response.is_success or media_type(response) != STREAM:
                    fault = self._endpoint.refusal(response, b"")
                    return
                decoder = EventDecoder(self._endpoint.most)
                async for chunk in response.aiter_bytes():
                    for event in decoder.feed(chunk):
                        self._take(event)
        except ConnectionFault as broken:
            fault = broken
        except (httpx2.HTTPError, httpx2.StreamError) as error:
            fault = ConnectionFault(f"The event stream of {shown} broke: {reason(error)}.")
        except Fault as strange:
            fault = ConnectionFault(f"{shown} sent an event that is no JSON-RPC message: {strange}")
        finally:
            self._channel.fail(fault)

    def _take(self, event: Event) -> None:
        if event.event == "endpoint":
            if not self._target.done():
                self._resolve(event.data)
        elif event.event == "message" and event.data.strip():
            for message in messages_in(event.data):
                self._channel.sort(message, LATEST_LEGACY)

    def _resolve(self, data: bytes) -> None:
        """Take the URL to post to, if it is of the same origin."""
        text = data.decode(errors="replace").strip()
        try:
            url = self._endpoint.join(text)
        except httpx2.InvalidURL as error:
            raise ConnectionFault(f"{self._endpoint.shown} names no URL to post to: {quote(text)}: {error}.") from None
        if not self._endpoint.is_same_origin(url):
            message = f"{self._endpoint.shown} names {quote(text)} to post to, which is of another origin; not used."
            raise ConnectionFault(message)
        self._target.set_result(url)
