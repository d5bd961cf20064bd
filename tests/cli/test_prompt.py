import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run


def test_messages_are_shown(run: Run, python: Path) -> None:
    assert run("prompt", python, "review", "language=Python") == (0, "user:\nReview this Python, be kind.\n", "")
    assert "be 5." in run("prompt", python, "review", "language=C", "tone=5")[1]


def test_json_has_the_protocol_s_shape(run: Run, python: Path) -> None:
    found = json.loads(run("prompt", python, "review", "language=C", "--output", "json")[1])
    assert list(found) == ["description", "messages"]
    assert found["messages"] == [{"role": "user", "content": {"type": "text", "text": "Review this C, be kind."}}]


def test_what_is_no_text_is_named(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "pictures.py"
    path.write_text(
        "from dragoman import *\nserver = Server('pictures')\n"
        "@server.prompt\ndef look() -> Message:\n    '''Look.'''\n"
        "    return Message(ImageContent('AAAA', 'image/png'))\n",
        encoding="utf-8",
    )
    assert run("prompt", path, "look")[1] == "user:\n[ImageContent]\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["reviw", "language=C"], "The server has no prompt 'reviw'. Did you mean 'review'?"),
        (["zzzz"], "It has: review."),
        (["review"], "Prompt 'review' needs language; write language=VALUE."),
        (["review", "langage=C"], "Prompt 'review' has no argument 'langage'. Did you mean 'language'?"),
        (["review", "language:=5"], "A prompt's arguments are text"),
    ],
)
def test_mistakes_have_status_2(run: Run, python: Path, words: list[str], sentence: str) -> None:
    status, out, err = run("prompt", python, *words)
    assert (status, out) == (2, "")
    assert sentence in err


def test_a_server_without_prompts(run: Run, folder: Path) -> None:
    status, _, err = run("prompt", folder, "review")
    assert status == 2
    assert "It has: none." in err
