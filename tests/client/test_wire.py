"""What every wire shares."""

import pytest

from dragoman.client.wire import SessionEnded, is_response, messages_in, quote
from dragoman.errors import ConnectionFault, InvalidRequest, ParseFault, RequestTimeout


def test_a_quote_is_short_and_harmless() -> None:
    assert quote(b"\x1b[31m\xff\n") == r"'\x1b[31m�\n'"
    assert quote("x" * 500) == "'" + "x" * 200 + "…'"


def test_one_message_and_a_batch() -> None:
    one = b'{"jsonrpc":"2.0","id":1,"result":{}}'
    note = b'{"jsonrpc":"2.0","method":"n"}'
    assert [message.id for message in messages_in(one)] == [1]
    assert [is_response(message) for message in messages_in(b"[" + one + b"," + note + b"]")] == [True, False]


def test_what_is_no_message() -> None:
    with pytest.raises(ParseFault):
        messages_in(b"hello")
    with pytest.raises(InvalidRequest):
        messages_in(b"[]")
    with pytest.raises(InvalidRequest):
        messages_in(b'{"jsonrpc":"2.0","id":1,"result":' + b"[" * 300 + b"]" * 300 + b"}")


def test_a_timeout_is_both_kinds_of_error() -> None:
    fault = RequestTimeout("too late")
    assert isinstance(fault, ConnectionFault)
    assert isinstance(fault, TimeoutError)
    assert str(fault) == "too late"


def test_a_session_that_ended_is_named() -> None:
    assert SessionEnded("one").session == "one"
