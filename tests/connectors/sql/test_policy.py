"""Policies: what of a catalog callers see, how names are compared, and that lines without effect fail closed."""

from typing import Any

import pytest

from dragoman import UsageError
from dragoman.connectors.sql.catalog import Catalog, Column, Relation
from dragoman.connectors.sql.dialects import MYSQL, POSTGRESQL, SQLITE, Dialect
from dragoman.connectors.sql.policy import Policy, View, parts_of
from dragoman.connectors.sql.settings import MaskRule, SqlSettings, TablePolicy
from tests.connectors.sql.chinook import RELATIONS, catalog_of

TEXT = Column("name", "text", nullable=True, default="'x'", key=0)
NUMBER = Column("age", "integer", nullable=True, default=None, key=0)


def policy(dialect: Dialect = SQLITE, key: bytes = b"secret", **settings: Any) -> Policy:
    return Policy(SqlSettings(url="shop.db", **settings), dialect, key)


def view(*relations: Relation, dialect: Dialect = SQLITE, **settings: Any) -> View:
    return policy(dialect, **settings).view(catalog_of(*(relations or RELATIONS)))


def table(name: str, kind: str = "table", schema: str = "", parent: str = "") -> Relation:
    return Relation(name, kind, (TEXT, NUMBER), schema=schema, parent=parent)  # type: ignore[arg-type]


def names(seen: View) -> list[str]:
    return [relation.name for relation in seen.relations.values()]


class TestRelations:
    def test_without_a_policy_everything_is_served(self) -> None:
        kinds = ("table", "view", "virtual", "materialized", "foreign", "partition")
        assert names(view(*(table(kind, kind) for kind in kinds))) == list(kinds)

    @pytest.mark.parametrize(
        "settings", [{"deny": ("a",)}, {"allow": ("a", "b")}, {"tables": {"b": TablePolicy(deny_columns=("age",))}}]
    )
    def test_with_a_policy_only_tables_are_served_unless_allowed(self, settings: dict[str, Any]) -> None:
        kinds = ("view", "virtual", "materialized", "foreign", "partition")
        assert names(view(table("a"), table("b"), *(table(kind, kind) for kind in kinds), **settings))[-1] == "b"

    @pytest.mark.parametrize("kind", ["view", "virtual", "materialized", "foreign", "partition"])
    def test_other_kinds_are_served_when_named_in_allow(self, kind: str) -> None:
        assert names(view(table("a"), table("x", kind), allow=("x",))) == ["x"]

    def test_deny_wins(self) -> None:
        assert names(view(table("a"), table("b"), allow=("a", "b"), deny=("B",))) == ["a"]

    @pytest.mark.parametrize(
        ("key", "served"),
        [
            ("employee", ["Employee", "Other"]),
            ('"employee"', ["Employee", "Other"]),
            ("Employee", ["Other"]),  # a denial holds for both readings of its spelling
            ('"Employee"', ["employee", "Other"]),
            ("public.other", ["employee", "Employee", "Other"]),
            ('public."Other"', ["employee", "Employee"]),
        ],
    )
    def test_postgresql_compares_as_it_does(self, key: str, served: list[str]) -> None:
        relations = [table(name, schema="public") for name in ("employee", "Employee", "Other")]
        catalog = Catalog("1", {each.name: each for each in relations}, frozenset())
        assert names(policy(POSTGRESQL, deny=(key,)).view(catalog)) == served

    def test_schemas(self) -> None:
        relations = [table("a", schema="public"), table("a", schema="sales"), table("b", schema="secret")]
        catalog = Catalog("1", {f"{each.schema}.{each.name}": each for each in relations}, frozenset())
        assert list(policy(POSTGRESQL).view(catalog).relations) == ["a"]
        seen = policy(POSTGRESQL, schemas=("public", "sales")).view(catalog)
        assert list(seen.relations) == ["a", "sales.a"]
        assert seen.find("sales.a") == relations[1]
        assert seen.find("secret.b") is None

    def test_a_policy_of_a_table_covers_its_partitions(self) -> None:
        relations = [table("sales"), table("sales_1", "partition", parent="sales")]
        settings: dict[str, Any] = {"tables": {"sales": TablePolicy(deny_columns=("age",), rows="name = 'x'")}}
        assert names(view(*relations, **settings)) == ["sales"]
        seen = view(*relations, allow=("sales", "sales_1"), **settings)
        part = seen.find("sales_1")
        assert part is not None
        assert [column.name for column in part.columns] == ["name"]
        assert seen.is_filtered(part)
        assert names(view(*relations, allow=("sales", "sales_1"), deny=("sales",))) == []

    def test_names_of_tables(self) -> None:
        seen = view(table("Order Details"), table("a.b"))
        for name in ("order details", '"Order Details"', "main.`Order Details`", "[Order Details]"):
            assert seen.find(name) == table("Order Details")
        assert seen.find("a.b") == table("a.b")
        assert seen.find("other.Order Details") is None
        assert seen.nearest_relations("order detail") == ["Order Details"]

    def test_what_is_denied_is_no_hint(self) -> None:
        seen = view(deny=("Employee",))
        assert seen.nearest_relations("Employe") == []
        assert seen.find("Employee") is None

    def test_mysql_tables_that_differ_in_case_only(self) -> None:
        relations = [table("a", schema="shop"), table("A", schema="shop")]
        catalog = Catalog("1", {each.name: each for each in relations}, frozenset())
        seen = policy(MYSQL).view(catalog)
        assert [found and found.base.name for found in (seen.lookup(None, "a"), seen.lookup(None, "A"))] == ["a", "A"]


