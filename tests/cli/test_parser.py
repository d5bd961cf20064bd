import argparse

import pytest

from dragoman.cli.parser import CommandParser, port, seconds
from dragoman.errors import UsageError


def parser() -> CommandParser:
    made = CommandParser("dragoman try", "Try.", "examples: none")
    made.add_argument("target")
    made.add_argument("others", nargs="*")
    made.add_argument("--loud", action="store_true")
    return made


def test_options_stand_anywhere() -> None:
    options = parser().read(["there", "--loud", "a=1", "b=2"])
    assert (options.target, options.others, options.loud) == ("there", ["a=1", "b=2"], True)
    assert options.command is None


def test_a_command_after_dashes_takes_the_target_s_place() -> None:
    made = parser()
    made.takes_command = True
    options = made.read(["a=1", "--loud", "--", "-python", "server.py", "--stdio"])
    assert options.command == ["-python", "server.py", "--stdio"]
    assert (options.others, options.loud) == (["a=1"], True)


def test_dashes_without_a_command_are_refused() -> None:
    made = parser()
    made.takes_command = True
    with pytest.raises(UsageError, match="After -- write the command"):
        made.read(["a=1", "--"])


def test_mistakes_are_a_sentence_that_says_where_help_is() -> None:
    with pytest.raises(UsageError, match=r"^Unrecognized arguments: --quiet\. See dragoman try --help\.$"):
        parser().read(["there", "--quiet"])


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("8000", 8000), ("65535", 65535)])
def test_ports(text: str, number: int) -> None:
    assert port(text) == number


@pytest.mark.parametrize("text", ["65536", "-1", "http", "", "٣", "8000.0"])
def test_what_is_no_port(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="no port"):
        port(text)


def test_seconds() -> None:
    assert seconds("1.5") == 1.5


@pytest.mark.parametrize("text", ["0", "-1", "inf", "nan", "soon"])
def test_what_is_no_number_of_seconds(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="no number of seconds"):
        seconds(text)
