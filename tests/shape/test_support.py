"""`docs/explain/support.md` says what the code does, and leaves nothing of the official schemas unsaid."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from dragoman.protocol.revisions import REVISIONS
from dragoman.server.methods import METHODS
from tests.shape.sources import ROOT

PAGE = (ROOT / "docs" / "explain" / "support.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """The text under a heading."""
    found = re.search(rf"^## {title}$(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, f"the page has no section '{title}'"
    return found[1]


def table(title: str) -> dict[str, list[str]]:
    """The first table of a section: first cell -> the others; a first cell may name several things."""
    found = re.search(r"(?:^\|.*\n)+", section(title), re.MULTILINE)
    assert found, f"the section '{title}' has no table"
    rows = [line.strip("| ").split(" | ") for line in found[0].splitlines()]
    return {name: cells for first, *cells in rows[2:] for name in re.findall(r"`([^`]+)`", first)}


def official(schema: Any, union: str) -> set[str]:
    """The methods of a union of the official schema."""
    definitions = schema.get("$defs") or schema["definitions"]
    members = definitions.get(union, {}).get("anyOf", [definitions.get(union, {})])
    resolved = [definitions[each["$ref"].rpartition("/")[2]] if "$ref" in each else each for each in members]
    return {each["properties"]["method"]["const"] for each in resolved if "properties" in each}


@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("title", "field"), [("Requests", "methods"), ("Notifications", "notifications")])
def test_the_tables_say_what_the_revision_table_says(title: str, field: str, revision: str) -> None:
    column = list(REVISIONS).index(revision)
    told = {name for name, cells in table(title).items() if cells[column] == "yes"}
    assert told == getattr(REVISIONS[revision], field)


def test_every_method_has_a_row() -> None:
    assert list(table("Requests")) == list(METHODS)


@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("union", "field"), [("ClientRequest", "methods"), ("ClientNotification", "notifications")])
def test_what_is_not_implemented_is_said(revision: str, union: str, field: str, shared_data: Path) -> None:
    schema = json.loads((shared_data / "schema" / f"{revision}.json").read_text(encoding="utf-8"))
    said = {name for name, cells in table("Not implemented").items() if revision in cells[0]}
    missing = official(schema, union) - getattr(REVISIONS[revision], field)
    assert missing <= said, "say in 'Not implemented' why these are not there"


@pytest.mark.parametrize("revision", REVISIONS)
def test_nothing_is_called_missing_that_is_there(revision: str) -> None:
    said = {name for name, cells in table("Not implemented").items() if revision in cells[0]}
    there = REVISIONS[revision].methods | REVISIONS[revision].notifications
    assert not said & there
