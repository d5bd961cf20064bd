"""What roles see less of in connectors: `[roles.NAME.connectors.CONNECTOR]` reaches the connectors of a server."""

from typing import TYPE_CHECKING, Any

from dragoman.connectors.connector import Connector
from dragoman.errors import SettingsError
from dragoman.settings import key_of, unknown_key

if TYPE_CHECKING:
    from dragoman.ops.settings import Settings
    from dragoman.server.server import Server


def narrow(server: "Server", settings: "Settings") -> None:
    """Have connectors show roles what the settings leave them.

    Args:
        server: the whole, with its connectors.
        settings: the whole configuration.

    Raises:
        SettingsError: it can't be kept; a connector that said no shows what it did before.
    """
    narrowed: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in server.connectors}
    for role, said in settings.roles.items():
        for name, table in said.connectors.items() if isinstance(said.connectors, dict) else ():
            path = ("roles", role, "connectors", name)
            if name not in narrowed:
                raise SettingsError(unknown_key(name, server.connectors, "connector"), key_of(path), path)
            narrowed[name][role] = table
    for name, roles in narrowed.items():
        connector = server.connectors[name]
        if not isinstance(connector, Connector):
            if roles:
                path = ("roles", next(iter(roles)), "connectors", name)
                raise SettingsError("is a connector that shows every role the same", key_of(path), path)
            continue
        try:
            connector.narrow(roles)
        except SettingsError as error:
            within = error.path or (next(iter(roles)),)
            place = ("roles", within[0], "connectors", name, *within[1:])
            raise SettingsError(error.problem, key_of(place), place) from None
