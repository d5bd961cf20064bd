"""A person signs in: the browser opens, and comes back to a port of this machine (RFC 8252, 7.3).

Only an answer to this very request is taken; whatever else knocks at the port is told so and changes nothing.
"""

import asyncio
import hmac
import webbrowser
from types import TracebackType
from typing import Final, Self
from urllib.parse import parse_qsl, urlsplit

from dragoman.client.endpoint import is_loopback
from dragoman.client.oauth.faults import SignInFault
from dragoman.errors import UsageError

PATH: Final = "/callback"
_HEAD_BYTES: Final = 16_384
_HEAD_SECONDS: Final = 10.0
_DONE: Final = "You are signed in. You can close this window."
_FAILED: Final = "This is not the sign-in that is waited for."


class Callback:
    """The port that the browser comes back to, open inside `async with`.

    Args:
        redirect_uri: where exactly; a free port of 127.0.0.1 without one.

    Raises:
        UsageError: it is no place on this machine, or somebody else has it.
    """

    def __init__(self, redirect_uri: str | None = None) -> None:
        self._uri = redirect_uri
        self._state = ""
        self._returned: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        host, port, self._path = "127.0.0.1", 0, PATH
        if self._uri is not None:
            parts = urlsplit(self._uri)
            if parts.scheme != "http" or not is_loopback(parts.hostname or "") or parts.port is None:
                message = f"redirect_uri '{self._uri[:200]}' is no port of this machine"
                raise UsageError(f"{message}; write http://127.0.0.1:PORT/callback, or give a redirect handler.")
            host, port, self._path = parts.hostname or host, parts.port, parts.path or "/"
        try:
            self._server = await asyncio.start_server(self._serve, host, port, limit=_HEAD_BYTES)
        except OSError as error:
            message = f"The port {port} for the sign-in cannot be opened: {error.strerror or error}."
            raise UsageError(message) from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        self._returned.cancel()

    @property
    def redirect_uri(self) -> str:
        """Where browsers are to be sent."""
        if self._uri is not None:
            return self._uri
        assert self._server is not None  # noqa: S101  (open inside the block)
        bound: tuple[str, int] = self._server.sockets[0].getsockname()[:2]
        return f"http://127.0.0.1:{bound[1]}{self._path}"

    def expect(self, state: str) -> None:
        """Say what the answer must carry, before the browser opens: it may be back at once.

        Args:
            state: the state of the request.
        """
        self._state = state

    async def wait(self, seconds: float) -> str:
        """Wait for the browser; the URL it was sent to.

        Args:
            seconds: how long.

        Raises:
            SignInFault: it did not come.
        """
        try:
            async with asyncio.timeout(seconds):
                return await self._returned
        except TimeoutError:
            raise SignInFault(f"Nobody signed in within {seconds:g} seconds; try again.") from None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_HEAD_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                target = head.split(b"\r\n", 1)[0].decode("ascii", "replace").split(" ")
                is_ours = len(target) == 3 and target[0] == "GET" and self._take(target[1])  # noqa: PLR2004  (RFC 9112, 3)
                writer.write(_page(200, _DONE) if is_ours else _page(400, _FAILED))
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return  # whoever it was, it was not the answer
        finally:
            writer.close()

    def _take(self, target: str) -> bool:
        """Take an answer to this request, and only one."""
        parts = urlsplit(target)
        if parts.path != self._path or not self._state or self._returned.done():
            return False
        try:
            given = dict(parse_qsl(parts.query, max_num_fields=50)).get("state", "")
        except ValueError:
            return False
        if not hmac.compare_digest(given.encode(), self._state.encode()):
            return False
        self._returned.set_result(f"{self.redirect_uri}?{parts.query}")
        return True


async def open_browser(url: str) -> bool:
    """Open the browser; whether there is one."""
    return await asyncio.to_thread(webbrowser.open, url)


def _page(status: int, words: str) -> bytes:
    body = f"<!doctype html><meta charset=utf-8><title>Dragoman</title><p>{words}".encode()
    reason = "OK" if status == 200 else "Bad Request"  # noqa: PLR2004  (the only two)
    head = (
        f"HTTP/1.1 {status} {reason}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {len(body)}\r\n"
        "cache-control: no-store\r\ncontent-security-policy: default-src 'none'\r\nreferrer-policy: no-referrer\r\n"
        "x-content-type-options: nosniff\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body
