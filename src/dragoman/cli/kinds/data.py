"""Data files as a target: one database whose tables they are, by the `sql` connector."""

from dragoman.cli.targets import Target
from dragoman.connectors.sql.connector import Sql
from dragoman.server.server import Server

TITLE = "data files"


def add(server: Server, target: Target) -> None:
    """Add data files to a server.

    Raises:
        UsageError: they cannot be served, or a name is taken.
    """
    server.connect(Sql(target.name, files=dict(target.files)))
