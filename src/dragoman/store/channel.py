"""A bus for processes of one machine: each holds one end of a stream socket, and at the other end somebody passes on.

A frame is its length (four bytes, big-endian) and a topic with its news in MessagePack. A reader that does not keep up
loses news and is told so in the log: nothing piles up behind it.
"""

import asyncio
import logging
import socket
import struct
import threading
from typing import Final

import msgspec

from dragoman.store.bus import Hear

logger = logging.getLogger("dragoman.workers")

_LENGTH: Final = struct.Struct(">I")
_MOST_WAITING: Final = 16 * 2**20  # bytes that wait for a reader
_frames: Final = msgspec.msgpack.Decoder(tuple[str, bytes])


def encode_frame(topic: str, news: bytes) -> bytes:
    """One frame."""
    body = msgspec.msgpack.encode((topic, news))
    return _LENGTH.pack(len(body)) + body


async def read_frame(reader: asyncio.StreamReader) -> tuple[str, bytes] | None:
    """The next topic and its news; None where the other end is closed."""
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        return _frames.decode(await reader.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


def write_frames(writer: asyncio.StreamWriter, frames: bytes, reader: str) -> None:
    """Write without waiting, unless too much waits already.

    Args:
        writer: where to.
        frames: whole ones.
        reader: who reads, for the log.
    """
    if writer.transport.is_closing():
        return
    if writer.transport.get_write_buffer_size() > _MOST_WAITING:
        logger.warning("%s does not take its news; some are lost", reader)
        return
    writer.write(frames)


class Channel:
    """A place on the bus (see `Bus`).

    Args:
        end: this process's end of the socket.
        name: of the bus.
    """

    def __init__(self, end: socket.socket, name: str) -> None:
        self.name = name
        self._end = end
        self._heard: dict[str, Hear] = {}
        self._waiting: dict[tuple[str, bytes], None] = {}  # from any thread, under the lock
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    def publish(self, topic: str, news: bytes) -> None:
        """Tell everybody else; from any thread."""
        loop = self._loop
        if loop is None:  # nobody serves yet
            return
        with self._lock:
            is_first = not self._waiting
            self._waiting[topic, news] = None
        if is_first:
            try:
                loop.call_soon_threadsafe(self._flush)
            except RuntimeError:  # the loop is closed: this process is about to end
                self._loop = None

    def listen(self, topic: str, hear: Hear) -> None:
        """Call a function with what others publish on a topic."""
        self._heard[topic] = hear

    async def open(self) -> None:
        """Get ready to carry news."""
        self._reader, self._writer = await asyncio.open_connection(sock=self._end)
        self._loop = asyncio.get_running_loop()

    async def run(self) -> None:
        """Carry news until the other end is closed; to be cancelled where this process ends first."""
        assert self._reader is not None  # noqa: S101 - `open` comes first
        while (frame := await read_frame(self._reader)) is not None:
            topic, news = frame
            if topic in self._heard:
                self._heard[topic](news)

    def close(self) -> None:
        """Carry nothing more."""
        self._loop = None
        if self._writer is not None:
            self._writer.close()

    def _flush(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        if self._writer is not None:
            frames = b"".join(encode_frame(topic, news) for topic, news in waiting)
            write_frames(self._writer, frames, "The process that started this one")
