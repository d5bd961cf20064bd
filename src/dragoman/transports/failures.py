"""The border of one message: whatever is raised while it is answered becomes its answer, or ends the task.

Every wire passes what it catches through here, so that no client waits for an answer that never comes.
"""

import asyncio

from dragoman.errors import Fault, InternalFault
from dragoman.protocol import jsonrpc
from dragoman.secrets import masked_bytes
from dragoman.server.exchange import Exchange
from dragoman.server.mask import mask


class ClientLeft(Exception):
    """The client closed the connection before its request was whole."""


def answer_of(exchange: Exchange, error: BaseException) -> bytes | None:
    """The answer to a message that failed; None where its client took it back and waits for nothing.

    Raises:
        BaseException: the error itself, where it is the end of the task or of the program.
    """
    if exchange.gone:
        keep_on(exchange)
        return None
    if isinstance(error, Fault):
        return masked_bytes(jsonrpc.encode_error(error, exchange.id, exchange.revision.code_of(error)))
    if not is_failure(error):
        raise error
    masked = InternalFault(mask(error, "the request"))
    return jsonrpc.encode_error(masked, exchange.id, masked.code)


def is_failure(error: BaseException) -> bool:
    """Whether an exception is a failure of what ran, rather than the end of the task or of the program.

    A function may raise anything: SystemExit, which would end the event loop, or the CancelledError of a task of its
    own, though nobody cancelled this one.
    """
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is not None and not task.cancelling()
    return not isinstance(error, KeyboardInterrupt | GeneratorExit)


def keep_on(exchange: Exchange) -> None:
    """Let the task live on after the request it answered was taken back."""
    if exchange.task is not None:
        exchange.task.uncancel()
