"""What every test may rely on.

No test in this process reaches beyond the machine: an audit hook refuses it at the socket. Real documentation
and databases are read from `../shared/data` beside the repository, never copied into it; a test that needs
them is reported as skipped where they are missing.
"""

import ipaddress
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

ROOT = Path(__file__).parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"

settings.register_profile("dragoman", deadline=None, print_blob=True)
settings.load_profile("dragoman")


def _is_local(address: Any) -> bool:
    """Whether a socket address names this machine; addresses that are not IP are (Unix sockets)."""
    if not isinstance(address, tuple) or not isinstance(address[0], str) or address[0] in ("", "localhost"):
        return True
    try:
        return ipaddress.ip_address(address[0]).is_loopback
    except ValueError:
        return False


def _refuse_the_network(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect" and not _is_local(arguments[1]):
        message = f"a test tried to connect to {arguments[1]}; tests reach 127.0.0.1 and nothing else"
        raise PermissionError(message)


sys.addaudithook(_refuse_the_network)


@pytest.fixture(scope="session", autouse=True)
def _state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what servers keep (audit logs, keys, secrets) out of the state folder of whoever runs the tests."""
    before = os.environ.get("DRAGOMAN_STATE")
    os.environ["DRAGOMAN_STATE"] = str(tmp_path_factory.mktemp("state"))
    yield
    if before is None:
        del os.environ["DRAGOMAN_STATE"]
    else:
        os.environ["DRAGOMAN_STATE"] = before


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real documentation, databases and the official schemas; read only."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"needs the data in {os.path.relpath(SHARED_DATA, ROOT)}")
    return SHARED_DATA


# Folders whose tests share what was started once: all of their tests run in one worker.
_TOGETHER = ("interop", "conformance")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file, or of a folder that shares its servers, in one worker."""
    for item in items:
        inner = item.path.relative_to(ROOT / "tests")
        group = inner.parts[0] if inner.parts[0] in _TOGETHER else inner.as_posix()
        item.add_marker(pytest.mark.xdist_group(group))
