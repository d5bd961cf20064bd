"""The settings tree of `dragoman.toml`: one table of name, type, default and help.

The reader, the command line, the reference page and the JSON Schema take names and defaults from here; a setting
is a field below, or of a connector's `Settings`, or it does not exist.
"""

import importlib
import re
from typing import Annotated, Any, Final, Literal, NamedTuple, get_args
from urllib.parse import urlsplit

from msgspec import Meta, Struct, structs

from dragoman.auth.policy import Role
from dragoman.auth.quota import Quota
from dragoman.auth.settings import AuthSettings
from dragoman.connectors.connector import Connector
from dragoman.errors import SettingsError
from dragoman.limits import Limits
from dragoman.ops.audit.settings import AuditSettings
from dragoman.secrets import Secret
from dragoman.settings import choices_of, is_table

CONNECTOR_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,47}")
ENDPOINT_PATH: Final = re.compile(r"/|(/[A-Za-z0-9._~-]+)+/?")
LogLevel = Literal["debug", "info", "warning", "error"]


class ConnectorType(NamedTuple):
    """A kind of connector that a configuration can name.

    Args:
        title: what it serves, in a word.
        module: where its class is; loaded when a configuration names it.
        name: the class.
    """

    title: str
    module: str
    name: str

    def load(self) -> type[Connector]:
        """Return the class."""
        found: type[Connector] = getattr(importlib.import_module(self.module), self.name)
        return found


CONNECTOR_TYPES: Final = {
    "files": ConnectorType("folder", "dragoman.connectors.files.connector", "Files"),
    "sql": ConnectorType("database", "dragoman.connectors.sql.connector", "Sql"),
}


class ServerSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the server presents itself, where it listens and what requests may use."""

    name: Annotated[str, Meta(min_length=1, description="how the server identifies itself")] = "dragoman"
    title: Annotated[str | None, Meta(description="a name for people")] = None
    instructions: Annotated[
        str | None, Meta(description="how a model should use the server, said before what it serves")
    ] = None
    host: Annotated[str, Meta(description="the address to listen on")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="the port to listen on; 0 for any that is free")] = 8000
    path: Annotated[str, Meta(description="where the endpoint is")] = "/mcp"
    allowed_hosts: Annotated[
        tuple[str, ...], Meta(description="Host headers to accept besides loopback names, such as mcp.example.com")
    ] = ()
    allowed_origins: Annotated[
        tuple[str, ...],
        Meta(description="Origins to accept besides loopback ones, such as https://app.example.com"),
    ] = ()
    home: Annotated[
        str | None,
        Meta(
            description="where other processes behind the same balancer reach this one's endpoint, such as"
            " http://10.0.0.7:8000/mcp; all need the same secrets"
        ),
    ] = None
    sse: Annotated[bool, Meta(description="also serve HTTP+SSE, the transport of 2024-11-05")] = False
    workers: Annotated[int, Meta(ge=1, le=256, description="processes that serve together")] = 1
    log_level: Annotated[LogLevel, Meta(description="what to log to stderr")] = "info"
    secrets: Annotated[
        tuple[Secret, ...],
        Meta(
            description="what seals state that clients carry, newest first, at least 32 characters each; the same for"
            " all processes that serve together; those of DRAGOMAN_SECRET by default"
        ),
    ] = ()
    limits: Annotated[Limits, Meta(description="what requests and sessions may use")] = Limits()

    def __post_init__(self) -> None:
        if not self.name.strip() or not self.name.isprintable():
            raise SettingsError("is empty or cannot be printed", path=("name",))
        if not ENDPOINT_PATH.fullmatch(self.path):
            raise SettingsError("begin with / and use letters, digits, - . _ ~ and /, such as /mcp", path=("path",))
        if self.home is not None and not is_endpoint(self.home):
            raise SettingsError("write the URL of an endpoint, such as http://10.0.0.7:8000/mcp", path=("home",))


class ConnectorSettings(Struct, frozen=True, kw_only=True):
    """One connector of a configuration.

    Args:
        type: a name in `CONNECTOR_TYPES`.
        settings: the `Settings` of that connector's class.
        limits: how much each caller may use of its tools.
    """

    type: str
    settings: Struct
    limits: Quota | None = None


class ToolSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What holds for one tool."""

    limits: Annotated[Quota | None, Meta(description="how much of it each caller may use")] = None


class Settings(Struct, frozen=True, kw_only=True):
    """Everything a configuration says; a field is a section, and a new one needs no more than its field here."""

    server: Annotated[ServerSettings, Meta(description="how it presents itself, and where it listens")] = (
        ServerSettings()
    )
    auth: Annotated[AuthSettings | None, Meta(description="who may call")] = None
    roles: Annotated[dict[str, Role], Meta(description="what callers may use, by the name of a role they have")] = {}
    limits: Annotated[Quota | None, Meta(description="how much each caller may use")] = None
    tools: Annotated[dict[str, ToolSettings], Meta(description="what holds for single tools, by name")] = {}
    audit: Annotated[
        AuditSettings | None,
        Meta(
            description="how it is recorded what callers do; where nothing is said, it is over HTTP, and wherever"
            " callers sign in or have roles"
        ),
    ] = None
    connectors: Annotated[dict[str, ConnectorSettings], Meta(description="what is served, by name")] = {}


def is_endpoint(url: str) -> bool:
    """Whether a URL could be that of an endpoint: http or https, a host, a path."""
    try:
        parts = urlsplit(url)
        named = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return named and not parts.query and not parts.fragment


def settings_of(kind: str) -> type[Struct]:
    """Return the struct of what connectors of a type take.

    Args:
        kind: a name in `CONNECTOR_TYPES`.
    """
    found = CONNECTOR_TYPES[kind].load().Settings
    assert found is not None, f"connectors of type {kind} have no settings"  # noqa: S101  (a row above is wrong)
    return found


def section_types() -> dict[str, Any]:
    """Return the type of each section, but for the connectors', whose types are in `CONNECTOR_TYPES`."""
    return {field.encode_name: field.type for field in structs.fields(Settings) if field.name != "connectors"}


def sections() -> dict[str, type[Struct]]:
    """Return the tables of a configuration as the reference shows them: heading, and struct."""
    found: dict[str, type[Struct]] = {}
    for name, kind in section_types().items():
        (choice,) = choices_of(kind)
        found |= {name: choice} if is_table(choice) else {f"{name}.NAME": get_args(choice)[1]}
    return found | {f"connectors.NAME ({kind})": settings_of(kind) for kind in CONNECTOR_TYPES}
