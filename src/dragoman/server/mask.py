"""What becomes of an exception that escapes from a user's function: it goes on, or it is masked.

Of a mistake that is ours the client learns one line and a reference id; the log explains it in full.
"""

import asyncio
import logging
import re
import secrets
from typing import Final

from dragoman.errors import DragomanError, Fault

logger = logging.getLogger("dragoman")

_REFERENCE: Final = re.compile(
    r"Internal error in .*\. The server's log has the details under reference ([0-9a-f]{8})\.", re.DOTALL
)


def mask(error: BaseException, doing: str) -> str:
    """Log an unexpected exception and say what the client may know.

    Args:
        error: the exception, with its traceback.
        doing: what was being done, such as `tool 'add'`.
    """
    reference = secrets.token_hex(4)
    logger.error("%s failed [reference %s]", doing, reference, exc_info=error)
    return f"Internal error in {doing}. The server's log has the details under reference {reference}."


def reference_of(message: str) -> str:
    """The reference id in a sentence of `mask`; empty in any other."""
    found = _REFERENCE.fullmatch(message)
    return "" if found is None else found[1]


def mask_unforeseen(error: BaseException, doing: str) -> str:
    """Mask what a function raised, unless it is meant for somebody further up: then raise it.

    What goes on is a `Fault`, a pause for questions and the end of the task. A function that raises SystemExit, or
    CancelledError although nobody cancels it, has failed like any other: it must not end the server.
    """
    if isinstance(error, Fault) or _goes_on(error):
        raise error
    return mask(error, doing)


def decisive(error: BaseException) -> BaseException:
    """The exception that says how a request ends; of a group (asyncio.TaskGroup) the first, where all are of ours."""
    parts = [error]
    while any(isinstance(part, BaseExceptionGroup) for part in parts):
        parts = [
            leaf for part in parts for leaf in (part.exceptions if isinstance(part, BaseExceptionGroup) else (part,))
        ]
    return parts[0] if all(isinstance(part, DragomanError) or _goes_on(part) for part in parts) else error


def _goes_on(error: BaseException) -> bool:
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is None or task.cancelling() > 0
    return not isinstance(error, Exception | SystemExit | BaseExceptionGroup)
