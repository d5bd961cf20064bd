"""Exit statuses, in one place: programs tell failures apart by them."""

from typing import Final

OK: Final = 0
FAILED: Final = 1
"""The server answered that it failed or refused: a tool's error, an unknown resource."""
USAGE: Final = 2
"""The command line, a target or a setting cannot work."""
CONNECTION: Final = 3
"""No usable answer from the server."""
INTERRUPTED: Final = 130
"""Ctrl-C while waiting for an answer."""

EXPLAINED: Final = """\
Exit status: 0 done, 1 the tool or the server said no, 2 a mistake in the command, a target or a setting,
3 no usable answer from the server, 130 interrupted."""
