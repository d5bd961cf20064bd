"""The load: one call over and over with wrk, and the same call once to see that it is answered rightly."""

import http.client
import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from shutil import which
from typing import Any

from benchmarks.measure import Sample
from benchmarks.peers import LEGACY, MODERN, Missing
from benchmarks.servers import pinned

SCRIPT = Path(__file__).resolve().parent / "load" / "post.lua"
META = "io.modelcontextprotocol"
INFO = {"name": "bench", "version": "1"}
OK = 200
CALL_SECONDS = 60.0
SLACK = 0.05  # how far the size of replies under load may be from the one that was checked


class Wrong(Exception):
    """A peer answered something else than was asked; the sentence says what."""


@dataclass(frozen=True)
class Answer:
    """A reply, taken apart.

    Args:
        reply: the JSON-RPC response.
        notifications: what came before it on the same stream.
        headers: of the HTTP response, lower case.
        size: the bytes of the body.
    """

    reply: dict[str, Any]
    notifications: list[dict[str, Any]]
    headers: dict[str, str]
    size: int

    @property
    def result(self) -> dict[str, Any]:
        """The result of the response.

        Raises:
            Wrong: it is an error.
        """
        if "result" not in self.reply or self.reply["result"].get("isError"):
            raise Wrong(f"an error came back: {json.dumps(self.reply)[:300]}")
        result: dict[str, Any] = self.reply["result"]
        return result

    @property
    def text(self) -> str:
        """The text of the only content block."""
        blocks = self.result["content"]
        if len(blocks) != 1 or blocks[0]["type"] != "text":
            raise Wrong(f"not one text: {json.dumps(blocks)[:300]}")
        text: str = blocks[0]["text"]
        return text

    @property
    def value(self) -> Any:
        """The structured value; some SDKs wrap a number in an object with one member."""
        if "structuredContent" not in self.result:
            raise Wrong(f"no structuredContent: {json.dumps(self.result)[:300]}")
        value = self.result["structuredContent"]
        return next(iter(value.values())) if isinstance(value, dict) and len(value) == 1 else value


@dataclass(frozen=True)
class Call:
    """One request and what must come back.

    Args:
        method: of JSON-RPC.
        params: of JSON-RPC, without `_meta`.
        check: raises `Wrong`, or gives False, where the answer is not right.
        headers: beyond those that every request has.
        meta: members of `_meta` beyond those that every request of 2026-07-28 has.
        revision: the protocol version; an older one needs a session, see `in_session`.
    """

    method: str
    params: Mapping[str, Any]
    check: Callable[[Answer], bool]
    headers: Mapping[str, str] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)
    revision: str = MODERN

    @property
    def body(self) -> bytes:
        """The request body."""
        params = dict(self.params)
        meta = dict(self.meta)
        if self.revision == MODERN:
            meta[f"{META}/protocolVersion"] = MODERN
            meta[f"{META}/clientInfo"] = INFO
            meta[f"{META}/clientCapabilities"] = {}
        if meta:
            params["_meta"] = meta
        return json.dumps({"jsonrpc": "2.0", "id": 1, "method": self.method, "params": params}).encode()

    @property
    def all_headers(self) -> dict[str, str]:
        """Every header of the request but Host and Content-Length."""
        headers = {
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": self.revision,
            **self.headers,
        }
        if self.revision == MODERN:
            headers["mcp-method"] = self.method
            if "name" in self.params:
                headers["mcp-name"] = self.params["name"]
        return headers


def tool_call(name: str, arguments: Mapping[str, Any], check: Callable[[Answer], bool], **more: Any) -> Call:
    """A call of a tool; `more` are further fields of `Call`."""
    return Call("tools/call", {"name": name, "arguments": dict(arguments)}, check, **more)


def add(**more: Any) -> Call:
    """The call that most rows make: 1 + 2, with the number in the text and in the structured value."""
    return tool_call("add", {"a": 1, "b": 2}, lambda answer: answer.text == "3" and answer.value == 3, **more)  # noqa: PLR2004


def wrong_add() -> Call:
    """A call of `add` whose argument has the wrong type; who checks arguments refuses it."""
    return tool_call("add", {"a": "one", "b": 2}, lambda _: False)


def in_session(call: Call, port: int, revision: str = LEGACY) -> Call:
    """The same call in a session of an older revision, which this begins."""
    capabilities: dict[str, Any] = {"protocolVersion": revision, "capabilities": {}, "clientInfo": INFO}
    hello = send(port, Call("initialize", capabilities, lambda _: True, revision=revision))
    if hello.result["protocolVersion"] != revision:
        raise Wrong(f"it speaks {hello.result['protocolVersion']}, not {revision}")
    session = {"mcp-session-id": hello.headers["mcp-session-id"]} if "mcp-session-id" in hello.headers else {}
    call = replace(call, revision=revision, headers={**call.headers, **session})
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=CALL_SECONDS)
    body = json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"})
    connection.request("POST", "/mcp", body, call.all_headers)
    connection.getresponse().read()
    connection.close()
    return call


