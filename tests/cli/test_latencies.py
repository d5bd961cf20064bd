"""Percentiles and the picture of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.cli.latencies import bar, histogram, milliseconds, percentiles


def test_percentiles_are_latencies_that_were_measured() -> None:
    thousand = [number / 1000 for number in range(1, 1001)]
    assert percentiles(thousand) == {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999, "max": 1.0}
    assert set(percentiles([0.25]).values()) == {0.25}


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.000_123_4, "0.123 ms"), (0.001_234, "1.23 ms"), (0.012_34, "12.3 ms"), (0.1234, "123 ms"), (12.0, "12,000 ms")],
)
def test_three_digits_matter(seconds: float, shown: str) -> None:
    assert milliseconds(seconds) == shown


def test_a_picture_in_blocks_and_in_ascii() -> None:
    ordered = [0.001] * 90 + [0.01] * 9 + [0.1]
    blocks, plain = histogram(ordered, 40, blocks=True), histogram(ordered, 40, blocks=False)
    assert (blocks[0], plain[0]) == (f" <= 1.47 ms  90  {'█' * 23}", f" <= 1.47 ms  90  {'#' * 23}")
    assert (blocks[-1], plain[-1]) == ("  <= 100 ms   1  ▎", "  <= 100 ms   1  #")


def test_one_latency_is_one_line() -> None:
    assert histogram([0.002] * 3, 30, blocks=False) == ["<= 2.00 ms  3  ###############"]


def test_a_bar_of_nothing() -> None:
    assert bar(0, blocks=True) == bar(0, blocks=False) == ""


@given(st.lists(st.floats(min_value=0, max_value=100), min_size=1), st.integers(min_value=30, max_value=200))
def test_every_call_is_drawn_once_within_the_width(latencies: list[float], columns: int) -> None:
    lines = histogram(sorted(latencies), columns, blocks=True)
    assert sum(int(line.split("ms")[1].split()[0].replace(",", "")) for line in lines) == len(latencies)
    assert max(map(len, lines)) <= max(columns, 40)
