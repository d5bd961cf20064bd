"""How a table of sentences is read, for the tests of the tables."""

import re


def told(table: tuple[tuple[str, str], ...], message: str) -> str:
    """Return the sentence for a message of an engine; none fails the test."""
    for pattern, sentence in table:
        found = re.fullmatch(pattern, message, re.DOTALL)
        if found is not None:
            return sentence.format(*found.groups())
    raise AssertionError(message)