def send(port: int, call: Call) -> Answer:
    """Make a call once.

    Raises:
        Wrong: there is no answer to it.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=CALL_SECONDS)
    try:
        connection.request("POST", "/mcp", call.body, call.all_headers)
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise Wrong(f"no answer: {error}") from error
    finally:
        connection.close()
    if response.status != OK:
        raise Wrong(f"status {response.status}: {body[:300].decode(errors='replace')}")
    headers = {name.lower(): value for name, value in response.getheaders()}
    messages = list(read_messages(body, headers.get("content-type", "")))
    replies = [message for message in messages if "method" not in message]
    if len(replies) != 1 or replies[0].get("id") != 1:
        raise Wrong(f"not one reply: {body[:300].decode(errors='replace')}")
    return Answer(replies[0], [message for message in messages if "method" in message], headers, len(body))


def read_messages(body: bytes, content_type: str) -> list[dict[str, Any]]:
    """The JSON-RPC messages of a response body, JSON or an event stream."""
    if not content_type.startswith("text/event-stream"):
        return [json.loads(body)]
    lines = [line for line in body.decode().splitlines() if line.startswith("data:")]
    return [json.loads(line[5:]) for line in lines if line[5:].strip()]


def checked(port: int, call: Call) -> Answer:
    """Make a call once and see that the answer is right.

    Raises:
        Wrong: it is not.
    """
    answer = send(port, call)
    if not call.check(answer):
        raise Wrong(f"another answer than expected: {json.dumps(answer.reply)[:300]}")
    return answer


def refuses(port: int, call: Call) -> bool:
    """Whether a call is refused, in whichever way: with a status of 4xx, an error, or a result that says so."""
    try:
        answer = send(port, call)
    except Wrong as reason:
        return str(reason).startswith("status 4")
    return "error" in answer.reply or answer.reply["result"].get("isError") is True


def wrk(port: int, call: Call, seconds: float, cores: str, connections: int = 16) -> dict[str, int]:
    """Make a call over and over, as many at a time as there are connections, from one thread.

    Args:
        port: where the endpoint is.
        call: what to ask.
        seconds: how long; wrk takes whole ones.
        cores: where the load generator runs.
        connections: how many.

    Returns:
        `requests`, `microseconds`, `bytes`, `p50`, `p90`, `p99` (microseconds).

    Raises:
        Missing: wrk is not installed.
        Wrong: calls were refused or broken off.
    """
    if which("wrk") is None:
        raise Missing("wrk is not installed (Debian: apt-get install wrk)")
    with tempfile.TemporaryDirectory() as folder:
        body, headers = Path(folder, "body"), Path(folder, "headers")
        body.write_bytes(call.body)
        headers.write_text("".join(f"{name}: {value}\n" for name, value in call.all_headers.items()), "utf-8")
        words = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "30s"]
        words += ["-s", str(SCRIPT), f"http://127.0.0.1:{port}/mcp"]
        environment = {"PATH": os.environ["PATH"], "BENCH_BODY": str(body), "BENCH_HEADERS": str(headers)}
        if call.revision != MODERN:
            environment["BENCH_UNIQUE"] = "1"
        done = subprocess.run(
            pinned(cores, words), env=environment, capture_output=True, text=True, timeout=seconds + 90, check=False
        )
    line = next((line for line in done.stdout.splitlines() if line.startswith("bench ")), None)
    if line is None:
        raise Wrong(f"wrk failed: {(done.stderr or done.stdout).strip()[-300:]}")
    said: dict[str, int] = json.loads(line.removeprefix("bench "))
    if said["status"] or said["broken"] or said["timeouts"] or not said["requests"]:
        raise Wrong(f"not every call was answered: {json.dumps(said)}")
    return said


def sample_of(said: Mapping[str, int], cpu_seconds: float) -> Sample:
    """What a run of wrk says, in calls a second, with the server's processor time for each call."""
    calls = said["requests"]
    rate = calls * 1e6 / said["microseconds"]
    return Sample(rate, cpu=cpu_seconds * 1e6 / calls, p50=float(said["p50"]), p99=float(said["p99"]))


def same_size(said: Mapping[str, int], answer: Answer) -> bool:
    """Whether the replies under load are as large as the one that was checked, give or take their headers."""
    each = said["bytes"] / said["requests"]
    header = sum(len(name) + len(value) + 4 for name, value in answer.headers.items())
    whole = answer.size + header
    return abs(each - whole) <= SLACK * whole + 256
