from pathlib import Path

import pytest

from dragoman.cli.kinds import database as kind
from dragoman.cli.targets import read_target
from dragoman.client.client import Client
from dragoman.errors import UsageError
from dragoman.server.server import Server


@pytest.mark.parametrize("form", ["{}", "sqlite:///{}", "shed={}"])
async def test_a_database_brings_its_tools(database: Path, form: str) -> None:
    server = Server("test")
    kind.add(server, read_target(form.format(database)))
    async with Client(server) as client:
        name = "shed" if form.startswith("shed") else "tools"
        reply = await client.call_tool(f"{name}_query", {"sql": "select name from tool where id = 1"})
    assert reply.data["rows"] == [["Hammer"]]


def test_two_of_one_name(database: Path) -> None:
    server = Server("test")
    kind.add(server, read_target(str(database)))
    with pytest.raises(UsageError, match="exists already"):
        kind.add(server, read_target(str(database)))
