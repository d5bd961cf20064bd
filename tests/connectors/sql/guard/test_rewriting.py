"""What runs in place of a statement: qualified relations, derived tables, renamed common tables, bound values."""

import time
from typing import Any

import pytest

from dragoman.connectors.sql.catalog import Column, Relation
from dragoman.connectors.sql.dialects import DUCKDB, MYSQL, POSTGRESQL, SQLITE, Dialect
from dragoman.connectors.sql.engines.engine import SqlLimits
from dragoman.connectors.sql.guard import Guard, Refused, UnknownRelation
from dragoman.connectors.sql.policy import Policy, View
from dragoman.connectors.sql.settings import SqlSettings, TablePolicy
from tests.connectors.sql.chinook import catalog_of

ID = Column("id", "integer", nullable=False, default=None, key=1)
NAME = Column("name", "text", nullable=True, default=None, key=0)
SECRET = Column("secret", "text", nullable=True, default=None, key=0)
RULES = {"t": TablePolicy(deny_columns=("secret",), mask={"name": "null"}, rows="id = :principal.number")}
UNSET_LIMIT = str(2**63 - 1)


def view_of(dialect: Dialect, **settings: Any) -> View:
    schema = {"mysql": "db", "postgresql": "public"}.get(dialect.name, "")
    relations = (Relation(name, "table", (ID, NAME, SECRET), schema=schema) for name in ("t", "u", "T2"))
    return Policy(SqlSettings(url="x", **settings), dialect, b"secret").view(catalog_of(*relations))


def rewritten(sql: str, dialect: Dialect = SQLITE, *, limit: int | None = None, **settings: Any) -> str:
    statement = Guard(dialect, SqlLimits(), "describe").check(sql, view_of(dialect, **settings))
    text = statement.bind({}, {}, limit=limit).text("?")
    return text.removesuffix(f" LIMIT {UNSET_LIMIT}").replace("`", "")


SEEN = (
    "(SELECT t.id AS id, CASE WHEN 0 THEN t.name END AS name FROM main.t AS t "
    f"WHERE 1 = 0 AND (t.id = ?) LIMIT {UNSET_LIMIT})"
)


