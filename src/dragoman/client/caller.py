"""Requests and notifications of one connection: ids, `_meta`, time limits, and answers taken apart.

What the current era wants on every request is prepared when the revision is agreed on, not per call.
"""

import asyncio
import itertools
import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec
from msgspec import UNSET, Raw

from dragoman.client.listener import Listener, ProgressCallback
from dragoman.client.replies import result_of
from dragoman.client.wire import Call, RequestTimeout, SessionEnded, Wire
from dragoman.errors import ClientError, ConnectionFault
from dragoman.protocol import jsonrpc
from dragoman.protocol.jsonrpc import Message, Notification, Request
from dragoman.protocol.messages import Implementation, LogLevel, RequestMeta
from dragoman.protocol.revisions import Revision

# What a new session begins with: it cannot itself ask for a new session.
_OPENING: Final = frozenset({"initialize", "logging/setLevel"})
_NO_HEADERS: Final[Mapping[str, str]] = {}


class Caller:
    """Asks the server.

    Args:
        wire: carries the messages.
        listener: hears what comes before an answer.
        identity: who asks.
        timeout: seconds one request may take unless it brings its own limit; None for no limit.
        log_level: the lowest level of log messages wanted, None for no log messages.
    """

    def __init__(
        self,
        wire: Wire,
        listener: Listener,
        identity: Implementation,
        timeout: float | None,
        log_level: LogLevel | None,
    ) -> None:
        self.wire = wire
        self.identity = identity
        self.renew: Callable[[str], Awaitable[None]] | None = None  # set by the client: opens a new session
        self._listener = listener
        self.timeout = timeout
        self._log_level = log_level
        self._ids = itertools.count(1)
        self._meta: RequestMeta | None = None  # what the era wants on every request
        self._encoded_meta: Raw | None = None

    def speak(self, revision: Revision | None) -> None:
        """Use a revision from now on; None: none is agreed on yet."""
        self.wire.revision = revision
        self._meta = self._encoded_meta = None
        if revision is not None and revision.modern:
            self._meta = RequestMeta(
                protocol_version=revision.name,
                client_capabilities={},
                client_info=self.identity,
                log_level=self._log_level or UNSET,
            )
            self._encoded_meta = Raw(msgspec.json.encode(self._meta))

    async def ask(
        self,
        method: str,
        params: Mapping[str, Any],
        *,
        timeout: float | None = None,  # noqa: ASYNC109  (the limit cancels on the wire, which callers cannot do)
        on_progress: ProgressCallback | None = None,
        mirrored: Mapping[str, str] = _NO_HEADERS,
    ) -> Raw:
        """Send a request and return its result as received.

        Args:
            method: the method's name.
            params: its parameters; a `_meta` among them is completed.
            timeout: seconds until the request is cancelled; None for the connection's limit, `math.inf` for none.
            on_progress: hears the request's progress.
            mirrored: `Mcp-Param-*` headers.

        Raises:
            ServerFault: the server answered with an error.
            ConnectionFault: there was no usable answer.
            RequestTimeout: not in time.
        """
        call_id = next(self._ids)
        body = self._encode(call_id, method, params, with_progress=on_progress is not None)
        call = Call(call_id, method, params, body, mirrored)
        if on_progress is None:
            return result_of(await self._exchange(call, timeout), method)
        self._listener.progress[call_id] = on_progress
        try:
            return result_of(await self._exchange(call, timeout), method)
        finally:
            del self._listener.progress[call_id]

    async def tell(self, method: str, params: Mapping[str, Any]) -> None:
        """Send a notification.

        Raises:
            ConnectionFault: it could not be delivered.
        """
        body = _encode_json(method, Notification(method, params))
        seconds = self.timeout
        try:
            async with asyncio.timeout(seconds) as limit:
                await self.wire.notify(method, body)
        except TimeoutError:
            if not limit.expired():
                raise
            raise RequestTimeout(f"The server did not take {method} within {seconds:g} seconds.") from None

    async def _exchange(self, call: Call, timeout: float | None) -> Message:  # noqa: ASYNC109  (see ask)
        seconds = self.timeout if timeout is None else timeout
        if seconds == math.inf:
            seconds = None
        try:
            async with asyncio.timeout(seconds) as limit:
                try:
                    return await self.wire.exchange(call)
                except SessionEnded as ended:
                    if self.renew is None or call.method in _OPENING:
                        raise
                    await self.renew(ended.session)
                    return await self.wire.exchange(call)
        except TimeoutError as error:
            if isinstance(error, ConnectionFault) or not limit.expired():
                raise
            message = f"The server did not answer {call.method} within {seconds:g} seconds; the request was cancelled."
            raise RequestTimeout(message) from None

    def _encode(self, call_id: int, method: str, params: Mapping[str, Any], *, with_progress: bool) -> bytes:
        given = params.get("_meta")
        if given is None and not with_progress:
            whole = params if self._encoded_meta is None else {**params, "_meta": self._encoded_meta}
            return _encode_json(method, Request(call_id, method, whole))
        meta = dict(given or {})
        if self._meta is not None:
            meta |= msgspec.to_builtins(self._meta)
        if with_progress:
            meta["progressToken"] = call_id
        return _encode_json(method, Request(call_id, method, {**params, "_meta": meta}))


def _encode_json(method: str, message: Request | Notification) -> bytes:
    try:
        return jsonrpc.encode(message)
    except (TypeError, ValueError, OverflowError, msgspec.MsgspecError) as error:
        raise ClientError(f"The parameters of {method} cannot be written as JSON: {error}.") from None
