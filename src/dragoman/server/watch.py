"""Changes: one signal behind list_changed, resource updates and `subscriptions/listen` (Subscriptions).

A change is posted once and reaches every subscriber that wants it, in portions, so that a call beside it does not
wait. A subscriber holds each change at most once until it is told: it is a hint to look again, so nothing piles up.
What is posted in one of several processes that serve together reaches the subscribers of all, over their bus.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Final, NamedTuple

import msgspec

from dragoman.store.bus import Bus

_TOPIC: Final = "changes"
_PORTION: Final = 256  # subscribers told before other work gets its turn

TOOLS: Final = "notifications/tools/list_changed"
PROMPTS: Final = "notifications/prompts/list_changed"
RESOURCES: Final = "notifications/resources/list_changed"
UPDATED: Final = "notifications/resources/updated"


class Change(NamedTuple):
    """What changed: the notification's method, and the URI of an updated resource or the id of a task."""

    method: str
    uri: str = ""
    task: str = ""

    def params(self) -> dict[str, Any]:
        """The notification's own parameters."""
        return {"uri": self.uri} if self.uri else {}


class Subscriber:
    """Who wants to hear of changes.

    Args:
        methods: the notifications it wants.
        uris: the resources whose updates it wants.
        woken: called when there is something to tell and nobody waits in `changes`.
    """

    def __init__(
        self, methods: Iterable[str], uris: Iterable[str] = (), woken: Callable[[], None] | None = None
    ) -> None:
        self.methods = frozenset(methods)
        self.uris = set(uris)
        self.tasks: set[str] = set()
        self.ended = False
        self._pending: dict[Change, None] = {}
        self._waiter: asyncio.Future[None] | None = None
        self._woken = woken
        self._tell_now: Callable[[Change], bool] | None = None

    def wants(self, change: Change) -> bool:
        """Whether this change is to be told."""
        if change.uri:
            return change.uri in self.uris
        return change.task in self.tasks if change.task else change.method in self.methods

    def post(self, change: Change) -> None:
        """Tell a change where that needs no waiting, else keep it until it is told."""
        idle = self._waiter is not None and not (self._pending or self._waiter.done())
        if idle and self._tell_now is not None and self._tell_now(change):
            return
        self._pending[change] = None
        self._wake()

    def end(self) -> None:
        """Tell nothing more."""
        self.ended = True
        self._wake()

    def take(self) -> list[Change]:
        """What is to be told now."""
        taken = list(self._pending)
        self._pending.clear()
        return taken

    async def changes(
        self,
        tell: Callable[[Change], Awaitable[None]],
        rested: Callable[[], None] | None = None,
        tell_now: Callable[[Change], bool] | None = None,
    ) -> None:
        """Tell changes as they come, until the end; one caller at a time.

        Args:
            tell: tells one change.
            rested: called after each time in which there was nothing to tell.
            tell_now: tells one change while this waits, so that no task is woken; False where that would wait.
        """
        self._tell_now = tell_now
        while True:
            while self._pending:  # one at a time: who is stopped in the middle has lost none of the others
                change = next(iter(self._pending))
                del self._pending[change]
                await tell(change)
            if self.ended:
                return
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
            if rested is not None:
                rested()

    def _wake(self) -> None:
        if self._waiter is not None:
            if not self._waiter.done():
                self._waiter.set_result(None)
        elif self._woken is not None:
            self._woken()


class Changes:
    """All subscribers of a server."""

    def __init__(self) -> None:
        self.forwards: list[Callable[[Change], None]] = []  # servers that this one is mounted on
        self._subscribers: dict[Subscriber, None] = {}
        self._posted: dict[Change, None] = {}  # not yet on their way: posted again meanwhile, they are told once
        self._loop: asyncio.AbstractEventLoop | None = None
        self._bus: Bus | None = None

    def __len__(self) -> int:
        return len(self._subscribers)

    def add(self, subscriber: Subscriber) -> None:
        """Begin to tell a subscriber; called in the event loop."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._posted = loop, {}  # what the loop before did not get to is not told in this one
        self._subscribers[subscriber] = None

    def remove(self, subscriber: Subscriber) -> None:
        """Tell a subscriber no more."""
        self._subscribers.pop(subscriber, None)

    def join(self, bus: Bus) -> None:
        """From now on tell the other processes on a bus, too, and hear from them."""
        self._bus = bus
        bus.listen(_TOPIC, self._hear)

    def post(self, change: Change) -> None:
        """Tell everybody who wants to know; from any thread."""
        if self._bus is not None:
            self._bus.publish(_TOPIC, msgspec.json.encode(change))
        self._post_here(change)

    def _hear(self, news: bytes) -> None:
        self._post_here(msgspec.json.decode(news, type=Change))

    def _post_here(self, change: Change) -> None:
        for forward in self.forwards:
            forward(change)
        if not self._subscribers or self._loop is None or change in self._posted:
            return
        self._posted[change] = None
        try:
            self._loop.call_soon_threadsafe(self._begin, change)
        except RuntimeError:  # the loop is closed: nobody listens any more
            del self._posted[change]

    def end_all(self) -> None:
        """End every subscription, at shutdown."""
        for subscriber in list(self._subscribers):
            subscriber.end()

    def _begin(self, change: Change) -> None:
        del self._posted[change]
        self._spread(change, iter(list(self._subscribers)))

    def _spread(self, change: Change, rest: Iterator[Subscriber]) -> None:
        for subscriber in (portion := list(islice(rest, _PORTION))):
            if subscriber.wants(change):
                subscriber.post(change)
        if len(portion) == _PORTION:
            asyncio.get_running_loop().call_soon(self._spread, change, rest)
