"""Lines of load over stdio: one process, and so many requests that wait for their answers at a time."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any, Final, cast

import msgspec
from msgspec import Struct

from dragoman.cli.load import Load, kind_of
from dragoman.errors import ConnectionFault

_END_SECONDS: Final = 5.0


class _Named(Struct):
    id: Any = None
    method: str | None = None


_named: Final = msgspec.json.Decoder(_Named)


class StdioLine:
    """One place in the pipeline.

    Args:
        load: who is told what became of each request.
        pipe: the process.
        request: the line of each request.
    """

    def __init__(self, load: Load, pipe: "Pipe", request: bytes) -> None:
        self._load, self._pipe, self._request = load, pipe, request
        self._began: float | None = None
        self._good = b""

    def send(self, began: float) -> None:
        """Send the request."""
        self._began = began
        if self._pipe.ended:
            asyncio.get_running_loop().call_later(0.05, self.give_up, "process ended", "it takes nothing more")
        else:
            self._pipe.write(self._request)

    def look(self, now: float) -> None:
        """Give up a request that takes too long."""
        if self._began is not None and now - self._began > self._load.patience:
            self.give_up("no answer in time", f"nothing came within {self._load.patience:g} seconds")

    def take(self, line: bytes) -> None:
        """Look at the answer."""
        began, self._began = self._began, None
        if began is None:
            return
        kind = None if line == self._good else kind_of(line)
        if kind is None:
            self._good = line
            self._load.succeed(self, began)
        else:
            self._load.fail(self, began, kind, line.decode(errors="replace"))

    def give_up(self, kind: str, example: str) -> None:
        """Count the request as failed."""
        began, self._began = self._began, None
        if began is not None:
            self._load.fail(self, began, kind, example)


class Pipe(asyncio.SubprocessProtocol):
    """The process, and who waits for which answer."""

    def __init__(self) -> None:
        self.ended = False
        self.waiting: dict[Any, StdioLine] = {}
        self.answers: dict[Any, asyncio.Future[bytes]] = {}
        self._rest = b""
        self._exited = asyncio.Event()
        self._transport: asyncio.SubprocessTransport | None = None
        self._input: Any = None

    async def start(self, command: Sequence[str]) -> None:
        """Start the process.

        Raises:
            ConnectionFault: it cannot be started.
        """
        try:
            await asyncio.get_running_loop().subprocess_exec(lambda: self, *command, stderr=None)
        except OSError as error:
            raise ConnectionFault(f"Cannot start '{command[0]}': {error.strerror or error}.") from error

    async def ask(self, method: str, params: dict[str, Any], patience: float) -> None:
        """Send one request and wait for its answer.

        Raises:
            ConnectionFault: none comes.
        """
        future = self.answers[method] = asyncio.get_running_loop().create_future()
        self.write(encode(method, params, method))
        try:
            async with asyncio.timeout(patience):
                await future
        except TimeoutError:
            raise ConnectionFault(f"The server did not answer '{method}' within {patience:g} seconds.") from None

    def write(self, line: bytes) -> None:
        """Send a line."""
        self._input.write(line)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the pipes."""
        self._transport = cast("asyncio.SubprocessTransport", transport)
        self._input = self._transport.get_pipe_transport(0)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Read answers; what else the server says is not measured."""
        del fd
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            try:
                named = _named.decode(line)
            except msgspec.MsgspecError:
                continue
            if named.method is not None:
                continue
            if (waiting := self.waiting.get(named.id)) is not None:
                waiting.take(line)
            elif (future := self.answers.pop(named.id, None)) is not None and not future.done():
                future.set_result(line)

    def process_exited(self) -> None:
        """Fail what waits."""
        self.ended = True
        self._exited.set()
        for line in self.waiting.values():
            line.give_up("process ended", "it ended while it was asked")
        for future in self.answers.values():
            if not future.done():
                future.set_exception(ConnectionFault("The server ended before it answered."))

    async def close(self) -> None:
        """End the process: its input first, then by force."""
        if self._transport is None:
            return
        self._input.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_END_SECONDS):
                await self._exited.wait()
        self._transport.close()  # which kills what is left
        await self._exited.wait()


def encode(method: str, params: dict[str, Any], request_id: Any = None) -> bytes:
    """A message as a line; a notification without an id."""
    message = {"jsonrpc": "2.0", "method": method, "params": params}
    if request_id is not None:
        message["id"] = request_id
    return msgspec.json.encode(message) + b"\n"
