"""The audit hook: one line for every request, written before its answer is sent.

A call that may change something has a line before its work begins as well, so no effect is without one (P27). What is
not recorded here is listed in `QUIET`, and nothing else is.
"""

import secrets
import time
from typing import Any, Final

from msgspec import UNSET, Raw

from dragoman.errors import Fault, InternalFault
from dragoman.ops.audit.log import AuditLog, Unrecorded
from dragoman.ops.audit.record import AuditRecord, Outcome, redacted
from dragoman.protocol.messages import CallToolParams, CallToolResult, GetPromptParams, Result
from dragoman.server.ask import Pause
from dragoman.server.exchange import Exchange
from dragoman.server.hooks import Hook, Run
from dragoman.server.methods import Method

QUIET: Final = frozenset({"ping"})
"""Methods that leave no line: they read and change nothing."""

_REFUSED: Final = "This request can't be recorded in the audit log, so it is refused; try again later."


def audited(log: AuditLog) -> Hook:
    """Return the hook that writes to a log."""

    def hook(run: Run) -> Run:
        async def record(exchange: Exchange, method: Method, params: Any) -> Result | Raw:
            if method.name in QUIET:
                return await run(exchange, method, params)
            call = ""
            if _may_change(exchange, params):
                call = secrets.token_hex(8)
                _write(log, _line(exchange, method, params, call, event="begin"))
            began = time.perf_counter()
            outcome: Outcome = "fault"
            result: Result | Raw | None = None
            reference = ""
            try:
                result = await run(exchange, method, params)
                outcome = "error" if isinstance(result, CallToolResult) and result.is_error is True else "ok"
            except Pause:
                outcome = "asked"
                raise
            except Fault as fault:
                reference = fault.message[-8:] if isinstance(fault, InternalFault) else ""
                raise
            except BaseException as error:
                outcome = "fault" if isinstance(error, Exception) else "cancelled"
                raise
            finally:
                took = round(time.perf_counter() - began, 6)
                line = _line(
                    exchange,
                    method,
                    params,
                    call,
                    outcome=outcome,
                    seconds=took,
                    size=_size(result),
                    reference=reference,
                )
                _write(log, line)
            return result

        return record

    return hook


def _line(exchange: Exchange, method: Method, params: Any, call: str, **more: Any) -> AuditRecord:
    principal, client = exchange.principal, exchange.client_info
    arguments = getattr(params, "arguments", UNSET)
    return AuditRecord(
        at=time.time(),
        event=more.pop("event", "call"),
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
        rows=exchange.rows,
        call=call,
        **more,
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
