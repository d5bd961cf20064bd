"""Every client scenario of the official suite, OAuth and its extensions included, with dragoman.Client in client.py."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Final

import pytest

from tests.conformance.scenarios import EXTENSION, Case, cases
from tests.conformance.suite import HERE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.conformance.suite import Suite

COMMAND: Final = shlex.join([sys.executable, str(HERE / "client.py")])

# What is not a success and yet no failure, with the reason; never a check that fails.
EXPLAINED: Final[Mapping[str, Mapping[str, str]]] = {
    "http-standard-headers": dict.fromkeys(
        ["sep-2243-client-includes-standard-headers"],
        "`initialize` and `notifications/initialized` are not of this revision, so the client does not send them",
    ),
}


@pytest.mark.parametrize("case", cases("client"), ids=str)
def test_client(case: Case, suite: Suite, tmp_path: Path) -> None:
    version = [] if case.revision == EXTENSION else ["--spec-version", case.revision]
    outcomes = suite.run(tmp_path, "client", "--command", COMMAND, "--scenario", case.scenario, *version)
    outcome = outcomes[case.scenario]
    explained = EXPLAINED.get(case.scenario, {})
    wrong = [check for check in outcome.others if check.status == "FAILURE" or check.name not in explained]
    assert not wrong, "\n".join([*map(str, wrong), outcome.output])
    assert outcome.succeeded, outcome.output
    assert outcome.ended == 0, outcome.output
