"""The documentation says what the code does: nothing public is missing, no page is stale, no link is dead."""

import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import dragoman
from dragoman import errors
from dragoman.limits import Limits
from dragoman.ops.catalogue import Setting, settings_in
from dragoman.ops.settings import sections
from tests.shape.sources import ROOT, tracked_files
from tests.shape.test_budgets import modern_http

REFERENCE = ROOT / "docs" / "reference"
PAGES = [path for path in tracked_files() if path.suffix == ".md"]
ERRORS = [
    name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, errors.DragomanError)
]


def reference(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


def headings(text: str) -> set[str]:
    """The headings of a page; lines in fenced blocks are none."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return set(re.findall(r"^#+ (.+)$", prose, re.MULTILINE))


def anchor(heading: str) -> str:
    """What a link to a heading says, by the rule that code hosts share."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def links(text: str) -> list[str]:
    """The targets of the links of a page that stay in the repository."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return [target for target in re.findall(r"\]\(([^)\s]+)\)", prose) if not re.match(r"[a-z]+:", target)]


def test_generated_pages_are_up_to_date() -> None:
    check = [sys.executable, "scripts/docs.py", "--check"]
    done = subprocess.run(check, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", dragoman.__all__)
def test_every_public_name_is_described(name: str) -> None:
    assert name in headings(reference("python.md"))


def test_every_command_is_described() -> None:
    program = [str(Path(sys.executable).with_name("dragoman")), "--help"]
    shown = subprocess.run(program, capture_output=True, text=True, check=True).stdout
    listed = re.search(r"\{([\w,-]+)\}", shown)
    assert listed, "the help lists the commands between braces"
    described = headings(reference("command-line.md"))
    assert {f"dragoman {command}" for command in listed[1].split(",")} <= described


@pytest.mark.parametrize("name", [field.name for field in msgspec.structs.fields(Limits)])
def test_every_limit_is_described(name: str) -> None:
    row = re.search(rf"^\| `{name}` \| [^|]+ \| [^|]* \| (.+) \|$", reference("limits.md"), re.MULTILINE)
    assert row
    assert len(row[1]) > 10, "say what it limits, with the unit"


SETTINGS = [(name, setting) for name, section in sections().items() for setting in settings_in(section)]


@pytest.mark.parametrize(("section", "setting"), SETTINGS, ids=lambda value: getattr(value, "key", value))
def test_every_setting_is_described(section: str, setting: Setting) -> None:
    assert section in headings(reference("settings.md"))
    assert f"| `{setting.key}` |" in reference("settings.md")
    assert len(setting.help) > 5, "say what it is for, in the description of its field"


@pytest.mark.parametrize("name", ERRORS)
def test_every_error_is_described(name: str) -> None:
    assert f"| `{name}` |" in reference("errors.md")


async def test_the_road_of_a_call_is_as_the_design_says() -> None:
    page = (ROOT / "docs" / "explain" / "design.md").read_text(encoding="utf-8")
    section = re.search(r"^## The road of one.*?\n(1\. .*?)\n\n", page, re.MULTILINE | re.DOTALL)
    assert section
    told, file = set(), ""
    for word in re.findall(r"`([\w./]+)`", section[1]):
        if word.endswith(".py"):
            file = word.rpartition("/")[2]
        elif word.islower() and "." not in word:
            told.add(f"{file}:{word}")
    run = await modern_http(1)
    assert told == set(run.frames)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    dead = []
    for target in links(text):
        file, _, fragment = target.partition("#")
        path = page.parent / file if file else page
        if not path.exists():
            dead.append(target)
        elif fragment and path.suffix == ".md":
            anchors = {anchor(heading) for heading in headings(path.read_text(encoding="utf-8"))}
            dead += [] if fragment in anchors else [target]
    assert not dead
