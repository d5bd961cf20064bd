"""`dragoman bench`: the same call again and again against a server of one's own, and how long the answers took."""

import argparse
import asyncio
import importlib
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from dragoman.cli import exits, output
from dragoman.cli.arguments import read_arguments, read_json
from dragoman.cli.connection import read_header
from dragoman.cli.latencies import histogram, milliseconds, percentiles
from dragoman.cli.load import Load, Outcome
from dragoman.cli.load_http import Place, open_lines
from dragoman.cli.load_stdio import Pipe, StdioLine, encode
from dragoman.cli.parser import CommandParser, seconds
from dragoman.client.client import Client
from dragoman.client.mirror import Mirror
from dragoman.errors import ToolCallError, UsageError
from dragoman.protocol.headers import encode_value
from dragoman.protocol.messages import ToolInfo
from dragoman.protocol.revisions import MODERN, REVISIONS
from dragoman.server.suggest import nearest

DESCRIPTION = """\
Call a tool of a server again and again, and say how many calls a second it answered and how long they took.

TARGET is
  http://127.0.0.1:8000/mcp   the URL of a server
  -- COMMAND ...              in place of TARGET, at the end: a command that serves on stdio

Without TOOL a tool is taken that says it is read-only and needs no arguments. Arguments are as in `dragoman call`.
A tool that does not say it is read-only is called only with --allow-writes.

By default each connection waits for its answer before it asks again (a closed loop), so a server that stalls is asked
less. With --rate requests are due at fixed times, and their time counts from then on, sent or not."""

_EXAMPLES: Final = """\
examples:
  dragoman bench http://127.0.0.1:8000/mcp
  dragoman bench http://127.0.0.1:8000/mcp shop_query sql="select 1" --connections 50 --duration 30
  dragoman bench http://127.0.0.1:8000/mcp shop_query sql="select 1" --rate 500 --output json
  dragoman bench shop_tables --connections 1 -- dragoman serve shop.db --stdio

--output json prints one object: what was done, calls, failures by kind, calls_per_second, latency_ms.
"""

EPILOG = f"{_EXAMPLES}\n{exits.EXPLAINED}"

_URLS: Final = ("http://", "https://")
_META: Final = "io.modelcontextprotocol"
_BUSY: Final = 0.9  # of a processor: from there on this program may be what is measured
_MOST_CONNECTIONS: Final = 10_000
_DAY: Final = 86_400.0


class Chosen(NamedTuple):
    """What is called."""

    server: str
    revision: str
    tool: str
    arguments: dict[str, Any]
    headers: Mapping[str, str]  # that mirror arguments


def add_arguments(parser: CommandParser) -> None:
    """Say what the command takes."""
    parser.takes_command = True
    parser.add_argument("target", metavar="TARGET", help="the server, see above")
    parser.add_argument("tool", nargs="?", metavar="TOOL", help="the tool's name")
    parser.add_argument("arguments", nargs="*", default=[], metavar="KEY=VALUE", help="the tool's arguments")
    parser.add_argument("--json", metavar="OBJECT", help="all arguments as one JSON object, or - to read it from stdin")
    parser.add_argument(
        "--connections",
        type=_connections,
        default=16,
        metavar="N",
        help="connections, with one request each at a time; over stdio, requests at a time (default: %(default)s)",
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        "--duration", type=seconds, default=10.0, metavar="SECONDS", help="how long to call (default: %(default)g)"
    )
    length.add_argument("--requests", type=_count, metavar="N", help="how often to call instead")
    parser.add_argument(
        "--warm-up", type=_pause, default=1.0, metavar="SECONDS", help="not counted, before that (default: %(default)g)"
    )
    parser.add_argument("--rate", type=seconds, metavar="N", help="requests due each second, see above")
    parser.add_argument(
        "--revision", choices=("auto", *REVISIONS), default="auto", help="the protocol revision (default: %(default)s)"
    )
    parser.add_argument(
        "--timeout", type=seconds, default=10.0, help="seconds an answer may take (default: %(default)g)"
    )
    parser.add_argument(
        "--header", action="append", default=[], metavar="'NAME: VALUE'", help="a header for every request to a URL"
    )
    parser.add_argument("--allow-writes", action="store_true", help="call a tool that does not say it is read-only")
    parser.add_argument(
        "--output", choices=("text", "json"), default="text", help="text for people, or JSON (default: %(default)s)"
    )


