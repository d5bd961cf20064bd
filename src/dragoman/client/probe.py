"""How client and server agree on a revision: modern first, then the handshake of older servers.

Source: 2026-07-28, Versioning (Protocol Version Negotiation, Backward Compatibility) and the Backward Compatibility
sections of stdio and Streamable HTTP. A recognised modern error proves a modern server; any other error, or silence
where the wire allows it, means an older one.
"""

import asyncio
import math
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final, Literal

import msgspec
from msgspec import Raw, Struct

from dragoman.client.caller import Caller
from dragoman.client.replies import read
from dragoman.client.wire import Refusal, ServerEnded
from dragoman.errors import (
    ClientError,
    ConnectionFault,
    HeaderMismatch,
    MissingCapability,
    ServerFault,
    UnsupportedRevision,
)
from dragoman.protocol.messages import DiscoverResult, Implementation, InitializeResult
from dragoman.protocol.modern import SERVER_INFO
from dragoman.protocol.revisions import LATEST_LEGACY, LATEST_MODERN, LEGACY, MODERN, REVISIONS, SUPPORTED, Revision

AUTO: Final = "auto"
RevisionName = Literal["auto", "2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"]

_NO_POST: Final = (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)
_MODERN_ERRORS: Final = (HeaderMismatch.code, MissingCapability.code, UnsupportedRevision.code)


class Agreement(Struct, frozen=True):
    """What client and server agreed on, and what the server says of itself."""

    revision: Revision
    capabilities: dict[str, Any]
    server_info: Implementation | None
    instructions: str | None


class _Older(Struct, frozen=True):
    """The server opens with `initialize`.

    Args:
        revision: the one to ask for.
        why: what it did with the modern request.
        ended: whether its process is gone.
    """

    revision: Revision
    why: str
    ended: bool = False


class _Supported(Struct):
    supported: list[str]


async def agree(caller: Caller, wanted: str) -> Agreement:
    """Find the revision to speak, and speak it.

    Args:
        caller: the connection, freshly opened.
        wanted: a revision, or `auto` for the newest that both know.

    Raises:
        ConnectionFault: there is none, or no usable answer.
    """
    if wanted in LEGACY:
        return await initialize(caller, LEGACY[wanted], exact=True)
    pinned = wanted != AUTO
    found = await _probe(caller, MODERN[wanted] if pinned else LATEST_MODERN, pinned=pinned)
    if isinstance(found, _Older):
        if pinned:
            raise ConnectionFault(f"The server does not speak {wanted}: {found.why}")
        if found.ended:
            await caller.wire.restart()
        found = await initialize(caller, found.revision, exact=False)
    caller.speak(found.revision)
    return found


async def initialize(caller: Caller, revision: Revision, *, exact: bool) -> Agreement:
    """Open a session with an older server (2025-11-25, Lifecycle).

    Args:
        caller: the connection.
        revision: the version to ask for.
        exact: whether another version in the answer is an error.

    Raises:
        ConnectionFault: refused, or the server chose a version that is not known here or not wanted.
    """
    if caller.wire.revision is not None and caller.wire.revision.modern:
        caller.speak(None)
    identity = caller.identity
    params = {"protocolVersion": revision.name, "capabilities": identity.capabilities, "clientInfo": identity.info}
    try:
        raw = await _open(caller, params)
    except ServerFault as fault:
        raise ConnectionFault(f"The server refused to initialize with {revision.name}: {fault}") from fault
    result = read(raw, InitializeResult, "initialize")
    agreed = LEGACY.get(result.protocol_version)
    if agreed is None or (exact and agreed is not revision):
        known = f"this client was told to use {revision.name} only" if exact else f"this client knows {_names(LEGACY)}"
        message = f"The server answered initialize with version '{result.protocol_version[:64]}', but {known}."
        raise ConnectionFault(message)
    caller.speak(agreed)
    await caller.tell("notifications/initialized", {})
    return Agreement(agreed, result.capabilities, result.server_info, result.instructions or None)


