"""Which engine serves which URL: a table, whose modules are loaded when one of their URLs is first opened.

Each module has `open_engine(settings)`, which connects to nothing yet, and raises ValueError with a sentence that
begins with no capital and names no secret when the URL can't be used.
"""

import importlib
import re
from pathlib import PurePath
from typing import Final, cast

from dragoman.connectors.sql.engines.engine import Engine
from dragoman.connectors.sql.settings import SqlSettings

MODULES: Final = {
    "sqlite": "sqlite",
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
    "duckdb": "duckdb",
}
"""By the scheme of a URL, the module of this folder."""

SUFFIXES: Final = {".duckdb": "duckdb", ".ddb": "duckdb"}
"""By the suffix of a path that is no URL, the module of this folder; every other path is SQLite's."""

OTHERS: Final = "sqlalchemy"
"""The module of every other URL."""

_OWN_DRIVERS: Final = frozenset({"postgresql+asyncpg", "mysql+aiomysql", "mariadb+aiomysql"})
_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9._-]*)(?P<driver>\+\w+)?://")


def open_engine(settings: SqlSettings) -> Engine:
    """Return the engine of a URL, connected to nothing yet.

    Raises:
        ValueError: there is no engine for it, or what it needs is not installed.
    """
    name = "duckdb" if settings.files else module_of(settings.url)
    try:
        module = importlib.import_module(f"dragoman.connectors.sql.engines.{name}")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("dragoman."):
            raise ValueError(f"databases of the kind {name!r} are not served yet") from None
        raise ValueError(
            f"serving {name} needs the package {error.name!r}: install it with `pip install 'dragoman[{name}]'`"
        ) from None
    return cast("Engine", module.open_engine(settings))


def module_of(url: str) -> str:
    """Return the name of the module that serves a URL or path; one that names another driver than ours is not ours."""
    found = _SCHEME.match(url)
    if found is None:
        return SUFFIXES.get(PurePath(url).suffix.lower(), "sqlite")
    scheme, driver = found["scheme"].lower(), found["driver"] or ""
    if driver and scheme + driver.lower() not in _OWN_DRIVERS:
        return OTHERS
    return MODULES.get(scheme, OTHERS)
