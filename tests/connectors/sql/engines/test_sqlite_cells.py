"""Values of SQLite as JSON, and rows within the room they have."""

import json

import pytest

from dragoman.connectors.sql.engines.sqlite_cells import Cells, Rows, decode, encode, encode_reply


class TestCells:
    @pytest.mark.parametrize(
        ("value", "shown"),
        [
            (1, 1),
            (2**53 - 1, 2**53 - 1),
            (2**53, "9007199254740992"),
            (-(2**63), "-9223372036854775808"),
            (1.5, 1.5),
            (float("inf"), "Infinity"),
            (float("-inf"), "-Infinity"),
            (None, None),
            ("x", "x"),
            (b"\x00\xff", {"base64": "AP8="}),
            (b"12345678901", {"base64": "MTIzNDU2Nzg5MA==", "cut": "11 bytes in all"}),
        ],
    )
    def test_values(self, value: object, shown: object) -> None:
        assert Cells(10).value(value) == shown

    def test_texts(self) -> None:
        cells = Cells(10)
        assert cells.text("naïve") == "naïve"
        assert decode(b"\xff\xfe") == "\ufffd\ufffd"
        assert cells.text("123456789é") == "123456789… [cut: 11 bytes in all]"
        assert cells.text("x" * 10) == "x" * 10

    @pytest.mark.parametrize(
        "column",
        [(1, 2), (2**53 - 1, -(2**53) + 1), ("a", "b"), ("", None), (None, 1.5), (None, None), (1.5, -1.5), ()],
    )
    def test_rows_of_plain_columns_are_taken_as_they_are(self, column: tuple[object, ...]) -> None:
        rows = [(value, 1) for value in column]
        assert Cells(10).rows(rows) is rows

    @pytest.mark.parametrize(
        ("column", "shown"),
        [
            ((1, 2**53), [1, "9007199254740992"]),
            ((-(2**53), 1), ["-9007199254740992", 1]),
            ((1.5, float("inf")), [1.5, "Infinity"]),
            ((float("-inf"), None), ["-Infinity", None]),
            (("a", "12345678901"), ["a", "1234567890… [cut: 11 bytes in all]"]),
            ((None, "é" * 6), [None, "é" * 5 + "… [cut: 12 bytes in all]"]),
            ((b"", 1), [{"base64": ""}, 1]),
            ((1, "a", 1.5, None), [1, "a", 1.5, None]),
        ],
    )
    def test_other_rows_value_by_value(self, column: tuple[object, ...], shown: list[object]) -> None:
        assert Cells(10).rows([(1, value) for value in column]) == [[1, value] for value in shown]


class TestRows:
    def test_they_are_kept_as_far_as_there_is_room(self) -> None:
        rows = Rows(20)
        assert rows.take([])
        assert rows.take([[1, "a"], [2, "b"]])
        assert not rows.take([[3, "c"], [4, "dddddddd"]])
        assert rows == [[1, "a"], [2, "b"]]
        assert rows.encoded == b'[1,"a"],[2,"b"]'
        assert rows.longest >= 7

    def test_one_by_one_when_not_all_have_room(self) -> None:
        rows = Rows(20)
        assert not rows.take([[1, "a"], [2, "b"], [3, "c"]])
        assert rows == [[1, "a"], [2, "b"]]

    def test_they_are_sent_as_they_were_measured(self) -> None:
        rows = Rows(100)
        reply = {"columns": ["a"], "rows": rows, "more": False}
        assert json.loads(encode_reply(reply)) == {"columns": ["a"], "rows": [], "more": False}
        rows.take([[1], [None]])
        rows.take([["é"]])
        assert json.loads(encode_reply(reply)) == json.loads(encode(reply))
        assert encode_reply({"version": "1"}) == b'{"version":"1"}'
