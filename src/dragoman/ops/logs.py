"""Log lines as they leave the process: in one form, with secrets masked."""

import logging
from typing import Final

from dragoman.secrets import masked

FORM: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class MaskedFormatter(logging.Formatter):
    """A formatter whose lines, tracebacks included, show `***` in place of every known secret."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        return masked(super().format(record))


def mask_unhandled() -> None:
    """Mask secrets also in warnings that no handler takes, which the interpreter writes to standard error."""
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(MaskedFormatter())
