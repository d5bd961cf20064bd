"""Oversight of a server that is served: what is recorded of requests, and how much callers may ask.

The one place that knows which hooks there are and their order: the audit log is outermost, so that what the limits
refuse is recorded too. What is off is not loaded.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec import structs

from dragoman.errors import UsageError
from dragoman.ops.audit.settings import AuditSettings
from dragoman.ops.settings import Settings

if TYPE_CHECKING:
    from dragoman.ops.audit.log import AuditLog
    from dragoman.ops.rates.hook import Limits, Quotas
    from dragoman.server.exchange import Exchange
    from dragoman.server.hooks import Hook
    from dragoman.server.server import Server

REFUSALS: Final = 100
"""Refused sign-ins that leave a line, in a minute; the rest are counted in the next line."""
_MINUTE: Final = 60.0


class Oversight:
    """What watches over one server.

    Args:
        log: the audit log, where there is one.
        limits: the quotas in force, where there can be some.
    """

    def __init__(self, log: "AuditLog | None", limits: "Limits | None") -> None:
        self.log = log
        self.limits = limits
        self._minute = 0
        self._told = 0
        self._unsaid = 0

    def hooks(self) -> "Iterator[Hook]":
        """The hooks, the outermost first."""
        if self.log is not None:
            from dragoman.ops.audit.hook import audited

            yield audited(self.log)
        if self.limits is not None:
            from dragoman.ops.rates.hook import limiting

            yield limiting(self.limits)

    def refused(self, exchange: "Exchange", fault: Exception) -> None:
        """Record that a credential was not accepted; a flood of them leaves a bounded number of lines.

        Args:
            exchange: the request.
            fault: what its caller is told.
        """
        if self.log is None or b"authorization" not in getattr(exchange, "headers", {}):
            return
        minute = int(time.monotonic() / _MINUTE)
        if minute != self._minute:
            self._minute, self._told = minute, 0
        if self._told >= REFUSALS:
            self._unsaid += 1
            return
        from dragoman.ops.audit.hook import refusal

        self._told += 1
        decision = str(fault) + (f" [{self._unsaid} more before]" if self._unsaid else "")
        self._unsaid = 0
        refusal(self.log, exchange.address, decision)

    def follow(self, settings: Settings) -> None:
        """Hold callers to the quotas of changed settings.

        Args:
            settings: the whole configuration.
        """
        if self.limits is not None:
            self.limits.use(quotas_of(settings))

    def close(self) -> None:
        """Write what is left."""
        if self.log is not None:
            self.log.close()


@contextmanager
def overseen(server: "Server", settings: Settings, audit: AuditSettings | None) -> Iterator[Oversight]:
    """Have a server watched over for as long as it is served.

    Args:
        server: the whole, not a view.
        settings: the whole configuration.
        audit: how the log is kept; None for no log.

    Raises:
        UsageError: the log can't be kept.
    """
    oversight = Oversight(None if audit is None else _log(audit), _limits(settings))
    hooks = list(oversight.hooks())
    server.hooks.surround(*hooks)
    try:
        yield oversight
    finally:
        for hook in hooks:
            server.hooks.remove(hook)
        oversight.close()


def audit_of(settings: Settings, *, on: bool, folder: Path | None = None) -> AuditSettings | None:
    """How the log is kept; None where there is none.

    Args:
        settings: the whole configuration, whose `[audit]` wins.
        on: whether there is a log where nothing is said of it.
        folder: where it is, where nothing is said of it.
    """
    said = settings.audit
    if said is None:
        return AuditSettings(folder=None if folder is None else str(folder)) if on else None
    if said.folder is None and folder is not None:
        said = structs.replace(said, folder=str(folder))
    return said if said.enabled else None


def quotas_of(settings: Settings) -> "Quotas":
    """Every quota of a configuration."""
    from dragoman.ops.rates.hook import Quotas

    return Quotas(
        everybody=settings.limits,
        roles=_said(settings.roles),
        tools=_said(settings.tools),
        connectors=_said(settings.connectors),
    )


def _said(named: Mapping[str, Any]) -> dict[str, Any]:
    return {name: one.limits for name, one in named.items() if one.limits is not None}


def _limits(settings: Settings) -> "Limits | None":
    """The quotas in force; roles may get some while it is served."""
    named = (settings.tools, settings.connectors)
    if settings.limits is None and not settings.roles and not any(_said(one) for one in named):
        return None
    from dragoman.ops.rates.hook import Limits
    from dragoman.ops.rates.memory import MemoryRates

    return Limits(quotas_of(settings), MemoryRates())


def _log(audit: AuditSettings) -> "AuditLog":
    from dragoman.ops.audit.log import AuditLog

    try:
        return AuditLog(audit.place(), on_failure=audit.on_failure, synced=audit.synced, keep=audit.keep_seconds)
    except UsageError as error:
        message = f"{error} Name another folder, or do without: [audit] folder or enabled = false, or --no-audit."
        raise UsageError(message) from None