class TestRelations:
    @pytest.mark.parametrize(
        ("sql", "text"),
        [
            ("select id from t", "SELECT id FROM main.t AS t"),
            ("select T.id from T", "SELECT T.id FROM main.t AS T"),
            ("select main.t.id from main.t", "SELECT t.id FROM main.t AS t"),
            ("select x.id from t x join u using (id)", "SELECT x.id FROM main.t AS x JOIN main.u AS u USING (id)"),
            ("select * from t, u", "SELECT * FROM main.t AS t, main.u AS u"),
            ("select 1 in (select id from t)", "SELECT 1 IN (SELECT id FROM main.t AS t) AS 1 in (select id from t)"),
        ],
    )
    def test_they_are_qualified_and_keep_their_names(self, sql: str, text: str) -> None:
        assert rewritten(sql) == text

    @pytest.mark.parametrize(
        ("sql", "text"),
        [
            ("SELECT * FROM t", f"SELECT * FROM {SEEN} AS t"),
            ("SELECT x.id FROM u JOIN t AS x ON 1", f"SELECT x.id FROM main.u AS u JOIN {SEEN} AS x ON 1"),
            ("SELECT main.t.id FROM main.t", f"SELECT t.id FROM {SEEN} AS t"),
            (
                "SELECT id FROM u WHERE id IN (SELECT id FROM t)",
                f"SELECT id FROM main.u AS u WHERE id IN (SELECT id FROM {SEEN} AS t)",
            ),
            ("SELECT id FROM t UNION SELECT id FROM t", f"SELECT id FROM {SEEN} AS t UNION SELECT id FROM {SEEN} AS t"),
            ("SELECT * FROM (t JOIN u USING (id))", f"SELECT * FROM ({SEEN} AS t JOIN main.u AS u USING (id))"),
            ("SELECT * FROM t INDEXED BY x", f"SELECT * FROM {SEEN} AS t"),
        ],
    )
    def test_they_become_what_may_be_seen(self, sql: str, text: str) -> None:
        assert rewritten(sql, tables=RULES) == text

    def test_each_dialect_says_it_its_way(self) -> None:
        sql = "SELECT X.id FROM t AS X"
        seen = '(SELECT "t"."id" AS "id" FROM "{}"."t" AS "t" WHERE ("t"."id" = 1) {})'
        rules = {"t": TablePolicy(allow_columns=("id",), rows="id = 1")}
        assert (
            rewritten(sql, POSTGRESQL, tables=rules)
            == f'SELECT "x"."id" FROM {seen.format("public", "OFFSET 0")} AS "x"'
        )
        limit = f"LIMIT {UNSET_LIMIT}"
        assert rewritten(sql, DUCKDB, tables=rules) == f'SELECT "X"."id" FROM {seen.format("main", limit)} AS "X"'
        assert rewritten(sql, MYSQL, tables=rules) == f"SELECT X.id FROM {seen.format('db', limit)} AS X".replace(
            '"', ""
        )

    @pytest.mark.parametrize(
        ("sql", "told"),
        [
            ("SELECT other.t.id FROM t", "no such column: other.t.id"),
            ("SELECT main.u.id FROM t", "no such column: main.u.id"),
            ("SELECT main.x.id FROM t x", "no such column: main.x.id"),
            ("SELECT t.nmae FROM t", "no such column: t.nmae at column 8 - did you mean name?"),
            ("SELECT t.secret FROM t", "no such column: t.secret at column 8 - the columns are id, name"),
            ("SELECT (SELECT t.secret FROM u) FROM t", "no such column: t.secret"),
            ("SELECT t.rowid FROM t", "no such column: t.rowid"),
            ("SELECT * FROM t2x", "no such table: t2x at column 15: did you mean T2"),
        ],
    )
    def test_unknown_names(self, sql: str, told: str) -> None:
        with pytest.raises(Refused) as caught:
            rewritten(sql, tables=RULES)
        assert told in str(caught.value)

    @pytest.mark.parametrize("sql", ["SELECT {}", "SELECT t.{} FROM t", "SELECT * FROM {}"])
    def test_what_is_hidden_reads_like_what_is_not_there(self, sql: str) -> None:
        def told(name: str) -> str:
            try:
                return rewritten(sql.format(name), tables=RULES, deny=("hidden",))
            except Refused as refused:
                return f"{type(refused)} {refused}"

        assert told("secret").replace("secret", "?") == told("absent").replace("absent", "?")


class TestCommonTables:
    @pytest.mark.parametrize(
        ("sql", "text"),
        [
            ("WITH a AS (SELECT 1 AS x) SELECT a.x FROM a",
             "WITH dragoman_1 AS (SELECT 1 AS x) SELECT a.x FROM dragoman_1 AS a"),
            ("WITH a AS (SELECT 1 AS x) SELECT b.x FROM A AS b",
             "WITH dragoman_1 AS (SELECT 1 AS x) SELECT b.x FROM dragoman_1 AS b"),
            ("WITH t AS (SELECT 1 AS x) SELECT * FROM t, main.t AS r",
             "WITH dragoman_1 AS (SELECT 1 AS x) SELECT * FROM dragoman_1 AS t, main.t AS r"),
            ("WITH a AS (WITH b AS (SELECT 1) SELECT * FROM b) SELECT * FROM a",
             ("WITH dragoman_1 AS (WITH dragoman_2 AS (SELECT 1 AS 1) SELECT * FROM dragoman_2 AS b) "
             "SELECT * FROM dragoman_1 AS a")),
            ("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n",
             ("WITH RECURSIVE dragoman_1(x) AS (SELECT 1 AS 1 UNION ALL SELECT x + 1 AS x + 1 FROM dragoman_1 AS n) "
             "SELECT x FROM dragoman_1 AS n")),
            ("SELECT (WITH a AS (SELECT 2 AS x) SELECT x FROM a) AS y FROM t",
             "SELECT (WITH dragoman_1 AS (SELECT 2 AS x) SELECT x FROM dragoman_1 AS a) AS y FROM main.t AS t"),
        ],
    )  # fmt: skip
    def test_they_are_renamed_where_they_are_seen(self, sql: str, text: str) -> None:
        assert rewritten(sql) == text

    @pytest.mark.parametrize(
        "sql",
        [
            "SELECT (WITH a AS (SELECT 1) SELECT * FROM a), (SELECT 1 FROM a)",
            "WITH b AS (WITH a AS (SELECT 1) SELECT * FROM a) SELECT * FROM a",
            "SELECT * FROM (WITH a AS (SELECT 1) SELECT * FROM a) x, a",
            "SELECT 1 UNION SELECT * FROM (WITH a AS (SELECT 1) SELECT * FROM a) x UNION SELECT * FROM a",
            "WITH a AS (SELECT 1) SELECT * FROM main.a",
            "WITH a AS (SELECT 1) SELECT * FROM dragoman_1",
        ],
    )
    def test_elsewhere_they_are_not(self, sql: str) -> None:
        with pytest.raises(Refused, match="no such table"):
            rewritten(sql)

    @pytest.mark.parametrize("dialect", [POSTGRESQL, MYSQL, DUCKDB])
    def test_without_recursive_a_name_is_the_relation_until_it_is_given(self, dialect: Dialect) -> None:
        text = rewritten("WITH t AS (SELECT id FROM t) SELECT id FROM t", dialect).replace('"', "")
        schema = {"mysql": "db", "postgresql": "public"}.get(dialect.name, "main")
        assert text == f"WITH dragoman_1 AS (SELECT id FROM {schema}.t AS t) SELECT id FROM dragoman_1 AS t"
        with pytest.raises(UnknownRelation):
            rewritten("WITH a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a", dialect)

    def test_sqlite_sees_them_before_they_are_given(self) -> None:
        assert "FROM dragoman_2 AS b" in rewritten("WITH a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a")

    def test_two_of_one_name_are_refused(self) -> None:
        with pytest.raises(Refused, match="WITH gives the name 'A' twice"):
            rewritten("WITH a AS (SELECT 1), A AS (SELECT 2) SELECT * FROM a")


