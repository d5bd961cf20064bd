"""`dragoman check`: exit statuses, the report for people, the one for programs, the schema."""

import json
from pathlib import Path

import pytest

from dragoman.cli import check
from dragoman.cli.survey import PartSurvey, Survey, ToolCost
from dragoman.connectors.connector import Exposed, Finding
from tests.cli.conftest import Run


@pytest.fixture
def file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration of a folder, in the folder where commands run."""
    monkeypatch.chdir(folder.parent)
    path = folder.parent / "dragoman.toml"
    path.write_text(f"server.name = 'House'\n[connectors.house]\ntype = 'files'\npath = '{folder.name}'\n")
    return path


def test_a_configuration_that_is_right(run: Run, file: Path, folder: Path) -> None:
    status, out, err = run("check")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "dragoman.toml can be read: the server 'House' with 1 part."
    assert f"house  folder  {folder}" in lines
    assert "  2 resources, 0 prompts" in lines
    assert [line.split()[1] for line in lines if line.startswith("  tool ")] == ["house_read", "house_search"]
    assert lines[-1] == "0 warnings; everything answers."


def test_for_programs(run: Run, file: Path) -> None:
    status, out, _ = run("check", str(file), "--json", "--strict")
    found = json.loads(out)
    assert status == 0
    assert (found["ok"], found["warnings"], found["name"], found["findings"]) == (True, 0, "House", [])
    (part,) = found["parts"]
    assert part["problem"] is None
    assert found["tokens"] == sum(tool["tokens"] for tool in part["tools"])


def test_a_configuration_that_is_wrong(run: Run, file: Path) -> None:
    file.write_text("[connectors.house]\ntype = 'files'\npaht = 'x'\n")
    status, out, err = run("check")
    assert (status, out) == (2, "")
    expected = "dragoman: dragoman.toml:3: connectors.house.paht: there is no such setting; did you mean 'path'?\n"
    assert err == expected


def test_without_a_file(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    status, _, err = run("check")
    assert status == 2
    assert "write a dragoman.toml in this folder" in err


def test_a_backend_that_does_not_answer(run: Run, database: Path) -> None:
    assert run("check", str(database))[0] == 0
    database.write_bytes(b"SQLite format 3\0" + b"\xff" * 500)
    status, out, _ = run("check", str(database))
    assert status == 2
    assert "  does not answer: " in out
    assert out.endswith("1 part not answering.\n")


UNWISE = """
from dragoman import Connector, Finding, Server


class Shelf(Connector):
    def attach(self, server):
        server.add_tool(lambda: "", name="look")

    async def review(self):
        return [Finding(text="It is dusty.", remedy="Dust it,\\nthen wax it.")]


server = Server("shelf")
server.connect(Shelf("oak"))
"""


def test_warnings_fail_a_strict_check(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "shelf.py"
    file.write_text(UNWISE)
    status, out, _ = run("check", str(file))
    assert status == 0
    assert "  warning: It is dusty.\n      Dust it,\n      then wax it.\n" in out
    assert run("check", str(file), "--strict")[0] == 1


def test_the_schema(run: Run) -> None:
    status, out, _ = run("check", "--schema")
    assert status == 0
    assert json.loads(out)["title"] == "dragoman.toml"


def test_what_is_shown_of_a_policy() -> None:
    things = [
        Exposed(name="Artist"),
        Exposed(name="Customer", hidden=("Fax",), masked={"Email": "partial", "Phone": "null"}, rows="Country = 'CA'"),
        Exposed(name="Employee", served=False),
        Exposed(name="Sales", kind="view"),
    ]
    part = PartSurvey("shop", "database", "shop.db", None, [ToolCost("shop_query", 1234)], 3, 1, things, [])
    note = Finding(level="note", text="It is large.")
    assert list(check._lines("a.toml", Survey("Shop", 1234, [part], [note]))) == [  # noqa: SLF001
        "a.toml can be read: the server 'Shop' with 1 part.",
        "",
        "shop  database  shop.db",
        "  tool shop_query  1,234 tokens",
        "  3 resources, 1 prompt",
        "  2 tables served, 1 not",
        "    whole: Artist",
        "    Customer: without Fax; masked Email (partial), Phone (null); rows where Country = 'CA'",
        "    not served: Employee",
        "  1 view served, 0 not",
        "    whole: Sales",
        "",
        "1 tool, about 1,234 tokens in every conversation.",
        "note: It is large.",
        "0 warnings; everything answers.",
    ]
