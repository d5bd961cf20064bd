"""What a started server would show its callers, part by part, and what should be better: what `dragoman check` tells.

Everything is asked of the connectors themselves; nothing is printed here.
"""

import logging
from collections.abc import Iterable
from typing import Any, Final

import msgspec
from msgspec import Struct

from dragoman.cli.assembly import Part, Served, health_of
from dragoman.connectors.connector import Exposed, Finding
from dragoman.protocol.revisions import LATEST_MODERN
from dragoman.secrets import masked

_log: Final = logging.getLogger("dragoman.check")

_MOST_TOKENS: Final = 10_000
_BYTES_OF_TOKEN: Final = 4
_LARGEST_TOOLS: Final = 5


class ToolCost(Struct, frozen=True):
    """A tool and what its entry in the list of tools costs a model.

    Args:
        name: the tool's name.
        tokens: estimated: a quarter of its bytes.
    """

    name: str
    tokens: int


class PartSurvey(Struct, frozen=True):
    """What one connector, or one Python file, would show.

    Args:
        name: what it is called.
        kind: what it is.
        place: where it is.
        problem: what keeps it from answering, or None.
        tools: its tools.
        resources: how many resources it lists.
        prompts: how many prompts it has.
        exposed: what callers see of it, thing by thing.
        findings: what should be better.
    """

    name: str
    kind: str
    place: str
    problem: str | None
    tools: list[ToolCost]
    resources: int
    prompts: int
    exposed: list[Exposed]
    findings: list[Finding]


class Survey(Struct, frozen=True):
    """What a whole server would show.

    Args:
        name: the server's name.
        tokens: what all its tools cost, estimated.
        parts: each connector and Python file.
        findings: what is about the whole of it.
    """

    name: str
    tokens: int
    parts: list[PartSurvey]
    findings: list[Finding]

    @property
    def is_well(self) -> bool:
        """Whether every part answers."""
        return all(part.problem is None for part in self.parts)

    @property
    def warnings(self) -> int:
        """How many findings ask for something to be done."""
        found = [*self.findings, *(finding for part in self.parts for finding in part.findings)]
        return sum(finding.level == "warning" for finding in found)


async def survey(served: Served) -> Survey:
    """Ask every part of a started server what it shows.

    Args:
        served: the server, started.
    """
    parts = [await _part(served, part) for part in served.parts]
    costs = [cost for part in parts for cost in part.tools]
    tokens = sum(cost.tokens for cost in costs)
    return Survey(served.server.info.name, tokens, parts, list(_about_tokens(tokens, costs)))


async def _part(served: Served, part: Part) -> PartSurvey:
    connectors = _connectors(served, part)
    problems = [problem for one in connectors if (problem := await health_of(one)) is not None]
    problem = "; ".join(problems) or None
    exposed: list[Exposed] = []
    findings: list[Finding] = []
    if problem is None:
        try:
            for one in connectors:
                exposed += await one.exposed() if hasattr(one, "exposed") else []
                findings += await one.review() if hasattr(one, "review") else []
        except Exception as error:  # noqa: BLE001 - whatever it is, the check goes on and says so
            _log.debug("review of %r failed", part.target.name, exc_info=True)
            findings.append(Finding(text=f"It could not be looked at any closer: {masked(str(error))}"))
    return PartSurvey(
        name=part.target.name,
        kind=part.title,
        place=masked(part.target.word),
        problem=problem,
        tools=sorted((_cost(served, tool) for tool in part.tools), key=lambda cost: cost.name),
        resources=await part.count_resources() if problem is None else 0,
        prompts=len(part.prompts),
        exposed=exposed,
        findings=findings,
    )


def _connectors(served: Served, part: Part) -> list[Any]:
    """The connectors behind a part; a Python file that is served as itself has any number of its own."""
    known = served.server.connectors
    if len(served.parts) == 1 and part.target.kind == "python":
        return list(known.values())
    return [known[part.target.name]] if part.target.name in known else []


def _cost(served: Served, name: str) -> ToolCost:
    entry = served.server.tools.named[name].entry(LATEST_MODERN)
    return ToolCost(name, -(-len(msgspec.json.encode(entry)) // _BYTES_OF_TOKEN))


def _about_tokens(tokens: int, costs: Iterable[ToolCost]) -> Iterable[Finding]:
    """Every conversation begins with the list of tools: a long one is paid for again and again."""
    if tokens > _MOST_TOKENS:
        largest = sorted(costs, key=lambda cost: -cost.tokens)[:_LARGEST_TOOLS]
        shown = ", ".join(f"{cost.name} ({cost.tokens:,})" for cost in largest)
        yield Finding(
            text=f"The list of tools costs about {tokens:,} tokens in every conversation, more than {_MOST_TOKENS:,}.",
            remedy=f"Serve fewer tools, or shorten their descriptions. The largest: {shown}.",
        )