class TestValues:
    GUARD = Guard(SQLITE, SqlLimits(), "describe")

    def test_parameters_are_bound_in_their_order(self) -> None:
        statement = self.GUARD.check(
            "SELECT :b, id FROM t WHERE name = :a OR name = $b", view_of(SQLITE), frozenset({"a", "b"})
        )
        query = statement.bind({"a": "x'; --", "b": 2}, {}, limit=5)
        assert query.arguments == (2, "x'; --", 2)
        assert query.text("?{n}").replace("`", "") == (
            "SELECT ?1 AS :b, id FROM main.t AS t WHERE name = ?2 OR name = ?3 LIMIT 5"
        )

    @pytest.mark.parametrize("name", ["from", "limit", "order", "value", "left", "end", "outer"])
    @pytest.mark.parametrize("dialect", [SQLITE, POSTGRESQL, MYSQL, DUCKDB])
    def test_a_parameter_may_be_called_like_a_word_of_the_dialect(self, dialect: Dialect, name: str) -> None:
        guard = Guard(dialect, SqlLimits(), "describe")
        statement = guard.check(f"SELECT id FROM t WHERE name = :{name}", view_of(dialect), frozenset({name}))
        assert statement.bind({name: "x"}, {}).arguments == ("x",)

    @pytest.mark.parametrize(
        ("values", "told"),
        [
            ({}, "parameter 'a' has no value: give it one in params"),
            ({"a": 1, "c": 2}, "the statement has no parameter 'c': write :c where it goes"),
        ],
    )
    def test_missing_and_unknown_values(self, values: dict[str, int], told: str) -> None:
        statement = self.GUARD.check("SELECT :a", view_of(SQLITE), frozenset({"a"}))
        with pytest.raises(Refused) as caught:
            statement.bind(values, {})
        assert str(caught.value) == told

    @pytest.mark.parametrize("sql", ["SELECT :b", "SELECT ?", "SELECT ?1", "SELECT $c", "SELECT @c"])
    def test_parameters_that_nobody_gave(self, sql: str) -> None:
        with pytest.raises(Refused, match=r"found a parameter.* without a value; there are a|syntax error"):
            self.GUARD.check(sql, view_of(SQLITE), frozenset({"a"}))

    def test_attributes_of_the_principal_are_bound(self) -> None:
        statement = self.GUARD.check("SELECT id FROM t", view_of(SQLITE, tables=RULES))
        query = statement.bind({}, {"number": 7, "other": 8})
        assert query.arguments == (7,)
        assert "WHERE 1 = 1 AND" in query.text("?")

    @pytest.mark.parametrize("principal", [{}, {"number": None}, {"Number": 7}])
    def test_an_attribute_that_is_missing_meets_no_filter(self, principal: dict[str, Any]) -> None:
        rules = {"t": TablePolicy(rows="id = :principal.number OR :principal.number IS NULL")}
        query = self.GUARD.check("SELECT id FROM t", view_of(SQLITE, tables=rules)).bind({}, principal)
        assert query.arguments == (None, None)
        assert "WHERE 1 = 0 AND (" in query.text("?")


