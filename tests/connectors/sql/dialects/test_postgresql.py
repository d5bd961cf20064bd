"""PostgreSQL's lists against PostgreSQL."""

from dragoman.connectors.sql.dialects import POSTGRESQL
from tests.connectors.sql.servers import PostgreSQL


def test_functions_of_postgresql_are_its_own_and_never_change_anything(postgresql: PostgreSQL) -> None:
    volatile = {row[0] for row in postgresql.execute("SELECT proname FROM pg_proc WHERE provolatile = 'v'")}
    assert (POSTGRESQL.functions | POSTGRESQL.table_functions) & volatile == {
        "clock_timestamp", "gen_random_uuid", "random", "timeofday",
    }  # fmt: skip
    definers = {row[0] for row in postgresql.execute("SELECT proname FROM pg_proc WHERE prosecdef")}
    assert not POSTGRESQL.functions & definers
