"""Whatever text comes, in whatever dialect: a sentence, or a statement over what its author sees."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.connectors.sql import dialects
from dragoman.connectors.sql.dialects import Dialect
from dragoman.connectors.sql.engines.engine import SqlLimits
from dragoman.connectors.sql.guard import Guard, Refused
from dragoman.connectors.sql.policy import Policy, View
from dragoman.connectors.sql.settings import SqlSettings
from tests.connectors.sql.attacks import DENIED, customer
from tests.connectors.sql.chinook import RELATIONS, catalog_of

ALL = (dialects.SQLITE, dialects.POSTGRESQL, dialects.MYSQL, dialects.DUCKDB)
WORDS = r"""
    select from where ( ) , ; * 1 'x' "Customer" Customer "Fax" Employee Album Name a.Name c.Fax as join on
    using with recursive union all except delete insert into values update set drop table pg_class load_file
    upper count exists any case when then else end not in is null like -- /* */ /*! [ ] ` ' " $ ? : :: @ || ->
    ->> #> = < . group by rollup order limit offset fetch first rows only over partition window lateral unnest
    generate_series json_each natural tablesample only array row cast interval day extract year at time zone
    collate returning for share distinct filter within qualify exclude main. public. temp. { } := => x -1 1e5
    0x1F e'x' $$ date timestamp text int[] :p principal
""".split()


def seen_by(dialect: Dialect) -> tuple[Guard, View]:
    rules = customer("`" if dialect.name == "mysql" else '"')
    settings = SqlSettings(url="x", deny=(DENIED,), tables={"Customer": rules})
    return Guard(dialect, SqlLimits(), "describe"), Policy(settings, dialect, b"").view(catalog_of(*RELATIONS))


SEEN = {dialect.name: seen_by(dialect) for dialect in ALL}


@pytest.mark.parametrize("dialect", [dialect.name for dialect in ALL])
@given(
    st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join).map("select {}".format)
    | st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join)
    | st.text(max_size=200)
)
def test_any_text_is_refused_or_let_through(dialect: str, sql: str) -> None:
    guard, view = SEEN[dialect]
    try:
        statement = guard.check(sql, view, frozenset({"p"}))
    except Refused:
        return
    assert DENIED not in statement.relations
    query = statement.bind({"p": 1} if any(slot.kind == "parameter" for slot in statement.slots) else {}, {})
    text = query.text("?")
    assert "\0" not in text
    assert "Employee" not in text or "Employee" in sql
    assert '"Customer" AS "Customer" WHERE 1 = 0 AND' in text.replace("`", '"') or "Customer" not in statement.relations
