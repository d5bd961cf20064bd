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
