"""The official clients in other languages list, call, answer, read, listen and give up, over both wires.

Each is one small program, compiled from pinned modules once a session where its toolchain is there, and reported as
skipped by name where it is not. Every run has a pier of its own, since a client changes it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Literal

import pytest

from tests.interop.conftest import Looks
from tests.interop.runs import HERE, Run, Scene
from tests.interop.schema_check import check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.interop.runs import Seen

COMPILE_SECONDS = 500.0
MODERN, OLDER = "2026-07-28", "2025-11-25"
RUNS = (
    Run("go", MODERN),
    Run("go", OLDER, OLDER),
    Run("rust", MODERN, "auto"),
    Run("rust", OLDER),  # what it does unasked
)
WIRES: tuple[Literal["http", "stdio"], ...] = ("http", "stdio")

# One worker compiles and looks; the others need not wait for it.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("other-languages")]


@pytest.fixture(scope="session")
def compiled_looks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Looks]:
    """What the compiled clients saw, once they are built."""
    command = [sys.executable, str(HERE / "setup"), "--compile"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as setup:
        try:
            said, _ = setup.communicate(timeout=COMPILE_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(setup.pid, signal.SIGKILL)
            raise
    assert setup.returncode == 0, said
    with ExitStack() as servers:
        yield Looks(tmp_path_factory, servers)


@pytest.fixture(params=[(run, wire) for run in RUNS for wire in WIRES], ids=lambda one: f"{one[0].name}-{one[1]}")
def look(request: pytest.FixtureRequest, compiled_looks: Looks) -> Seen:
    """What one client saw on one wire."""
    run, wire = request.param
    return compiled_looks.get(Scene(f"pier-{run.name}", (str(HERE / "pier.py"),), {}), run, wire)


def test_the_revision_is_the_one_preferred(look: Seen) -> None:
    assert look.document["revision"] == look.run.revision
    assert look.document["server"] == "pier"
    assert check(look.messages).revisions == {look.run.revision}


def test_features_are_listed(look: Seen) -> None:
    assert look.document["tools"] == ["add", "count", "berth", "wait", "begun", "waited", "raise_flag"]
    assert look.document["resources"] == ["harbour://flag"]


def test_a_call_returns_and_its_progress_is_heard(look: Seen) -> None:
    assert (look.document["sum"], look.document["counted"]) == ("3", "3")
    assert look.document["progress"] == [[step, 3, f"step {step}"] for step in (1, 2, 3)]


def test_a_question_is_answered(look: Seen) -> None:
    assert look.document["asked"] == ["How long is the ship?"]
    assert look.document["berth"] == "30 m, without pilot"


def test_a_resource_is_read(look: Seen) -> None:
    assert look.document["flag"] == ["blue and white"]


def test_changes_are_heard(look: Seen) -> None:
    """With `subscriptions/listen` in the current revision, with `resources/subscribe` in older ones."""
    assert look.document["changes"] == ["resource harbour://flag", "tools"]
    asked = {message.decode().get("method") for message in look.messages if message.sender == "client"}
    assert ("subscriptions/listen" in asked, "resources/subscribe" in asked) == (look.run.modern, not look.run.modern)


def test_what_is_given_up_is_cancelled(look: Seen) -> None:
    assert look.document["givenUp"] is True
    assert look.document["waited"] == "cancelled"


def test_everything_sent_meets_the_official_schema(look: Seen) -> None:
    verdict = check(look.messages, closed=True)
    assert verdict.problems == []
    assert sum(count for name, count in verdict.checked.items() if "Result" in name) >= 9, verdict.checked


def test_the_server_ends_by_itself_when_its_input_closes(look: Seen) -> None:
    assert len(look.exits) >= (look.wire == "stdio")
    assert [one for one in look.exits if one != {"exit": 0, "signals": []}] == []
