"""A private MariaDB or MySQL server with the music shop and two logins: `admin` and `reader`."""

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

PLACES = ("/usr/sbin", "/usr/libexec")
PASSWORDS = {"admin": "of the admin", "reader": "of the reader"}
TYPES = {**chinook.TYPES, "DATETIME": "datetime"}


def quoted(name: str) -> str:
    """Return a name as an identifier of MySQL and MariaDB."""
    return "`" + name.replace("`", "``") + "`"


class MariaDB:
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
        return f"mariadb://{login}:{PASSWORDS[login].replace(' ', '%20')}@127.0.0.1:{self.port}/{database}"

    def execute(self, *statements: str, database: str = "chinook") -> list[list[str]]:
        """Run statements as root, and return the cells that they print."""
        where = ["--no-defaults", f"--socket={self.folder}/socket", "-u", "root", "-N", "-B", database]
        command = [program("mariadb"), *where, "--default-character-set=utf8mb4"]
        said = run_as(self._user, command, text="".join(f"{each};\n" for each in statements))
        return [line.split("\t") for line in said.splitlines()]

    def running(self) -> list[str]:
        """Return the statements that anybody but ourselves runs now."""
        found = self.execute(
            "SELECT info FROM information_schema.processlist WHERE command IN ('Query', 'Execute') "
            "AND id <> connection_id() AND user NOT IN ('system user', 'event_scheduler')"
        )
        return [row[0] for row in found]


@contextmanager
def start_mariadb(data: Path | None, *, certificate_for: str = "") -> Iterator[MariaDB]:
    """Start a server and end it.

    Args:
        data: the SQLite file of the music shop, or None for an empty database.
        certificate_for: the address in its certificate; without one it speaks no TLS. `ca.pem` is in its folder.
    """
    user = user_for("mysql")
    install = program("mariadb-install-db")
    mariadbd = program("mariadbd", *PLACES)
    with folder_of(user) as folder:
        options = [
            f"--datadir={folder}/data",
            "--innodb-log-file-size=8M",
            "--innodb-buffer-pool-size=32M",
            "--innodb-flush-log-at-trx-commit=0",
        ]
        encrypted = []
        if certificate_for:
            own_certificates(folder, certificate_for, user)
            encrypted = [
                f"--ssl-ca={folder}/ca.pem",
                f"--ssl-cert={folder}/server.pem",
                f"--ssl-key={folder}/server.key",
            ]
        run_as(user, [install, "--no-defaults", *options, "--auth-root-authentication-method=normal", "--skip-test-db"])
        port = free_port()
        ready = [
            program("mariadb-admin"),
            "--no-defaults",
            f"--socket={folder}/socket",
            "-u",
            "root",
            "--silent",
            "ping",
        ]
        server = Server(
            [mariadbd, "--no-defaults", *options, *encrypted, *_private(folder, port)],
            user,
            folder / "log",
            lambda: subprocess.run(ready, check=False, capture_output=True).returncode == 0,
            signal.SIGTERM,
        )
        server.start()
        try:
            running = MariaDB(server, folder, port, user)
            _load(running, data)
            yield running
        finally:
            server.stop()


def _private(folder: Path, port: int) -> list[str]:
    """Return what keeps a server to its folder, to 127.0.0.1 and to little memory."""
    return [
        f"--socket={folder}/socket",
        f"--port={port}",
        "--bind-address=127.0.0.1",
        f"--pid-file={folder}/pid",
        f"--tmpdir={folder}",
        "--skip-log-bin",
        "--skip-name-resolve",
        "--sync-binlog=0",
        "--innodb-use-native-aio=0",
        "--performance-schema=off",
        "--max-connections=40",
        "--default-time-zone=+00:00",
    ]


def _load(server: MariaDB, data: Path | None) -> None:
    server.execute("CREATE DATABASE chinook CHARACTER SET utf8mb4", database="mysql")
    server.execute(
        "DELETE FROM mysql.global_priv WHERE user = ''",
        "FLUSH PRIVILEGES",
        *(f"CREATE USER {login}@'%' IDENTIFIED BY '{password}'" for login, password in PASSWORDS.items()),
        "GRANT ALL PRIVILEGES ON *.* TO admin@'%' WITH GRANT OPTION",
        "GRANT SELECT ON chinook.* TO reader@'%'",
        "SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES'",
        *(chinook.statements(data, quoted, TYPES) if data else ()),
        *(_comments() if data else ()),
    )


def _comments() -> Iterator[str]:
    yield f"ALTER TABLE `Customer` COMMENT = {chinook.literal(chinook.COMMENTS['Customer', ''])}"
    email = chinook.literal(chinook.COMMENTS["Customer", "Email"])
    yield f"ALTER TABLE `Customer` MODIFY `Email` varchar(60) NOT NULL COMMENT {email}"
    length = chinook.literal(chinook.COMMENTS["Track", "Milliseconds"])
    yield f"ALTER TABLE `Track` MODIFY `Milliseconds` integer NOT NULL COMMENT {length}"


@pytest.fixture(scope="session")
def mariadb(shared_data: Path) -> Iterator[MariaDB]:
    """MariaDB with the music shop, for tests that change nothing in it or clean up after themselves."""
    with start_mariadb(shared_data / "chinook.sqlite") as server:
        yield server
