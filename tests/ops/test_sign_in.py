"""From settings to a gate: who is let in, what they see, where they are told to sign in."""

import json
from pathlib import Path

import pytest

from dragoman import Server
from dragoman.auth.keys import make_key
from dragoman.auth.principal import Principal
from dragoman.errors import HttpFault, UsageError
from dragoman.ops.config import load
from dragoman.ops.settings import Settings
from dragoman.ops.sign_in import WELL_KNOWN, documents_of, gate_of, stdio_principal
from dragoman.store.keys import SqliteKeys
from tests.auth.issuer import NAME, RESOURCE, claims, key_set, token

ROLES = "[roles.support]\ntools = ['shop_*']\n[roles.public]\ntools = ['free']\n"


def settings(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "dragoman.toml"
    path.write_text(text, encoding="utf-8")
    return load(path, {}).settings


def a_server() -> Server:
    server = Server("shop", "1")
    for name in ("shop_query", "free"):
        server.add_tool(lambda: "done", name=name, description="Does it.")
    return server


def bearer(text: str) -> dict[bytes, bytes]:
    return {b"authorization": f"Bearer {text}".encode()}


def test_where_nothing_is_said_nobody_has_to_sign_in(tmp_path: Path) -> None:
    assert gate_of(a_server(), settings(tmp_path, ""), None) is None
    assert documents_of(settings(tmp_path, "[auth]"), "/mcp", None, "shop") == {}
    assert stdio_principal(settings(tmp_path, ""), ()) is None


@pytest.mark.parametrize("text", [ROLES, "[auth]", "[auth.api_keys]", "[auth]\nanonymous = false"])
async def test_any_of_it_closes_the_server(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    gate = gate_of(a_server(), settings(tmp_path, text), None)
    assert gate is not None
    for headers in ({}, bearer("drg_x"), bearer(token())):
        with pytest.raises(HttpFault) as told:
            await gate.admit(headers)
        assert told.value.status == 401
    await gate.close()


async def test_keys_and_roles(tmp_path: Path) -> None:
    text = f"[auth]\nanonymous = ['public']\n[auth.api_keys]\nstore = 'keys.sqlite3'\n{ROLES}"
    gate = gate_of(a_server(), settings(tmp_path, text), None)
    assert gate is not None
    store = SqliteKeys(tmp_path / "keys.sqlite3")
    key, _ = make_key(store, "anna", roles=("support",))
    store.close()
    assert list((await gate.admit(bearer(key)))[1].tools.named) == ["shop_query"]
    assert list((await gate.admit({}))[1].tools.named) == ["free"]
    await gate.close()


async def test_an_authorization_server(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_bytes(key_set())
    text = (
        f"[auth]\nresource = '{RESOURCE}'\n[auth.oauth]\nissuer = '{NAME}'\nscopes = ['read']\n"
        f"scopes_supported = ['write']\ndocumentation = 'https://docs.example.com'\n"
    )
    found = settings(tmp_path, text)
    gate = gate_of(a_server(), found, "http://127.0.0.1:1/mcp")
    assert gate is not None
    with pytest.raises(HttpFault) as told:
        await gate.admit({})
    place = f"https://mcp.example.com{WELL_KNOWN}/mcp"
    challenge = f'Bearer scope="read", resource_metadata="{place}"'
    assert told.value.headers == ((b"www-authenticate", challenge.encode()),)
    documents = documents_of(found, "/mcp", None, "shop")
    assert list(documents) == [WELL_KNOWN, f"{WELL_KNOWN}/mcp"]
    assert documents[WELL_KNOWN] == {
        "resource": RESOURCE,
        "authorization_servers": [NAME],
        "scopes_supported": ["read", "write"],
        "bearer_methods_supported": ["header"],
        "resource_name": "shop",
        "resource_documentation": "https://docs.example.com",
    }
    json.dumps(documents)
    await gate.close()


async def test_signed_tokens(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_bytes(key_set())
    found = settings(tmp_path, f"[auth.jwt]\nissuer = '{NAME}'\njwks_file = 'keys.json'\nscopes = ['read']\n{ROLES}")
    with pytest.raises(UsageError, match=r"auth\.resource"):
        gate_of(a_server(), found, None)
    gate = gate_of(a_server(), found, RESOURCE)
    assert gate is not None
    principal, view = await gate.admit(bearer(token()))
    assert (principal.subject, list(view.tools.named)) == ("anna", ["shop_query"])
    with pytest.raises(HttpFault) as told:
        await gate.admit(bearer(token(claims(scope="other"))))
    assert (told.value.status, told.value.headers[0][1]) == (403, b'Bearer error="insufficient_scope", scope="read"')
    with pytest.raises(HttpFault):
        await gate.admit(bearer("drg_x"))  # no keys where another kind is named
    await gate.close()


async def test_introspection_is_asked(tmp_path: Path) -> None:
    text = (
        f"[auth]\nresource = '{RESOURCE}'\n[auth.introspection]\nurl = 'http://127.0.0.1:1/x'\nissuer = '{NAME}'\n"
        "client_id = 'a'\nclient_secret = 'b'\n"
    )
    gate = gate_of(a_server(), settings(tmp_path, text), None)
    assert gate is not None
    with pytest.raises(HttpFault) as told:
        await gate.admit(bearer("opaque"))
    assert told.value.status == 503
    await gate.close()


def test_a_role_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'public'"):
        gate_of(a_server(), settings(tmp_path, f"[auth]\nanonymous = ['publik']\n{ROLES}"), None)
    with pytest.raises(UsageError, match="did you mean 'support'"):
        stdio_principal(settings(tmp_path, ROLES), ["suport"])


def test_who_calls_over_stdio(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--as ROLE"):
        stdio_principal(settings(tmp_path, ROLES), ())
    found = stdio_principal(settings(tmp_path, ROLES), ["support"])
    assert found == Principal(subject="local", issuer="stdio")
    assert found is not None
    assert found.roles == ("support",)
    text = f"[auth.stdio]\nsubject = 'ben'\nroles = ['public']\nclaims = {{ employee_id = 3 }}\n{ROLES}"
    for roles, held in ((), ("public",)), (("support",), ("support",)):
        found = stdio_principal(settings(tmp_path, text), roles)
        assert found is not None
        assert (found.subject, found.roles, found.claims) == ("ben", held, (("employee_id", 3),))
