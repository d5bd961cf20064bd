"""The limits hook: who asks too much is told when to come back, before any work is done for them.

Of all quotas that hold for a request (of everybody, each role of the caller, the tool, its connector) every one must
have room; each counts by itself, for each caller by itself. What a result costs is known only afterwards and is charged
then, so a caller in debt waits. Nothing queues: what has no room is refused at once.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import UNSET, Raw, Struct

from dragoman.auth.quota import DAY, Quota
from dragoman.errors import InternalFault, TooMany
from dragoman.ops.rates.bucket import Rate
from dragoman.ops.rates.memory import MemoryRates
from dragoman.protocol.messages import CallToolParams, CallToolResult, Result
from dragoman.server.exchange import Exchange
from dragoman.server.hooks import Hook, Run
from dragoman.server.methods import Method
from dragoman.server.tools import failure

UNLIMITED: Final = frozenset({"ping", "initialize", "server/discover"})
"""Methods that count against nothing."""

_BYTES_OF_A_TOKEN: Final = 4


class Quotas(Struct, frozen=True, kw_only=True):
    """Every quota there is.

    Args:
        everybody: holds for each caller.
        roles: by role; holds for each caller that has it.
        tools: by tool name.
        connectors: by connector name; holds for the tools that are called after it.
    """

    everybody: Quota | None = None
    roles: Mapping[str, Quota] = {}
    tools: Mapping[str, Quota] = {}
    connectors: Mapping[str, Quota] = {}

    def of(self, roles: tuple[str, ...], tool: str) -> list[tuple[str, Quota]]:
        """The quotas that hold for a request, each with the name it counts under."""
        found: list[tuple[str, Quota]] = [] if self.everybody is None else [("", self.everybody)]
        found += [(f"role {name}", self.roles[name]) for name in roles if name in self.roles]
        if tool:
            if tool in self.tools:
                found.append((f"tool {tool}", self.tools[tool]))
            found += [
                (f"connector {name}", quota) for name, quota in self.connectors.items() if tool.startswith(f"{name}_")
            ]
        return found


class _Plan(Struct, frozen=True):
    """The quotas of one caller and tool, as buckets."""

    before: tuple[tuple[str, Rate, float], ...]
    rows: tuple[tuple[str, Rate], ...]
    size: tuple[tuple[str, Rate, float], ...]  # with the bytes that one unit is
    concurrent: tuple[tuple[str, int], ...]
    seconds: float | None


def limited(quotas: Quotas, rates: MemoryRates) -> Hook:
    """Return the hook that holds callers to quotas."""
    return limiting(Limits(quotas, rates))


def limiting(limits: "Limits") -> Hook:
    """Return the hook that holds callers to quotas which may change."""

    def hook(run: Run) -> Run:
        async def limit(exchange: Exchange, method: Method, params: Any) -> Result | Raw:
            if method.name in UNLIMITED:
                return await run(exchange, method, params)
            return await limits.run(run, exchange, method, params)

        return limit

    return hook


class Limits:
    """Quotas in force.

    Args:
        quotas: what they are.
        rates: the buckets.
        most: plans that are kept.
    """

    def __init__(self, quotas: Quotas, rates: MemoryRates, most: int = 10_000) -> None:
        self._quotas = quotas
        self._rates = rates
        self._most = most
        self._plans: dict[tuple[Any, ...], _Plan] = {}
        self._running: dict[str, int] = {}

    def use(self, quotas: Quotas) -> None:
        """Hold callers to other quotas from now on; what they used counts on."""
        self._quotas = quotas
        self._plans.clear()

    async def run(self, run: Run, exchange: Exchange, method: Method, params: Any) -> Result | Raw:
        """Answer a request within the quotas.

        Raises:
            TooMany: there is no room.
        """
        plan = self._plan(exchange, params)
        self._enter(plan)
        try:
            if plan.seconds is None:
                result = await run(exchange, method, params)
            else:
                result = await _within(plan.seconds, run, exchange, method, params)
        finally:
            self._leave(plan)
        if plan.rows or plan.size:
            self._charge(plan, exchange, result)
        return result

    def _plan(self, exchange: Exchange, params: Any) -> _Plan:
        principal = exchange.principal
        tool = params.name if isinstance(params, CallToolParams) else ""
        if tool and tool not in exchange.server.tools.named:
            tool = ""  # a made-up name must not fill the memory
        key = (principal.identity, principal.roles, tool)
        plan = self._plans.get(key)
        if plan is None:
            if len(self._plans) >= self._most:
                self._plans.clear()
            plan = self._plans[key] = _plan_of(self._quotas.of(principal.roles, tool), "\0".join(principal.identity))
        return plan

    def _enter(self, plan: _Plan) -> None:
        for key, most in plan.concurrent:
            if self._running.get(key, 0) >= most:
                raise TooMany(_told(key, f"{most} requests at one time"), 1.0)
        if plan.before:
            place, wait = self._rates.take(list(plan.before))
            if place >= 0:
                key, rate, _ = plan.before[place]
                raise TooMany(_told(key, f"{rate.amount:g} in {_period(rate.seconds)}"), wait)
        for key, _ in plan.concurrent:
            self._running[key] = self._running.get(key, 0) + 1

    def _leave(self, plan: _Plan) -> None:
        for key, _ in plan.concurrent:
            left = self._running[key] - 1
            if left:
                self._running[key] = left
            else:
                del self._running[key]

    def _charge(self, plan: _Plan, exchange: Exchange, result: Any) -> None:
        used = [(key, rate, float(exchange.rows)) for key, rate in plan.rows] if exchange.rows else []
        size = _size(result) if plan.size else 0
        used += [(key, rate, size / unit) for key, rate, unit in plan.size if size]
        self._rates.charge(used)


async def _within(seconds: float, run: Run, exchange: Exchange, method: Method, params: Any) -> Result | Raw:
    try:
        async with asyncio.timeout(seconds) as deadline:
            return await run(exchange, method, params)
    except TimeoutError:
        if not deadline.expired():
            raise
        message = f"This took longer than the {seconds:g} seconds that it may take; ask for less."
        if isinstance(params, CallToolParams):
            return failure(message)
        raise InternalFault(message) from None


def _plan_of(quotas: list[tuple[str, Quota]], caller: str) -> _Plan:
    before: list[tuple[str, Rate, float]] = []
    rows: list[tuple[str, Rate]] = []
    size: list[tuple[str, Rate, float]] = []
    concurrent: list[tuple[str, int]] = []
    for name, quota in quotas:
        key = f"{caller}\0{name}\0"
        if quota.calls_per_second is not None:
            before.append((f"{key}calls_per_second", Rate(quota.calls_per_second, 1.0), 1.0))
        if quota.calls_per_minute is not None:
            before.append((f"{key}calls_per_minute", Rate(quota.calls_per_minute, 60.0), 1.0))
        if quota.rows_per_day is not None:
            rows.append((f"{key}rows_per_day", Rate(quota.rows_per_day, DAY)))
        if quota.bytes_per_day is not None:
            size.append((f"{key}bytes_per_day", Rate(quota.bytes_per_day, DAY), 1.0))
        if quota.tokens_per_day is not None:
            size.append((f"{key}tokens_per_day", Rate(quota.tokens_per_day, DAY), float(_BYTES_OF_A_TOKEN)))
        if quota.concurrent_calls is not None:
            concurrent.append((f"{key}concurrent_calls", quota.concurrent_calls))
    before += [(key, rate, 0.0) for key, rate in rows] + [(key, rate, 0.0) for key, rate, _ in size]
    deadlines = [quota.timeout_seconds for _, quota in quotas if quota.timeout_seconds is not None]
    return _Plan(tuple(before), tuple(rows), tuple(size), tuple(concurrent), min(deadlines, default=None))


def _told(key: str, most: str) -> str:
    _, name, _ = key.rsplit("\0", 2)
    return f"Too much: at most {most} for each caller{f' of {name}' if name else ''}."


def _period(seconds: float) -> str:
    return {1.0: "a second", 60.0: "a minute", DAY: "a day"}.get(seconds, f"{seconds:g} seconds")


def _size(result: Any) -> int:
    """About the size of a result, bytes: its text and data."""
    if isinstance(result, Raw):
        return len(bytes(result))
    if not isinstance(result, CallToolResult):
        return len(msgspec.json.encode(result))
    texts = sum(len(getattr(block, "text", "") or getattr(block, "data", "") or "") for block in result.content)
    return texts + (0 if result.structured_content is UNSET else len(bytes(result.structured_content)))
