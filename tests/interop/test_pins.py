"""Every peer is pinned to the byte, and its pins name no place to fetch from."""

from __future__ import annotations

import json
import re
import tomllib

import pytest

from tests.interop.runs import PEERS, RUNS
from tests.interop.test_other_languages import RUNS as COMPILED_RUNS

PYTHON_PEERS = sorted(path.parent.name for path in PEERS.glob("*/requirements.txt"))
NODE_PEERS = sorted(path.parent.name for path in PEERS.glob("*/package.json"))

COMPILED_PEERS = sorted(path.parent.name for lock in ("go.sum", "Cargo.lock") for path in PEERS.glob(f"*/{lock}"))


def test_every_peer_is_run_and_pinned() -> None:
    assert {*PYTHON_PEERS, *NODE_PEERS} == {run.peer for run in RUNS}
    assert sorted({run.peer for run in COMPILED_RUNS}) == COMPILED_PEERS
    assert {*PYTHON_PEERS, *NODE_PEERS, *COMPILED_PEERS} == {one.name for one in PEERS.iterdir()}


@pytest.mark.parametrize("peer", PYTHON_PEERS)
def test_python_requirements_carry_hashes_and_no_hosts(peer: str) -> None:
    text = (PEERS / peer / "requirements.txt").read_text("utf-8")
    entries = [entry for entry in re.sub(r" *\\\n *", " ", text).splitlines() if entry.strip()]
    assert len(entries) > 10
    for entry in entries:
        assert re.fullmatch(r"[\w.-]+==[\w.]+( ; [^#]+?)?( --hash=sha256:[0-9a-f]{64})+", entry), entry
    assert "://" not in text


@pytest.mark.parametrize("peer", NODE_PEERS)
def test_npm_packages_carry_integrity_and_no_hosts(peer: str) -> None:
    wanted = json.loads((PEERS / peer / "package.json").read_text("utf-8"))
    lock = json.loads((PEERS / peer / "package-lock.json").read_text("utf-8"))
    for version in [*wanted["dependencies"].values(), *wanted.get("optionalDependencies", {}).values()]:
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    packages = {name: body for name, body in lock["packages"].items() if name}
    assert len(packages) > 10
    for name, body in packages.items():
        assert body["integrity"].startswith("sha512-"), name
        assert "resolved" not in body, name


def test_go_modules_carry_their_digests() -> None:
    wanted = re.findall(
        r"^\s*(?:require )?([\w./-]+) (v[\w.-]+)", (PEERS / "go/go.mod").read_text("utf-8"), re.MULTILINE
    )
    sums = (PEERS / "go/go.sum").read_text("utf-8").splitlines()
    assert len(wanted) > 5
    for module, version in wanted:
        assert any(re.fullmatch(rf"{re.escape(module)} {re.escape(version)} h1:\S{{43}}=", one) for one in sums), module


def test_crates_carry_their_digests_and_come_from_one_index() -> None:
    wanted = tomllib.loads((PEERS / "rust/Cargo.toml").read_text("utf-8"))["dependencies"]
    lock = tomllib.loads((PEERS / "rust/Cargo.lock").read_text("utf-8"))["package"]
    versions = {one["name"]: one["version"] for one in lock}
    for name, body in wanted.items():
        assert (body if isinstance(body, str) else body["version"]) == f"={versions[name]}"
    crates = [one for one in lock if one["name"] != "client"]
    assert len(crates) > 10
    for one in crates:
        # Cargo's own name for its registry, wherever it is fetched from.
        assert one["source"] == "registry+https://github.com/rust-lang/crates.io-index", one["name"]
        assert re.fullmatch(r"[0-9a-f]{64}", one["checksum"]), one["name"]
