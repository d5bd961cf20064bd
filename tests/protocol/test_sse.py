"""Server-sent events, cut anywhere and written in every legal way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.errors import ParseFault
from dragoman.protocol.sse import KEEP_ALIVE, Event, EventDecoder, encode_event

LARGE = 1 << 20


def decode(*chunks: bytes, most: int = LARGE) -> list[Event]:
    decoder = EventDecoder(most)
    return [event for chunk in chunks for event in decoder.feed(chunk)]


def test_one_event() -> None:
    assert decode(b'event: message\ndata: {"a":1}\n\n') == [Event(b'{"a":1}')]


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_every_line_end(end: bytes) -> None:
    stream = end.join([b"id: 7", b"event: note", b"data: a", b"data: b", b"", b"data:c", b"", b""])
    assert decode(stream) == [Event(b"a\nb", "note", "7"), Event(b"c", "message", "7")]


def test_mixed_line_ends() -> None:
    assert decode(b"data: a\rdata: b\r\ndata: c\n\r\n") == [Event(b"a\nb\nc")]


def test_a_crlf_cut_in_two_is_one_line_end() -> None:
    assert decode(b"data: a\r", b"\ndata: b\r", b"\n\r", b"", b"\n") == [Event(b"a\nb")]


def test_a_cr_at_the_end_completes_the_event_at_once() -> None:
    decoder = EventDecoder(LARGE)
    assert decoder.feed(b"data: a\r\r") == [Event(b"a")]
    assert decoder.feed(b"data: b\r\r") == [Event(b"b")]


def test_a_byte_order_mark_is_skipped_once() -> None:
    assert decode(b"\xef", b"\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n") == [Event(b"a")]


def test_comments_and_unknown_fields_are_ignored() -> None:
    assert decode(KEEP_ALIVE + b":\n:\r\nfoo: bar\ndata: a\n: data: b\n\n" + KEEP_ALIVE) == [Event(b"a")]


def test_only_one_space_after_the_colon_is_cut() -> None:
    assert decode(b"data:  a \n\n") == [Event(b" a ")]


def test_a_field_without_a_colon_is_empty() -> None:
    assert decode(b"data\n\n") == [Event(b"")]
    assert decode(b"data\ndata\n\n") == [Event(b"\n")]


def test_an_event_without_data_is_none_and_forgets_its_type() -> None:
    assert decode(b"event: note\n\ndata: a\n\n") == [Event(b"a")]


def test_an_unfinished_event_is_never_given() -> None:
    assert decode(b"data: a\n") == []
    assert decode(b"data: a") == []


def test_an_id_stays_until_another_comes() -> None:
    events = decode(b"id: 1\ndata: a\n\ndata: b\n\nid: 2\n\ndata: c\n\nid\ndata: d\n\n")
    assert [event.last_id for event in events] == ["1", "1", "2", ""]


def test_an_id_with_a_null_is_ignored() -> None:
    assert decode(b"id: 1\nid: 2\x003\ndata: a\n\n") == [Event(b"a", "message", "1")]


def test_retry_takes_digits_only() -> None:
    decoder = EventDecoder(LARGE)
    decoder.feed(b"retry: soon\n")
    assert decoder.retry_milliseconds is None
    decoder.feed(b"retry: 250\n")
    assert decoder.retry_milliseconds == 250


def test_the_next_stream_knows_where_the_last_one_was() -> None:
    decoder = EventDecoder(LARGE)
    decoder.feed(b"id: 7\nretry: 250\ndata: unfinished\n")
    following = decoder.next_stream()
    assert (following.last_id, following.retry_milliseconds, following.most) == ("7", 250, LARGE)
    assert following.feed(b"\xef\xbb\xbfdata: a\n\n") == [Event(b"a", "message", "7")]


def test_split_utf_8() -> None:
    data = '{"word":"Grüße, 世界"}'.encode()
    stream = b"data: " + data + b"\n\n"
    assert decode(*[stream[at : at + 1] for at in range(len(stream))]) == [Event(data)]


@pytest.mark.parametrize(
    "chunks",
    [
        (b"data: " + b"x" * 40,),
        (b"data: " + b"x" * 20 + b"\n", b"data: " + b"y" * 20),
        (b"data: 1234567890\n" * 4,),
    ],
    ids=["one line", "over two chunks", "many lines"],
)
def test_an_event_that_grows_without_end_is_refused(chunks: tuple[bytes, ...]) -> None:
    with pytest.raises(ParseFault, match="larger than 32 bytes"):
        decode(*chunks, most=32)


def test_many_small_events_are_no_large_one() -> None:
    assert len(decode(b"data: 0123456789\n\n" * 100, most=32)) == 100


def test_encoded_data_with_line_ends_becomes_several_fields() -> None:
    assert encode_event(b"a\r\nb\nc") == b"event: message\ndata: a\ndata: b\ndata: c\n\n"


@given(st.lists(st.binary()), st.data())
def test_what_is_encoded_is_decoded_however_it_is_cut(payloads: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(KEEP_ALIVE + encode_event(payload) for payload in payloads)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    chunks = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    expected = [payload.replace(b"\r\n", b"\n").replace(b"\r", b"\n") for payload in payloads]
    assert [event.data for event in decode(*chunks)] == expected
