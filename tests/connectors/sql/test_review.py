"""What administrators are told of a served database."""

from pathlib import Path

import pytest

from dragoman import Finding, Sql
from dragoman.connectors.sql.catalog import Column
from dragoman.connectors.sql.review import mask_for


def column(name: str) -> Column:
    return Column(name, "TEXT", nullable=True, default=None, key=0)


@pytest.mark.parametrize(
    ("name", "mask"),
    [
        ("Email", "partial"),
        ("customer_e_mail", "partial"),
        ("PhoneNumber", "partial"),
        ("telefono", "partial"),
        ("IBAN", "partial"),
        ("BirthDate", "null"),
        ("geburtsdatum", "null"),
        ("date_of_birth", "null"),
        ("SSN", "null"),
        ("BillingAddress", "null"),
        ("Gehalt", "null"),
        ("password_hash", "null"),
        ("apiKey", "null"),
        ("refresh_token", "null"),
        ("Straße", "null"),
        ("senha", "null"),
        ("Name", None),
        ("TrackId", None),
        ("Milliseconds", None),
        ("description", None),
    ],
)
def test_names_that_look_personal(name: str, mask: str | None) -> None:
    assert mask_for(column(name)) == mask


async def review(path: Path, **settings: object) -> list[Finding]:
    connector = Sql("shop", path, **settings)
    findings = await connector.review()
    await connector.close()
    return findings


async def test_unmasked_personal_columns_and_their_remedy(chinook: Path) -> None:
    masks = dict.fromkeys(("Address", "Phone", "Fax", "Email", "PostalCode"), "null")
    found = await review(chinook, deny=["Employee"], tables={"Customer": {"mask": masks}})
    assert [finding.text for finding in found] == [
        "shop: Invoice has columns that look personal and no mask: BillingAddress, BillingPostalCode"
    ]
    assert found[0].remedy == (
        '[connectors.shop.tables.Invoice]\nmask = { BillingAddress = "null", BillingPostalCode = "null" }'
    )


async def test_lines_without_effect_open_limits_and_broken_tools(make_database: object) -> None:
    assert callable(make_database)
    path = make_database("CREATE TABLE t (a)")
    tools = {"bad": {"sql": "select b from t", "description": "d"}}
    found = [finding.text for finding in await review(path, deny=["tt"], timeout="10m", max_rows=50_000, tools=tools)]
    assert any("timeout = 600 seconds" in text for text in found)
    assert any("max_rows = 50000 rows" in text for text in found)
    assert any("'tt' is no relation of the database: did you mean t?" in text for text in found)
    assert any("tool shop_bad: no such column: b" in text for text in found)


async def test_a_database_that_is_not_there(tmp_path: Path) -> None:
    (finding,) = await review(tmp_path / "none.db")
    assert finding.text == "shop: the database file is not there: it was moved or deleted, or never made"


async def test_what_is_exposed(chinook: Path) -> None:
    rules = {"Customer": {"deny_columns": ["Fax"], "mask": {"Email": "partial"}, "rows": "Country = 'Canada'"}}
    connector = Sql("shop", chinook, deny=["Employee"], tables=rules)
    exposed = {each.name: each for each in await connector.exposed()}
    await connector.close()
    assert not exposed["Employee"].served
    customer = exposed["Customer"]
    assert (customer.hidden, customer.masked, customer.rows) == (("Fax",), {"Email": "partial"}, "Country = 'Canada'")
    assert exposed["Track"].served
    assert exposed["Track"].masked == {}
