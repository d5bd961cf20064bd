"""Kinds of faults by number."""

import pytest

from dragoman.connectors.sql.engines.mysql_faults import UNTRUE, fault_of, may_be_stale


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (1054, "statement"),
        (1969, "timeout"),
        (3024, "timeout"),
        (1045, "login"),
        (1040, "crowded"),
        (1205, "locked"),
        (1792, "refused"),
        (1142, "refused"),
        (1114, "scratch"),
        (1038, "memory"),
        (2013, "away"),
        (1053, "away"),
        (9999, "statement"),
    ],
)
def test_a_number_has_a_kind(number: int, kind: str) -> None:
    assert fault_of(number, "").kind == kind


def test_only_what_is_about_the_statement_keeps_the_servers_words() -> None:
    assert fault_of(1054, "Unknown column 'x'").message == "1054 Unknown column 'x'"
    assert fault_of(1045, "told a name").message == "1045"
    assert {number: fault.kind for number, fault in UNTRUE.items()} == {1301: "too_big", 1931: "statement"}
    assert may_be_stale(1146)
    assert not may_be_stale(1365)
