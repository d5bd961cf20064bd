"""Kinds of faults by SQLSTATE."""

import pytest

from dragoman.connectors.sql.engines.postgresql_faults import fault_of, kind_of, may_be_stale


@pytest.mark.parametrize(
    ("sqlstate", "kind"),
    [
        ("42703", "statement"),
        ("22012", "statement"),
        ("57014", "timeout"),
        ("55P03", "locked"),
        ("25006", "refused"),
        ("42501", "refused"),
        ("53200", "memory"),
        ("53100", "scratch"),
        ("53300", "crowded"),
        ("53400", "scratch"),
        ("54000", "too_big"),
        ("54001", "statement"),
        ("57P01", "away"),
        ("57P03", "away"),
        ("08006", "away"),
        ("28P01", "login"),
        ("3D000", "login"),
        ("58030", "input_output"),
        ("XX001", "corrupt"),
        ("ZZZZZ", "statement"),
    ],
)
def test_a_sqlstate_has_a_kind(sqlstate: str, kind: str) -> None:
    assert kind_of(sqlstate, "") == kind


def test_only_what_is_about_the_statement_keeps_the_servers_words() -> None:
    assert fault_of("42703", 'column "x" does not exist').message == '42703 column "x" does not exist'
    assert fault_of("57014", "told a value").message == "57014"
    assert fault_of("XX000", "invalid memory alloc request size 2000000000").kind == "too_big"
    assert fault_of(None, "").kind == "statement"


def test_errors_that_a_changed_schema_causes_are_known() -> None:
    assert may_be_stale("42P01")
    assert not may_be_stale("22012")
