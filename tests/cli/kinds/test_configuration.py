from pathlib import Path

import pytest

from dragoman.cli.kinds import configuration as kind
from dragoman.cli.targets import read_target
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
