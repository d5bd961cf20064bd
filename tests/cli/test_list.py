import json
from collections.abc import Callable
from pathlib import Path

from dragoman.cli.main import main
from tests.cli.conftest import Run, Terminal


def test_everything_is_listed(run: Run, python: Path) -> None:
    status, out, _ = run("list", python)
    assert status == 0
    assert out == (
        "tools (6)\n"
        "  add(first, second?, negative?)  Add two numbers.\n"
        "  join(words, separator?)         Join words.\n"
        "  fail()                          Fail.\n"
        "  quiet()                         Return nothing.\n"
        "  picture()                       Draw.\n"
        "  escape()                        Say what a terminal would obey.\n"
        "\n"
        "resources (2)\n"
        "  shop://motto  What we say.\n"
        "  shop://logo   How we look.\n"
        "\n"
        "templates (1)\n"
        "  shop://drawers/{number}  What is in a drawer.\n"
        "\n"
        "prompts (1)\n"
        "  review(language, tone?)  Review code.\n"
    )


def test_one_kind_is_listed_even_where_there_is_none(run: Run, folder: Path) -> None:
    assert run("list", folder, "prompts")[1] == "prompts (0)\n"
    assert "prompts" not in run("list", folder)[1]


def test_nothing(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "empty.py"
    path.write_text("from dragoman import Server\nserver = Server('empty')\n", encoding="utf-8")
    assert run("list", path)[:2] == (0, "The server offers nothing.\n")


def test_json_has_the_protocol_s_shapes(run: Run, python: Path) -> None:
    found = json.loads(run("list", python, "--output", "json")[1])
    assert list(found) == ["server", "revision", "tools", "resources", "resourceTemplates", "prompts"]
    assert found["server"] == {"name": "workshop", "version": "1.2.3"}
    assert found["tools"][0]["inputSchema"]["required"] == ["first"]
    assert found["resourceTemplates"][0]["uriTemplate"] == "shop://drawers/{number}"
    only = json.loads(run("list", python, "prompts", "--output", "json")[1])
    assert list(only) == ["server", "revision", "prompts"]


def test_an_unknown_kind_names_the_nearest(run: Run, python: Path) -> None:
    status, _, err = run("list", python, "tool")
    assert status == 2
    assert err.endswith("Did you mean 'tools'?\n")
    assert run("list", python, "zzzz")[2].endswith("resources, templates, prompts.\n")


def test_lines_fit_the_terminal(terminal: Callable[[], Terminal], database: Path) -> None:
    screen = terminal()
    assert main(["list", str(database)]) == 0
    assert max(map(len, screen.shown.splitlines())) <= 60
    assert "…" in screen.shown
