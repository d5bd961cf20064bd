"""Sessions of the older revisions: records, found by id and owner, counted, capped and let go.

A session is never a task and never a proof of who calls: an id with another owner's request is "not found" (P10).
"""

import asyncio
import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import UNSET, Raw, UnsetType

from dragoman.auth.principal import Principal
from dragoman.errors import HttpFault, InvalidParams, ToolError
from dragoman.protocol import jsonrpc
from dragoman.protocol.jsonrpc import Message, RequestId
from dragoman.protocol.messages import Implementation
from dragoman.protocol.revisions import LATEST_LEGACY, Revision
from dragoman.server import watch
from dragoman.server.exchange import Exchange
from dragoman.server.watch import Subscriber
from dragoman.store.events import EventStore
from dragoman.transports.forwarding import session_id
from dragoman.transports.streams import Stream, owner_key

if TYPE_CHECKING:
    from dragoman.server.server import Server
    from dragoman.transports.http import HttpExchange

Write = Callable[[bytes], Awaitable[None]]

_REMEMBERED: Final = 10_000  # ids of ended sessions: they answer 404 for good (2025-11-25, Session Management)
_SWEEP_SECONDS: Final = 30.0


class Session:
    """What one client of an older revision agreed on and has going on.

    Owned by the event loop. `in_flight` holds the exchange of each request being answered, for cancellation; `waiting`
    the questions that the client has yet to answer; `subscriber` the changes that wait for the event stream, of which
    there is at most one.
    """

    def __init__(
        self, owner: Principal, revision: Revision = LATEST_LEGACY, woken: Callable[[], None] | None = None
    ) -> None:
        self.id = secrets.token_urlsafe(24)
        self.owner = owner
        self.revision = revision
        self.client_info: Implementation | UnsetType = UNSET
        self.capabilities: Mapping[str, Any] | UnsetType = UNSET
        self.log_level = "info"
        self.in_flight: dict[RequestId, Exchange] = {}
        self.waiting: dict[RequestId, asyncio.Future[Message]] = {}
        self._questions = 0
        self.subscriber = Subscriber((watch.TOOLS, watch.PROMPTS, watch.RESOURCES), woken=woken)
        self.streams: dict[str, Stream] = {}  # those being written, by name
        self.listening: Stream | None = None  # the event stream of GET
        self.streaming: HttpExchange | None = None  # what carries the event stream of GET
        self.ended = False
        self.used = time.monotonic()
        self.changes: watch.Changes | None = None  # what it hears of

    @property
    def in_use(self) -> bool:
        """Whether a call or the event stream is going on."""
        return bool(self.in_flight) or self.streaming is not None

    def open_stream(self, store: EventStore) -> Stream:
        """Begin a stream that can be taken up again; those that ended are let go."""
        self.streams = {name: stream for name, stream in self.streams.items() if not stream.ended}
        stream = Stream(owner_key(self.id, self.owner), secrets.token_urlsafe(9).replace("-", "_"), store)
        self.streams[stream.name] = stream
        return stream

    def follow(self, server: "Server") -> None:
        """Hear from now on of what its owner sees now; what it followed and may no longer see is forgotten."""
        if self.changes is not None:
            self.changes.remove(self.subscriber)
            self.subscriber.ended = self.ended  # what it heard of before may have come to its end
            self.subscriber.uris = {uri for uri in self.subscriber.uris if server.has_resource(uri)}
        self.changes = server.changes
        self.changes.add(self.subscriber)

    async def ask(self, method: str, params: dict[str, Any], write: Write, seconds: float) -> Raw:
        """Send the client a request and wait for its result.

        Raises:
            ToolError: the client refused, or did not answer in time.
        """
        self._questions += 1
        question_id = f"dragoman-{self._questions}"
        future = self.waiting[question_id] = asyncio.get_running_loop().create_future()
        try:
            await write(jsonrpc.encode(jsonrpc.Request(question_id, method, params)))
            async with asyncio.timeout(seconds):
                message = await future
        except TimeoutError:
            raise ToolError(f"The client did not answer '{method}' within {seconds:g} seconds.") from None
        finally:
            del self.waiting[question_id]
        if message.result is UNSET:
            error = msgspec.json.decode(message.error, type=dict[str, Any])
            raise ToolError(f"The client refused '{method}': {str(error.get('message'))[:200]}.")
        result: Raw = message.result
        return result

    def end(self) -> None:
        """Stop everything that runs for this session."""
        self.ended = True
        for exchange in self.in_flight.values():
            exchange.cancel()
        self.subscriber.end()


