from datetime import date

from dragoman.demo.staff import EMPLOYEES


def test_everyone_but_one_reports_to_somebody_hired_before_them() -> None:
    by_id = {one.id: one for one in EMPLOYEES}
    assert [one.id for one in EMPLOYEES if one.reports_to is None] == [1]
    assert all(by_id[one.reports_to].hired_on < one.hired_on for one in EMPLOYEES if one.reports_to)


def test_addresses_are_plain_and_distinct() -> None:
    addresses = [one.email for one in EMPLOYEES]
    assert len(set(addresses)) == len(addresses)
    assert all(address.isascii() and " " not in address for address in addresses)


def test_only_some_roles_may_refund() -> None:
    limits = {one.role: one.refund_limit_cents for one in EMPLOYEES}
    assert limits["Customer service lead"] == 50000
    assert limits["Managing director"] == 0


def test_who_left_no_longer_works() -> None:
    left = next(one for one in EMPLOYEES if one.left_on is not None)
    assert left.left_on is not None
    assert left.works_on(left.left_on)
    assert not left.works_on(date(2026, 10, 31))
    assert not left.works_on(date(2000, 1, 1))
