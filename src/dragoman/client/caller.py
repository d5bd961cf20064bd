"""Requests and notifications of one connection: ids, `_meta`, time limits, and answers taken apart.

What the current era wants on every request is prepared when the revision is agreed on, not per call.
"""

import asyncio
import itertools
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import msgspec
from msgspec import UNSET, Raw, Struct

from dragoman.client.listener import Listener, ProgressCallback
from dragoman.client.replies import result_of
from dragoman.client.wire import Call, SessionEnded, Wire
from dragoman.errors import ClientError, ConnectionFault, RequestTimeout
from dragoman.protocol import jsonrpc
from dragoman.protocol.jsonrpc import Message, Notification, Request
from dragoman.protocol.messages import Implementation, LogLevel, RequestMeta
from dragoman.protocol.revisions import Revision

# What a new session begins with: it cannot itself ask for a new session.
_OPENING: Final = frozenset({"initialize", "logging/setLevel"})
_NO_HEADERS: Final[Mapping[str, str]] = {}


class Identity(Struct, frozen=True):
    """Who asks, and what they offer.

    Args:
        info: name and version.
        capabilities: what the client answers.
        modern_capabilities: what it declares besides from 2026-07-28 on.
    """

    info: Implementation
    capabilities: Mapping[str, Any] = {}
    modern_capabilities: Mapping[str, Any] = {}


class Caller:
    """Asks the server.

    Args:
        wire: carries the messages.
        listener: hears what comes before an answer.
        identity: who asks, and what they offer.
        timeout: seconds one request may take unless it brings its own limit; None for no limit.
        log_level: the lowest level of log messages wanted, None for no log messages.
    """

    def __init__(
        self,
        wire: Wire,
        listener: Listener,
        identity: Identity,
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
        self._limits: set[asyncio.Timeout] = set()  # of the requests in flight
        self._thinking = 0  # questions that somebody here is answering
        self._stopped: dict[asyncio.Timeout, float] = {}  # limits that wait for the answers, and when they were due

    def speak(self, revision: Revision | None) -> None:
        """Use a revision from now on; None: none is agreed on yet."""
        self.wire.revision = revision
        self._meta = self._encoded_meta = None
        if revision is not None and revision.modern:
            self._meta = RequestMeta(
                protocol_version=revision.name,
                client_capabilities={**self.identity.capabilities, **self.identity.modern_capabilities},
                client_info=self.identity.info,
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
        call_id: int | None = None,
    ) -> Raw:
        """Send a request and return its result as received.

        Args:
            method: the method's name.
            params: its parameters; a `_meta` among them is completed.
            timeout: seconds until the request is cancelled; None for the connection's limit, `math.inf` for none.
            on_progress: hears the request's progress.
            mirrored: `Mcp-Param-*` headers.
            call_id: the request's id, from `next_id`, for those who must know it before; else the next one.

        Raises:
            ServerFault: the server answered with an error.
            ConnectionFault: there was no usable answer.
            RequestTimeout: not in time.
        """
        if call_id is None:
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

    def next_id(self) -> int:
        """An id for a request of its own."""
        return next(self._ids)

    async def tell(self, method: str, params: Mapping[str, Any]) -> None:
        """Send a notification.

        Raises:
            ConnectionFault: it could not be delivered.
        """
        body = _encode_json(method, Notification(method, params))
        async with self.within(self.timeout, f"The server did not take {method} within {{}} seconds."):
            await self.wire.notify(method, body)

    @asynccontextmanager
    async def within(self, seconds: float | None, message: str) -> AsyncIterator[None]:
        """Limit what is done inside; the time that answers to the server's questions take does not count.

        Args:
            seconds: how long it may take; None or `math.inf` for no limit.
            message: what to say when it took longer, with `{}` for the seconds.

        Raises:
            RequestTimeout: it took longer.
        """
        limited = None if seconds == math.inf else seconds
        limit = asyncio.timeout(limited)
        try:
            async with limit:
                self._limits.add(limit)
                yield
        except TimeoutError as error:
            if isinstance(error, ConnectionFault) or not limit.expired():
                raise
            raise RequestTimeout(message.format(f"{limited:g}")) from None
        finally:
            self._limits.discard(limit)
            self._stopped.pop(limit, None)

    @contextmanager
    def patience(self) -> Iterator[None]:
        """Stop the clocks of everything in flight while somebody here answers the server's questions."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        self._thinking += 1
        if self._thinking == 1:
            for limit in self._limits:
                due = limit.when()
                if due is not None and not limit.expired():
                    self._stopped[limit] = due - began
                    limit.reschedule(None)
        try:
            yield
        finally:
            self._thinking -= 1
            if not self._thinking:
                stopped, self._stopped = self._stopped, {}
                for limit, left in stopped.items():
                    limit.reschedule(loop.time() + left)

    async def _exchange(self, call: Call, timeout: float | None) -> Message:  # noqa: ASYNC109  (see ask)
        seconds = self.timeout if timeout is None else timeout
        limit = asyncio.timeout(None if seconds == math.inf else seconds)
        try:
            async with limit:
                self._limits.add(limit)
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
        finally:
            self._limits.discard(limit)
            self._stopped.pop(limit, None)

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
