from pathlib import Path

from dragoman.cli.kinds import folder as kind
from dragoman.cli.targets import read_target
from dragoman.client.client import Client
from dragoman.server.server import Server


async def test_a_folder_brings_its_tools(folder: Path) -> None:
    server = Server("test")
    kind.add(server, read_target(f"house={folder}"))
    async with Client(server) as client:
        reply = await client.call_tool("house_search", {"query": "goggles"})
        read = await client.read_resource("files://house/hours.md")
    assert reply.data["files"][0]["path"] == "safety.md"
    assert "nine to five" in (read[0].text or "")
