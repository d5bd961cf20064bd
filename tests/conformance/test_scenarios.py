"""The frozen list is what the suite has, and the suite's pins name no place to fetch from."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.conformance.scenarios import known
from tests.conformance.suite import HERE

if TYPE_CHECKING:
    from tests.conformance.suite import Suite


@pytest.mark.parametrize("side", ["server", "client"])
def test_the_list_is_what_the_suite_has(suite: Suite, side: str) -> None:
    shown = re.findall(r"^  - (\S+) \[(.*)\]$", suite.say("list", f"--{side}"), re.MULTILINE)
    assert {name: tuple(revisions) for (of, name), revisions in known().items() if of == side} == {
        name: tuple(revisions.split(",")) for name, revisions in shown
    }


def test_the_pins_carry_integrity_and_no_hosts() -> None:
    wanted = json.loads((HERE / "package.json").read_text("utf-8"))
    lock = json.loads((HERE / "package-lock.json").read_text("utf-8"))
    assert wanted["dependencies"] == {"@modelcontextprotocol/conformance": "0.2.0-alpha.12"}
    packages = {name: body for name, body in lock["packages"].items() if name}
    assert len(packages) > 10
    for name, body in packages.items():
        assert body["integrity"].startswith("sha512-"), name
        assert "resolved" not in body, name
