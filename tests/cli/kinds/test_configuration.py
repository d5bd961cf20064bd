import shutil
from pathlib import Path

import pytest

from dragoman import Client, ToolCallError
from dragoman.cli.assembly import assemble, started
from dragoman.cli.kinds import configuration as kind
from dragoman.cli.survey import survey
from dragoman.cli.targets import read_target, read_targets
from dragoman.errors import UsageError
from dragoman.ops.settings import ConnectorSettings
from dragoman.server.server import Server


@pytest.fixture
def file(folder: Path) -> Path:
    path = folder.parent / "shop.toml"
    path.write_text(f"[connectors.house]\ntype = 'files'\npath = '{folder.name}'\n")
    return path


def test_each_connector_becomes_a_part(file: Path, folder: Path) -> None:
    server = Server("test")
    ((part, title),) = kind.connect(server, kind.read(read_target(str(file))))
    assert (part.name, part.word, title) == ("house", str(folder), "folder")
    assert server.tools.named.keys() == {"house_search", "house_read"}


def test_what_a_connector_refuses_has_its_place_in_the_file(file: Path) -> None:
    file.write_text("\n[connectors.house]\ntype = 'files'\npath = 'missing'\n")
    config = kind.read(read_target(str(file)))
    with pytest.raises(UsageError, match=rf"^{file}:2: connectors\.house: the folder .*missing' cannot be served"):
        list(kind.connect(Server("test"), config))


def test_the_place_of_a_database_has_no_password(tmp_path: Path) -> None:
    from_sql = tmp_path / "sql.toml"
    from_sql.write_text("[connectors.shop]\ntype = 'sql'\nurl = 'postgresql://reader:pw-cf01@db.example/shop'\n")
    connector = kind.read(read_target(str(from_sql))).settings.connectors["shop"]
    assert isinstance(connector, ConnectorSettings)
    assert kind.place_of(connector) == "postgresql://reader:***@db.example/shop"


EXAMPLE = """
[server]
name = "Music shop"

[connectors.shop]
type = "sql"
url = "sqlite:///chinook.sqlite"
deny = ["Employee"]                     # tables; `allow = [...]` is the other way round
max_rows = 200
max_bytes = "1MB"
timeout = "5s"

[connectors.shop.tables.Customer]
deny_columns = ["Fax"]
mask = { Email = "partial", Phone = "null" }
rows = "Country = 'Canada'"

[connectors.shop.tools.tracks_of]
description = "Tracks of one artist, with album and length"
sql = "select t.Name, al.Title, t.Milliseconds from Track t join Album al using (AlbumId) join Artist ar using (ArtistId) where ar.Name = :artist order by 1"
parameters.artist = { type = "string", description = "The artist's exact name" }
"""  # noqa: E501 - as people paste it


async def test_the_example_works_as_it_stands(shared_data: Path, tmp_path: Path) -> None:
    shutil.copy(shared_data / "chinook.sqlite", tmp_path)
    file = tmp_path / "dragoman.toml"
    file.write_text(EXAMPLE)
    served = assemble(read_targets([str(file)]))
    assert served.server.info.name == "Music shop"
    async with started(served) as problems, Client(served.server) as client:
        assert problems == []

        async def rows(tool: str, **arguments: object) -> list[list[object]]:
            reply = await client.call_tool(tool, arguments)
            found: list[list[object]] = reply.data["rows"]
            return found

        customers = await rows("shop_query", sql="select * from Customer order by CustomerId")
        assert {row[7] for row in customers} == {"Canada"}
        assert all("***" in str(row[-2]) for row in customers)
        assert await rows("shop_query", sql="select count(*), count(Phone) from Customer") == [[8, 0]]
        tracks = await rows("shop_tracks_of", artist="AC/DC")
        assert len(tracks) == 18
        for refused in ("select * from Employee", "select Fax from Customer"):
            with pytest.raises(ToolCallError):
                await client.call_tool("shop_query", {"sql": refused})
    (part,) = served.parts
    assert part.tools == {"shop_query", "shop_describe", "shop_explain", "shop_tracks_of"}


async def test_a_check_of_the_example(shared_data: Path, tmp_path: Path) -> None:
    shutil.copy(shared_data / "chinook.sqlite", tmp_path)
    file = tmp_path / "dragoman.toml"
    file.write_text(EXAMPLE)
    served = assemble(read_targets([str(file)]))
    async with started(served):
        found = await survey(served)
    (part,) = found.parts
    assert found.is_well
    things = {one.name: one for one in part.exposed}
    assert not things["Employee"].served
    assert things["Customer"].hidden == ("Fax",)
    assert things["Customer"].masked == {"Email": "partial", "Phone": "null"}
    assert things["Customer"].rows == "Country = 'Canada'"
    assert any("Invoice" in finding.text and "BillingAddress" in finding.remedy for finding in part.findings)


@pytest.mark.parametrize(
    ("line", "wrong", "sentence"),
    [
        (9, "max_rows = '200'", "connectors.shop.max_rows: expected a whole number, at least 1"),
        (15, 'mask = { Email = "parital" }', "connectors.shop.tables.Customer.mask.Email: expected one of"),
        (
            20,
            "descripton = ''",
            "connectors.shop.tools.tracks_of.descripton: there is no such setting; did you mean 'desc",
        ),
        (
            21,
            "parameters.artist = { type = 'strnig' }",
            "connectors.shop.tools.tracks_of.parameters.artist.type: expect",
        ),
    ],
)
def test_mistakes_in_the_example(tmp_path: Path, line: int, wrong: str, sentence: str) -> None:
    file = tmp_path / "dragoman.toml"
    lines = EXAMPLE.splitlines()
    lines[line - 1] = wrong
    file.write_text("\n".join(lines))
    with pytest.raises(UsageError) as caught:
        kind.read(read_target(str(file)))
    assert str(caught.value).startswith(f"{file}:{line}: {sentence}")
