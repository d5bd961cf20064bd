"""Options that answer questions are taken out of those for wires."""

from typing import Any

from dragoman.client.answers import Handlers
from dragoman.client.options import ClientOptions, take_handlers


def test_nothing_is_answered_unless_given() -> None:
    options: ClientOptions = {"headers": {"a": "b"}}
    assert take_handlers(options, "me") == Handlers(model="me")
    assert options == {"headers": {"a": "b"}}


def test_what_is_given_is_taken() -> None:
    def ask(_: Any) -> None: ...

    def sample(_: Any) -> str:
        return ""

    options: ClientOptions = {
        "on_elicit": ask,
        "elicit_modes": ["url"],
        "on_sample": sample,
        "sample_tools": True,
        "roots": ["file:///a"],
    }
    expected = Handlers(
        on_elicit=ask, elicit_modes=("url",), on_sample=sample, sample_tools=True, roots=("file:///a",), model="me"
    )
    assert take_handlers(options, "me") == expected
    assert options == {}


def test_roots_may_be_a_function() -> None:
    def roots() -> list[str]:
        return []

    assert take_handlers({"roots": roots}, "me").roots is roots
