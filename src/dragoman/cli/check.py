"""`dragoman check`: is the configuration right, do its connectors answer, what would callers see, what is unwise."""

import argparse
import asyncio
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

import msgspec

from dragoman.cli import exits, output
from dragoman.cli.assembly import assemble, started
from dragoman.cli.parser import CommandParser
from dragoman.cli.serve import default_target
from dragoman.cli.survey import PartSurvey, Survey, survey
from dragoman.cli.targets import read_targets
from dragoman.cli.widths import pad, width
from dragoman.connectors.connector import Exposed, Finding
from dragoman.ops.schema import schema

DESCRIPTION = """\
Check a configuration: read it, connect to what it names, and print what callers would see and what is unwise.

FILE is a dragoman.toml, or anything else that `dragoman serve` takes."""

EPILOG = """\
examples:
  dragoman check
  dragoman check deploy/shop.toml --strict
  dragoman check shop.db --json
  dragoman check --schema > dragoman.schema.json

Tokens are estimated: a quarter of the bytes of a tool's entry in the list of tools.

Exit status: 0 all is well, 1 warnings with --strict, 2 a mistake in the configuration or a connector that does not
answer."""

_INDENT: Final = "  "


def add_arguments(parser: CommandParser) -> None:
    """Say what the command takes."""
    parser.add_argument("file", nargs="?", metavar="FILE", help="what to check (default: ./dragoman.toml)")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when there are warnings")
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    parser.add_argument(
        "--schema", action="store_true", help="check nothing; print the JSON Schema of dragoman.toml, for editors"
    )


def run(options: argparse.Namespace) -> int:
    """Check, print, and return the exit status."""
    if options.schema:
        output.show_json(schema())
        return exits.OK
    word = options.file or default_target()
    found = asyncio.run(_survey(word))
    if options.json:
        shown = {"file": word, "ok": found.is_well, "warnings": found.warnings, **msgspec.to_builtins(found)}
        output.show_json(shown)
    else:
        output.show("\n".join(_lines(word, found)))
    if not found.is_well:
        return exits.USAGE
    return exits.FAILED if options.strict and found.warnings else exits.OK


async def _survey(word: str) -> Survey:
    served = assemble(read_targets([word]))
    async with started(served):
        return await survey(served)


def _lines(word: str, found: Survey) -> Iterator[str]:
    """The report for people."""
    yield f"{word} can be read: the server '{found.name}' with {_counted(len(found.parts), 'part')}."
    for part in found.parts:
        yield ""
        yield from _part_lines(part)
    tools = sum(len(part.tools) for part in found.parts)
    yield ""
    yield f"{_counted(tools, 'tool')}, about {found.tokens:,} tokens in every conversation."
    for finding in found.findings:
        yield from _finding_lines(finding, "")
    broken = sum(part.problem is not None for part in found.parts)
    answers = "everything answers" if not broken else f"{_counted(broken, 'part')} not answering"
    yield f"{_counted(found.warnings, 'warning')}; {answers}."


def _part_lines(part: PartSurvey) -> Iterator[str]:
    yield f"{part.name}  {part.kind}  {part.place}"
    if part.problem is not None:
        yield f"{_INDENT}does not answer: {part.problem}"
    for cost in part.tools:
        names = max(width(each.name) for each in part.tools)
        yield f"{_INDENT}tool {pad(cost.name, names)}  {cost.tokens:,} tokens"
    yield f"{_INDENT}{_counted(part.resources, 'resource')}, {_counted(part.prompts, 'prompt')}"
    yield from _exposed_lines(part.exposed)
    for finding in part.findings:
        yield from _finding_lines(finding, _INDENT)


def _exposed_lines(exposed: Iterable[Exposed]) -> Iterator[str]:
    """What is served plainly on one line for each kind, everything with a policy on a line of its own."""
    ordered = sorted(exposed, key=lambda one: one.kind)
    for kind, group in groupby(ordered, key=lambda one: one.kind):
        things = list(group)
        served = [one for one in things if one.served]
        denied = [one.name for one in things if not one.served]
        plain = [one.name for one in served if not (one.hidden or one.masked or one.rows)]
        yield f"{_INDENT}{_counted(len(served), kind)} served, {len(denied)} not"
        if plain:
            yield f"{_INDENT * 2}whole: {', '.join(plain)}"
        for one in served:
            if one.name not in plain:
                yield f"{_INDENT * 2}{one.name}: {'; '.join(_policy(one))}"
        if denied:
            yield f"{_INDENT * 2}not served: {', '.join(denied)}"


def _policy(one: Exposed) -> Iterator[str]:
    if one.hidden:
        yield f"without {', '.join(one.hidden)}"
    if one.masked:
        yield "masked " + ", ".join(f"{name} ({how})" for name, how in one.masked.items())
    if one.rows:
        yield f"rows where {one.rows}"


def _finding_lines(finding: Finding, indent: str) -> Iterator[str]:
    yield f"{indent}{finding.level}: {finding.text}"
    for line in finding.remedy.splitlines():
        yield f"{indent}{_INDENT * 2}{line}"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
