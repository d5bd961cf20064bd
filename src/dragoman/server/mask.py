"""What a client learns of a mistake that is ours: one line and a reference id. The log explains it in full."""

import logging
import secrets

logger = logging.getLogger("dragoman")


def mask(error: BaseException, doing: str) -> str:
    """Log an unexpected exception and say what the client may know.

    Args:
        error: the exception, with its traceback.
        doing: what was being done, such as `tool 'add'`.
    """
    reference = secrets.token_hex(4)
    logger.error("%s failed [reference %s]", doing, reference, exc_info=error)
    return f"Internal error in {doing}. The server's log has the details under reference {reference}."
