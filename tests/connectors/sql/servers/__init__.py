"""Real database servers for tests: started by the tests, private to them, ended with them.

The music shop of the shared data is in each. Nothing that is installed or runs on the machine is touched: the
data directory is new, the port is free and on 127.0.0.1. A test that asks for a server that is not installed
is reported as skipped.
"""

from tests.connectors.sql.servers.duckdb import duckdb_shop
from tests.connectors.sql.servers.duckdb_engines import duckdb_engines
from tests.connectors.sql.servers.mariadb import MariaDB, mariadb, start_mariadb
from tests.connectors.sql.servers.postgresql import PostgreSQL, postgresql, start_postgresql

__all__ = [
    "MariaDB",
    "PostgreSQL",
    "duckdb_engines",
    "duckdb_shop",
    "mariadb",
    "postgresql",
    "start_mariadb",
    "start_postgresql",
]
