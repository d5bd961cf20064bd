from time import perf_counter

import pytest

from dragoman.server.suggest import nearest

NAMES = ["query", "limit", "cursor", "shop_query", "shop_describe"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("limt", "limit"),
        ("LIMIT", "limit"),
        ("Querry", "query"),
        ("shop_describ", "shop_describe"),
        ("curser", "cursor"),
        ("zzz", None),
        ("", None),
        ("l" * 129, None),
    ],
)
def test_the_nearest_name(name: str, expected: str | None) -> None:
    assert nearest(name, NAMES) == expected


def test_a_name_known_in_two_cases_is_given_as_first_written() -> None:
    assert nearest("limi", ["Limit", "limit"]) == "Limit"


def test_no_names_suggest_nothing() -> None:
    assert nearest("limit", []) is None


def test_a_strangers_name_costs_little_among_many() -> None:
    started = perf_counter()
    nearest("x" * 10_000, (f"tool_{number}" for number in range(100_000)))
    nearest("tool_" * 20, (f"tool_{number}" for number in range(100_000)))
    assert perf_counter() - started < 2
