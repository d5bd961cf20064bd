"""Everything that a connector takes: units, bounds, and complaints that name the key."""

from pathlib import Path

import pytest
from msgspec import structs

from dragoman import SettingsError, UsageError, read_settings
from dragoman.cli.assembly import assemble
from dragoman.cli.targets import read_targets
from dragoman.connectors.sql.settings import SqlSettings


def read(**settings: object) -> SqlSettings:
    return read_settings({"url": "shop.db", **settings}, SqlSettings, "shop")


def test_every_setting_says_what_it_is() -> None:
    for field in structs.fields(SqlSettings):
        metas = getattr(field.type, "__metadata__", ())
        assert any(getattr(meta, "description", None) for meta in metas), field.name


def test_sizes_and_times_take_units() -> None:
    settings = read(max_bytes="1MB", max_memory_bytes="32MiB", timeout="200ms", pool={"size": 2, "waiting": 0})
    limits = settings.limits()
    assert (limits.result_bytes, limits.memory_bytes, limits.seconds) == (10**6, 32 * 2**20, 0.2)
    assert (limits.parallel, limits.waiting, limits.rows) == (2, 0, 200)


def test_a_policy_is_whatever_narrows() -> None:
    assert not read(max_rows=3, schemas=["a"]).has_policy
    assert read(deny=["Employee"]).has_policy
    assert read(allow=["Track"]).has_policy
    assert read(tables={"Customer": {"deny_columns": ["Fax"]}}).has_policy


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"max_rowz": 1}, "shop.max_rowz: there is no such setting; did you mean 'max_rows'?"),
        ({"max_bytes": 999}, "shop.max_bytes: expected a size"),
        ({"max_memory_bytes": "1MB"}, "shop.max_memory_bytes: expected a size"),
        ({"timeout": "soon"}, "shop.timeout: expected a time"),
        ({"results": "xml"}, "shop.results: expected one of 'text', 'structured'"),
        ({"write": True}, "shop.write: expected"),
        ({"tables": {"Customer": {"mask": {"Email": "nul"}}}}, "shop.tables.Customer.mask.Email: .*'null'"),
        ({"tools": {"t": {"sql": "select 1"}}}, "shop.tools.t.description: is missing"),
        ({"cost": {"above": "ask"}}, "shop.cost.above: expected one of 'refuse', 'confirm'"),
        ({"pool": {"size": 0}}, "shop.pool.size: expected a whole number, at least 1"),
    ],
)
def test_complaints_name_the_key(settings: dict[str, object], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        read(**settings)


def test_a_connector_is_one_database_or_data_files() -> None:
    assert read_settings({"files": ["a.csv"]}, SqlSettings, "shop").files == ("a.csv",)
    assert read_settings({"files": {"t": "a.csv"}}, SqlSettings, "shop").files == {"t": "a.csv"}
    for settings, told in (
        ({}, r"shop\.url: is missing; name the database, or data files with `files`"),
        ({"url": "a.db", "files": ["a.csv"]}, r"shop\.files: stands beside `url`"),
        ({"files": ["a.csv"], "schemas": ["main"]}, r"shop\.schemas: is of no use"),
        ({"files": "a.csv"}, r"shop\.files: expected a list or a table"),
    ):
        with pytest.raises(SettingsError, match=told):
            read_settings(settings, SqlSettings, "shop")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('tables.Customer.rows = "Country = (select 1)"', "connectors.shop.tables.Customer.rows: it is no expression"),
        (
            'tables."a b".mask.Email = { sql = "max(x)" }',
            'connectors.shop.tables."a b".mask.Email: it is no expression',
        ),
        ("tables.Customer.mask.Email = {}", "connectors.shop.tables.Customer.mask.Email: write either { constant"),
    ],
)
def test_a_line_that_cannot_work_is_named_with_its_place(tmp_path: Path, line: str, told: str) -> None:
    config = tmp_path / "dragoman.toml"
    config.write_text(f'[connectors.shop]\ntype = "sql"\nurl = "sqlite:///x.db"\n\n{line}\n')
    with pytest.raises(UsageError) as caught:
        assemble(read_targets([str(config)]))
    assert f"dragoman.toml:5: {told}" in str(caught.value)


def test_a_url_that_cannot_work_is_named_with_its_place(tmp_path: Path) -> None:
    config = tmp_path / "dragoman.toml"
    config.write_text('[connectors.shop]\ntype = "sql"\n\nurl = "gopher://user:hunter2@host/shop"\n')
    with pytest.raises(UsageError, match=r"dragoman\.toml:4: connectors\.shop\.url: .*gopher") as caught:
        assemble(read_targets([str(config)]))
    assert "hunter2" not in str(caught.value)
