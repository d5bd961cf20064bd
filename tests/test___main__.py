import subprocess
import sys

from dragoman import __version__


def test_python_m_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dragoman", "--version"], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == f"dragoman {__version__}\n"
