"""A configuration as a target: each connector in it becomes a part of the server."""

from collections.abc import Iterator

from dragoman.cli.targets import Target
from dragoman.ops.config import Config, load
from dragoman.ops.settings import CONNECTOR_TYPES, ConnectorSettings
from dragoman.secrets import masked
from dragoman.server.server import Server

TITLE = "configuration"


def read(target: Target) -> Config:
    """Read the file.

    Raises:
        UsageError: it cannot work; says where.
    """
    return load(target.location)


def connect(server: Server, config: Config) -> Iterator[tuple[Target, str]]:
    """Connect what a configuration names, one by one; gives each as a target of its own, and what it is.

    Raises:
        UsageError: a connector cannot be made of its settings, or a name is taken; says where in the file.
    """
    for name, connector in config.settings.connectors.items():
        row = CONNECTOR_TYPES[connector.type]
        with config.placed("connectors", name):
            server.connect(row.load().from_settings(name, connector.settings))
        place = place_of(connector)
        yield Target(place, "configuration", place, name, is_named=True), row.title


def place_of(connector: ConnectorSettings) -> str:
    """Where a connector's backend is, without its password."""
    settings = connector.settings
    place = getattr(settings, "url", None) or getattr(settings, "path", "")
    files = getattr(settings, "files", ())
    return masked(str(place) or ", ".join(files.values() if isinstance(files, dict) else files))
