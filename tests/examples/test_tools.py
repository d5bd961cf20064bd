"""`examples/tools.py`: types become schemas, docstrings descriptions, mistakes sentences."""

import pytest

from dragoman import Client, ToolCallError
from examples import tools


async def test_types_and_docstrings_are_what_clients_see() -> None:
    async with Client(tools.server) as client:
        price = next(tool for tool in await client.list_tools() if tool.name == "price")
    assert price.description == "Tell what a parcel costs to send."
    parcel = price.input_schema["$defs"]["Parcel"]
    assert parcel["properties"]["country"]["enum"] == ["DE", "FR", "PL"]
    assert parcel["properties"]["kilograms"]["maximum"] == 30
    assert parcel["required"] == ["kilograms", "country"]


async def test_a_dataclass_goes_in_and_one_comes_back() -> None:
    async with Client(tools.server) as client:
        reply = await client.call_tool("price", {"parcel": {"kilograms": 2.5, "country": "FR", "insured": True}})
    assert reply.data == {"cents": 875, "days": 2}


async def test_what_models_commonly_send_wrong_is_understood() -> None:
    async with Client(tools.server) as client:
        reply = await client.call_tool("price", {"parcel": '{"kilograms": "2.5", "country": "fr"}'})
    assert reply.data == {"cents": 675, "days": 2}


async def test_a_tool_error_reaches_the_model() -> None:
    async with Client(tools.server) as client:
        with pytest.raises(ToolCallError, match="There is no parcel P-9"):
            await client.call_tool("track", {"number": "P-9"})


async def test_a_value_out_of_bounds_is_refused() -> None:
    async with Client(tools.server) as client:
        with pytest.raises(ToolCallError, match=r"parcel\.kilograms"):
            await client.call_tool("price", {"parcel": {"kilograms": 31, "country": "DE"}})


async def test_progress_and_logs_are_heard() -> None:
    heard: list[tuple[float, float | None, str | None]] = []
    logged: list[object] = []

    async with Client(tools.server, on_log=logged.append) as client:
        reply = await client.call_tool(
            "print_labels",
            {"numbers": ["P-1001", "P-1002"]},
            on_progress=lambda done, total, message: heard.append((done, total, message)),
        )
    assert reply.data == 2
    assert heard == [(1, 2, "P-1001"), (2, 2, "P-1002")]
    assert "2 labels printed" in str(logged)
