"""How commands read their words: argparse, with mistakes as one sentence and a server's command after `--`."""

import argparse
from collections.abc import Sequence
from typing import Final, NoReturn

from dragoman.errors import UsageError

_AFTER_DASHES: Final = "--"
_MOST_WORKERS: Final = 256


class CommandParser(argparse.ArgumentParser):
    """The parser of one command.

    Args:
        prog: the command as it is typed.
        description: what it does.
        epilog: examples, printed as they are.
    """

    def __init__(self, prog: str, description: str, epilog: str) -> None:
        super().__init__(
            prog=prog,
            description=description,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.takes_command = False  # whether a server's command may follow `--` in place of TARGET

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong as a sentence.

        Raises:
            UsageError: always.
        """
        raise UsageError(f"{message[:1].upper()}{message[1:].rstrip('.')}. See {self.prog} --help.")

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """Read the words after the command's name; options may stand anywhere among them.

        Raises:
            UsageError: they make no sense.
        """
        command: list[str] | None = None
        if self.takes_command and _AFTER_DASHES in words:
            cut = words.index(_AFTER_DASHES)
            command = list(words[cut + 1 :])
            if not command:
                self.error("After -- write the command that starts the server")
            words = [_place_of(command), *words[:cut]]
        options = self.parse_intermixed_args(words)
        options.command = command
        return options


def _place_of(command: list[str]) -> str:
    """What stands in TARGET's place; never read, and never taken for an option."""
    return command[0].lstrip("-") or "command"


def port(text: str) -> int:
    """A port number, 0 for any that is free."""
    if not (text.isascii() and text.isdigit() and int(text) < 2**16):
        raise argparse.ArgumentTypeError(f"'{text}' is no port: use 1 to 65535, or 0 for any that is free")
    return int(text)


def seconds(text: str) -> float:
    """A positive number of seconds."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"'{text}' is no number of seconds above 0")
    return value


def workers(text: str) -> int:
    """A number of processes."""
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= _MOST_WORKERS):
        raise argparse.ArgumentTypeError(f"'{text}' is no number of workers: use 1 to {_MOST_WORKERS}")
    return int(text)
