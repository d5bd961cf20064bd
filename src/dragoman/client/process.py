"""A server as a child process: lines out, lines in, and an orderly end (stdio, Shutdown).

It knows bytes and the operating system, not what a line means. Framing is its own, so a line may be as large as the
limit says. The child leads its own process group where there are such groups, so that what a wrapper started ends
with it.
"""

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final, cast

from dragoman.client.wire import quote
from dragoman.errors import ConnectionFault

logger: Final = logging.getLogger("dragoman.client")

GRACE_SECONDS: Final = 3.0
"""How long a server may take to end after its input closed, and again after it was told to terminate."""

_REMEMBERED_LINES: Final = 8
_LINE_BYTES: Final = 64 * 1024  # of stderr, which is text for people
_EXIT_SECONDS: Final = 0.5  # from the end of its output to the end of the process, and the other way round
_OUT: Final = 1
_ERR: Final = 2
_GROUPS: Final = hasattr(os, "killpg")


class ServerProcess(asyncio.SubprocessProtocol):
    """One run of a server process.

    Args:
        command: the program and its arguments.
        take_line: receives each line of its output, without the line end.
        take_end: called once, when no more lines can come.
        show: receives each line of its stderr; None passes them on to this process's stderr.
        most: the most bytes one line may have.
    """

    def __init__(
        self,
        command: Sequence[str],
        take_line: Callable[[bytes], None],
        take_end: Callable[[], None],
        show: Callable[[str], None] | None,
        most: int,
    ) -> None:
        self.command = list(command)
        self.overflow = False  # a line larger than allowed came; nothing after it is read
        self._take_line = take_line
        self._take_end: Callable[[], None] | None = take_end  # None once called
        self._show = show or _pass_on
        self._most = most
        self._out: list[bytes] = []  # the unfinished line of its output
        self._out_bytes = 0
        self._err = b""
        self._last_lines: deque[str] = deque(maxlen=_REMEMBERED_LINES)
        self._transport: asyncio.SubprocessTransport | None = None
        self._stdin: asyncio.WriteTransport | None = None
        self._exited = asyncio.Event()
        self._gone = asyncio.Event()  # exited, and all pipes closed
        self._writable = asyncio.Event()
        self._writable.set()

    async def start(self, env: Mapping[str, str] | None, cwd: str | os.PathLike[str] | None) -> None:
        """Start the process.

        Args:
            env: variables to add to this process's environment.
            cwd: the directory to start in.

        Raises:
            ConnectionFault: it cannot be started.
        """
        environment = {**os.environ, **(env or {})}
        program = shutil.which(self.command[0], path=environment.get("PATH")) or self.command[0]
        try:
            await asyncio.get_running_loop().subprocess_exec(
                lambda: self,
                program,
                *self.command[1:],
                env=environment,
                cwd=cwd,
                start_new_session=_GROUPS,
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            where = f" in {os.fspath(cwd)}" if cwd is not None else ""
            raise ConnectionFault(f"Cannot start {quote(self.command[0])}{where}: {reason}.") from error

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; the loop calls this before `start` returns."""
        self._transport = cast("asyncio.SubprocessTransport", transport)
        self._stdin = cast("asyncio.WriteTransport", self._transport.get_pipe_transport(0))

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Take what the process wrote."""
        if fd == _ERR:
            self._take_err(data)
        elif not self.overflow:
            self._take_out(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """Notice that the process closed a stream."""
        del exc  # how it ended is told by its exit status
        if fd == _OUT:
            asyncio.get_running_loop().call_later(_EXIT_SECONDS, self._end)
        elif fd == _ERR and self._err:
            self._take_err(b"\n")

    def process_exited(self) -> None:
        """Notice the exit; what it wrote before may still come."""
        self._exited.set()
        self._writable.set()
        asyncio.get_running_loop().call_later(_EXIT_SECONDS, self._end)

    def connection_lost(self, exc: Exception | None) -> None:
        """Notice that the process is gone and all it wrote was read."""
        del exc  # as above
        self._gone.set()
        self._end()

    def pause_writing(self) -> None:
        """Stop writers: the process does not read."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Let writers go on."""
        self._writable.set()

    def write(self, line: bytes) -> None:
        """Send one line; what a process that is gone would not read is dropped."""
        if self._stdin is not None and not self._stdin.is_closing():
            self._stdin.write(line + b"\n")

    async def drain(self) -> None:
        """Wait until the process has read enough of what was written."""
        await self._writable.wait()

    def describe_end(self) -> str:
        """Say how it ended, with its last words."""
        status = self._transport.get_returncode() if self._transport is not None else None
        if status is None:
            how = "closed its output"
        elif status < 0:
            how = f"was ended by signal {_signal_name(-status)}"
        else:
            how = f"ended with exit status {status}"
        words = f"The server process {quote(' '.join(self.command))} {how}."
        if self._last_lines:
            words += " Its last lines on stderr:\n" + "\n".join(f"  {line}" for line in self._last_lines)
        return words

    async def stop(self, grace: float = GRACE_SECONDS) -> None:
        """End the process: close its input, wait, terminate, kill (stdio, Shutdown).

        Args:
            grace: seconds to wait after each step.
        """
        transport = self._transport
        if transport is None:
            return
        self._take_end = None
        try:
            if self._stdin is not None:
                self._stdin.close()
            if not await self._has_exited(grace):
                self._signal(transport, "SIGTERM")
                if not await self._has_exited(grace):
                    self._signal(transport, "SIGKILL")
                    await self._exited.wait()
        finally:
            transport.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._gone.wait()

    async def _has_exited(self, grace: float) -> bool:
        try:
            async with asyncio.timeout(grace):
                await self._exited.wait()
        except TimeoutError:
            return False
        return True

    def _signal(self, transport: asyncio.SubprocessTransport, name: str) -> None:
        """Signal the process and its group; Windows has no groups and one way to end a process."""
        with contextlib.suppress(ProcessLookupError):
            if _GROUPS:
                os.killpg(transport.get_pid(), getattr(signal, name))
            else:
                transport.terminate()

    def _take_out(self, data: bytes) -> None:
        """Cut the output into lines; work is linear in its size however it is cut."""
        first, *rest = data.split(b"\n")
        self._out.append(first)
        self._out_bytes += len(first)
        for piece in rest:
            line = b"".join(self._out)
            self._out, self._out_bytes = [piece], len(piece)
            if len(line) > self._most:
                self._out_bytes = len(line)
                break
            if line.strip():
                self._take_line(line.removesuffix(b"\r"))
        if self._out_bytes > self._most:
            self.overflow = True
            self._out.clear()
            self._end()

    def _take_err(self, data: bytes) -> None:
        *lines, self._err = (self._err + data).split(b"\n")
        if len(self._err) > _LINE_BYTES:
            lines.append(self._err)
            self._err = b""
        for line in lines:
            text = line.removesuffix(b"\r").decode(errors="replace")
            self._last_lines.append(text[:1000])
            try:
                self._show(text)
            except Exception:
                logger.exception("The callback for the server's stderr failed")

    def _end(self) -> None:
        take_end, self._take_end = self._take_end, None
        if take_end is not None:
            take_end()


def _pass_on(line: str) -> None:
    """Write a line of the server to this process's stderr, if it has one."""
    if sys.stderr is not None:
        sys.stderr.write(line + "\n")


def _signal_name(number: int) -> str:
    try:
        return f"{number} ({signal.Signals(number).name})"
    except ValueError:
        return str(number)
