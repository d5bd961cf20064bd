from pathlib import Path

import pytest

from dragoman.cli.kinds import data as kind
from dragoman.cli.targets import read_targets
from dragoman.client.client import Client
from dragoman.errors import UsageError
from dragoman.server.server import Server


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("sales.csv").write_text("id,amount\n1,2.5\n2,4\n")
    Path("staff.jsonl").write_text('{"id": 1, "name": "Ada"}\n{"id": 2, "name": "Bo"}\n')


async def test_data_files_bring_one_database() -> None:
    server = Server("test")
    (target,) = read_targets(["sales.csv", "people=staff.jsonl"])
    kind.add(server, target)
    async with Client(server) as client:
        sql = "select name, amount from sales join people using (id) order by id"
        reply = await client.call_tool("data_query", {"sql": sql})
    assert reply.data["rows"] == [["Ada", 2.5], ["Bo", 4.0]]


def test_two_of_one_name() -> None:
    server = Server("test")
    (target,) = read_targets(["sales.csv"])
    kind.add(server, target)
    with pytest.raises(UsageError, match="exists already"):
        kind.add(server, target)
