"""One channel of messages shared by all requests: what stdio and memory have in common.

The era is chosen per request: one with 2026-07-28 metadata stands alone, any other belongs to the handshake that this
connection made. The wire gives each request a task and says how a message is written.
"""

import asyncio
from typing import TYPE_CHECKING, Any, Final

from msgspec import UNSET, Raw

from dragoman.auth.principal import ANONYMOUS, Principal
from dragoman.auth.rules import seen_by
from dragoman.errors import Fault, InvalidParams, InvalidRequest
from dragoman.protocol import jsonrpc, modern
from dragoman.protocol.jsonrpc import Message, RequestId
from dragoman.protocol.messages import Params
from dragoman.protocol.revisions import LATEST_LEGACY, LATEST_MODERN, MODERN, SUPPORTED, Revision
from dragoman.server import dispatch
from dragoman.server.exchange import Exchange
from dragoman.server.methods import Method
from dragoman.server.watch import Subscriber
from dragoman.transports import oneway
from dragoman.transports.failures import answer_of, keep_on
from dragoman.transports.http_modern import peek
from dragoman.transports.sessions import Session, Write, check_handshake

if TYPE_CHECKING:
    from dragoman.server.server import Server

_MARK: Final = b'"io.modelcontextprotocol/protocolVersion"'


class LineExchange(Exchange):
    """One request on a connection."""

    shares_channel = True

    def __init__(self, connection: "Connection", request_id: RequestId) -> None:
        self.server = connection.server
        self.principal = connection.principal
        self.address = connection.address
        self.id = request_id
        self._connection = connection

    async def notify(self, method: str, params: Any) -> None:
        """Send a notification, unless the request is answered or its client took it back."""
        if not self.gone and not self.answered:
            await self._connection.write(jsonrpc.encode(jsonrpc.Notification(method, params)))
        await asyncio.sleep(0)  # a function that only speaks lets others have their turn, cancellation too

    async def ask(self, method: str, params: dict[str, Any]) -> Raw:
        """Send the client a request and wait for its result (up to 2025-11-25)."""
        connection = self._connection
        seconds = self.server.limits.question_seconds
        return await connection.session.ask(method, params, connection.write, seconds)

    def subscriber(self) -> Subscriber:
        """Who hears of changes for this connection."""
        return self._connection.session.subscriber

    def keep_log_level(self, level: str) -> None:
        """Remember the level for this connection."""
        self._connection.session.log_level = level