class TestColumns:
    def test_denied_columns_are_not_there(self) -> None:
        seen = view(tables={"Customer": TablePolicy(deny_columns=("fax", "PHONE"))})
        customer = seen.find("Customer")
        assert customer is not None
        assert not {"Fax", "Phone"} & {column.name for column in customer.columns}

    def test_allowed_columns_and_denied_ones(self) -> None:
        rules = TablePolicy(allow_columns=("Email", "Fax"), deny_columns=("Fax",))
        customer = view(tables={"Customer": rules}).find("customer")
        assert customer is not None
        assert [column.name for column in customer.columns] == ["Email"]

    def test_masks_are_told_and_defaults_of_masked_columns_are_not(self) -> None:
        seen = view(table("t"), tables={"t": TablePolicy(mask={"name": "hash", "age": MaskRule(constant=1)})})
        relation = seen.find("t")
        assert relation is not None
        assert seen.masked(relation) == {"name": "hash", "age": "constant"}
        assert [column.default for column in relation.columns] == [None, None]
        assert not seen.is_filtered(relation)

    def test_two_keys_of_one_table_add_up(self) -> None:
        rules = {
            "Customer": TablePolicy(mask={"Email": "partial"}),
            "main.customer": TablePolicy(deny_columns=("Fax",)),
        }
        seen = view(tables=rules)
        customer = seen.find("Customer")
        assert customer is not None
        assert seen.masked(customer) == {"Email": "partial"}
        assert "Fax" not in {column.name for column in customer.columns}

    def test_two_masks_of_one_column_become_null(self) -> None:
        rules = {"t": TablePolicy(mask={"name": "partial"}), "main.t": TablePolicy(mask={"NAME": MaskRule(sql="name")})}
        seen = view(table("t"), tables=rules)
        relation = seen.find("t")
        assert relation is not None
        assert seen.masked(relation) == {"name": "null"}


