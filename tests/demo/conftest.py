"""The demo's database, made once for all tests of the demo."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dragoman.demo import shop


@pytest.fixture(scope="session")
def shop_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo") / "shop.db"
    shop.write(path)
    return path


@pytest.fixture
def database(shop_file: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(f"file:{shop_file}?mode=ro", uri=True)) as connection:
        yield connection
