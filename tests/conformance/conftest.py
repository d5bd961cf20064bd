"""Fixtures: the suite, the server under test, and every set of server scenarios, run once a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conformance.scenarios import EXTENSION, Case
from tests.conformance.suite import Outcome, Suite, serving, state

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REQUIREMENTS = ("2025-11-25", "2026-07-28")
"""The revisions for which the suite keeps a list of what is required."""


@pytest.fixture(scope="session")
def suite() -> Suite:
    """The installed suite; skipped where it cannot be had."""
    if reason := state().get("missing"):
        pytest.skip(f"the official conformance suite: {reason}")
    return Suite(state()["program"], state()["script"])


@pytest.fixture(scope="session")
def url(suite: Suite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where tests/conformance/server.py is served."""
    with serving(tmp_path_factory.mktemp("server") / "log") as address:
        yield address


class ServerRuns:
    """What the server scenarios gave; a whole revision is run at once, when the first of its scenarios is asked for."""

    def __init__(self, suite: Suite, url: str, folders: pytest.TempPathFactory) -> None:
        self._suite, self._url, self._folders = suite, url, folders
        self._seen: dict[str, Mapping[str, Outcome]] = {}

    def get(self, case: Case) -> Outcome:
        """The outcome of one scenario at one revision."""
        revision, options = case.revision, ["--suite", "all", "--spec-version", case.revision]
        if revision in REQUIREMENTS:
            options = ["--requirements", revision]
        elif revision == EXTENSION:
            if case.scenario in self._of(REQUIREMENTS[-1], ["--requirements", REQUIREMENTS[-1]]):
                return self._seen[REQUIREMENTS[-1]][case.scenario]
            revision, options = case.scenario, ["--scenario", case.scenario]
        outcomes = self._of(revision, options)
        assert case.scenario in outcomes, f"the suite did not run {case}, only {', '.join(outcomes)}"
        return outcomes[case.scenario]

    def _of(self, key: str, options: list[str]) -> Mapping[str, Outcome]:
        if key not in self._seen:
            scratch = self._folders.mktemp(key)
            self._seen[key] = self._suite.run(scratch, "server", "--url", self._url, *options)
        return self._seen[key]


@pytest.fixture(scope="session")
def server_runs(suite: Suite, url: str, tmp_path_factory: pytest.TempPathFactory) -> ServerRuns:
    """Everything the server scenarios gave in this session."""
    return ServerRuns(suite, url, tmp_path_factory)
