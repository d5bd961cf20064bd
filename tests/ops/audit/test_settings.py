"""How the audit log is kept, as a configuration says it."""

from pathlib import Path

import pytest

from dragoman import SettingsError, read_settings
from dragoman.ops.audit.settings import AuditSettings


def test_it_is_on_and_refuses_what_it_cannot_record(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DRAGOMAN_STATE", str(tmp_path))
    settings = read_settings({}, AuditSettings)
    assert settings.enabled
    assert settings.on_failure == "refuse"
    assert settings.place() == tmp_path / "audit"


def test_it_is_where_it_is_said_to_be() -> None:
    settings = read_settings({"folder": "/var/log/shop", "keep_seconds": "365d"}, AuditSettings)
    assert settings.place() == Path("/var/log/shop")
    assert settings.keep_seconds == 365 * 86_400


def test_nonsense_is_refused() -> None:
    with pytest.raises(SettingsError):
        read_settings({"on_failure": "ignore"}, AuditSettings)
