"""The shop of each engine, filled anew for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.connectors.sql.writes.shops import Shop, mariadb_shop, postgresql_shop, sqlite_shop


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    if request.param == "sqlite":
        shop = sqlite_shop(tmp_path)
    elif request.param == "postgresql":
        shop = postgresql_shop(request.getfixturevalue("postgresql"))
    else:
        shop = mariadb_shop(request.getfixturevalue("mariadb"))
    shop.fill()
    yield shop
    shop.empty()
