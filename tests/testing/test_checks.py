"""Comparison with wildcards, and the one shape of errors."""

from typing import Any

import pytest

from dragoman.testing import assert_canonical_error, difference
from dragoman.testing.checks import merged

SAME: list[tuple[Any, Any]] = [
    ("...", {"anything": 1}),
    ({"a": "..."}, {"a": None}),
    ({"a": 1, "...": "..."}, {"a": 1, "b": 2}),
    ({"a": 1, "...": "..."}, {"a": 1}),
    ([1, "..."], [1]),
    ([1, "..."], [1, 2, 3]),
    ([], []),
    ("reference ... is logged", "reference a1\nb2 is logged"),
    ("a.c", "a.c"),
    (1, 1.0),
    (None, None),
    (True, True),
]
DIFFERENT: list[tuple[Any, Any, str]] = [
    ({"a": 1}, {"a": 2}, "the message.a: 2, not 1"),
    ({"a": 1}, {}, "'a' is missing"),
    ({}, {"a": 1}, "'a' is too much"),
    ({"a": 1, "...": "..."}, {"b": 1}, "'a' is missing"),
    ([1], [1, 2], "2 elements, not 1"),
    ([1, 2, "..."], [1], "1 elements, not 2"),
    ({"a": [{"b": "x..."}]}, {"a": [{"b": "yx"}]}, "the message.a[0].b"),
    ("a.c", "abc", "'abc', not 'a.c'"),
    (1, True, "True, not 1"),
    (0, False, "False, not 0"),
    (1, "1", "'1', not 1"),
    ({}, [], "[], not {}"),
]


@pytest.mark.parametrize(("expected", "actual"), SAME)
def test_what_is_as_expected(expected: Any, actual: Any) -> None:
    assert difference(expected, actual) is None
    assert merged(expected, actual) == expected


@pytest.mark.parametrize(("expected", "actual", "words"), DIFFERENT)
def test_what_is_not(expected: Any, actual: Any, words: str) -> None:
    reason = difference(expected, actual)
    assert reason is not None
    assert words in reason
    assert difference(merged(expected, actual), actual) is None


def test_wildcards_that_fit_stay() -> None:
    expected = {"id": 1, "result": {"text": "took ... ms", "count": 1, "...": "..."}, "old": 1}
    actual = {"id": 1, "result": {"text": "took 5 ms", "count": 2, "more": 3}}
    assert merged(expected, actual) == {"id": 1, "result": {"text": "took ... ms", "count": 2, "...": "..."}}


ERROR = {"jsonrpc": "2.0", "id": 1, "error": {"code": -32602, "message": "Unknown tool: 'x'.", "data": {"a": 1}}}


def test_a_canonical_error() -> None:
    assert_canonical_error(ERROR)
    assert_canonical_error(ERROR, code=-32602, request_id=1)
    assert_canonical_error({"jsonrpc": "2.0", "error": ERROR["error"]}, request_id=None)


@pytest.mark.parametrize(
    "message",
    [
        None,
        {},
        ERROR | {"result": {}},
        ERROR | {"jsonrpc": "1.0"},
        ERROR | {"error": None},
        ERROR | {"error": {"code": 1, "message": "x", "stack": "y"}},
        ERROR | {"error": {"code": "1", "message": "x"}},
        ERROR | {"error": {"code": True, "message": "x"}},
        ERROR | {"error": {"code": 1}},
        ERROR | {"error": {"code": 1, "message": ""}},
        ERROR | {"error": {"code": 1, "message": "x" * 500}},
        ERROR | {"error": {"code": 1, "message": "Traceback (most recent call last)"}},
        ERROR | {"error": {"code": 1, "message": 'File "/srv/app.py", line 3'}},
        ERROR | {"error": {"code": 1, "message": "<object at 0x7f00deadbeef>"}},
        ERROR | {"error": {"code": 1, "message": "two\nlines"}},
    ],
)
def test_what_is_no_canonical_error(message: Any) -> None:
    with pytest.raises(AssertionError):
        assert_canonical_error(message)


def test_another_code_or_id() -> None:
    with pytest.raises(AssertionError, match="code -32602, not -32601"):
        assert_canonical_error(ERROR, code=-32601)
    with pytest.raises(AssertionError, match="id 1, not None"):
        assert_canonical_error(ERROR, request_id=None)
