"""A folder as a target: the `files` connector."""

from dragoman.cli.targets import Target
from dragoman.connectors.files.connector import Files
from dragoman.server.server import Server

TITLE = "folder"


def add(server: Server, target: Target) -> None:
    """Add a folder to a server.

    Raises:
        UsageError: it cannot be served, or a name is taken.
    """
    server.connect(Files(target.name, target.location))
