"""A private PostgreSQL server with the music shop and three logins: `admin`, `owner` and `reader`."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.connectors.sql.servers import chinook
from tests.connectors.sql.servers.programs import (
    Server,
    folder_of,
    free_port,
    own_certificates,
    program,
    run_as,
    user_for,
)

PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin")
PASSWORDS = {"admin": "of the admin", "owner": "of the owner", "reader": "of the reader"}


def quoted(name: str) -> str:
    """Return a name as PostgreSQL's identifier: its case is kept."""
    return '"' + name.replace('"', '""') + '"'


class PostgreSQL:
    """A running server.

    Args:
        server: its process.
        folder: where its data, socket and log are.
        port: where it listens, on 127.0.0.1 and on the socket.
        user: who runs it.
    """

    def __init__(self, server: Server, folder: Path, port: int, user: str | None) -> None:
        self.server = server
        self.folder = folder
        self.port = port
        self._user = user

    def url(self, login: str = "reader", database: str = "chinook") -> str:
        """Return the URL of a database for one of the logins of `PASSWORDS`."""
        return f"postgresql://{login}:{PASSWORDS[login].replace(' ', '%20')}@127.0.0.1:{self.port}/{database}"

    def execute(self, *statements: str, database: str = "chinook") -> list[list[str]]:
        """Run statements as `admin`, and return the cells that they print."""
        command = [program("psql", *PLACES), "-XqAt", "-F", "\t", "-v", "ON_ERROR_STOP=1"]
        where = ["-h", str(self.folder), "-p", str(self.port), "-U", "admin", "-d", database]
        said = run_as(self._user, [*command, *where], text="".join(f"{each};\n" for each in statements))
        return [line.split("\t") for line in said.splitlines()]

    def running(self) -> list[str]:
        """Return the statements that anybody but ourselves runs now."""
        found = self.execute(
            "SELECT query FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid() "
            "AND backend_type = 'client backend'"
        )
        return [row[0] for row in found]


@contextmanager
def start_postgresql(data: Path | None, *, certificate_for: str = "") -> Iterator[PostgreSQL]:
    """Start a server and end it.

    Args:
        data: the SQLite file of the music shop, or None for an empty database.
        certificate_for: the address in its certificate; without one it speaks no TLS. `ca.pem` is in its folder.
    """
    user = user_for("postgres")
    initdb = program("initdb", *PLACES)
    postgres = program("postgres", *PLACES)
    with folder_of(user) as folder:
        run_as(user, [initdb, "-D", f"{folder}/data", "-U", "admin", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"])
        port = free_port()
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": str(folder),
            "fsync": "off",
            "full_page_writes": "off",
            "synchronous_commit": "off",
            "shared_buffers": "32MB",
            "max_connections": "40",
            "timezone": "UTC",
        }
        if certificate_for:
            own_certificates(folder, certificate_for, user)
            options |= {"ssl": "on", "ssl_cert_file": f"{folder}/server.pem", "ssl_key_file": f"{folder}/server.key"}
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        hba = f"{folder}/hba"
        text = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        run_as(user, ["tee", hba], text=text)
        ready = [program("pg_isready", *PLACES), "-q", "-h", str(folder), "-p", str(port)]
        server = Server(
            [postgres, "-D", f"{folder}/data", "-c", f"hba_file={hba}", *arguments],
            user,
            folder / "log",
            lambda: subprocess.run(ready, check=False).returncode == 0,
            signal.SIGINT,
        )
        server.start()
        try:
            running = PostgreSQL(server, folder, port, user)
            _load(running, data)
            yield running
        finally:
            server.stop()


def _load(server: PostgreSQL, data: Path | None) -> None:
    server.execute(
        *(f"CREATE ROLE {login} LOGIN" for login in ("owner", "reader")),
        *(f"ALTER ROLE {login} PASSWORD '{password}'" for login, password in PASSWORDS.items()),
        "CREATE DATABASE chinook OWNER owner",
        database="postgres",
    )
    server.execute(
        "REVOKE TEMPORARY ON DATABASE chinook FROM PUBLIC",
        "ALTER SCHEMA public OWNER TO owner",
        "SET ROLE owner",
        *(chinook.statements(data, quoted) if data else ()),
        *(_comments() if data else ()),
        "GRANT USAGE ON SCHEMA public TO reader",
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO reader",
    )
    server.execute("ANALYZE")


def _comments() -> Iterator[str]:
    for (table, column), comment in chinook.COMMENTS.items():
        what = f"COLUMN {quoted(table)}.{quoted(column)}" if column else f"TABLE {quoted(table)}"
        yield f"COMMENT ON {what} IS {chinook.literal(comment)}"


@pytest.fixture(scope="session")
def postgresql(shared_data: Path) -> Iterator[PostgreSQL]:
    """PostgreSQL with the music shop, for tests that change nothing in it or clean up after themselves."""
    with start_postgresql(shared_data / "chinook.sqlite") as server:
        yield server
