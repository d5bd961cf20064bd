"""HTTP from 2025-03-26 to 2025-11-25: sessions, the event stream of GET, the end by DELETE, batches where they exist.

A request is answered in the task of its POST. Only the GET stream has an outbox. A client that leaves does not cancel
its request (2025-11-25, Transports); `notifications/cancelled` does.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from msgspec import UNSET, Raw

from dragoman.errors import HttpFault, InvalidRequest
from dragoman.protocol import jsonrpc
from dragoman.protocol.jsonrpc import Message
from dragoman.protocol.revisions import LATEST_LEGACY, LEGACY, WITHOUT_HEADER
from dragoman.server import dispatch
from dragoman.server.exchange import Exchange
from dragoman.server.watch import Subscriber
from dragoman.transports import oneway
from dragoman.transports.failures import answer_of
from dragoman.transports.forwarding import check_home
from dragoman.transports.guards import Headers, takes_events
from dragoman.transports.resuming import leave_open, listen, resume
from dragoman.transports.sessions import check_handshake

if TYPE_CHECKING:
    from dragoman.transports.http import HttpExchange
    from dragoman.transports.sessions import Session


async def serve(exchange: "HttpExchange", message: Message, headers: Headers) -> None:
    """Answer one message.

    Raises:
        Fault: what is wrong with it.
        HttpFault: 404 for a session that has ended or is unknown here.
    """
    exchange.revision = LATEST_LEGACY
    if message.method == "initialize":
        await _initialize(exchange, message)
        return
    session = _find(exchange, headers)
    if message.method is UNSET or message.id is UNSET:
        if session is not None:
            oneway.take(session, message)
        await exchange.finish_empty(202)
        return
    reply = await _answer(exchange, session, message)
    if exchange.gone:  # a function may hold its cancellation back; its answer is not wanted all the same
        await end_cancelled(exchange)
    else:
        await exchange.finish(reply)


async def _initialize(exchange: "HttpExchange", message: Message) -> None:
    if message.id is UNSET:
        raise InvalidRequest("'initialize' is a request; send it with an id.")
    check_handshake(message, exchange.server.limits.handshake_bytes)
    method, params = dispatch.accept(LATEST_LEGACY, message)
    reply = await dispatch.serve(exchange, method, params)
    session = exchange.endpoint.sessions.open(exchange.principal, exchange.revision, exchange.server)
    session.client_info, session.capabilities = exchange.client_info, exchange.capabilities
    exchange.extra = ((b"mcp-session-id", session.id.encode()),)
    await exchange.finish(reply)


async def _answer(exchange: Exchange, session: "Session | None", message: Message) -> bytes:
    """Run one request, as part of its session where it has one."""
    if message.method == "initialize":
        raise InvalidRequest("'initialize' may not be part of a batch; send it alone.")
    method, params = dispatch.accept(exchange.revision, message)
    if params.meta is not UNSET:
        exchange.progress_token = params.meta.progress_token
    if session is None:
        return await dispatch.serve(exchange, method, params)
    request_id, running = message.id, session.in_flight
    if request_id in running:
        raise InvalidRequest("A request with this id is still being answered; give every request its own id.")
    exchange.log_level = session.log_level
    exchange.client_info, exchange.capabilities = session.client_info, session.capabilities
    if exchange.task is None:  # a part of a batch; any other request knows its task since it was read
        exchange.task = asyncio.current_task()
    running[request_id] = exchange  # type: ignore[index]
    try:
        return await dispatch.serve(exchange, method, params)
    finally:
        del running[request_id]  # type: ignore[arg-type]


def _find(exchange: "HttpExchange", headers: Headers) -> "Session | None":
    """The session a request names, put on its exchange with its revision; None where it can be served without one."""
    sent = headers.get(b"mcp-session-id")
    if sent is None:
        _without_session(exchange, headers)
        return None
    endpoint, session_id = exchange.endpoint, sent.decode("latin-1")
    session = endpoint.sessions.find(session_id, exchange.principal)
    if session is not None:
        if session.changes is not exchange.server.changes:
            session.follow(exchange.server)
        exchange.session, exchange.revision = session, session.revision
        return session
    check_home(exchange, session_id)
    if endpoint.sessions.has_ended(session_id) or not endpoint.sessionless:
        raise _unknown_session()
    _without_session(exchange, headers)
    return None


def _without_session(exchange: "HttpExchange", headers: Headers) -> None:
    named = headers.get(b"mcp-protocol-version", b"").strip().decode("latin-1")
    exchange.revision = LEGACY.get(named, WITHOUT_HEADER)


def _check_version(headers: Headers) -> None:
    """Refuse a version that is not of this era (2025-11-25, Protocol Version Header)."""
    named = headers.get(b"mcp-protocol-version", b"").strip().decode("latin-1")
    if named and named not in LEGACY:
        raise HttpFault(400, f"Protocol version '{named[:64]}' has nothing of this kind.")


def _unknown_session() -> HttpFault:
    return HttpFault(
        404, "Session not found: it has ended or was begun elsewhere. Send 'initialize' to begin a new one."
    )


async def serve_other(exchange: "HttpExchange", method: str, headers: Headers) -> None:
    """Answer GET (the session's event stream) and DELETE (its end); nothing else exists here.

    Raises:
        HttpFault: 404 for a session that is unknown, 405, 406, or 409 for a second stream.
    """
    if method not in ("GET", "DELETE") or b"mcp-session-id" not in headers:
        # 2026-07-28 has neither GET nor DELETE; an older client gets the same answer until it has a session.
        raise HttpFault(405, "Send messages with POST.", ((b"allow", b"POST"),))
    _check_version(headers)
    session_id = headers[b"mcp-session-id"].decode("latin-1")
    session = exchange.endpoint.sessions.find(session_id, exchange.principal)
    if session is None:
        check_home(exchange, session_id)
    if session is None and (method == "DELETE" or b"last-event-id" not in headers):
        raise _unknown_session()
    if session is not None and method == "DELETE":
        exchange.endpoint.sessions.forget(session)
        await exchange.finish_empty(204)
        return
    if b"accept" not in headers or not takes_events(headers):
        raise HttpFault(406, "Accept must list text/event-stream.")
    if session is not None:
        if session.changes is not exchange.server.changes:
            session.follow(exchange.server)
        exchange.revision, exchange.session = session.revision, session
    if b"last-event-id" in headers:
        await resume(exchange, session, session_id, headers[b"last-event-id"])
    elif session is not None:
        await listen(exchange, session)


async def end_unwanted(exchange: "HttpExchange") -> None:
    """End an answer that nobody waits for, or may wait for, as far as its client still sees it."""
    if exchange.dismissed:
        await exchange.finish_empty(401)
    elif exchange.session is not None and (exchange.id is not UNSET or not exchange.left):
        await end_cancelled(exchange)


async def end_cancelled(exchange: "HttpExchange") -> None:
    """End the HTTP answer of a request that its client took back: an event stream without the answer."""
    if not exchange.streaming:
        await exchange.open_stream()
    leave_open(exchange)
    await exchange.finish_empty(200)


class BatchPart(Exchange):
    """One message of a batch: it speaks on the stream of the whole."""

    def __init__(self, whole: "HttpExchange", message: Message) -> None:
        self.server, self.principal, self.revision = whole.server, whole.principal, whole.revision
        self.id, self.address = message.id, whole.address
        self._whole = whole

    async def notify(self, method: str, params: Any) -> None:
        """Send a notification on the batch's stream, unless this part is done."""
        if self.answered or self.gone:
            await asyncio.sleep(0)
        else:
            await self._whole.notify(method, params)

    async def ask(self, method: str, params: dict[str, Any]) -> Raw:
        """Ask the client on the batch's stream."""
        return await self._whole.ask(method, params)

    def subscriber(self) -> Subscriber:
        """Who hears of changes for the session of the whole."""
        return self._whole.subscriber()

    def keep_log_level(self, level: str) -> None:
        """Remember the level for the session of the whole."""
        self._whole.keep_log_level(level)


async def serve_batch(exchange: "HttpExchange", body: bytes, headers: Headers) -> None:
    """Answer a batch, where the revision has them, one answer for each request in it (2025-03-26, Batching).

    Raises:
        InvalidRequest: the revision has no batches, or the batch is empty or too large.
        ParseFault: it is not JSON.
    """
    limits = exchange.server.limits
    sent = headers.get(b"mcp-protocol-version", b"").strip().decode("latin-1")
    if sent and sent not in LEGACY:
        raise InvalidRequest(f"Protocol version '{sent[:64]}' has no batches; send one message at a time.")
    session = _find(exchange, headers)
    if not exchange.revision.batches:
        message = f"Protocol version {exchange.revision.name} has no batches; send one message at a time."
        raise InvalidRequest(message)
    parts = jsonrpc.split_batch(body, limits.json_depth, limits.batch_messages)
    replies = await asyncio.gather(*(_part(exchange, session, part) for part in parts))
    answers = [reply for reply in replies if reply is not None]
    if not answers:
        await exchange.finish_empty(202)
    elif exchange.streaming:
        for answer in answers:
            await exchange.write_event(answer)
        await exchange.finish_empty(200)
    else:
        await exchange.finish(b"[" + b",".join(answers) + b"]")


async def _part(whole: "HttpExchange", session: "Session | None", body: bytes) -> bytes | None:
    """Answer one message of a batch; None for one that wants no answer or was cancelled."""
    exchange = BatchPart(whole, Message("2.0"))
    try:
        message = jsonrpc.decode(body, whole.server.limits.json_depth)
        exchange.id = message.id
        if message.method is UNSET or message.id is UNSET:
            if session is not None:
                oneway.take(session, message)
            return None
        reply = await _answer(exchange, session, message)
    except BaseException as error:  # noqa: BLE001 - the border of one message
        return answer_of(exchange, error)
    return None if exchange.gone else reply
