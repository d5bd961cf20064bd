"""`pytest tests/transcripts --update` writes what the server really answers into the transcripts."""

from dragoman.testing import pytest_addoption

__all__ = ["pytest_addoption"]
