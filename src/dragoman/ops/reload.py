"""A configuration that changes while it is served: what it says of sign-in and roles holds from then on.

Looking costs one question to the file system a second. A file that cannot work, or that would open a closed server,
changes nothing, and the log says so.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from typing import Final

from dragoman.errors import UsageError
from dragoman.ops.config import Config, load
from dragoman.ops.settings import Settings
from dragoman.ops.sign_in import is_asked

logger = logging.getLogger("dragoman.auth")

SECONDS: Final = 1.0
Apply = Callable[[Settings], Awaitable[None]]


class Reloading:
    """Follows one file.

    Args:
        config: as it is served.
        apply: makes new settings hold, or raises UsageError and leaves everything as it was.
        seconds: how often to look.
    """

    def __init__(self, config: Config, apply: Apply, seconds: float = SECONDS) -> None:
        self._file = config.file
        self._settings = config.settings
        self._apply = apply
        self._seconds = seconds
        self._seen = _state_of(self._file)

    async def run(self) -> None:
        """Look again and again, until it is cancelled."""
        while True:
            await asyncio.sleep(self._seconds)
            state = _state_of(self._file)
            if state != self._seen:
                self._seen = state
                await self.read()

    async def read(self) -> None:
        """Read the file and make it hold."""
        try:
            settings = load(self._file).settings
            if (settings.auth, settings.roles) == (self._settings.auth, self._settings.roles):
                return
            if is_asked(self._settings) and not is_asked(settings):
                logger.error("%s no longer asks callers to sign in; restart to serve it like that.", self._file)
                return
            await self._apply(settings)
        except UsageError as error:
            logger.error("The roles and sign-in of before stay: %s", error)  # noqa: TRY400 (the sentence says it all)
            return
        self._settings = settings
        logger.warning("%s has changed: its roles and sign-in hold from now on.", self._file)


def _state_of(file: str) -> tuple[int, int, int] | None:
    """What changes when a file is written or replaced; None while it is not there."""
    try:
        found = os.stat(file)  # noqa: PTH116 (a Path would be made each second)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
