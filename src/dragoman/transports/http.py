"""HTTP as a plain ASGI application: one endpoint for both eras.

A request is answered in the task that received it. The reply is JSON until the handler speaks before it is done; then
it becomes an event stream. A slow client slows its own handler: there is no queue and no second task.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

from msgspec import UNSET, Raw

from dragoman.auth.rules import gate_for_rules
from dragoman.errors import Fault, HttpFault, InsufficientScope, InternalFault, InvalidParams, ToolError, UsageError
from dragoman.protocol import jsonrpc, sse
from dragoman.secrets import masked_bytes
from dragoman.server.exchange import Exchange
from dragoman.server.loops import here, running_loop
from dragoman.server.mask import mask
from dragoman.server.watch import Subscriber
from dragoman.store.events import EventStore, MemoryEvents
from dragoman.transports import http_legacy, http_modern
from dragoman.transports.attention import Attention
from dragoman.transports.failures import ClientLeft, is_failure, keep_on
from dragoman.transports.forwarding import Elsewhere, Forwarder
from dragoman.transports.guards import CLOSE, Guard, Headers, refused_length, takes_events
from dragoman.transports.lifespan import serve_lifespan
from dragoman.transports.public import App, Receive, Scope, Send
from dragoman.transports.sessions import Session, Sessions
from dragoman.transports.sse_legacy import SseRoutes
from dragoman.transports.standing import Standing
from dragoman.transports.streams import Stream
from dragoman.transports.writes import DIRECT, Direct, Turns, Write

if TYPE_CHECKING:
    from dragoman.auth.gate import Gate
    from dragoman.server.server import Server

_JSON: Final = (b"content-type", b"application/json")
_TEXT: Final = (b"content-type", b"text/plain; charset=utf-8")
_NO_STORE: Final = (b"cache-control", b"no-store")
_PARTING_SECONDS: Final = 1.0  # how long the end of a connection may take that another one replaces
_EVENTS: Final = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
)


class HttpExchange(Exchange):
    """One HTTP request.

    `streaming` turns true with the first notification. `extra` are header fields for the answer. `stream` keeps what is
    written where the client may take it up again; then `attached` says whether this connection still carries it. `left`
    says that the client closed the connection; `looked` that the request has lasted a while; `dismissed` that its
    credential is no longer good.
    """

    body = b""
    headers: Headers = {}  # noqa: RUF012 - replaced, never changed
    session: Session | None = None
    stream: Stream | None = None
    streaming = False
    attached = True
    left = False
    watched = False
    looked = False
    dismissed = False
    extra: tuple[tuple[bytes, bytes], ...] = ()
    _whole = False  # the body is read
    _late = False  # the body took too long
    _timer: asyncio.TimerHandle | None = None
    _watcher: asyncio.Task[None] | None = None
    _keeper: asyncio.Task[None] | None = None
    _turns: Turns  # from the beginning of the stream
    _opening: Direct | None = None  # the head of the stream waits for what is written first
    _writes: frozenset[Write] = frozenset()  # those that wait for the client

    def __init__(self, endpoint: "Endpoint", scope: Scope, receive: Receive, send: Send) -> None:
        self.server = endpoint.server
        self.endpoint = endpoint
        self.http_method: str = scope["method"]
        if client := scope.get("client"):
            self.address = client[0]
        self._receive = receive
        self._send = send
        self._direct: Direct | None = scope["extensions"].get(DIRECT) if "extensions" in scope else None

    async def read(self, headers: Headers) -> bytes:
        """Receive the whole body.

        Raises:
            HttpFault: 413 when it is too large, 408 when it takes too long, 400 when its length is no number.
            ClientLeft: the client closed the connection.
        """
        most = self.server.limits.body_bytes
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length[:20]) > most:
            raise refused_length(length, most)
        attention, loop = self.endpoint.attention, here.loop
        if loop is None or not loop.is_running():
            loop = running_loop()
        self.task = asyncio.current_task(loop)
        attention.young.add(self)
        if attention.loop is not loop:
            attention.begin(loop)
        try:
            event = await self._receive()
            body: bytes = event.get("body", b"")
            if event["type"] != "http.request" or event.get("more_body", False) or len(body) > most:
                body = await self._read_rest(event, most)
        except asyncio.CancelledError:
            if not self._late or self.task is None or self.task.uncancel():
                raise
            raise HttpFault(408, "The body took too long to arrive; send it faster.", CLOSE) from None
        self._whole = True
        if self.looked:  # the body took its time: look again once the call has taken some
            attention.take(self)
        return body

    async def _read_rest(self, event: MutableMapping[str, Any], most: int) -> bytes:
        """Receive the rest of a body that comes in parts."""
        parts: list[bytes] = []
        size = 0
        while True:
            if event["type"] == "http.disconnect":
                raise ClientLeft
            parts.append(event.get("body", b""))
            size += len(parts[-1])
            if size > most:
                raise HttpFault(413, f"Body too large: at most {most} bytes are taken.", CLOSE)
            if not event.get("more_body", False):
                return b"".join(parts)
            event = await self._receive()

    def look(self) -> None:
        """Once a request has lasted a while: give the body its time, or begin to look whether the client leaves."""
        self.looked = True
        if self.watched and self._watcher is None:
            self._watcher = asyncio.get_running_loop().create_task(self._wait_for_leaving())
        elif not (self._whole or self.watched):
            self._timer = asyncio.get_running_loop().call_later(self.server.limits.body_seconds, self._give_up)

    def _give_up(self) -> None:
        self._timer = None
        if not self._whole and self.task is not None:
            self._late = True
            self.task.cancel()

    def watch(self) -> None:
        """From now on a client that leaves cancels a request that has no body, or whose body is read.

        A request with a body sets `watched` (2026-07-28, Cancellation). Looking costs a task, so it begins only when
        the call has run for a while.
        """
        self.watched = True
        self.task = asyncio.current_task()
        self.endpoint.attention.take(self)

    async def _wait_for_leaving(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.left = True
        if not self.answered:
            self.cancel()

    def rested(self) -> None:
        """Take note that others just had their turn."""
        self._turns.begin()

    def notify_now(self, method: str, params: Any) -> bool:
        """Send a notification if the stream is open and takes it at once; no stream that is kept for another time."""
        direct = self._direct
        if direct is None or not (self.streaming and self.attached) or self.answered or self.gone:
            return False
        if self.stream is not None or self._opening is not None:
            return False
        return direct.add(sse.encode_event(jsonrpc.encode(jsonrpc.Notification(method, params))))

    async def notify(self, method: str, params: Any) -> None:
        """Send a notification; the answer becomes an event stream with the first one, and ends it."""
        if self.notify_now(method, params):
            if self._turns.is_over():
                await self._turns.give()
            return
        if self.answered or self.gone or not (self.streaming or takes_events(self.headers)):
            await asyncio.sleep(0)
            return
        if not self.streaming:
            await self.open_stream(at_once=False)
        await self.write_event(jsonrpc.encode(jsonrpc.Notification(method, params)))

    async def open_stream(self, *, at_once: bool = True) -> None:
        """Turn the answer into an event stream, one that can be taken up again where the revision has that.

        Args:
            at_once: write its head now, not together with what is written next.
        """
        await self.begin_events(at_once=at_once)
        if self.stream is None and self.session is not None and self.revision.resumable:
            self.stream = self.session.open_stream(self.endpoint.events)
            if self.revision.primed:
                retry = round(self.server.limits.retry_seconds * 1000)
                await self._write(sse.encode_event(b"", self.stream.append(b""), retry))
        if self.stream is not None:
            self.stream.carrier = self

    async def begin_events(self, *, at_once: bool = True) -> None:
        """Begin an answer of events."""
        self.streaming, self._turns = True, Turns()
        if at_once or self._direct is None:
            await self._send({"type": "http.response.start", "status": 200, "headers": [*_EVENTS, *self.extra]})
        else:
            self._opening = self._direct
        self.endpoint.silence.take(self)
        if self.endpoint.gate is not None:
            self.endpoint.standing.take(self)

    async def write_event(self, data: bytes, *, last: bool = False) -> None:
        """Write one event, waiting for a slow client, but not for ever."""
        event_id = "" if self.stream is None else self.stream.append(data, last=last)
        if self.attached:
            await self._write(sse.encode_event(data, event_id), more=not last)
        else:
            await asyncio.sleep(0)

    async def write_kept(self, data: bytes, event_id: str = "", *, event: bytes = b"message") -> None:
        """Write an event that is kept already, or never."""
        await self._write(sse.encode_event(data, event_id, event=event))

    async def begin(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        """Begin an answer that comes from elsewhere."""
        self.streaming, self._turns = True, Turns()
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def write_bytes(self, body: bytes, *, more: bool = True) -> None:
        """Write a part of an answer that comes from elsewhere."""
        await self._write(body, more=more)

    async def release_connection(self) -> None:
        """Close the connection but not the stream: the client comes back for the rest (2025-11-25, polling)."""
        if not self.revision.primed or self.session is None or self.answered or self.gone:
            return
        if not self.streaming and takes_events(self.headers):
            await self.open_stream()
        carrier = None if self.stream is None else self.stream.carrier
        if carrier is not None and carrier.attached:
            await carrier.detach(sse.encode_retry(self.server.limits.retry_seconds))

    async def detach(self, parting: bytes = b"") -> None:
        """Let another connection carry the stream from here on; nobody waits for this one, which may hang.

        Args:
            parting: what is written last.
        """
        self.attached = False
        self.release()
        if self.stream is not None:
            self.stream.wake()
        waiting = [write for write in self._writes if not write.late]
        for write in waiting:
            write.give_up()
        if not waiting and not self.left:
            try:
                async with asyncio.timeout(_PARTING_SECONDS):
                    await self._write(parting, more=False)
            except TimeoutError:
                self.left = True

    def keep_alive(self) -> None:
        """Once the stream has lasted a while: write a comment, and come again."""
        if self.attached and (self._keeper is None or self._keeper.done()):
            self._keeper = asyncio.get_running_loop().create_task(self._write(sse.KEEP_ALIVE))
            self.endpoint.silence.take(self)

    async def _write(self, body: bytes, *, more: bool = True) -> None:
        """Write a part of the stream; a client that does not read it in time counts as one that left."""
        self.attached = self.attached and more
        if self._direct is not None and self.stream is None:
            await self._put(body, more=more)
        else:
            await self._put_in_time(body, more=more)
        if self._turns.is_over():
            await self._turns.give()

    async def _put(self, body: bytes, *, more: bool) -> None:
        """Write, after the head where that has waited."""
        opening, self._opening = self._opening, None
        if opening is not None:
            await opening.begin(200, (*_EVENTS, *self.extra), body)
            if more:
                return
            body = b""
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    async def _put_in_time(self, body: bytes, *, more: bool) -> None:
        """Write, but not for ever."""
        loop, stalls = running_loop(), self.endpoint.stalls
        write = Write(asyncio.current_task(loop))
        stalls.young.add(write)
        if stalls.loop is not loop:
            stalls.begin(loop)
        self._writes |= {write}
        try:
            await self._put(body, more=more)
        except asyncio.CancelledError:
            if not write.was_given_up():
                raise
            self.attached, self.left = False, True
            if self.watched and not self.answered:
                self.cancel()
        except OSError:  # how some ASGI servers say that nobody reads any more; a stream that is kept goes on
            if self.stream is None:
                raise
            self.attached, self.left = False, True
        finally:
            self._writes -= {write}
            stalls.drop(write)

    async def finish(self, body: bytes, status: int = 200) -> None:
        """Send the answer: as the last event of the stream, else as JSON."""
        if self.streaming:
            if self.dismissed:  # a function may hold its cancellation back; the answer is for nobody any more
                await self.finish_empty(status)
                return
            self.release()
            await self.write_event(body, last=True)
            return
        headers = (_JSON, (b"content-length", b"%d" % len(body)), *self.extra)
        direct, self._direct = self._direct, None
        if direct is not None:
            await direct.answer(status, headers, body)
            return
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    async def finish_empty(self, status: int) -> None:
        """Send an answer without a body, or end the stream without one."""
        if self.streaming:
            self.release()
            if self.stream is not None and not self.stream.ended:
                self.stream.append(b"", last=True)
            if self.attached:
                await self._write(b"", more=False)
            return
        headers = [(b"content-length", b"0"), *self.extra]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": b""})

    async def fail(self, fault: Fault) -> None:
        """Send a JSON-RPC error with the status the revision gives it."""
        body = masked_bytes(jsonrpc.encode_error(fault, self.id, self.revision.code_of(fault)))
        status = fault.status if self.revision.modern or self.id is UNSET or fault.headers else 200
        self.extra += fault.headers
        await self.finish(body, status)

    async def refuse(self, fault: HttpFault) -> None:
        """Send an HTTP error with its sentence."""
        body = fault.message.encode()
        headers = [_TEXT, _NO_STORE, (b"content-length", b"%d" % len(body)), *fault.headers]
        await self._send({"type": "http.response.start", "status": fault.status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    def release(self) -> None:
        """Stop watching the client and keeping the stream alive."""
        self.endpoint.attention.drop(self)
        self.endpoint.silence.drop(self)
        self.endpoint.standing.drop(self)
        if self._timer is not None:
            self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()
        if self._keeper is not None:
            self._keeper.cancel()

    def dismiss(self) -> None:
        """End it without an answer: whoever asked may no longer ask."""
        self.dismissed = True
        self.cancel()

    async def ask(self, method: str, params: dict[str, Any]) -> Raw:
        """Send the client a request on this answer's stream and wait for its result (up to 2025-11-25)."""
        if self.session is None or not takes_events(self.headers):
            raise ToolError("This call asks the client something, which needs a session: begin one with 'initialize'.")
        if not self.streaming:
            await self.open_stream()
        return await self.session.ask(method, params, self.write_event, self.server.limits.question_seconds)

    def subscriber(self) -> Subscriber:
        """Who hears of changes for this session."""
        if self.session is None:
            raise InvalidParams("Subscribing needs a session: begin one with 'initialize'.")
        return self.session.subscriber

    def keep_log_level(self, level: str) -> None:
        """Remember the level for the session; without one there is nothing to remember it for."""
        if self.session is not None:
            self.session.log_level = level


