"""Exact values survive JSON; names are quoted; only engines that can write are opened for it."""

import decimal
import json
import math

import pytest

from dragoman.connectors.sql.engines.writing import (
    Exact,
    Target,
    WriteColumn,
    named,
    open_writer,
    packed,
    to_json,
    unpacked,
)
from dragoman.connectors.sql.settings import SqlSettings


@pytest.mark.parametrize(
    "value", [None, True, 0, 2**70, -0.0, 0.1, math.inf, "", "ä\0", b"", b"\x00\xff", decimal.Decimal("1.50")]
)
def test_values_survive(value: Exact) -> None:
    again = unpacked(json.loads(to_json(packed(value))))
    assert again == value
    assert repr(again) == repr(value)


def test_names() -> None:
    assert named('"', "", 'a"b') == '"a""b"'
    assert named("`", "s", "a`b") == "`s`.`a``b`"


def test_a_key_is_in_its_own_order() -> None:
    columns = tuple(
        WriteColumn(name, key, generated, "", name)
        for name, key, generated in (("a", 2, False), ("b", 1, False), ("c", 0, True))
    )
    target = Target("", "t", columns)
    assert [column.name for column in target.key] == ["b", "a"]
    assert [column.name for column in target.written] == ["a", "b"]


def test_what_can_not_be_written_is_said() -> None:
    with pytest.raises(ValueError, match="databases of the kind 'duckdb' can't be written: leave out `write`"):
        open_writer(SqlSettings(url="duckdb:///x.duckdb"))
