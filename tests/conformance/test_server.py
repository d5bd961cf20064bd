"""Every server scenario of the official suite, at every revision it has, against tests/conformance/server.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.conformance.scenarios import Case, cases

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.conformance.conftest import ServerRuns

# What is not a success and yet no failure, with the reason; never a check that fails.
EXPLAINED: Final[Mapping[tuple[str, str], str]] = {
    ("input-required-result-ignore-extra-params", "sep-2322-ignore-unexpected-params"): (
        "a warning: the answers come without the requestState that a client must send back (Multi Round-Trip Requests, "
        "Client Requirements 2), so they answer nothing that was asked, and the server asks"
    ),
    ("tasks-status-notifications", "tasks-status-notifications"): (
        "the scenario has no checks: the suite does not listen to subscriptions/listen yet"
    ),
}


@pytest.mark.parametrize("case", cases("server"), ids=str)
def test_server(case: Case, server_runs: ServerRuns) -> None:
    outcome = server_runs.get(case)
    explained = {check: EXPLAINED.get((case.scenario, check.name)) for check in outcome.others}
    wrong = [check for check, reason in explained.items() if reason is None or check.status == "FAILURE"]
    assert not wrong, "\n".join(map(str, wrong))
    assert outcome.succeeded or any(explained.values()), "nothing was checked"
