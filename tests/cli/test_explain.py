"""`dragoman explain`: the decision, what is rewritten, and the lines that say so."""

import json
from pathlib import Path
from typing import Any

import pytest

from dragoman.cli.main import main
from tests.ops.shop import write_shop

FILE = """\
[connectors.shop]
type = "sql"
url = "shop.db"

[roles.support]
tools = ["shop_*"]
deny = ["shop_explain"]
[roles.support.connectors.shop]
deny = ["staff"]
max_rows = 20
[roles.support.connectors.shop.tables.customer]
mask = { email = "partial" }
rows = "region = :principal.region"
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    write_shop(tmp_path / "shop.db")
    (tmp_path / "dragoman.toml").write_text(FILE)
    return str(tmp_path / "dragoman.toml")


def explained(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[dict[str, Any]]]:
    status = main(["explain", "--json", *words])
    return status, json.loads(capsys.readouterr().out)


def test_an_allowed_statement_is_shown_rewritten_with_the_lines_that_say_so(
    file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    call = json.dumps({"sql": "SELECT email FROM customer WHERE id = :id", "params": {"id": 1}})
    status, rows = explained(capsys, "--config", file, "--as", "support", "--claim", "region=north", "shop_query", call)
    assert status == 0
    said = [(row["what"], row["text"], row.get("line", "").rpartition(":")[2]) for row in rows]
    assert said[0] == ("allowed", 'roles.support.tools[0] = "shop_*"', "6")
    assert rows[1]["what"] == "runs"
    assert "CASE WHEN" in rows[1]["text"]
    assert ":principal.region" in rows[1]["text"]
    assert ":id" in rows[1]["text"]
    assert said[2:5] == [
        ("masked", "customer.email: partial", "12"),
        ("rows", "customer: region = :principal.region", "13"),
        ("at most", "20 rows", "10"),
    ]
    assert said[5:] == [("at most", "1e+06 bytes", "default"), ("at most", "5 seconds", "default")]


def test_a_table_that_is_not_there_for_a_role_is_told_with_its_line(
    file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, rows = explained(
        capsys, "--config", file, "--as", "support", "shop_query", '{"sql": "SELECT * FROM staff"}'
    )
    assert status == 1
    assert [row["what"] for row in rows] == ["allowed", "refused", "not there"]
    assert rows[2]["text"] == "staff for this caller"
    assert rows[2]["line"].endswith("dragoman.toml:9")


@pytest.mark.parametrize(
    ("tool", "text", "line"),
    [
        ("shop_explain", 'roles.support.deny[0] = "shop_explain"', ":7"),
        ("other", "no role of the caller allows it (roles: support)", ""),
        ("shop_nothing", "there is no such tool", ""),
    ],
)
def test_what_is_not_there(file: str, capsys: pytest.CaptureFixture[str], tool: str, text: str, line: str) -> None:
    status, (row,) = explained(capsys, "--config", file, "--as", "support", tool)
    assert status == 1
    assert (row["what"], row["text"]) == ("not there", text)
    assert row.get("line", "").endswith(line)


def test_people_read_columns(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--config", file, "--as", "support", "shop_explain"]) == 1
    assert capsys.readouterr().out.startswith("not there  roles.support.deny[0]")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--as", "supprt", "shop_query"], "did you mean 'support'"),
        (["shop_query", "[]"], "no JSON object"),
        (["--claim", "x", "shop_query"], "NAME=VALUE"),
    ],
)
def test_mistakes(file: str, capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    assert main(["explain", "--config", file, *words]) == 2
    assert said in capsys.readouterr().err
