"""The JSON Schema: what the reader takes is valid, what it refuses for its form is not."""

import json
import tomllib
from typing import Any

import jsonschema_rs
import pytest

from dragoman.ops.schema import schema
from dragoman.ops.settings import CONNECTOR_TYPES

HANDBOOK = "[connectors.handbook]\ntype = 'files'\npath = 'docs'\n"
SHOP = """
[connectors.shop]
type = "sql"
url = "sqlite:///chinook.sqlite"
deny = ["Employee"]
max_bytes = "1MB"
timeout = "5s"
[connectors.shop.tables.Customer]
mask = { Email = "partial", Phone = { constant = "-" } }
[connectors.shop.tools.tracks_of]
description = "Tracks of one artist"
sql = "select 1"
parameters.artist = { type = "string" }
"""


@pytest.fixture(scope="module")
def validator() -> Any:
    return jsonschema_rs.validator_for(schema())


@pytest.mark.parametrize(
    "text",
    [
        "",
        HANDBOOK,
        SHOP,
        HANDBOOK + SHOP,
        "[server]\nport = 1\nsse = true\nsecrets = ['x']",
        "[server]\nport = '${PORT}'\nsse = '${SSE:-true}'\nlimits = { body_bytes = '1MiB', grace_seconds = 5 }",
    ],
)
def test_what_the_reader_takes(validator: Any, text: str) -> None:
    assert validator.is_valid(tomllib.loads(text))


@pytest.mark.parametrize(
    "text",
    [
        "x = 1",
        "[server]\nprot = 1",
        "[server]\nport = 'many'",
        "[server]\nport = -1",
        "[server.limits]\nbody_byts = 1",
        "[server.limits]\nbody_bytes = 'many'",
        "[connectors.a]\ntype = 'files'",
        "[connectors.a]\npath = 'docs'",
        "[connectors.a]\ntype = 'other'\npath = 'docs'",
        HANDBOOK + "url = 'x'",
        SHOP + "[connectors.shop.tables.A]\nmsk = {}",
        SHOP + "[connectors.shop.tables.A]\nmask = { E = 'parital' }",
    ],
)
def test_what_the_reader_refuses(validator: Any, text: str) -> None:
    assert not validator.is_valid(tomllib.loads(text))


def test_everything_in_it_is_described_and_nothing_is_left_of_the_way_it_was_made() -> None:
    made = schema()
    assert "x-unit" not in json.dumps(made)
    parts = [*made["$defs"].values(), *made["properties"]["connectors"]["additionalProperties"]["anyOf"]]
    assert len(parts) > len(CONNECTOR_TYPES)
    missing = [
        f"{part.get('title')}.{name}"
        for part in parts
        for name, value in part.get("properties", {}).items()
        if not value.get("description")
    ]
    assert not missing