class Endpoint:
    """A server on HTTP, as an ASGI application.

    Args:
        server: what to serve.
        path: where the endpoint is.
        allowed_hosts: Host names to accept besides loopback ones.
        allowed_origins: origins to accept besides loopback ones.
        events: where the events of streams are kept for clients that lose their connection; in memory by default.
        sessionless: serve requests that need no session even when they name one that is unknown here, as after a
            restart or behind a balancer.
        sse: the two routes of the HTTP+SSE transport of 2024-11-05, for the event stream and for messages, such as
            `("/sse", "/messages")`; None leaves it off.
        home: the URL at which other processes behind the same balancer reach this one's endpoint. Requests of sessions
            (revisions up to 2025-11-25) that reach the wrong process are then sent on to the right one.
        gate: who lets requests in, before anything else of them is looked at; None lets everybody in.
        routes: by path, what anybody may ask besides, such as where to sign in.

    Raises:
        UsageError: `home` without a secret that the processes share.
    """

    def __init__(
        self,
        server: "Server",
        path: str = "/mcp",
        *,
        allowed_hosts: Iterable[str] = (),
        allowed_origins: Iterable[str] = (),
        events: EventStore | None = None,
        sessionless: bool = True,
        sse: tuple[str, str] | None = None,
        home: str | None = None,
        gate: "Gate | None" = None,
        routes: Mapping[str, App] | None = None,
    ) -> None:
        hosts = [*allowed_hosts]
        if home is not None:
            if not server.seal.is_shared:
                raise UsageError("home= needs a secret that all processes share: Server(..., secrets=[...]).")
            hosts.append(urlsplit(home).hostname or "")
        self.server = server
        self.home = home
        self.path = "/" + path.strip("/")
        limits = server.limits
        self.events = MemoryEvents(limits.replay_bytes, limits.replay_seconds) if events is None else events
        self.sessions = Sessions(server, self.events, home)
        self.sessionless = sessionless
        self.sse = None if sse is None else SseRoutes(self, *sse)
        self.gate = gate
        self.routes = dict(routes or {})
        self.standing = Standing(self)
        self.closing = False
        self.attention = Attention(limits.disconnect_check_seconds, HttpExchange.look)
        self.silence = Attention(limits.keep_alive_seconds / 2, HttpExchange.keep_alive)
        self.stalls = Attention(limits.write_stall_seconds, Write.give_up)
        self._guard = Guard(server.limits, hosts, allowed_origins)
        self._forwarder = Forwarder()
        self.refusals: list[Callable[[HttpExchange, HttpFault], None]] = []  # told of whom nothing lets in
        self._starting: asyncio.Lock | None = None
        self._started = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI scope."""
        if scope["type"] != "http":
            await serve_lifespan(self, scope, receive, send)
            return
        exchange = HttpExchange(self, scope, receive, send)
        try:
            if self.routes and (app := self.routes.get(scope["path"].removeprefix(scope.get("root_path", "")))):
                self._guard.check(scope, frame_only=True)
                await self.start()
                await app(scope, receive, send)
                return
            headers = exchange.headers = self._guard.check(scope)
            if self.gate is not None:
                exchange.principal, exchange.server = await self.gate.admit(headers, scope["query_string"])
            if (scope["path"] != self.path or not self._started) and await self._prepare(exchange, scope):
                return
            if scope["method"] != "POST":
                await http_legacy.serve_other(exchange, scope["method"], headers)
                return
            body = exchange.body = await exchange.read(headers)
            if body[:1] != b"{" and jsonrpc.is_batch(body):
                await http_legacy.serve_batch(exchange, body, headers)
                return
            message = jsonrpc.decode(body, self.server.limits.json_depth)
            exchange.id = message.id
            era = http_modern if http_modern.is_modern(message, headers) else http_legacy
            await era.serve(exchange, message, headers)
        except BaseException as error:  # noqa: BLE001 - the one border: nothing passes it unanswered
            await self._answer_failure(exchange, error)
        finally:
            if exchange.looked or exchange.streaming:
                exchange.release()
            else:
                self.attention.young.discard(exchange)
                self.attention.old.discard(exchange)

    async def _answer_failure(self, exchange: HttpExchange, error: BaseException) -> None:
        """Say what went wrong, in the words of its kind."""
        match error:
            case InsufficientScope() if self.gate is not None and not exchange.streaming:
                await exchange.refuse(self.gate.narrow(error.scopes))
            case Fault():
                await exchange.fail(error)
            case HttpFault():
                await self._refuse(exchange, error)
            case Elsewhere():
                await self._forward(exchange, error.url)
            case ClientLeft():
                pass  # nobody reads any more
            case OSError() if exchange.answered:
                pass  # how other ASGI servers say that nobody reads any more
            case asyncio.CancelledError() if exchange.gone:
                keep_on(exchange)
                await http_legacy.end_unwanted(exchange)
            case asyncio.CancelledError() if self.closing:  # the grace is over; the task ends with this answer
                await exchange.fail(InternalFault("The server is shutting down; send the request again."))
            case _ if is_failure(error):
                await exchange.fail(InternalFault(mask(error, "the request")))
            case _:
                raise error

    async def _refuse(self, exchange: HttpExchange, fault: HttpFault) -> None:
        if fault.status in (401, 403):
            for tell in self.refusals:
                tell(exchange, fault)
        await exchange.refuse(fault)

    async def _forward(self, exchange: HttpExchange, url: str) -> None:
        try:
            await self._forwarder.forward(exchange, url)
        except (HttpFault, asyncio.CancelledError) as error:
            await self._answer_failure(exchange, error)

    async def _prepare(self, exchange: HttpExchange, scope: Scope) -> bool:
        """See that the request is for this endpoint, and start the server where no lifespan did.

        Returns:
            Whether the request was for one of the routes of 2024-11-05 and is answered.
        """
        path, root = scope["path"], scope.get("root_path", "")
        inside = path.removeprefix(root)
        if self.sse is not None and self.sse.has(inside):
            await self.start()
            await self.sse.serve(exchange, scope, inside, exchange.headers)
            return True
        here = (self.path, self.path.rstrip("/") + "/")
        mounted_here = inside in ("", "/") and path in here  # an application may be mounted at the endpoint's own path
        if (inside or "/") not in here and not mounted_here:
            raise HttpFault(404, f"Nothing is served at this path; the MCP endpoint is at {self.path}.")
        if not self._started:
            await self.start()
        return False

    async def start(self) -> None:
        """Start the server, once."""
        if self._starting is None:
            self._starting = asyncio.Lock()
        async with self._starting:
            if not self._started:
                if self.gate is None:
                    self.gate = gate_for_rules(self.server)
                await self.server.start()
                self._started = True

    async def __aenter__(self) -> Self:
        """Start the server: for the lifespan of an application that the endpoint is mounted in."""
        await self.start()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()

    def stop_streams(self) -> None:
        """End the streams that would otherwise stay open, so that a shutdown can wait for the rest."""
        self.closing = True
        self.server.changes.end_all()
        if self.gate is not None:
            self.gate.views.end_all()

    async def close(self) -> None:
        """End the sessions and close the server."""
        self.stop_streams()
        self.sessions.end_all()
        await self.standing.close()
        await self._forwarder.close()
        if self.gate is not None:
            await self.gate.close()
        if self._started:
            self._started = False
            await self.server.close()
