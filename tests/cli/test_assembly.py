import shutil
from pathlib import Path

import pytest

from dragoman import Client, Connector, __version__
from dragoman.cli.assembly import PASSING, Served, assemble, configuration_name, started
from dragoman.cli.targets import read_targets
from dragoman.errors import UsageError
from dragoman.secrets import register
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
    assert sql.tools == {"tools_query", "tools_describe", "tools_explain"}
    assert files.tools == {"manual_search", "manual_read"}
    assert "add" in own.tools
    async with started(served) as problems:
        assert problems == []
        assert [await part.count_resources() for part in served.parts] == [2, 2, 2]


def test_models_are_told_what_is_there(database: Path, python: Path) -> None:
    instructions = assemble(read_targets([str(database), str(python)])).server.instructions
    assert (
        instructions == "The database 'tools' (read-only): tools_describe, tools_explain, tools_query.\nAsk politely."
    )


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


@pytest.fixture
def configuration(folder: Path) -> Path:
    path = folder.parent / "house.toml"
    path.write_text(
        "[server]\nname = 'House'\ntitle = 'Our house'\ninstructions = 'Be kind.'\n"
        "secrets = ['0123456789abcdef0123456789abcdef']\n"
        f"limits.page_size = 7\n[connectors.house]\ntype = 'files'\npath = '{folder.name}'\n"
    )
    return path


async def test_a_configuration_makes_the_server(configuration: Path) -> None:
    served = assemble(read_targets([str(configuration)]))
    server = served.server
    assert (server.info.name, server.info.title, server.limits.page_size) == ("House", "Our house", 7)
    assert server.instructions == "Be kind.\nThe folder 'house' (read-only): house_read, house_search."
    assert server.seal.is_shared
    (part,) = served.parts
    assert (part.target.name, part.title, set(part.tools)) == ("house", "folder", {"house_search", "house_read"})
    async with started(served) as problems:
        assert problems == []


def test_a_configuration_beside_other_targets(configuration: Path, database: Path, python: Path) -> None:
    served = assemble(read_targets(map(str, (python, configuration, database))), "mine")
    assert served.server.info.name == "mine"
    assert [part.target.name for part in served.parts] == [python.stem, "house", "tools"]
    assert {"add", "house_read", "tools_query"} <= served.server.tools.named.keys()


def test_names_that_clash_with_those_of_a_configuration(configuration: Path, database: Path) -> None:
    with pytest.raises(UsageError, match="exists already"):
        assemble(read_targets([str(configuration), f"house={database}"]))
    with pytest.raises(UsageError, match=r"house\.toml:7: connectors\.house: .*exists already"):
        assemble(read_targets([f"house={database}", str(configuration)]))


def test_a_configuration_that_serves_nothing(configuration: Path, python: Path) -> None:
    configuration.write_text("server.name = 'x'")
    with pytest.raises(UsageError, match=r"names nothing to serve; add a section \[connectors\.NAME\]"):
        assemble(read_targets([str(configuration)]))
    assert assemble(read_targets([str(configuration), str(python)])).server.info.name == "x"


def test_secrets_that_are_too_weak(configuration: Path) -> None:
    configuration.write_text("[server]\nname = 'x'\nsecrets = ['changeme-6f01']")
    with pytest.raises(UsageError, match=r"house\.toml:3: server\.secrets: .*at least 32 characters") as caught:
        assemble(read_targets([str(configuration)]))
    assert "6f01" not in str(caught.value)


async def test_problems_are_told_without_secrets() -> None:
    register("hl-6f02aa")

    class Shut(Connector):
        def attach(self, server: Server) -> None:
            """Add nothing."""

        async def health(self) -> str | None:
            return "refused: hl-6f02aa"

    server = Server("test")
    server.connect(Shut("shut"))
    async with started(Served(server, ())) as problems:
        assert problems == ["refused: ***"]


HASHED = """
[connectors.shop]
type = "sql"
url = "sqlite:///tools.db"
tables.tool.mask.name = "hash"
"""


async def masked_names(folder: Path) -> str:
    """What the hash mask makes of the names, as a server that is made now answers."""
    served = assemble(read_targets([str(folder / "hashed.toml")]))
    async with Client(served.server) as client:
        reply = await client.call_tool("shop_query", {"sql": "select name from tool order by id"})
    return str(reply.data["rows"])


async def test_hash_masks_outlast_a_restart(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    config = database.parent / "hashed.toml"
    config.write_text(HASHED.replace("tools.db", database.name))
    monkeypatch.delenv("DRAGOMAN_SECRET", raising=False)
    monkeypatch.setenv("DRAGOMAN_STATE", str(tmp_path / "one"))
    first = await masked_names(database.parent)
    assert await masked_names(database.parent) == first
    monkeypatch.setenv("DRAGOMAN_SECRET", "of a supervisor and new with each start of it")
    given = await masked_names(database.parent)
    assert given != first
    monkeypatch.setenv(PASSING, "1")
    assert await masked_names(database.parent) == first
    monkeypatch.setenv("DRAGOMAN_STATE", str(tmp_path / "two"))
    assert await masked_names(database.parent) not in (first, given)
    assert not caplog.records
    (tmp_path / "three").write_text("no folder")
    monkeypatch.setenv("DRAGOMAN_STATE", str(tmp_path / "three"))
    assert await masked_names(database.parent) != first
    assert "Hash masks will differ after a restart" in caplog.text
