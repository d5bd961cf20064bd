"""Server-sent events: bytes to events and back (WHATWG HTML, section 9.2, Server-sent events).

The decoder takes bytes as they come, cut anywhere: inside a character, between CR and LF, inside a field.
It remembers the unfinished line and event, nothing else. Data stays bytes: it is JSON for a decoder.
"""

import re
from typing import Final

from msgspec import Struct

from dragoman.errors import ParseFault

KEEP_ALIVE: Final = b": keep-alive\n\n"
"""A comment: it carries nothing and keeps intermediaries from closing a silent stream."""

_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
_BOM: Final = b"\xef\xbb\xbf"


class Event(Struct, frozen=True):
    """One event as dispatched.

    Args:
        data: the data lines, joined by LF.
        event: the event's type, `message` unless the stream names one.
        last_id: the last id the stream set, also by an earlier event; empty when none.
    """

    data: bytes
    event: str = "message"
    last_id: str = ""


class EventDecoder:
    """Takes the bytes of one stream in order and gives the events that are complete.

    Args:
        most: the most bytes one event may have, its unfinished line included.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.last_id = ""
        self.retry_milliseconds: int | None = None
        self._line = bytearray()  # the unfinished line
        self._data: list[bytes] = []  # the data lines of the unfinished event
        self._size = 0  # the bytes of self._data
        self._event = ""
        self._after_cr = False  # a LF that comes next belongs to the CR before it
        self._at_start = True  # a byte order mark may come

    def next_stream(self) -> "EventDecoder":
        """A decoder for the stream that follows this one: it keeps the last id and the pause, nothing unfinished."""
        decoder = EventDecoder(self.most)
        decoder.last_id, decoder.retry_milliseconds = self.last_id, self.retry_milliseconds
        return decoder

    def feed(self, chunk: bytes) -> list[Event]:
        """Take the next bytes and return the events they complete, in order.

        Raises:
            ParseFault: an event grows larger than `most` bytes.
        """
        if self._after_cr and chunk:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        events: list[Event] = []
        start = 0
        for end in _LINE_END.finditer(chunk):
            self._line += chunk[start : end.start()]
            start = end.end()
            self._after_cr = start == len(chunk) and chunk.endswith(b"\r")
            event = self._take_line()
            if event is not None:
                events.append(event)
        self._line += chunk[start:]
        if len(self._line) + self._size > self.most:
            raise ParseFault(f"An event of the stream is larger than {self.most} bytes.")
        return events

    def _take_line(self) -> Event | None:
        """Interpret the finished line; an empty one completes the event."""
        line = bytes(self._line)
        self._line.clear()
        if self._at_start:
            self._at_start = False
            line = line.removeprefix(_BOM)
        if not line:
            return self._dispatch()
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
            self._size += len(value) + 1
            if self._size > self.most:
                raise ParseFault(f"An event of the stream is larger than {self.most} bytes.")
        elif name == b"event":
            self._event = value.decode(errors="replace")
        elif name == b"id" and b"\0" not in value:
            self.last_id = value.decode(errors="replace")
        elif name == b"retry" and value.isdigit():
            self.retry_milliseconds = int(value[:9])
        return None

    def _dispatch(self) -> Event | None:
        data, event = self._data, self._event
        self._data, self._event, self._size = [], "", 0
        if not data:
            return None
        return Event(b"\n".join(data), event or "message", self.last_id)


def encode_retry(seconds: float) -> bytes:
    """Write what only says how long a client should wait before it connects again."""
    return b"retry: %d\n\n" % round(seconds * 1000)


def encode_event(
    data: bytes, event_id: str = "", retry_milliseconds: int | None = None, *, event: bytes = b"message"
) -> bytes:
    """Write one event; every line of the data becomes a `data` field.

    Args:
        data: the message; empty for an event that only says where the stream is.
        event_id: the event's id, without line ends; none when empty.
        retry_milliseconds: how long a client should wait before it connects again.
        event: the event's type.
    """
    if b"\n" in data or b"\r" in data:
        data = b"\ndata: ".join(_LINE_END.split(data))
    head = b"event: %b\n" % event if data else b""
    if event_id:
        head += b"id: %b\n" % event_id.encode()
    if retry_milliseconds is not None:
        head += b"retry: %d\n" % retry_milliseconds
    return head + b"data: " + data + b"\n\n"