def run(options: argparse.Namespace) -> int:
    """Measure, and return the exit status: failed where a call failed."""
    given = None if options.json is None else read_json(options.json)
    if given is not None and options.arguments:
        raise UsageError("Arguments are given both as key=value and as --json; keep one.")
    if options.command is not None:
        # What stands before `--` are then the tool and its arguments; TARGET was put in by the parser.
        if options.header:
            raise UsageError("--header goes with a URL only; this target is reached without HTTP.")
    elif not options.target.lower().startswith(_URLS):
        raise UsageError(f"'{options.target}' is no URL; write http://... or, for stdio, the command after --.")
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        chosen, outcome = runner.run(_measure(options, given))
    if options.output == "json":
        output.show_json(_summary(options, chosen, outcome))
    else:
        output.show("\n".join(_report(options, chosen, outcome)))
    return exits.FAILED if outcome.failures or not outcome.latencies else exits.OK


async def _measure(options: argparse.Namespace, given: dict[str, Any] | None) -> tuple[Chosen, Outcome]:
    headers = dict(map(read_header, options.header))
    named: dict[str, Any] = {"headers": headers} if options.command is None else {}
    target = options.target if options.command is None else options.command
    async with Client(target, timeout=options.timeout, revision=options.revision, cache=False, **named) as client:
        chosen = await _choose(client, options, given)
        reply = await client.call_tool(chosen.tool, chosen.arguments, raise_on_error=False)
        if reply.is_error:
            raise ToolCallError(f"The tool '{chosen.tool}' fails, so its speed says nothing: {reply.text[:500]}")
    load = Load(
        warm_up=options.warm_up,
        seconds=_DAY if options.requests else options.duration,
        most=options.requests,
        rate=options.rate,
        patience=options.timeout,
    )
    if options.command is None:
        return chosen, await _over_http(options, load, chosen, headers)
    return chosen, await _over_stdio(options, load, chosen)


async def _choose(client: Client, options: argparse.Namespace, given: dict[str, Any] | None) -> Chosen:
    """The tool and its arguments.

    Raises:
        UsageError: there is none, it needs other arguments, or it may write.
    """
    tools = await client.list_tools()
    tool = _find(tools, options.tool) if options.tool else _pick(tools, allow_writes=options.allow_writes)
    if not (_is_read_only(tool) or options.allow_writes):
        raise UsageError(
            f"The tool '{tool.name}' does not say that it is read-only, and would be called many times. If that does "
            "no harm, add --allow-writes."
        )
    arguments = read_arguments(tool.name, tool.input_schema, options.arguments) if given is None else given
    mirror = Mirror()
    mirror.learn([tool])
    info = client.server_info
    name = "the server" if info is None else info.name
    return Chosen(name, client.revision, tool.name, arguments, mirror.headers(tool.name, arguments))


def _find(tools: Sequence[ToolInfo], name: str) -> ToolInfo:
    known = {tool.name: tool for tool in tools}
    if name not in known:
        near = nearest(name, known)
        hint = f"Did you mean '{near}'?" if near else f"It has: {', '.join(known) or 'none'}."
        raise UsageError(f"The server has no tool '{name}'. {hint}")
    return known[name]


def _pick(tools: Sequence[ToolInfo], *, allow_writes: bool) -> ToolInfo:
    for tool in tools:
        if not tool.input_schema.get("required") and (allow_writes or _is_read_only(tool)):
            return tool
    shown = ", ".join(tool.name for tool in tools) or "none"
    raise UsageError(
        f"No tool says that it is read-only and needs no arguments; name one, with its arguments. There are: {shown}."
    )


def _is_read_only(tool: ToolInfo) -> bool:
    annotations = tool.annotations
    return bool(annotations) and annotations.read_only_hint is True  # type: ignore[union-attr]


def _params(chosen: Chosen) -> dict[str, Any]:
    params: dict[str, Any] = {"name": chosen.tool, "arguments": chosen.arguments}
    if chosen.revision in MODERN:
        identity = {"name": "dragoman-bench", "version": "1"}
        params["_meta"] = {
            f"{_META}/protocolVersion": chosen.revision,
            f"{_META}/clientInfo": identity,
            f"{_META}/clientCapabilities": {},
        }
    return params


async def _over_http(options: argparse.Namespace, load: Load, chosen: Chosen, headers: Mapping[str, str]) -> Outcome:
    place = Place(options.target, headers)
    if chosen.revision in MODERN:
        mirrored = {"mcp-method": "tools/call", "mcp-name": encode_value(chosen.tool), **chosen.headers}
        own = {"mcp-protocol-version": chosen.revision, **mirrored}
    else:
        own = await asyncio.to_thread(place.open_session, chosen.revision)
    message = {"jsonrpc": "2.0", "method": "tools/call", "params": _params(chosen)}
    # A session tells its requests apart by their ids; for requests that stand alone it does not matter.
    bodies = [msgspec.json.encode({**message, "id": number + 1}) for number in range(options.connections)]
    lines = await open_lines(load, place, [place.request(body, own) for body in bodies])
    try:
        return await load.run(list(lines))
    finally:
        for line in lines:
            await line.close()


