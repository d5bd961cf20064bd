"""The settings of sign-in: what cannot be safe is refused when the file is read."""

from pathlib import Path

import pytest

from dragoman.auth.settings import AuthSettings
from dragoman.errors import UsageError
from dragoman.ops.config import load

ISSUER = 'issuer = "https://id.example.com"\n'
SECRET = "Zq8w-7rTn2_kLx5vBc0dYh3mPf6sUj9a"


def auth(tmp_path: Path, text: str) -> AuthSettings:
    path = tmp_path / "dragoman.toml"
    path.write_text(text, encoding="utf-8")
    found = load(path, {"SHORT": "short", "SECRET": SECRET, "SAME": "changeme" * 8}).settings.auth
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[auth]\nanonymous = true", "auth.anonymous: name roles"),
        ("[auth]\nresource = 'mcp'", "auth.resource"),
        ("[auth]\nresource = 'https://a.example/mcp#x'", "auth.resource"),
        ("[auth]\nresource = 'http://a.example/mcp'", "write https"),
        ("[auth]\nresource = 'https://u:p@a.example/mcp'", "auth.resource"),
        ("[auth]\nresorce = 'https://a.example/mcp'", "did you mean 'resource'?"),
        ("[auth.jwt]\naudience = ['x']", "auth.jwt.issuer: is missing"),
        (f"[auth.jwt]\n{ISSUER}algorithms = ['none']", "'none' is none of"),
        (f"[auth.jwt]\n{ISSUER}algorithms = ['HS256']", "needs a secret"),
        (f"[auth.jwt]\n{ISSUER}algorithms = ['RS256']\nsecret = '${{SECRET}}'", "stands alone"),
        (f"[auth.jwt]\n{ISSUER}jwks_url = 'https://a.example/k'\nsecret = '${{SECRET}}'", "stands alone"),
        (f"[auth.jwt]\n{ISSUER}secret = '${{SHORT}}'", "at least 32 bytes"),
        (f"[auth.jwt]\n{ISSUER}secret = '${{SAME}}'", "at least 32 bytes"),
        (f"[auth.jwt]\n{ISSUER}leeway_seconds = 61", "at most 60"),
        (f"[auth.jwt]\n{ISSUER}jwks_url = 'http://a.example/k'", "write https"),
        (f"[auth.jwt]\n{ISSUER}jwks_url = 'https://a.example/k'\njwks_file = 'x'", "leave jwks_url or jwks_file out"),
        ("[auth.jwt]\nissuer = 'id.example.com'", "auth.jwt.issuer"),
        (f"[auth.jwt]\n{ISSUER}scopes = ['a b']", "is no scope"),
        (f"[auth.oauth]\n{ISSUER}scopes = ['offline_access']", "is no scope"),
        ("[auth.oauth]\ndomain = 'x'", "name the issuer, or a provider"),
        ("[auth.oauth]\nprovider = 'keyclock'", "did you mean 'keycloak'?"),
        (f"[auth.introspection]\n{ISSUER}url = 'https://a.example'\nclient_id = 'x'", "client_secret: is missing"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError) as told:
        auth(tmp_path, text)
    assert said in str(told.value)
    assert SECRET not in str(told.value)


def test_what_is_taken(tmp_path: Path) -> None:
    found = auth(tmp_path, f"[auth.jwt]\n{ISSUER}secret = '${{SECRET}}'\nalgorithms = ['HS512']\nleeway_seconds = '5s'")
    assert found.jwt is not None
    assert found.jwt.leeway_seconds == 5
    assert auth(tmp_path, "[auth]\nanonymous = ['public']").anonymous == ("public",)
    assert auth(tmp_path, "[auth]\nanonymous = false").anonymous is False
    assert auth(tmp_path, "[auth]\nresource = 'http://localhost:8000/mcp'").resource is not None