class TestProblems:
    @pytest.mark.parametrize(
        ("rules", "said"),
        [
            (TablePolicy(deny_columns=("Faxx",)), "tables.Customer.deny_columns: there is no column 'Faxx'"),
            (TablePolicy(allow_columns=("Faxx",)), "tables.Customer.allow_columns: there is no column 'Faxx'"),
            (TablePolicy(mask={"Emial": "null"}), "tables.Customer.mask.Emial: there is no such column"),
            (TablePolicy(mask={"Email": MaskRule(sql="upper(Nmae)")}), "mask.Email: there is no column 'Nmae'"),
            (TablePolicy(rows="Contry = 'Canada'"), "tables.Customer.rows: there is no column 'Contry'"),
            (TablePolicy(rows='Country = "Canada"'), "tables.Customer.rows: there is no column 'Canada'"),
        ],
    )
    def test_a_line_that_can_not_be_kept_hides_the_table(self, rules: TablePolicy, said: str) -> None:
        seen = view(tables={"Customer": rules})
        assert seen.find("Customer") is None
        (problem,) = seen.problems
        assert said in problem
        assert "Customer is not served until this is mended" in problem
        assert "Invoice" in names(seen)

    def test_keys_that_match_nothing_are_told(self) -> None:
        seen = view(allow=("Artist", "Albun"), deny=("Employees",), tables={"Custmer": TablePolicy()})
        assert seen.problems == (
            "allow: 'Albun' is no relation of the database: did you mean Album?",
            "deny: 'Employees' is no relation of the database: did you mean Employee?",
            "tables: 'Custmer' is no relation of the database: did you mean Customer?",
        )

    @pytest.mark.parametrize(
        ("rules", "said"),
        [
            (TablePolicy(rows="1 = 1; DELETE"), "tables.t.rows: more than one statement"),
            (TablePolicy(rows="a = 1, b = 2"), "tables.t.rows: it is not one expression"),
            (TablePolicy(rows="1 FROM x"), "tables.t.rows: it is not one expression"),
            (TablePolicy(rows="a IN (SELECT b FROM c)"), "tables.t.rows: it is no expression over one row"),
            (TablePolicy(rows="count(*) > 1"), "tables.t.rows: it is no expression over one row"),
            (TablePolicy(rows="a = :region"), "tables.t.rows: write :principal.NAME"),
            (TablePolicy(rows="a = ':principal.region'"), "stands in quotes"),
            (TablePolicy(rows="other.a = 1"), "write columns without their table"),
            (TablePolicy(rows="a ="), "tables.t.rows: "),
            (TablePolicy(mask={"a": MaskRule(sql="(SELECT 1)")}), "tables.t.mask.a: it is no expression over one row"),
            (TablePolicy(mask={"a": MaskRule(sql=":principal.x")}), "tables.t.mask.a: "),
            (TablePolicy(mask={"a": MaskRule()}), "tables.t.mask.a: write either { constant = ... } or { sql = ... }"),
            (TablePolicy(mask={"a": MaskRule(sql="1", constant=1)}), "tables.t.mask.a: write either"),
        ],
    )
    def test_what_can_not_be_read_is_an_error_with_its_place(self, rules: TablePolicy, said: str) -> None:
        with pytest.raises(UsageError) as caught:
            policy(tables={"t": rules})
        assert said in str(caught.value)


class TestVersions:
    def test_they_change_with_everything_that_a_policy_holds(self) -> None:
        versions = {
            policy(**settings).version
            for settings in (
                {},
                {"deny": ("a",)},
                {"allow": ("a",)},
                {"schemas": ("a",)},
                {"tables": {"a": TablePolicy(rows="b = 1")}},
                {"tables": {"a": TablePolicy(rows="b = 2")}},
                {"tables": {"a": TablePolicy(mask={"b": "null"})}},
                {"tables": {"a": TablePolicy(mask={"b": MaskRule(constant="x")})}},
                {"key": b"another"},
            )
        }
        assert len(versions) == 9
        assert policy(deny=("a",)).version == policy(deny=("a",)).version

    def test_a_view_is_kept_for_a_version_of_the_catalog(self) -> None:
        kept = policy()
        first = kept.view(catalog_of(*RELATIONS))
        assert kept.view(catalog_of(*RELATIONS)) is first
        other = kept.view(catalog_of(*RELATIONS[:2], version="2"))
        assert other.version != first.version
        assert len(other.relations) == 2

    def test_attributes_of_the_principal(self) -> None:
        rules = {"Customer": TablePolicy(rows="Country = :principal.country AND City <> :principal.city")}
        assert policy(tables=rules).principal_attributes == {"country", "city"}
        assert policy().principal_attributes == frozenset()


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a", [("a", False)]),
        ("a.b", [("a", False), ("b", False)]),
        ('a."b.c"', [("a", False), ("b.c", True)]),
        ('"a""b"', [('a"b', True)]),
        ("`a``b`.[c d]", [("a`b", True), ("c d", True)]),
        ('"a', [('"a', False)]),
        ("", [("", False)]),
    ],
)
def test_parts_of_names(name: str, parts: list[tuple[str, bool]]) -> None:
    assert parts_of(name) == parts
