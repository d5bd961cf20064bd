"""What a check finds out: every part is asked, and none that is broken keeps the others from being told."""

from collections.abc import Sequence

import pytest

from dragoman import Connector, Exposed, Finding, Server, ToolError
from dragoman.cli.assembly import Part, Served
from dragoman.cli.survey import Survey, survey
from dragoman.cli.targets import Target
from dragoman.secrets import register


class Shelf(Connector):
    """A connector that says of itself what it is told to."""

    problem: str | None = None
    things: Sequence[Exposed] = (Exposed(name="Customer", masked={"Email": "partial"}),)
    broken: Exception | None = None
    words = "Look."

    def attach(self, server: Server) -> None:
        def look() -> str:
            return ""

        server.add_tool(look, name=f"{self.name}_look", description=self.words)

    async def health(self) -> str | None:
        return self.problem

    async def exposed(self) -> list[Exposed]:
        return list(self.things)

    async def review(self) -> list[Finding]:
        if self.broken is not None:
            raise self.broken
        return [Finding(text="It is dusty.", remedy="Dust it."), Finding(level="note", text="It is old.")]


async def surveyed(*shelves: Shelf) -> Survey:
    server = Server("shop")
    parts = []
    for shelf in shelves:
        server.connect(shelf)
        target = Target(shelf.name, "folder", shelf.name, shelf.name)
        parts.append(Part(target, "shelf", frozenset({f"{shelf.name}_look"}), frozenset(), frozenset(), ()))
    return await survey(Served(server, tuple(parts)))


async def test_a_part_tells_everything() -> None:
    found = await surveyed(Shelf("a"))
    (part,) = found.parts
    assert (part.name, part.kind, part.place, part.problem, part.resources) == ("a", "shelf", "a", None, 0)
    assert part.exposed == [Exposed(name="Customer", masked={"Email": "partial"})]
    assert [finding.text for finding in part.findings] == ["It is dusty.", "It is old."]
    (cost,) = part.tools
    assert cost.name == "a_look"
    assert 20 < cost.tokens < 100
    assert (found.name, found.tokens, found.is_well, found.warnings, found.findings) == (
        "shop",
        cost.tokens,
        True,
        1,
        [],
    )


async def test_a_part_that_is_not_well_is_asked_no_more() -> None:
    broken = Shelf("a")
    broken.problem = "the lock is stuck"
    found = await surveyed(broken, Shelf("b"))
    assert [part.problem for part in found.parts] == ["the lock is stuck", None]
    assert (found.parts[0].exposed, found.parts[0].findings) == ([], [])
    assert not found.is_well


@pytest.mark.parametrize("error", [ToolError("no: sv-61aa"), RuntimeError("no: sv-61aa")])
async def test_a_part_that_cannot_be_looked_at_is_a_finding(error: Exception) -> None:
    register("sv-61aa")
    shelf = Shelf("a")
    shelf.broken = error
    (part,) = (await surveyed(shelf)).parts
    assert [finding.text for finding in part.findings] == ["It could not be looked at any closer: no: ***"]


async def test_a_long_list_of_tools_is_a_finding() -> None:
    long = Shelf("long")
    long.words = "word " * 8_000
    found = await surveyed(Shelf("a"), long)
    (finding,) = found.findings
    assert finding.text.startswith("The list of tools costs about 10,")
    assert "The largest: long_look (10," in finding.remedy
    assert found.warnings == 3
