"""Input schemas that we did not make."""

from typing import Any

import pytest

from dragoman import Client, Server, UsageError
from dragoman.server.given_schema import DIALECTS

ADDRESS = {
    "$schema": DIALECTS[0],
    "$defs": {"address": {"$anchor": "address", "type": "object", "properties": {"city": {"type": "string"}}}},
    "type": "object",
    "properties": {"name": {"type": "string"}, "home": {"$ref": "#/$defs/address"}},
    "required": ["name"],
    "allOf": [{"if": {"required": ["home"]}, "then": {"required": ["name"]}}],
    "additionalProperties": False,
}


def server_with(schema: Any) -> Server:
    server = Server("given")

    @server.tool(input_schema=schema)
    async def greet(arguments: dict[str, Any]) -> str:
        return f"Hello {arguments['name']}"

    return server


async def test_the_schema_is_shown_as_it_is() -> None:
    async with Client(server_with(ADDRESS)) as client:
        tools = await client.list_tools()
        assert tools[0].input_schema == ADDRESS


async def test_arguments_that_fit_reach_the_function() -> None:
    async with Client(server_with(ADDRESS)) as client:
        assert (await client.call_tool("greet", {"name": "Ada", "home": {"city": "London"}})).data == "Hello Ada"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "name"),
        ({"name": 1}, "Argument 'name'"),
        ({"name": "Ada", "home": {"city": 3}}, "Argument 'home.city'"),
        ({"name": "Ada", "shoe": 40}, "shoe"),
    ],
)
async def test_arguments_that_do_not_fit_are_explained(arguments: dict[str, Any], said: str) -> None:
    async with Client(server_with(ADDRESS)) as client:
        reply = await client.call_tool("greet", arguments, raise_on_error=False)
        assert reply.is_error
        assert said in reply.text


def deep(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"x": schema}}
    return schema


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "array"}, '"type": "object"'),
        ({"type": "object", "$schema": "http://json-schema.org/draft-03/schema#"}, "dialect"),
        ({"type": "object", "properties": {"x": {"$ref": "https://example.com/x.json"}}}, "nothing is fetched"),
        ({"type": "object", "properties": {"x": {"$ref": "other.json#/x"}}}, "leads out"),
        ({"type": "object", "properties": {"x": {"$ref": "#/$defs/gone"}}}, "not valid"),
        ({"type": "object", "properties": {"x": {"type": "strange"}}}, "not valid"),
        (deep(40), "nested deeper"),
        ({"type": "object", "properties": {f"p{number}": {} for number in range(6000)}}, "over"),
    ],
)
def test_a_schema_that_cannot_be_used_is_refused(schema: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=r"tool 'greet'") as refused:
        server_with(schema)
    assert said in str(refused.value)


def test_the_function_takes_one_dictionary() -> None:
    server = Server("given")

    def two(first: str, second: str) -> str:
        return first + second

    with pytest.raises(UsageError, match="one parameter"):
        server.add_tool(two, input_schema={"type": "object"})


async def test_arguments_that_are_no_json_are_refused() -> None:
    tool = server_with(ADDRESS).tools.named["greet"]
    from msgspec import Raw

    from dragoman.server.exchange import Exchange

    assert "not valid JSON" in (await tool.run(Raw(b"{"), Exchange())).content[0].text  # type: ignore[union-attr]
    assert (await tool.run(Raw(b""), Exchange())).is_error
