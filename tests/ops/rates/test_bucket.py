"""One bucket: bursts, steady rates, debts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.ops.rates.bucket import Rate, charge, take

TEN_A_SECOND = Rate(10, 1.0)


def test_a_full_bucket_gives_its_burst_and_then_one_at_a_time() -> None:
    full_at, given_ = 0.0, 0
    while not (taken := take(TEN_A_SECOND, full_at, 100.0)).wait:
        full_at, given_ = taken.full_at, given_ + 1
    assert given_ == 10
    assert taken.wait == pytest.approx(0.1)
    assert taken.left == pytest.approx(0)
    assert not take(TEN_A_SECOND, full_at, 100.1).wait
    assert take(TEN_A_SECOND, full_at, 100.05).wait == pytest.approx(0.05)


def test_what_is_above_the_burst_is_never_given() -> None:
    assert take(TEN_A_SECOND, 0.0, 100.0, 11).wait > 0
    assert not take(TEN_A_SECOND, 0.0, 100.0, 10).wait


def test_a_debt_is_waited_for() -> None:
    day = Rate(1000, 86_400.0)
    full_at = charge(day, 0.0, 0.0, 1500)
    assert take(day, full_at, 0.0, 0).wait == pytest.approx(500 * 86.4, rel=0.01)
    assert take(day, full_at, 0.0, 1).wait > 0
    assert not take(day, full_at, 501 * 86.4 + 1, 0).wait


def test_asking_whether_there_is_no_debt_takes_nothing() -> None:
    taken = take(TEN_A_SECOND, 0.0, 5.0, 0)
    assert (taken.wait, taken.full_at) == (0.0, 5.0)
    assert taken.left == pytest.approx(10)


@given(
    st.lists(st.tuples(st.floats(0, 2), st.floats(0.1, 5)), max_size=200),
    st.floats(1, 100),
    st.floats(0.1, 100),
)
def test_never_more_than_burst_and_rate_allow(steps: list[tuple[float, float]], amount: float, seconds: float) -> None:
    rate, now, full_at, given_ = Rate(amount, seconds), 0.0, 0.0, 0.0
    for pause, cost in steps:
        now += pause
        taken = take(rate, full_at, now, cost)
        full_at = taken.full_at
        if not taken.wait:
            given_ += cost
        else:
            assert cost > amount or not take(rate, full_at, now + taken.wait * 1.001 + 1e-6, cost).wait
    assert given_ <= amount + now * amount / seconds + 1e-6 * (1 + given_)