class Connection:
    """A client's connection.

    Args:
        server: what is served.
        write: sends one message, without a line end.
        principal: who is at the other end.
        slots: how many functions may run at one time; the others wait, and may be taken back meanwhile.
    """

    def __init__(
        self,
        server: "Server",
        write: Write,
        principal: Principal = ANONYMOUS,
        slots: asyncio.Semaphore | None = None,
    ) -> None:
        self.server = seen_by(server, principal)
        self.write = write
        self.principal = principal
        self.address = ""  # where it comes from, known over a network
        self._slots = slots
        self.session = Session(principal, woken=self._begin_telling)
        self._telling: asyncio.Task[None] | None = None  # writes changes; lives while there are some
        self.agreed: Revision | None = None  # what `initialize` agreed on; None before it
        self._loop: asyncio.AbstractEventLoop | None = None  # asking for the running one is a system call (3.11)

    async def answer(self, body: bytes, *, alone: bool = True) -> bytes | None:
        """Answer one message, or one batch where the revision has them.

        Args:
            body: the message.
            alone: whether it is no part of a batch.

        Returns:
            The encoded answer; None for a notification, a response or a request that was taken back.
        """
        agreed = self.agreed
        if alone and body[:1] != b"{" and agreed is not None and agreed.batches and jsonrpc.is_batch(body):
            return await self._answer_batch(body)
        exchange = LineExchange(self, UNSET)  # type: ignore[arg-type]
        try:
            message = jsonrpc.decode(body, self.server.limits.json_depth)
            exchange.id = message.id
            if message.method is UNSET or message.id is UNSET:
                oneway.take(self.session, message)
                return None
            reply = await self._serve(exchange, message, alone=alone)
        except BaseException as error:  # noqa: BLE001 - the one border: nothing passes it unanswered
            return answer_of(exchange, error)
        if exchange.gone:  # a function may hold its cancellation back; its answer is not wanted all the same
            keep_on(exchange)
            return None
        return reply

    async def _serve(self, exchange: LineExchange, message: Message, *, alone: bool) -> bytes:
        if message.method == "initialize":
            check_handshake(message, self.server.limits.handshake_bytes)
            if not alone:
                raise InvalidRequest("'initialize' may not be part of a batch; send it alone.")
        method, params = self._accept(exchange, message)
        running, request_id = self.session.in_flight, exchange.id
        if request_id in running:
            raise InvalidRequest("A request with this id is still being answered; give every request its own id.")
        if (loop := self._loop) is None:
            loop = self._loop = asyncio.get_running_loop()
        exchange.task = asyncio.current_task(loop)
        running[request_id] = exchange  # type: ignore[index]
        try:
            if self._slots is None or not method.may_ask:  # what runs no function is answered at once
                reply = await dispatch.serve(exchange, method, params)
            else:
                async with self._slots:
                    reply = await dispatch.serve(exchange, method, params)
        finally:
            del running[request_id]  # type: ignore[arg-type]
        if message.method == "initialize":
            self._agree(exchange)
        return reply

    def _accept(self, exchange: LineExchange, message: Message) -> tuple[Method, Params]:
        """Choose the era of a request and decode its parameters."""
        if _MARK in bytes(message.params) and (message.method in LATEST_MODERN.methods or _is_modern(message)):
            exchange.revision = LATEST_MODERN
            method, params = dispatch.accept(LATEST_MODERN, message)
            meta = params.meta
            if meta is not UNSET and meta.protocol_version is not UNSET:
                exchange.revision = modern.check_meta(meta, MODERN, SUPPORTED)
                exchange.progress_token, exchange.log_level = meta.progress_token, meta.log_level
                exchange.client_info, exchange.capabilities = meta.client_info, meta.client_capabilities
                return method, params
        session = self.session
        exchange.revision = self.agreed or LATEST_LEGACY
        if self.agreed is None and message.method not in ("initialize", "ping"):
            exchange.revision = LATEST_MODERN
            raise InvalidParams(
                "The request carries no protocol version: send 'initialize' first (up to 2025-11-25), or "
                "params._meta with 'io.modelcontextprotocol/protocolVersion' (2026-07-28)."
            )
        method, params = dispatch.accept(exchange.revision, message)
        if params.meta is not UNSET:
            exchange.progress_token = params.meta.progress_token
        exchange.log_level = session.log_level
        exchange.client_info, exchange.capabilities = session.client_info, session.capabilities
        return method, params

    def _agree(self, exchange: LineExchange) -> None:
        session = self.session
        self.agreed = session.revision = exchange.revision
        session.client_info, session.capabilities = exchange.client_info, exchange.capabilities
        self.server.changes.add(session.subscriber)

    def _begin_telling(self) -> None:
        if self._telling is None and not self.session.ended:
            self._telling = asyncio.get_running_loop().create_task(self._tell())

    async def _tell(self) -> None:
        """Write the changes that came, then end."""
        try:
            while changes := self.session.subscriber.take():
                for change in changes:
                    await self.write(jsonrpc.encode(jsonrpc.Notification(change.method, change.params())))
        finally:
            self._telling = None

    async def _answer_batch(self, body: bytes) -> bytes | None:
        """Answer a batch with one array (2025-03-26, Batching)."""
        limits = self.server.limits
        try:
            parts = jsonrpc.split_batch(body, limits.json_depth, limits.batch_messages)
        except Fault as fault:
            return jsonrpc.encode_error(fault, UNSET, fault.code)
        replies = await asyncio.gather(*(self.answer(part, alone=False) for part in parts))
        answers = [reply for reply in replies if reply is not None]
        return b"[" + b",".join(answers) + b"]" if answers else None

    def close(self) -> None:
        """Take back every request that is being answered."""
        self.server.changes.remove(self.session.subscriber)
        self.session.end()
        if self._telling is not None:
            self._telling.cancel()


def _is_modern(message: Message) -> bool:
    """Whether the metadata that the parameters seem to have is where it belongs."""
    return peek(message.params).protocol_version is not UNSET
