"""A database as a target: the `sql` connector."""

from pathlib import Path

from dragoman.cli.targets import Target
from dragoman.connectors.sql.connector import Sql
from dragoman.server.server import Server

TITLE = "database"


def add(server: Server, target: Target) -> None:
    """Add a database to a server.

    Raises:
        UsageError: it cannot be served, or a name is taken.
    """
    location = target.location if "://" in target.location else Path(target.location)
    server.connect(Sql(target.name, location))
