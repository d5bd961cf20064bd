"""Quotas as settings: nothing is limited unless said, and nonsense is refused."""

import pytest

from dragoman import SettingsError, read_settings
from dragoman.auth.quota import Quota


def test_nothing_is_limited_unless_said() -> None:
    quota = read_settings({}, Quota)
    assert all(getattr(quota, name) is None for name in quota.__struct_fields__)


@pytest.mark.parametrize(
    "said",
    [
        {"calls_per_minute": 0},
        {"calls_per_second": -1},
        {"concurrent_calls": 0.5},
        {"rows_per_week": 1},
        {"rows_per_day": "many"},
    ],
)
def test_nonsense_is_refused(said: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        read_settings(said, Quota)


def test_a_time_has_a_unit() -> None:
    assert read_settings({"timeout_seconds": "2m"}, Quota).timeout_seconds == 120.0
