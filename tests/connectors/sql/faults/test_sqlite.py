"""The table of SQLite: every row is sound. What SQLite really says is tried in `test_sentences`."""

import re

import pytest

from dragoman.connectors.sql.faults.sqlite import TABLE


@pytest.mark.parametrize(("pattern", "told"), TABLE)
def test_a_sentence_asks_for_no_more_words_than_its_pattern_finds(pattern: str, told: str) -> None:
    wanted = [int(number) for number in re.findall(r"\{(\d+)\}", told)]
    assert max(wanted, default=-1) < re.compile(pattern).groups
    assert told.format(*["x"] * re.compile(pattern).groups)
