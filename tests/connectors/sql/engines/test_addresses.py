"""Where a database server is, and that no password leaves through an error."""

import ssl
from pathlib import Path
from typing import Any

import pytest

from dragoman import Secret
from dragoman.connectors.sql.engines.addresses import Address, address_of, tls_context
from dragoman.connectors.sql.engines.engine import EngineFault, Query
from dragoman.connectors.sql.engines.schemes import open_engine
from dragoman.connectors.sql.settings import SqlSettings, TlsSettings
from tests.connectors.sql.servers import start_mariadb, start_postgresql

SCHEMES = ("postgresql", "postgres")
_ENCRYPTED = {
    start_postgresql: "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
    start_mariadb: "SELECT variable_value FROM information_schema.session_status WHERE variable_name = 'SSL_CIPHER'",
}


@pytest.mark.parametrize(
    ("url", "address"),
    [
        (
            "postgresql://me:p%40ss@db.example:6432/the%20shop",
            Address(host="db.example", port=6432, user="me", password="p@ss", database="the shop"),
        ),
        ("postgres://me@h/d", Address(host="h", port=5432, user="me", password=None, database="d")),
        ("postgresql+asyncpg://me:@[::1]/d", Address(host="::1", port=5432, user="me", password="", database="d")),
        ("postgresql://me@/d", Address(host="127.0.0.1", port=5432, user="me", password=None, database="d")),
        (
            "postgresql://me@ignored/d?host=/run/pg",
            Address(host="", port=5432, user="me", password=None, database="d", socket="/run/pg"),
        ),
    ],
)
def test_a_url_names_a_database(url: str, address: Address) -> None:
    assert address_of(url, SCHEMES, 5432) == address
    assert address_of(Secret(url), SCHEMES, 5432) == address


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("mysql://me:hunter2@h/d", "begins with postgresql://"),
        ("postgresql://me:hunter2@h:port/d", "can't be read"),
        ("postgresql://me:hunter2@h:5432", "lacks a user or a database"),
        ("postgresql://h/d", "lacks a user or a database"),
        ("postgresql://me:hunter2@h/d?sslmode=disable", "no option 'sslmode'"),
        ("postgresql://me:hunter2@[h/d", "can't be read"),
    ],
)
def test_a_url_that_names_none_is_refused_without_being_repeated(url: str, what: str) -> None:
    with pytest.raises(ValueError, match=what) as raised:
        address_of(url, SCHEMES, 5432)
    assert "hunter2" not in str(raised.value)


def test_an_address_is_shown_without_its_password() -> None:
    assert "hunter2" not in repr(address_of("postgresql://me:hunter2@h/d", SCHEMES, 5432))


@pytest.mark.parametrize(
    ("mode", "verified", "named"),
    [
        ("prefer", ssl.CERT_NONE, False),
        ("require", ssl.CERT_NONE, False),
        ("verify-ca", ssl.CERT_REQUIRED, False),
        ("verify-full", ssl.CERT_REQUIRED, True),
    ],
)
def test_a_mode_checks_what_it_says(mode: str, verified: ssl.VerifyMode, named: bool) -> None:
    context = tls_context(TlsSettings(mode=mode))  # type: ignore[arg-type]
    assert context is not None
    assert context.verify_mode == verified
    assert context.check_hostname is named
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_nothing_is_encrypted_when_that_is_said_and_bad_files_are_told(tmp_path: Path) -> None:
    assert tls_context(TlsSettings(mode="disable")) is None
    with pytest.raises(ValueError, match="files of `tls`"):
        tls_context(TlsSettings(mode="require", ca=str(tmp_path / "none.pem")))
    bad = tmp_path / "bad.pem"
    bad.write_text("no certificate")
    with pytest.raises(ValueError, match="files of `tls`"):
        tls_context(TlsSettings(mode="require", certificate=str(bad)))


@pytest.mark.parametrize("start", [start_postgresql, start_mariadb])
async def test_real_servers_are_believed_as_far_as_their_certificates_go(start: Any) -> None:
    async def try_with(url: str, **tls: Any) -> str:
        engine = open_engine(SqlSettings(url=url, tls=TlsSettings(**tls)))
        try:
            page = await engine.run(Query((_ENCRYPTED[start],)), skip=0, rows=1)
            return "encrypted" if page.rows and page.rows[0][-1] not in (False, "") else "plain"
        except EngineFault as fault:
            return fault.kind
        finally:
            await engine.close()

    with start(None, certificate_for="127.0.0.1") as server:
        ca = str(server.folder / "ca.pem")
        there, elsewhere = server.url(), server.url().replace("127.0.0.1", "localhost")
        assert await try_with(there, mode="disable") == "plain"
        assert await try_with(there, mode="prefer") == "encrypted"
        assert await try_with(there, mode="require") == "encrypted"
        assert await try_with(there, mode="verify-full", ca=ca) == "encrypted"
        assert await try_with(there, mode="verify-full") == "unreachable", "an authority that nobody knows"
        assert await try_with(elsewhere, mode="verify-ca", ca=ca) == "encrypted"
        assert await try_with(elsewhere, mode="verify-full", ca=ca) == "unreachable", "a certificate of another name"
