"""`examples/in_starlette.py` and `examples/in_fastapi.py`: mounted beside other routes, on a real port."""

import httpx2

from dragoman import Client
from examples import in_fastapi, in_starlette
from tests.examples.conftest import Serving


async def test_starlette_serves_both(serving: Serving) -> None:
    async with serving(in_starlette.app) as url, httpx2.AsyncClient() as browser:
        assert (await browser.get(url)).text == "The tools are at /agents/mcp."
        async with Client(f"{url}/agents/mcp") as client:
            assert (await client.call_tool("greet", {"name": "Ada"})).data == "Hello, Ada!"


async def test_one_function_is_a_route_and_a_tool(serving: Serving) -> None:
    async with serving(in_fastapi.app) as url, httpx2.AsyncClient() as browser:
        assert (await browser.get(f"{url}/stock/tea")).json() == {"product": "tea", "pieces": 3}
        async with Client(f"{url}/agents/mcp") as client:
            assert (await client.call_tool("stock", {"product": "tea"})).data == {"product": "tea", "pieces": 3}