class TestLimits:
    @pytest.mark.parametrize(
        ("sql", "end"),
        [
            ("SELECT id FROM u", "FROM main.u AS u LIMIT 10"),
            ("SELECT id FROM u LIMIT 3", "LIMIT 3"),
            ("SELECT id FROM u LIMIT 300 OFFSET 5", "LIMIT 10 OFFSET 5"),
            ("SELECT id FROM u LIMIT 5, 300", "LIMIT 10 OFFSET 5"),
            ("SELECT id FROM u ORDER BY id", "ORDER BY id LIMIT 10"),
            ("SELECT id FROM u UNION SELECT id FROM t ORDER BY 1", "FROM main.t AS t ORDER BY 1 LIMIT 10"),
            ("WITH a AS (SELECT 1 LIMIT 3) SELECT * FROM a", "AS a LIMIT 10"),
            ("SELECT id FROM u LIMIT -1", "LIMIT -1"),
            ("SELECT id FROM u LIMIT 2 + 3", "LIMIT 2 + 3"),
            ("VALUES (1), (2)", "VALUES (1), (2)"),
            ("SELECT 1 UNION VALUES (2)", "UNION SELECT * FROM (VALUES (2)) AS _values LIMIT 10"),
        ],
    )
    def test_the_lower_one_holds(self, sql: str, end: str) -> None:
        assert rewritten(sql, limit=10).endswith(end)

    def test_fetch_of_postgresql(self) -> None:
        first = rewritten("SELECT id FROM u ORDER BY id FETCH FIRST 30 ROWS ONLY", POSTGRESQL, limit=10)
        assert first.endswith('ORDER BY "id" LIMIT 10')
        ties = rewritten("SELECT id FROM u ORDER BY id FETCH FIRST 30 ROWS WITH TIES", POSTGRESQL, limit=10)
        assert ties.endswith("FETCH FIRST 30 ROWS WITH TIES")


class TestText:
    def test_comments_vanish_and_names_are_quoted(self) -> None:
        text = (
            Guard(POSTGRESQL, SqlLimits(), "x")
            .check('SELECT /* a */ user, "User", Id -- b\nFROM u', view_of(POSTGRESQL))
            .bind({}, {}, limit=1)
            .text("")
        )
        assert text == 'SELECT "user", "User", "id" FROM "public"."u" AS "u" LIMIT 1'

    def test_a_name_in_double_quotes_is_no_text_in_sqlite(self) -> None:
        assert rewritten('SELECT id FROM u WHERE name = "Brazil"') == "SELECT id FROM main.u AS u WHERE name = Brazil"

    def test_a_statement_is_judged_once_for_a_view(self) -> None:
        guard, view = Guard(SQLITE, SqlLimits(), "x"), view_of(SQLITE)
        first = guard.check("SELECT id FROM t", view)
        assert guard.check("SELECT id FROM t", view) is first
        assert guard.check("SELECT id FROM t", view_of(SQLITE, tables=RULES)) is not first
        for number in range(300):
            guard.check(f"SELECT {number}", view)
        assert guard.check("SELECT id FROM t", view) is not first


def test_rewriting_is_bounded() -> None:
    begin = time.process_time()
    with pytest.raises(Refused, match=r"the statement names t and others too often at column .*: read them once"):
        rewritten("SELECT 1 FROM " + ", ".join(["t"] * 900), tables={"t": TablePolicy(mask={"name": "partial"})})
    assert time.process_time() - begin < 5


def test_what_is_kept_is_bounded() -> None:
    guard, view = Guard(SQLITE, SqlLimits(), "x"), view_of(SQLITE)
    sql = f"SELECT '{'x' * 15_000}', {{}}"
    first = guard.check(sql.format(-1), view)
    assert guard.passed(sql.format(-1), view) is first
    needed = 1 + 4_000_000 // first.size
    assert needed < 200
    for number in range(needed):
        guard.check(sql.format(number), view)
    assert guard.passed(sql.format(-1), view) is None
