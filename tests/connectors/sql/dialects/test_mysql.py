"""MySQL's lists: what is read in this server's own ways."""

import re

import pytest

from dragoman.connectors.sql.dialects import MYSQL


def test_no_function_puts_a_value_into_a_message() -> None:
    assert not {"extractvalue", "updatexml", "name_const", "exp_error"} & MYSQL.functions


@pytest.mark.parametrize(
    ("kind", "is_text"),
    [("varchar(60)", True), ("char(3)", True), ("longtext", True), ("text", True), ("enum('a')", True),
     ("int(11)", False), ("decimal(10,2)", False), ("datetime", False), ("json", False), ("varbinary(3)", False)],
)  # fmt: skip
def test_what_is_a_text(kind: str, is_text: bool) -> None:
    assert bool(re.search(MYSQL.masks.text, kind, re.IGNORECASE)) is is_text
