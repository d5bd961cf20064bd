"""Statements that must not do what they are meant to, dialect by dialect, each with what is expected."""

from tests.connectors.sql.attacks.attack import MASKED, Attack
from tests.connectors.sql.attacks.duckdb import DUCKDB
from tests.connectors.sql.attacks.mysql import MYSQL
from tests.connectors.sql.attacks.policy import DENIED, SECRETS, customer
from tests.connectors.sql.attacks.postgresql import POSTGRESQL
from tests.connectors.sql.attacks.sqlite import ATTACKS as SQLITE

ATTACKS = tuple((attack.sql, attack.told) for attack in SQLITE)

__all__ = [
    "ATTACKS",
    "DENIED",
    "DUCKDB",
    "MASKED",
    "MYSQL",
    "POSTGRESQL",
    "SECRETS",
    "SQLITE",
    "Attack",
    "customer",
]
