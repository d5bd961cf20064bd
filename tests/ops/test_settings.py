"""The tree of settings: defaults that are safe, described, and connectors that can be made of theirs."""

import msgspec
import pytest
from msgspec import structs

from dragoman.connectors.connector import Connector
from dragoman.errors import SettingsError
from dragoman.limits import Limits
from dragoman.ops.settings import (
    CONNECTOR_TYPES,
    ServerSettings,
    Settings,
    is_endpoint,
    sections,
    settings_of,
)
from dragoman.settings import description_of


def test_the_defaults_are_safe() -> None:
    server = ServerSettings()
    assert (server.host, server.port, server.path, server.workers) == ("127.0.0.1", 8000, "/mcp", 1)
    assert (server.allowed_hosts, server.allowed_origins, server.home, server.sse) == ((), (), None, False)
    assert server.limits == Limits()


@pytest.mark.parametrize("kind", CONNECTOR_TYPES)
def test_every_type_of_connector_has_settings_and_can_be_made_of_them(kind: str) -> None:
    row = CONNECTOR_TYPES[kind]
    made = row.load()
    assert issubclass(made, Connector)
    assert made.Settings is settings_of(kind)
    assert made.from_settings.__func__ is not Connector.from_settings.__func__  # type: ignore[attr-defined]
    assert issubclass(settings_of(kind), msgspec.Struct)


@pytest.mark.parametrize("kind", CONNECTOR_TYPES)
def test_nothing_is_called_type_besides_the_type(kind: str) -> None:
    assert "type" not in {field.encode_name for field in structs.fields(settings_of(kind))}


def test_every_section_is_there_and_described() -> None:
    before = ["server", "auth", "roles.NAME", "limits", "tools.NAME", "audit"]
    assert list(sections()) == [*before, *(f"connectors.NAME ({kind})" for kind in CONNECTOR_TYPES)]
    assert all(description_of(field.type) for field in structs.fields(Settings))


@pytest.mark.parametrize(
    ("url", "fits"),
    [
        ("http://10.0.0.7:8000/mcp", True),
        ("https://a.example/mcp", True),
        ("ftp://a/mcp", False),
        ("http:///mcp", False),
        ("http://a:0/mcp", False),
        ("http://a:x/mcp", False),
        ("http://a/mcp?x", False),
        ("http://a/mcp#x", False),
        ("a", False),
    ],
)
def test_endpoints(url: str, fits: bool) -> None:
    assert is_endpoint(url) is fits
    if not fits:
        with pytest.raises(SettingsError) as caught:
            ServerSettings(home=url)
        assert caught.value.path == ("home",)
