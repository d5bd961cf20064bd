import shutil
from pathlib import Path

import pytest

from dragoman import __version__
from dragoman.cli.assembly import Served, assemble, configuration_name, started
from dragoman.cli.targets import read_targets
from dragoman.errors import UsageError
from dragoman.server.server import Server


def damage(database: Path) -> None:
    database.write_bytes(b"SQLite format 3\0" + b"\xff" * 500)


def test_a_single_python_file_is_served_as_itself(python: Path) -> None:
    served = assemble(read_targets([str(python)]))
    assert (served.server.info.name, served.server.info.version) == ("workshop", "1.2.3")
    (part,) = served.parts
    assert part.tools == served.server.tools.named.keys()
    assert part.prompts == {"review"}


@pytest.mark.parametrize("named", [True, False])
def test_a_single_python_file_with_a_name_is_mounted(python: Path, named: bool) -> None:
    served = assemble(read_targets([f"shed={python}"])) if named else assemble(read_targets([str(python)]), "shop")
    assert served.server.info.name == ("dragoman" if named else "shop")
    assert ("shed_add" if named else "add") in served.server.tools.named


async def test_several_targets_are_one_server_and_each_has_its_part(database: Path, folder: Path, python: Path) -> None:
    served = assemble(read_targets(map(str, (database, folder, python))))
    assert (served.server.info.name, served.server.info.version) == ("dragoman", __version__)
    sql, files, own = served.parts
    assert (sql.title, files.title, own.title) == ("database", "folder", "Python")
    assert sql.tools == {"tools_query", "tools_describe"}
    assert files.tools == {"manual_search", "manual_read"}
    assert "add" in own.tools
    async with started(served) as problems:
        assert problems == []
        assert [await part.count_resources() for part in served.parts] == [2, 2, 2]


def test_models_are_told_what_is_there(database: Path, python: Path) -> None:
    instructions = assemble(read_targets([str(database), str(python)])).server.instructions
    assert instructions == "The database 'tools' (read-only): tools_describe, tools_query.\nAsk politely."


@pytest.mark.parametrize("name", [" ", "two\nlines"])
def test_a_name_that_cannot_be_shown(database: Path, name: str) -> None:
    with pytest.raises(UsageError, match="--name"):
        assemble(read_targets([str(database)]), name)


async def test_what_is_not_well_is_said(database: Path) -> None:
    served = assemble(read_targets([str(database)]))
    damage(database)
    async with started(served) as problems:
        assert len(problems) == 1


async def test_a_connector_without_health_is_taken_as_well() -> None:
    class Plain:
        name = "plain"

        def attach(self, server: Server) -> None:
            """Add nothing."""

        async def start(self) -> None:
            """Do nothing."""

        async def close(self) -> None:
            """Do nothing."""

    server = Server("test")
    server.connect(Plain())
    async with started(Served(server, ())) as problems:
        assert problems == []


async def test_a_server_that_does_not_start_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "stuck.py"
    path.write_text(
        "from dragoman import Server\n"
        "def lifespan(server):\n    raise OSError('no disk')\n"
        "server = Server('stuck', lifespan=lifespan)\n",
        encoding="utf-8",
    )
    with pytest.raises(UsageError, match=r"^stuck does not start: OSError: no disk$"):
        async with started(assemble(read_targets([str(path)]))):
            pytest.fail("it started")


async def test_a_server_that_says_why_it_does_not_start_is_quoted(folder: Path) -> None:
    served = assemble(read_targets([str(folder)]))
    await served.server.start()
    await served.server.close()
    shutil.rmtree(folder)
    with pytest.raises(UsageError, match="manual"):
        async with started(served):
            pytest.fail("it started")


def test_a_key_for_a_configuration() -> None:
    assert configuration_name(Server("My Shop")) == "My_Shop"
    assert configuration_name(Server("店")) == "server"
