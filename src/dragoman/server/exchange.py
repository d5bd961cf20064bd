"""The contract between a wire and the server: how one request is answered.

A transport subclasses `Exchange` once per wire and fills its fields before it calls `dispatch.serve`. The server reads
the fields and calls `notify`; it knows nothing else of the wire. An exchange lives as long as its request.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from msgspec import UNSET, Raw, UnsetType

from dragoman.auth.principal import ANONYMOUS, Principal
from dragoman.protocol.jsonrpc import RequestId
from dragoman.protocol.messages import Implementation, Params
from dragoman.protocol.revisions import LATEST_MODERN, Revision

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragoman.server.ask import Dialogue
    from dragoman.server.methods import Method
    from dragoman.server.server import Server
    from dragoman.server.watch import Subscriber


class Exchange:
    """One request on its way through the server.

    `id` stays UNSET until the envelope was read. `progress_token` and `log_level` say what the client wants to hear;
    `mirrored` holds the HTTP header fields where the revision wants them held against the body. `task` answers the
    request; `gone` says that its client has left or took it back, and that the task is being cancelled for that;
    `answered` that the function is done: nothing but the answer may be sent any more.
    `dialogue` holds what was asked and answered, `asks_by_retry` that questions end the call (2026-07-28 on).
    `address` is where the request came from, `rows` how many rows its result has, where the function counts them.
    `shares_channel` says that other requests speak on the same channel, as on stdio.
    """

    server: "Server"
    principal: Principal = ANONYMOUS
    revision: Revision = LATEST_MODERN
    id: RequestId | UnsetType = UNSET
    progress_token: RequestId | UnsetType = UNSET
    log_level: str | UnsetType = UNSET
    client_info: Implementation | UnsetType = UNSET
    capabilities: "Mapping[str, Any] | UnsetType" = UNSET
    mirrored: "Mapping[bytes, bytes] | None" = None
    task: "asyncio.Task[Any] | None" = None
    gone: bool = False
    answered: bool = False
    method: "Method | None" = None
    params: Params | None = None
    dialogue: "Dialogue | None" = None
    asks_by_retry: bool = False
    shares_channel: bool = False
    address: str = ""
    rows: int | None = None

    def cancel(self) -> None:
        """Stop answering: nobody waits for the answer any more."""
        self.gone = True
        if self.task is not None:
            self.task.cancel()

    def rested(self) -> None:
        """Take note that others just had their turn: what is sent next need not see to that."""

    def notify_now(self, method: str, params: Any) -> bool:  # noqa: ARG002 - most wires have no such way
        """Send a notification if that needs no waiting; False when it was not sent."""
        return False

    async def notify(self, method: str, params: Any) -> None:
        """Send a notification that belongs to this request, before its answer."""
        raise NotImplementedError

    async def ask(self, method: str, params: dict[str, Any]) -> Raw:
        """Send a request to the client and wait for its result.

        Raises:
            ToolError: nobody can answer, or the client refused.
        """
        raise NotImplementedError

    async def start_task(self) -> None:
        """Let the call go on as a task, where it may become one."""

    async def release_connection(self) -> None:
        """Let the client's connection go while the work goes on, where the wire has a way to come back."""

    def subscriber(self) -> "Subscriber":
        """Who hears of changes for this session (`resources/subscribe`, up to 2025-11-25)."""
        raise NotImplementedError

    def keep_log_level(self, level: str) -> None:
        """Remember for this session which log messages the client wants (`logging/setLevel`)."""
        raise NotImplementedError