class Sessions:
    """All sessions of one endpoint.

    Args:
        server: whose limits hold.
        events: where their streams are kept.
        home: where other processes reach this one; their ids then say so.
    """

    def __init__(self, server: "Server", events: EventStore, home: str | None = None) -> None:
        self._seal = server.seal
        self._home = home
        self._events = events
        self._server = server
        self._limits = server.limits
        self._sessions: dict[str, Session] = {}
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._swept = time.monotonic()

    def __len__(self) -> int:
        return len(self._sessions)

    def open(self, owner: Principal, revision: Revision, seen: "Server | None" = None) -> Session:
        """Begin a session.

        Args:
            owner: who may use it.
            revision: what it agreed on.
            seen: what the owner sees of the server, whose changes the session hears of; all of it by default.

        Raises:
            HttpFault: there are too many (503).
        """
        self._sweep()
        if len(self._sessions) >= self._limits.sessions:
            message = "Too many sessions; end one with DELETE, or try again later."
            raise HttpFault(503, message, ((b"retry-after", b"30"),))
        session = Session(owner, revision)
        if self._home is not None:
            session.id = session_id(self._seal, self._home)
        self._sessions[session.id] = session
        session.follow(seen or self._server)
        return session

    def find(self, named: str, owner: Principal) -> Session | None:
        """The session of this id if it is this owner's and still going on; one that was idle for too long is not."""
        session = self._sessions.get(named)
        if session is None or (session.owner is not owner and session.owner != owner):
            return None
        now = time.monotonic()
        if now - session.used > self._limits.session_idle_seconds and not session.in_use:
            self.end(session)
            return None
        session.used = now
        return session

    def has_ended(self, named: str) -> bool:
        """Whether a session of this id was ended here."""
        return named in self._ended

    def forget(self, session: Session) -> None:
        """End a session for good: its id answers 404 from now on, and its streams are dropped."""
        for stream in session.streams.values():
            stream.abandon()
        self._events.forget(owner_key(session.id, session.owner))
        self.end(session)

    def end(self, session: Session) -> None:
        """End a session and remember its id as ended."""
        self._sessions.pop(session.id, None)
        self._ended[session.id] = None
        if len(self._ended) > _REMEMBERED:
            self._ended.popitem(last=False)
        if session.changes is not None:
            session.changes.remove(session.subscriber)
        session.end()

    def end_all(self) -> None:
        """End every session, at shutdown."""
        for session in list(self._sessions.values()):
            self.end(session)

    def _sweep(self) -> None:
        """End what nobody used for too long."""
        now = time.monotonic()
        full = len(self._sessions) >= self._limits.sessions
        if now - self._swept < _SWEEP_SECONDS and not full:
            return
        self._swept = now
        for session in list(self._sessions.values()):
            if now - session.used > self._limits.session_idle_seconds and not session.in_use:
                self.end(session)


def check_handshake(message: Message, most: int) -> None:
    """Refuse an `initialize` that says too much: a session keeps what the client says of itself.

    Raises:
        InvalidParams: its parameters have more than `most` bytes.
    """
    if len(message.params) > most:
        raise InvalidParams(f"The parameters of 'initialize' are kept for the session: at most {most} bytes are taken.")
