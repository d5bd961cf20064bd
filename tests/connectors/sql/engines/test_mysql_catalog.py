"""Plans and grants as MySQL and MariaDB tell them; what MariaDB's schema says is tried in `test_mysql`."""

import json
from typing import Any

import pytest

from dragoman.connectors.sql.catalog import Catalog, Relation
from dragoman.connectors.sql.engines.engine import Scan
from dragoman.connectors.sql.engines.mysql_catalog import plan, rights

KNOWN = Catalog("1", {"t": Relation("t", "table", (), schema="shop")}, frozenset())


class Answers:
    """A connection that answers with what it is given."""

    def __init__(self, *lines: str) -> None:
        self.lines = lines

    async def ask(self, sql: str) -> list[tuple[Any, ...]]:
        assert sql == "SHOW GRANTS"
        return [(line,) for line in self.lines]


def test_a_plan_of_mysql_has_steps_cost_and_no_condition() -> None:
    told = plan(
        json.dumps(
            {
                "query_block": {
                    "cost_info": {"query_cost": "12.50"},
                    "nested_loop": [
                        {"table": {"table_name": "a", "access_type": "ALL", "rows_examined_per_scan": 10,
                                   "attached_condition": "(email = 'secret')"}},
                        {"table": {"table_name": "b", "access_type": "ref", "key": "k", "rows_examined_per_scan": 3}},
                    ],
                }
            }
        )
    )  # fmt: skip
    assert told.text.splitlines() == [
        "Query",
        "  Scan on a (filtered): 10 rows",
        "  Lookup (ref) on b using k: 3 rows",
    ]
    assert told.scans == (Scan("a", 10.0),)
    assert told.rows == 40
    assert told.cost == 12.5


@pytest.mark.parametrize(
    ("grant", "excess"),
    [
        ("GRANT USAGE ON *.* TO `r`@`%` IDENTIFIED BY PASSWORD '*00'", ()),
        ("GRANT SELECT ON `shop`.* TO `r`@`%`", ()),
        ("GRANT SELECT (`a`, `b`), SHOW VIEW ON `shop`.`t` TO `r`@`%`", ()),
        ("GRANT SELECT, INSERT ON `my\\_shop`.* TO `r`@`%`", ("it has INSERT on `my_shop`.*",)),
        ("GRANT SELECT ON *.* TO `r`@`%`", ("it may read every database, with the passwords of mysql.user",)),
        (
            "GRANT ALL PRIVILEGES ON *.* TO `r`@`%` WITH GRANT OPTION",
            ("it has ALL PRIVILEGES on *.*", "it may pass on its rights on *.*"),
        ),
        ("GRANT `writers`@`%` TO `r`@`%`", ("it has the role `writers`@`%`",)),
        ("GRANT EXECUTE ON FUNCTION `shop`.`f` TO `r`@`%`", ("it has EXECUTE on `shop`.`f`",)),
        (
            "GRANT BACKUP_ADMIN,CONNECTION_ADMIN ON *.* TO `r`@`%`",
            ("it has BACKUP_ADMIN, CONNECTION_ADMIN on *.*",),
        ),
    ],
)
async def test_grants_beyond_reading_are_named(grant: str, excess: tuple[str, ...]) -> None:
    found = await rights(Answers(grant), KNOWN, ("shop",))
    assert found.excess == excess
    assert bool(found.remedy) is bool(excess)
