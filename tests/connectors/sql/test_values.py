"""Values of databases as JSON: nothing is lost but what is above the size of a cell, and that says so."""

import datetime as dt
import decimal
import json
import math
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.connectors.sql import values

SIZE = 64


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, None),
        (True, True),
        (2**53 - 1, 2**53 - 1),
        (2**53, str(2**53)),
        (-(2**53), str(-(2**53))),
        (1.5, 1.5),
        (math.nan, "NaN"),
        (-math.inf, "-Infinity"),
        (decimal.Decimal("1.50"), "1.50"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (dt.date(2024, 2, 29), "2024-02-29"),
        (dt.datetime(2024, 2, 29, 1, tzinfo=dt.UTC), "2024-02-29T01:00:00+00:00"),
        (dt.time(1, 2, 3), "01:02:03"),
        (dt.timedelta(hours=-1, milliseconds=-500), "-01:00:00.5"),
        (dt.timedelta(days=2), "48:00:00"),
        (b"\0\xff", {"base64": "AP8="}),
        (memoryview(b"x"), {"base64": "eA=="}),
        (["a", decimal.Decimal(1)], ["a", "1"]),
        ({"a": dt.date(2024, 1, 1)}, {"a": "2024-01-01"}),
        (range(2), "range(0, 2)"),
    ],
)
def test_a_value_becomes_what_json_can_hold(value: object, cell: object) -> None:
    assert values.cell(value, SIZE) == cell
    json.dumps(values.cell(value, SIZE), allow_nan=False)


def test_long_texts_and_bytes_are_cut_at_a_character_and_say_how_long_they_were() -> None:
    assert values.cell("é" * 40, 15) == "é" * 7 + "… [cut: 80 bytes in all]"
    assert values.cell("é" * 7, 14) == "é" * 7
    assert values.cell(b"ab" * 40, 3) == {"base64": "YWJh", "cut": "80 bytes in all"}


@given(st.text(max_size=60), st.integers(16, 80))
def test_a_text_is_whole_or_says_that_it_is_not(text: str, size: int) -> None:
    cell = values.text(text, size)
    total = len(text.encode("utf-8", "surrogatepass"))
    assert cell == text if total <= size else cell.endswith(f"… [cut: {total} bytes in all]")


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(), st.lists))
def test_a_document_keeps_its_numbers(document: object) -> None:
    def told(value: object) -> object:
        if isinstance(value, list):
            return [told(each) for each in value]
        if isinstance(value, int) and not isinstance(value, bool):
            return values.integer(value)
        if isinstance(value, float) and math.isinf(value):
            return str(value).replace("inf", "Infinity")
        return value

    assert values.from_json(json.dumps(document)) == told(document)


def test_numbers_of_documents_that_python_would_round_are_texts() -> None:
    assert values.from_json("[0.1, 1.10, 0.1000000000000000055, 1e400, 12345678901234567890]") == [
        *(0.1, 1.1, "0.1000000000000000055", "1e400", "12345678901234567890")
    ]
    assert values.from_json("[1, 1.50, null]", exact=True) == ["1", "1.50", None]


@pytest.mark.parametrize("document", ["[" * 65 + "]" * 65, '{"a":' * 100_000, "{", "[1,]"])
def test_a_document_that_is_too_deep_or_none_stays_text(document: str) -> None:
    assert values.from_json(document) == document


def test_brackets_in_texts_make_nothing_deep() -> None:
    assert values.from_json(json.dumps(["[" * 100 + '"\\'])) == ["[" * 100 + '"\\']


def test_the_weight_of_a_row_is_that_of_its_json() -> None:
    assert values.weight([1, "é", None]) == len('[1,"é",null]'.encode()) + 1
