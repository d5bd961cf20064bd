"""Design section 8: the tests mirror the sources, one test file per module.

A module is exempt when it holds no code of its own; the folders that prove claims about the whole are not
mirrors of anything.
"""

import ast
from pathlib import Path

import pytest

from tests.shape.sources import ROOT, SOURCES, Module, modules, python_files

TESTS = ROOT / "tests"
ABOUT_THE_WHOLE = {"shape", "interop", "conformance", "e2e", "transcripts", "examples", "benchmarks"}

# Test files about several modules of their folder: the file, and why.
ABOUT_SEVERAL = {
    "server/test_tasks_over_http.py": "tasks as clients of the endpoint see them",
    "connectors/sql/test_any_text.py": "the guard, in four dialects",
    "connectors/sql/test_attacks.py": "the guard in four dialects, and the connector on three engines",
    "connectors/sql/test_caps.py": "a real server with every engine, and statements without end",
    "connectors/sql/test_hidden_names.py": "every way to the connector: what a policy hides is named nowhere",
    "connectors/sql/test_masking_properties.py": "random statements over the connector on every engine",
    "connectors/sql/test_outages.py": "a real server whose databases go away and come back",
    "connectors/sql/test_workloads.py": "the guard against the bare drivers",
    "connectors/sql/test_on_servers.py": "the connector on PostgreSQL and MariaDB",
    "connectors/sql/writes/test_attacks.py": "the guard for writes and what carries them out, on three engines",
    "connectors/sql/writes/test_crashes.py": "a real server that is killed in the middle of writes, on three engines",
    "ops/audit/test_kill.py": "a real server that is killed under load: its log has a line for every answer",
    "ops/test_matrix.py": "every role against everything that is served, on every wire",
    "transports/test_gate.py": "the endpoint, its routes and the gate before them",
    "transports/test_http_abuse.py": "a real server and hostile peers, over raw sockets",
    "transports/test_leaks.py": "what hundreds of abuses leave behind: tasks, descriptors, threads, sessions",
    "transports/test_mounting.py": "the endpoint inside applications of others",
    "transports/test_shutdown.py": "a real server that is told to end",
    "transports/test_stdio_process.py": "a real process between pipes",
}

# Modules tested under another name: the module, and why. A row that is not needed fails.
EXEMPT = {
    "dragoman": "its names are tested by shape/test_public_names.py",
}


def mirror(module: Module) -> Path:
    """Where the tests of a module stand."""
    inner = module.path.relative_to(SOURCES / "dragoman")
    return TESTS / inner.parent / f"test_{inner.stem}.py"


def has_code(module: Module) -> bool:
    """Whether anything but docstrings, imports and the list of names stands in the module."""
    return any(
        not isinstance(node, ast.Import | ast.ImportFrom)
        and not (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__")
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for node in module.tree.body
    )


@pytest.mark.parametrize("module", [m for m in modules() if has_code(m)], ids=lambda module: module.name)
def test_every_module_has_its_test_file(module: Module) -> None:
    expected = mirror(module)
    if module.name in EXEMPT:
        assert not expected.exists(), "it has a test file: remove its exemption"
    else:
        assert expected.exists(), f"{module.name} needs {expected.relative_to(ROOT)}"


def test_every_test_file_has_its_module() -> None:
    expected = {mirror(module) for module in modules()}
    orphans = [
        str(path.relative_to(ROOT))
        for path in python_files()
        if path.is_relative_to(TESTS)
        and path.name.startswith("test_")
        and not ABOUT_THE_WHOLE & set(path.relative_to(TESTS).parts)
        and path not in expected
        and path.relative_to(TESTS).as_posix() not in ABOUT_SEVERAL
    ]
    assert not orphans, "these test files mirror no module"


def test_exemptions_name_modules() -> None:
    assert set(EXEMPT) <= {module.name for module in modules()}
