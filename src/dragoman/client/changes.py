"""Changes that a server tells of, sorted to those who follow them (Subscriptions; list_changed; resources/updated).

A change is a hint to look again, so a follower holds each at most once until it is taken: nothing piles up. Sorting
waits for nobody, so no callback can hold it up.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final, Literal

import msgspec
from msgspec import Struct, field

from dragoman.client.task_info import TaskInfo, TaskState
from dragoman.errors import ClientError
from dragoman.protocol.jsonrpc import Message, RequestId
from dragoman.protocol.modern import SUBSCRIPTION_ID

Kind = Literal["tools", "prompts", "resources", "resource", "task"]

_LISTS: Final[dict[str, Kind]] = {
    "notifications/tools/list_changed": "tools",
    "notifications/prompts/list_changed": "prompts",
    "notifications/resources/list_changed": "resources",
}
_UPDATED: Final = "notifications/resources/updated"
_TASKS: Final = frozenset({"notifications/tasks", "notifications/tasks/status"})
_ACKNOWLEDGED: Final = "notifications/subscriptions/acknowledged"
_CANCELLED: Final = "notifications/cancelled"
_PENDING: Final = 10_000  # changes that wait for one follower; only parts of a resource can be so many


class Change(Struct, frozen=True):
    """Something of the server changed.

    Args:
        kind: what: the list of `tools`, `prompts` or `resources`, one `resource`, one `task`.
        uri: of the resource.
        task: the state of the task.
    """

    kind: Kind
    uri: str | None = None
    task: TaskInfo | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What it is about: of two changes with one key, only the later one counts."""
        return self.kind, self.uri or (self.task.task_id if self.task is not None else "")


class Wanted(Struct, frozen=True):
    """Which changes somebody follows, or a server agreed to tell of.

    Args:
        kinds: those of `tools`, `prompts` and `resources` whose lists are followed.
        uris: the resources.
        task_ids: the tasks.
    """

    kinds: frozenset[str] = frozenset()
    uris: frozenset[str] = frozenset()
    task_ids: frozenset[str] = frozenset()

    def has(self, change: Change) -> bool:
        """Whether a change is one of them; a server may name a part of a resource that is followed."""
        if change.kind == "resource":
            uri = change.uri or ""
            return uri in self.uris or any(uri.startswith(whole.rstrip("/") + "/") for whole in self.uris)
        if change.kind == "task":
            return change.task is not None and change.task.task_id in self.task_ids
        return change.kind in self.kinds

    def without(self, others: "Wanted") -> list[str]:
        """What others lack, in words."""
        kinds = [f"the list of {kind}" for kind in sorted(self.kinds - others.kinds)]
        return [*kinds, *sorted(self.uris - others.uris), *sorted(self.task_ids - others.task_ids)]


class _Meta(Struct):
    subscription: RequestId | None = field(default=None, name=SUBSCRIPTION_ID)


class _Filter(Struct, rename="camel"):
    tools_list_changed: bool | None = None
    prompts_list_changed: bool | None = None
    resources_list_changed: bool | None = None
    resource_subscriptions: list[str] | None = None
    task_ids: list[str] | None = None


class _Params(Struct, rename="camel"):
    uri: str | None = None
    request_id: RequestId | None = None
    notifications: _Filter | None = None
    meta: _Meta | None = field(default=None, name="_meta")


_params: Final = msgspec.json.Decoder(_Params)
_task: Final = msgspec.json.Decoder(TaskState)


class Follower:
    """Who follows changes; one reader at a time.

    Args:
        wanted: which changes.
    """

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.acknowledged: asyncio.Future[Wanted] = asyncio.get_running_loop().create_future()
        self._pending: dict[tuple[str, str], Change] = {}
        self._woken = asyncio.Event()
        self._ended = False
        self._fault: ClientError | None = None

    def post(self, change: Change) -> None:
        """Keep a change until it is taken; when too many wait, the oldest is let go."""
        if len(self._pending) >= _PENDING and change.key not in self._pending:
            del self._pending[next(iter(self._pending))]
        self._pending[change.key] = change
        self._woken.set()

    def end(self, fault: ClientError | None = None) -> None:
        """Say that no more changes come, and why unless it is as it should be."""
        if not self._ended:
            self._ended, self._fault = True, fault
            self._woken.set()

    async def next(self) -> Change | None:
        """The next change; None at the end.

        Raises:
            ClientError: the connection broke.
        """
        while not self._pending:
            if self._fault is not None:
                raise self._fault
            if self._ended:
                return None
            self._woken.clear()
            await self._woken.wait()
        return self._pending.pop(next(iter(self._pending)))


class Changes:
    """Everybody who follows changes of one server.

    `subscribed` has those with a subscription of their own (2026-07-28), by the id of its request; `others` those who
    hear everything and choose (up to 2025-11-25); `uris` counts who follows a resource in that way.
    """

    def __init__(self) -> None:
        self.subscribed: dict[RequestId, Follower] = {}
        self.others: set[Follower] = set()
        self.uris: Counter[str] = Counter()
        self.on_change: Callable[[Change], None] | None = None  # told of every change, followed or not

    def take(self, message: Message) -> bool:
        """Take a notification if it is about changes.

        Raises:
            ValidationError: it is, but malformed.
        """
        method = message.method
        if method in _LISTS:
            self._spread(Change(_LISTS[method]), message)
        elif method == _UPDATED:
            uri = _params.decode(message.params).uri
            if uri is not None:
                self._spread(Change("resource", uri), message)
        elif method in _TASKS:
            self._spread(Change("task", task=_task.decode(message.params).info), message)
        elif method == _ACKNOWLEDGED:
            self._acknowledge(message)
        elif method == _CANCELLED:
            return self._cancel(message)
        else:
            return False
        return True

    def end(self, fault: ClientError | None = None) -> None:
        """End everything that is followed."""
        for follower in (*self.subscribed.values(), *self.others):
            follower.end(fault)

    def _spread(self, change: Change, message: Message) -> None:
        if self.on_change is not None:
            self.on_change(change)
        for follower in self.others:
            if follower.wanted.has(change):
                follower.post(change)
        if self.subscribed:
            follower_of = self._find(_params.decode(message.params))
            if follower_of is not None and follower_of.wanted.has(change):
                follower_of.post(change)

    def _acknowledge(self, message: Message) -> None:
        params = _params.decode(message.params)
        follower, agreed = self._find(params), params.notifications or _Filter()
        if follower is not None and not follower.acknowledged.done():
            lists = {
                "tools": agreed.tools_list_changed,
                "prompts": agreed.prompts_list_changed,
                "resources": agreed.resources_list_changed,
            }
            kinds = frozenset(kind for kind, told in lists.items() if told)
            uris, tasks = frozenset(agreed.resource_subscriptions or ()), frozenset(agreed.task_ids or ())
            follower.acknowledged.set_result(Wanted(kinds, uris, tasks))

    def _cancel(self, message: Message) -> bool:
        """End a subscription that the server takes down (Cancellation)."""
        request_id = _params.decode(message.params).request_id
        follower = None if request_id is None else self.subscribed.get(request_id)
        if follower is not None:
            follower.end()
        return follower is not None

    def _find(self, params: _Params) -> Follower | None:
        named = params.meta.subscription if params.meta is not None else None
        return None if named is None else self.subscribed.get(named)
