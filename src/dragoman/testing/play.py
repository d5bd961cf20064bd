"""A transcript played: said line by line on one wire in one revision, and compared."""

import asyncio
import json
from pathlib import Path
from typing import Any, Final

from dragoman.errors import UsageError
from dragoman.protocol.revisions import Revision
from dragoman.server.server import Server
from dragoman.testing.checks import difference, hold, merged
from dragoman.testing.lines import VERSION, Line, open_line
from dragoman.testing.transcript import Step, Transcript, Wire

_STAMPED: Final = ("resultType", "_meta", "ttlMs", "cacheScope")
_CAPABILITIES: Final = "io.modelcontextprotocol/clientCapabilities"


def pytest_addoption(parser: Any) -> None:
    """Add `--update` to pytest: import this function into the `conftest.py` beside your transcripts."""
    parser.addoption("--update", action="store_true", help="write what the servers really answer into the transcripts")


class Play:
    """A transcript on one wire in one protocol revision.

    Parametrize a test with `transcript_plays(folder)` and `ids=str`, and call `run` in it.
    """

    def __init__(self, transcript: Transcript, wire: Wire, revision: Revision) -> None:
        self.transcript = transcript
        self.wire = wire
        self.revision = revision

    def __str__(self) -> str:
        return f"{self.transcript.path.stem}-{self.wire}-{self.revision.name}"

    async def run(self, server: Server, *, update: bool = False, seconds: float = 10.0) -> None:
        """Play it and compare.

        Args:
            server: a server with the features that the transcript names, made for this play alone.
            update: write what the server answers into the file instead of failing.
            seconds: how long to wait for a message.

        Raises:
            AssertionError: the server answered otherwise; says the line, what was expected and what came.
        """
        steps = [step for step in self.transcript.steps if step.counts_in(self.revision)]
        async with open_line(self.wire, server, self.revision) as line:
            if not self.revision.modern and self.transcript.handshake:
                await _shake_hands(line, self.revision)
            for step in steps:
                if step.from_client:
                    line.send(_completed(step.text, self.revision))
                    continue
                expected = json.loads(step.text)
                actual = _unstamped(expected, await self._next(line, step, seconds), self.revision)
                reason = difference(expected, actual)
                if reason is not None and update:
                    self._rewrite(step, expected, actual)
                elif reason is not None:
                    raise AssertionError(self._say(step, actual, reason))
        rest = line.unread()
        hold(not rest, f"{self.transcript.path}: the server says more than the transcript: {json.dumps(rest)}")

    async def _next(self, line: Line, step: Step, seconds: float) -> Any:
        try:
            async with asyncio.timeout(seconds):
                return await line.receive()
        except TimeoutError:
            raise AssertionError(self._say(step, None, "nothing came")) from None

    def _say(self, step: Step, actual: Any, reason: str) -> str:
        came = json.dumps(actual, ensure_ascii=False)
        where = f"{self.transcript.path}:{step.line} on {self.wire}, {self.revision.name}"
        return f"{where}: {reason}\n  expected {step.text}\n  came     {came}"

    def _rewrite(self, step: Step, expected: Any, actual: Any) -> None:
        """Put what came in the place of what did not fit; wildcards that fit stay."""
        text = json.dumps(merged(expected, actual), ensure_ascii=False)
        path = self.transcript.path
        lines = path.read_text(encoding="utf-8").splitlines()
        first, old = step.line - 1, step.text.count("\n") + 1
        lines[first : first + old] = [f"<{step.only} {text}", *[""] * (old - 1)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        step.text = text


def transcript_plays(folder: Path) -> list[Play]:
    """Every play of every transcript (`*.transcript`) in a folder, in order.

    Raises:
        UsageError: a file is no transcript, or there is none.
    """
    plays = [play for path in sorted(folder.glob("*.transcript")) for play in _plays(Transcript(path))]
    if not plays:
        raise UsageError(f"{folder}: no file here ends with .transcript.")
    return plays


def _plays(transcript: Transcript) -> list[Play]:
    return [Play(transcript, wire, revision) for wire in transcript.wires for revision in transcript.revisions]


def _completed(text: str, revision: Revision) -> bytes:
    """The bytes of a client's message, with what a transcript may leave out; what is no JSON goes as it is."""
    try:
        message = json.loads(text)
    except ValueError:
        return text.encode()
    for part in message if isinstance(message, list) else [message]:
        if isinstance(part, dict):
            _complete(part, revision)
    return json.dumps(message).encode()


def _complete(message: dict[str, Any], revision: Revision) -> None:
    message.setdefault("jsonrpc", "2.0")
    params = message.get("params", {})
    if "id" not in message or "method" not in message or not isinstance(params, dict):
        return
    if "_meta" in params and params["_meta"] is None:
        del params["_meta"]
    elif revision.modern:
        meta = {VERSION: revision.name, _CAPABILITIES: {}} | params.get("_meta", {})
        message["params"] = params | {"_meta": meta}


def _unstamped(expected: Any, actual: Any, revision: Revision) -> Any:
    """What came without what the era adds to every message and the transcript does not name."""
    if isinstance(expected, list) and isinstance(actual, list):
        wanted = [*expected, *[None] * (len(actual) - len(expected))]
        return [_unstamped(want, came, revision) for want, came in zip(wanted, actual, strict=False)]
    if not isinstance(actual, dict):
        return actual
    expected = expected if isinstance(expected, dict) else {}
    hold(actual.get("jsonrpc") == "2.0", f"no JSON-RPC 2.0: {actual!r}")
    shown = {name: value for name, value in actual.items() if name in expected or name != "jsonrpc"}
    result = shown.get("result")
    if revision.modern and isinstance(result, dict):
        hold("resultType" in result, f"a result says its type: {actual!r}")
        named = expected.get("result")
        named = named if isinstance(named, dict) else {}
        shown["result"] = {name: value for name, value in result.items() if name in named or name not in _STAMPED}
    return shown


async def _shake_hands(line: Line, revision: Revision) -> None:
    client = {"name": "transcript", "version": "1"}
    params = {"protocolVersion": revision.name, "capabilities": {}, "clientInfo": client}
    line.send(json.dumps({"jsonrpc": "2.0", "id": "hello", "method": "initialize", "params": params}).encode())
    reply = await line.receive()
    agreed = reply.get("result", {}).get("protocolVersion")
    hold(agreed == revision.name, f"the server does not agree on {revision.name}: {json.dumps(reply)}")
    line.send(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')
