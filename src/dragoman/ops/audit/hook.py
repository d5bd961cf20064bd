"""The audit hook: one line for every request, written before its answer is sent.

A call that may change something has a line before its work begins as well, so no effect is without one (P27). What is
not recorded here is listed in `QUIET`, and nothing else is.
"""

import contextlib
import secrets
import time
from itertools import count
from typing import Any, Final

from msgspec import UNSET, Raw, structs

from dragoman.auth.policy import Access, Kind
from dragoman.errors import Fault, InternalFault, TooMany
from dragoman.ops.audit.log import AuditLog, Unrecorded
from dragoman.ops.audit.record import AuditRecord, Event, Outcome, redacted
from dragoman.protocol.content import TextContent
from dragoman.protocol.messages import CallToolParams, CallToolResult, GetPromptParams, Result
from dragoman.server.ask import Pause
from dragoman.server.exchange import Exchange
from dragoman.server.hooks import Hook, Run
from dragoman.server.mask import reference_of
from dragoman.server.methods import Method

QUIET: Final = frozenset({"ping"})
"""Methods that leave no line: they read and change nothing."""

_KINDS: Final[dict[str, Kind]] = {
    "tools/call": "tool",
    "resources/read": "resource",
    "resources/subscribe": "resource",
    "resources/unsubscribe": "resource",
    "prompts/get": "prompt",
}
_MOST_DECISIONS: Final = 2000
_REFUSED: Final = "This request can't be recorded in the audit log, so it is refused; try again later."


def audited(log: AuditLog) -> Hook:
    """Return the hook that writes to a log."""
    decisions = _Decisions()
    process, numbers = secrets.token_hex(6), count(1)

    def hook(run: Run) -> Run:
        async def record(exchange: Exchange, method: Method, params: Any) -> Result | Raw:
            if method.name in QUIET:
                return await run(exchange, method, params)
            begun: AuditRecord | None = None
            if _may_change(exchange, params):
                begun = _line(exchange, method, params, "begin", f"{process}-{next(numbers):x}")
                _write(log, begun)
            began = time.perf_counter()
            outcome: Outcome = "fault"
            result: Result | Raw | None = None
            decision = decisions.of(exchange, method, params)
            reference = ""
            try:
                result = await run(exchange, method, params)
                outcome = "ok"
                if isinstance(result, CallToolResult) and result.is_error is True:
                    outcome = "error"
                    reference = _reference(result)
            except Pause:
                outcome = "asked"
                raise
            except Fault as fault:
                reference = reference_of(fault.message) if isinstance(fault, InternalFault) else ""
                if isinstance(fault, TooMany):
                    decision = fault.message
                raise
            except BaseException as error:
                outcome = "fault" if isinstance(error, Exception) else "cancelled"
                raise
            finally:
                took = round(time.perf_counter() - began, 6)
                line = begun or _line(exchange, method, params, "call")
                ended = structs.replace(
                    line,
                    at=time.time(),
                    event="call",
                    outcome=outcome,
                    rows=exchange.rows,
                    seconds=took,
                    size=_size(result),
                    reference=reference,
                    decision=decision,
                )
                _write(log, ended)
            return result

        return record

    return hook


def refusal(log: AuditLog, address: str, decision: str) -> None:
    """Record that a credential was not accepted; its caller is refused anyway, so a line that is lost changes nothing.

    Args:
        log: where.
        address: where the connection came from.
        decision: why.
    """
    with contextlib.suppress(Unrecorded):
        log.write(AuditRecord(at=time.time(), event="sign_in", address=address, decision=decision, outcome="fault"))


class _Decisions:
    """The rules by which callers may use what they named, remembered."""

    def __init__(self) -> None:
        self._known: dict[tuple[Access, Kind, str], str] = {}

    def of(self, exchange: Exchange, method: Method, params: Any) -> str:
        """The rule, as the configuration names it; empty where nobody asks."""
        access = exchange.server.access
        kind = _KINDS.get(method.name)
        if access is None or kind is None:
            return ""
        key = access, kind, _name(params)
        rule = self._known.get(key)
        if rule is None:
            if len(self._known) >= _MOST_DECISIONS:
                self._known.clear()
            rule = self._known[key] = access.decide(kind, key[2]).rule
        return rule


def _reference(result: CallToolResult) -> str:
    return next((reference_of(block.text) for block in result.content if isinstance(block, TextContent)), "")


def _line(exchange: Exchange, method: Method, params: Any, event: Event, call: str = "") -> AuditRecord:
    principal, client = exchange.principal, exchange.client_info
    arguments = getattr(params, "arguments", UNSET)
    return AuditRecord(
        at=time.time(),
        event=event,
        subject=principal.subject,
        issuer=principal.issuer,
        client=principal.client,
        tenant=principal.tenant,
        roles=principal.roles,
        address=exchange.address,
        program="" if client is UNSET else f"{client.name} {client.version}"[:200],
        revision=exchange.revision.name,
        method=method.name,
        name=_name(params),
        arguments=Raw(b"null") if arguments is UNSET else redacted(arguments),
        call=call,
    )


def _write(log: AuditLog, record: AuditRecord) -> None:
    try:
        log.write(record)
    except Unrecorded:
        raise InternalFault(_REFUSED) from None


def _name(params: Any) -> str:
    if isinstance(params, CallToolParams | GetPromptParams):
        return params.name[:512]
    uri = getattr(params, "uri", None) or getattr(params, "task_id", None)
    return uri[:512] if isinstance(uri, str) else ""


def _may_change(exchange: Exchange, params: Any) -> bool:
    """Whether a call is of a tool that does not promise to change nothing (Tools, Annotations)."""
    if not isinstance(params, CallToolParams):
        return False
    tool = exchange.server.tools.named.get(params.name)
    return tool is not None and (tool.info.annotations is UNSET or tool.info.annotations.read_only_hint is not True)


def _size(result: Any) -> int | None:
    """About the size of a result, bytes: its text and data."""
    if isinstance(result, Raw):
        return len(bytes(result))
    if not isinstance(result, CallToolResult):
        return None
    texts = sum(len(getattr(block, "text", "") or getattr(block, "data", "") or "") for block in result.content)
    return texts + (0 if result.structured_content is UNSET else len(bytes(result.structured_content)))
