"""For tests of your own server: transcripts played over every wire, HTTP requests without a socket, error checks.

Nothing here needs more than the package itself; with pytest, `pytest_addoption` gives transcripts their `--update`.
"""

from dragoman.testing.checks import assert_canonical_error, difference
from dragoman.testing.http import HttpReply, HttpRequest
from dragoman.testing.play import Play, pytest_addoption, transcript_plays
from dragoman.testing.transcript import Step, Transcript

__all__ = [
    "HttpReply",
    "HttpRequest",
    "Play",
    "Step",
    "Transcript",
    "assert_canonical_error",
    "difference",
    "pytest_addoption",
    "transcript_plays",
]
