"""Following changes, the same way on every revision (Subscriptions; resources/subscribe up to 2025-11-25).

From 2026-07-28 on a subscription is a request that stays open. Before, a server tells everything to everybody, and of
single resources what was subscribed to. A connection that breaks ends the following; to begin again is the caller's.
"""

import asyncio
import contextlib
import logging
import math
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Final, Self

from dragoman.client.caller import Caller
from dragoman.client.changes import Change, Changes, Follower, Wanted
from dragoman.errors import ClientError, ConnectionFault

logger: Final = logging.getLogger("dragoman.client")

_GOODBYE_SECONDS: Final = 5.0


class Subscription:
    """Changes as they come, inside `async with`; iterate over it.

    The iteration ends when the server ends the subscription as it should; a connection that breaks raises.
    `agreed` holds what the server said it will tell of: compare it with what was wanted.

    Args:
        caller: the connection.
        changes: where they are sorted.
        wanted: which to follow.
        capabilities: what the server says it can do.
    """

    def __init__(self, caller: Caller, changes: Changes, wanted: Wanted, capabilities: Mapping[str, Any]) -> None:
        self.agreed = Wanted()
        self._caller = caller
        self._changes = changes
        self._wanted = wanted
        self._capabilities = capabilities
        self._follower: Follower | None = None
        self._call_id = 0
        self._request: asyncio.Task[Any] | None = None
        self._subscribed: list[str] = []  # resources, with an older server

    async def __aenter__(self) -> Self:
        follower = self._follower = Follower(self._wanted)
        revision = self._caller.wire.revision
        try:
            if revision is not None and revision.modern:
                self.agreed = await self._open(follower)
            else:
                self.agreed = await self._subscribe(follower)
        except BaseException:
            await self._close()
            raise
        missing = self._wanted.without(self.agreed)
        if missing:
            logger.warning("The server does not tell when these change: %s", ", ".join(missing)[:1000])
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._close()

    def __aiter__(self) -> AsyncIterator[Change]:
        return self

    async def __anext__(self) -> Change:
        if self._follower is None:
            raise StopAsyncIteration
        change = await self._follower.next()
        if change is None:
            raise StopAsyncIteration
        return change

    async def _open(self, follower: Follower) -> Wanted:
        """Send `subscriptions/listen` and wait until the server acknowledges it."""
        wanted, caller = self._wanted, self._caller
        self._call_id = caller.next_id()
        self._changes.subscribed[self._call_id] = follower
        params = {"notifications": _filter(wanted)}
        ask = caller.ask("subscriptions/listen", params, timeout=math.inf, call_id=self._call_id)
        request = self._request = asyncio.get_running_loop().create_task(ask)
        request.add_done_callback(self._take_end)
        message = "The server did not acknowledge the subscription within {} seconds."
        async with caller.within(caller.timeout, message):
            await asyncio.wait({request, follower.acknowledged}, return_when=asyncio.FIRST_COMPLETED)
        if not follower.acknowledged.done():
            await request
            raise ConnectionFault("The server ended the subscription without having acknowledged it.")
        return follower.acknowledged.result()

    def _take_end(self, request: "asyncio.Task[Any]") -> None:
        """End the iteration with the request: a response is a graceful end."""
        if self._follower is None or request.cancelled():
            return
        error = request.exception()
        self._follower.end(error if isinstance(error, ClientError) else None)

    async def _subscribe(self, follower: Follower) -> Wanted:
        """Follow with an older server: single resources by request, lists as they come."""
        self._changes.others.add(follower)
        await self._caller.wire.listen(ready=True)
        offered = {name: self._capabilities.get(name) for name in ("tools", "prompts", "resources")}
        has = {name: value if isinstance(value, dict) else {} for name, value in offered.items()}
        kinds = {kind for kind in self._wanted.kinds if has[kind].get("listChanged") is True}
        if has["resources"].get("subscribe") is not True:
            return Wanted(frozenset(kinds), task_ids=self._wanted.task_ids)
        for uri in sorted(self._wanted.uris):
            self._changes.uris[uri] += 1
            self._subscribed.append(uri)
            if self._changes.uris[uri] == 1:
                await self._caller.ask("resources/subscribe", {"uri": uri})
        return Wanted(frozenset(kinds), self._wanted.uris, self._wanted.task_ids)

    async def _close(self) -> None:
        follower, self._follower = self._follower, None
        if follower is None:
            return
        self._changes.others.discard(follower)
        self._changes.subscribed.pop(self._call_id, None)
        follower.acknowledged.cancel()
        if self._request is not None:
            self._request.cancel()
            await asyncio.gather(self._request, return_exceptions=True)
        for uri in self._subscribed:
            self._changes.uris[uri] -= 1
            if self._changes.uris[uri] <= 0:
                del self._changes.uris[uri]
                with contextlib.suppress(ClientError):
                    await self._caller.ask("resources/unsubscribe", {"uri": uri}, timeout=_GOODBYE_SECONDS)
        self._subscribed.clear()


def _filter(wanted: Wanted) -> dict[str, Any]:
    """What to follow, as `subscriptions/listen` says it; what is not wanted is left out."""
    notifications: dict[str, Any] = {f"{kind}ListChanged": True for kind in sorted(wanted.kinds)}
    if wanted.uris:
        notifications["resourceSubscriptions"] = sorted(wanted.uris)
    if wanted.task_ids:
        notifications["taskIds"] = sorted(wanted.task_ids)
    return notifications
