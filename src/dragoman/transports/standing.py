"""Streams that stand open, and whether those who opened them still may: a credential can end before its stream does.

One timer asks the gate again about every stream, each credential once, and runs only while streams are open behind a
gate. What is no longer let in, or would now see something else, is ended; its client may come back (P1).
"""

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from dragoman.errors import HttpFault

if TYPE_CHECKING:
    from dragoman.transports.http import Endpoint, HttpExchange

logger = logging.getLogger("dragoman.auth")

SECONDS: Final = 1.0


class Standing:
    """The open streams of one endpoint.

    Args:
        endpoint: whose gate is asked.
        seconds: how often.
    """

    def __init__(self, endpoint: "Endpoint", seconds: float = SECONDS) -> None:
        self._endpoint = endpoint
        self._seconds = seconds
        self._open: set[HttpExchange] = set()
        self._asking: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._open)

    def take(self, exchange: "HttpExchange") -> None:
        """Ask again about one more; whoever has it taken drops it when it ends."""
        self._open.add(exchange)
        if self._asking is None or self._asking.done():
            self._asking = asyncio.get_running_loop().create_task(self._ask())

    def drop(self, exchange: "HttpExchange") -> None:
        """Ask no more about this one."""
        self._open.discard(exchange)

    async def close(self) -> None:
        """Ask no more."""
        asking, self._asking = self._asking, None
        if asking is not None:
            asking.cancel()
            await asyncio.wait((asking,))

    async def _ask(self) -> None:
        while self._open:
            await asyncio.sleep(self._seconds)
            holders: dict[bytes | None, list[HttpExchange]] = {}
            for exchange in self._open:
                holders.setdefault(exchange.headers.get(b"authorization"), []).append(exchange)
            await asyncio.gather(*(self._look(streams) for streams in holders.values()))

    async def _look(self, streams: "list[HttpExchange]") -> None:
        """Ask about the streams of one credential; without an answer they end, too."""
        gate = self._endpoint.gate
        if gate is None:
            return
        try:
            principal, view = await gate.admit(streams[0].headers)
        except HttpFault:
            principal, view = None, None
        except Exception:
            logger.exception("Who opened a stream cannot be checked; the stream ends.")
            principal, view = None, None
        for exchange in streams:
            if principal is None or view is not exchange.server or principal != exchange.principal:
                exchange.dismiss()
