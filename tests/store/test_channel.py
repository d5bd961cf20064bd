"""A bus over sockets: frames, both ends, and readers that are slow or gone."""

import asyncio
import contextlib
import gc
import logging
import socket
import warnings
from collections.abc import AsyncIterator

import pytest

from dragoman.store.channel import Channel, encode_frame, read_frame, write_frames


@contextlib.asynccontextmanager
async def opened() -> AsyncIterator[tuple[Channel, asyncio.StreamReader, asyncio.StreamWriter, asyncio.Task[None]]]:
    ours, theirs = socket.socketpair()
    channel = Channel(ours, "test")
    await channel.open()
    reader, writer = await asyncio.open_connection(sock=theirs)
    running = asyncio.create_task(channel.run())
    try:
        yield channel, reader, writer, running
    finally:
        running.cancel()
        await asyncio.wait((running,))
        channel.close()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def test_news_go_both_ways() -> None:
    heard: list[bytes] = []
    async with asyncio.timeout(5), opened() as (channel, reader, writer, running):
        channel.listen("topic", heard.append)
        writer.write(encode_frame("topic", b"x" * 200_000) + encode_frame("nobody's", b"") + encode_frame("topic", b""))
        channel.publish("topic", b"from here")
        await asyncio.to_thread(channel.publish, "topic", b"from a thread")
        assert await read_frame(reader) == ("topic", b"from here")
        assert await read_frame(reader) == ("topic", b"from a thread")
        writer.close()
        await running
        assert heard == [b"x" * 200_000, b""]
        channel.publish("topic", b"too late")


async def test_what_waits_already_is_not_sent_twice() -> None:
    async with asyncio.timeout(5), opened() as (channel, reader, _writer, _running):
        for _ in range(1000):
            channel.publish("topic", b"same")
        channel.publish("topic", b"other")
        assert await read_frame(reader) == ("topic", b"same")
        assert await read_frame(reader) == ("topic", b"other")


async def test_the_end_in_the_middle_of_a_frame_is_the_end() -> None:
    for data in (b"", b"\0\0", encode_frame("topic", b"news")[:-1]):
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        assert await read_frame(reader) is None


async def test_nothing_piles_up_behind_a_slow_reader(caplog: pytest.LogCaptureFixture) -> None:
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=ours)
    frame = encode_frame("topic", b"x" * 2**20)
    with caplog.at_level(logging.WARNING):
        for _ in range(40):
            write_frames(writer, frame, "Worker 1")
    assert writer.transport.get_write_buffer_size() < 20 * 2**20
    assert "Worker 1 does not take its news; some are lost" in caplog.text
    writer.transport.abort()
    await asyncio.sleep(0)
    write_frames(writer, frame, "Worker 1")
    theirs.close()
    del reader


async def test_a_process_that_does_not_serve_says_nothing() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        Channel(ours, "test").publish("topic", b"news")
        theirs.setblocking(False)
        with pytest.raises(BlockingIOError):
            theirs.recv(1)


def test_a_loop_that_is_closed_is_no_error() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # nobody closed the channel
        publish_too_late()
        gc.collect()


def publish_too_late() -> None:
    ours, theirs = socket.socketpair()
    channel = Channel(ours, "test")
    with theirs:
        asyncio.run(channel.open())
        channel.publish("topic", b"news")
        channel.publish("topic", b"more")