async def _open(caller: Caller, params: Mapping[str, Any]) -> Raw:
    """Send `initialize`, by the transport of 2024-11-05 where the newer one is refused (HTTP+SSE Transport)."""
    try:
        return await caller.ask("initialize", params)
    except Refusal as refusal:
        if refusal.status not in _NO_POST or not await caller.wire.fall_back():
            raise
    return await caller.ask("initialize", params)


async def _probe(caller: Caller, revision: Revision, *, pinned: bool) -> Agreement | _Older:
    """Send the first modern request, and stop waiting where silence means an older server."""
    if caller.wire.silence_seconds is None:
        return await _try_modern(caller, revision, pinned=pinned)
    seconds = min(caller.wire.silence_seconds, caller.timeout or math.inf)
    attempt = asyncio.ensure_future(_try_modern(caller, revision, pinned=pinned))
    try:
        done, _ = await asyncio.wait({attempt}, timeout=seconds)
        if done:
            return attempt.result()
        if pinned:
            return _Older(LATEST_LEGACY, f"it left server/discover unanswered for {seconds:g} seconds.")
        try:
            return await initialize(caller, LATEST_LEGACY, exact=False)
        except ClientError:
            # A modern server that was only slow to start has answered the probe by now.
            late = attempt.result() if attempt.done() and attempt.exception() is None else None
            if isinstance(late, Agreement):
                return late
            raise
    finally:
        attempt.cancel()
        await asyncio.gather(attempt, return_exceptions=True)


async def _try_modern(caller: Caller, revision: Revision, *, pinned: bool, refused: bool = False) -> Agreement | _Older:
    """Ask a modern server what it is; once more where it refuses a version and offers it in the same breath."""
    caller.speak(revision)
    # Where silence has a meaning, the one who waits for it sets the limit.
    limit = None if caller.wire.silence_seconds is None else math.inf
    try:
        raw = await caller.ask("server/discover", {}, timeout=limit)
    except ServerFault as fault:
        if fault.code == UnsupportedRevision.code:
            offered = _supported(fault)
            if revision.name in offered and not refused:
                return await _try_modern(caller, revision, pinned=pinned, refused=True)
            return await _use_supported(caller, revision, offered, pinned=pinned)
        if fault.code in _MODERN_ERRORS:
            raise ConnectionFault(f"The server refused a {revision.name} request: {fault}") from fault
        return _Older(LATEST_LEGACY, f"it answered server/discover with: {fault}")
    except Refusal as refusal:
        return _Older(LATEST_LEGACY, str(refusal))
    except ServerEnded as ended:
        return _Older(LATEST_LEGACY, str(ended), ended=True)
    try:
        result = read(raw, DiscoverResult, "server/discover")
    except ClientError as strange:
        return _Older(LATEST_LEGACY, str(strange))
    if revision.name not in result.supported_versions:
        return await _use_supported(caller, revision, result.supported_versions, pinned=pinned)
    return Agreement(revision, result.capabilities, _server_info(result), result.instructions or None)


async def _use_supported(caller: Caller, refused: Revision, offered: list[str], *, pinned: bool) -> Agreement | _Older:
    """Take the newest version that both know from what the server says it supports."""
    known = [name for name in SUPPORTED if name in offered and name != refused.name]
    if not known or pinned:
        wanted = refused.name if pinned else _names(REVISIONS)
        raise ConnectionFault(f"The server supports {_names(offered)}; this client wants {wanted}.")
    if known[0] in LEGACY:
        return _Older(LEGACY[known[0]], f"it supports {_names(offered)}.")
    return await _try_modern(caller, MODERN[known[0]], pinned=True)


def _supported(fault: ServerFault) -> list[str]:
    try:
        return msgspec.convert(fault.data, _Supported).supported
    except msgspec.ValidationError:
        return []


def _server_info(result: DiscoverResult) -> Implementation | None:
    """What the server calls itself; it need not say (Base protocol, Per-response protocol fields)."""
    meta = result.meta if isinstance(result.meta, dict) else {}
    told = meta.get(SERVER_INFO)
    if not isinstance(told, dict):
        return None
    try:
        return msgspec.convert({name: value for name, value in told.items() if value is not None}, Implementation)
    except msgspec.ValidationError:
        return None


def _names(versions: Iterable[str]) -> str:
    return ", ".join(name[:64] for name in list(versions)[:10]) or "no version that it names"