async def _over_stdio(options: argparse.Namespace, load: Load, chosen: Chosen) -> Outcome:
    pipe = Pipe()
    await pipe.start(options.command)
    try:
        if chosen.revision not in MODERN:
            identity = {"name": "dragoman-bench", "version": "1"}
            hello = {"protocolVersion": chosen.revision, "capabilities": {}, "clientInfo": identity}
            await pipe.ask("initialize", hello, options.timeout)
            pipe.write(encode("notifications/initialized", {}))
        params = _params(chosen)
        for number in range(options.connections):
            pipe.waiting[number] = StdioLine(load, pipe, encode("tools/call", params, number))
        return await load.run(list(pipe.waiting.values()))
    finally:
        await pipe.close()


def _report(options: argparse.Namespace, chosen: Chosen, outcome: Outcome) -> list[str]:
    """What people read."""
    way = "stdio" if options.command is not None else "HTTP"
    loop = f"{options.rate:g} requests due each second" if options.rate else "closed loop"
    amount = f"{options.requests:,} requests" if options.requests else f"{options.duration:g} s"
    counted = f"{len(outcome.latencies):,} answered, {outcome.failures.total():,} failed"
    lines = [
        f"{chosen.server}: '{chosen.tool}' over {way}, revision {chosen.revision}, {options.connections} at a time,",
        f"{loop}, {amount} after {options.warm_up:g} s of warm-up",
        "",
        f"  {_per_second(outcome):,.0f} calls/s   ({counted})",
    ]
    if outcome.latencies:
        ordered = sorted(outcome.latencies)
        told = "   ".join(f"{name} {milliseconds(value)}" for name, value in percentiles(ordered).items())
        lines += ["", f"  {told}", ""]
        blocks = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
        columns = output.columns() or shutil.get_terminal_size().columns
        lines += [f"  {line}" for line in histogram(ordered, columns - 3, blocks=blocks)]
    for kind, count in outcome.failures.most_common():
        lines += ["", f"  {count:,} failed: {kind}, such as", f"    {' '.join(outcome.examples[kind].split())}"]
    return [*lines, *(f"\n{remark}" for remark in _remarks(options, outcome))]


def _remarks(options: argparse.Namespace, outcome: Outcome) -> list[str]:
    """What to know before the figures are believed."""
    remarks = []
    share = _processor_share(outcome)
    if share > _BUSY:
        remarks.append(
            f"This program itself used {share:.0%} of a processor: the figures may be its limit and not the server's."
        )
    if outcome.unsent:
        remarks.append(
            f"{outcome.unsent:,} requests were due and not sent: the server did not keep up with {options.rate:g} a "
            "second, and the latencies leave those out that would have been longest."
        )
    return remarks


def _summary(options: argparse.Namespace, chosen: Chosen, outcome: Outcome) -> dict[str, Any]:
    """What programs read."""
    ordered = sorted(outcome.latencies)
    return {
        "server": chosen.server,
        "revision": chosen.revision,
        "transport": "stdio" if options.command is not None else "http",
        "tool": chosen.tool,
        "arguments": chosen.arguments,
        "connections": options.connections,
        "rate": options.rate,
        "seconds": round(outcome.seconds, 3),
        "calls": outcome.calls,
        "answered": len(ordered),
        "failures": dict(outcome.failures),
        "examples": outcome.examples,
        "unsent": outcome.unsent,
        "calls_per_second": round(_per_second(outcome), 1),
        "latency_ms": {name: round(value * 1000, 3) for name, value in percentiles(ordered).items()} if ordered else {},
        "client_processor": round(_processor_share(outcome), 3),
        "remarks": _remarks(options, outcome),
    }


def _per_second(outcome: Outcome) -> float:
    return len(outcome.latencies) / outcome.seconds if outcome.seconds else 0.0


def _processor_share(outcome: Outcome) -> float:
    return outcome.processor_seconds / outcome.seconds if outcome.seconds else 0.0


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"'{text}' is no number above 0")
    return int(text)


def _connections(text: str) -> int:
    if _count(text) > _MOST_CONNECTIONS:
        raise argparse.ArgumentTypeError(f"'{text}' is too many: at most {_MOST_CONNECTIONS:,} connections")
    return int(text)


def _pause(text: str) -> float:
    return 0.0 if text == "0" else seconds(text)


def _loop_factory() -> Any:
    """Uvloop's event loop where it is installed."""
    try:
        return importlib.import_module("uvloop").new_event_loop
    except ImportError:
        return None
