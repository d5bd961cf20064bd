import json
import re
from pathlib import Path

from dragoman.cli.announcement import announce, announce_stdio, describe, stdio_entry
from dragoman.cli.assembly import assemble, started
from dragoman.cli.targets import read_targets


async def test_each_target_has_a_line_with_its_amounts(database: Path, folder: Path, python: Path) -> None:
    served = assemble(read_targets([f"werkzeuge={database}", str(folder), str(python)]))
    async with started(served):
        lines = [re.sub(r"\s+", " ", line.strip()) for line in await describe(served)]
    assert lines == [
        f"werkzeuge database werkzeuge={database} 3 tools, 2 resources, 1 prompt",
        f"manual folder {folder} 2 tools, 2 resources",
        f"workshop Python {python} 6 tools, 2 resources, 1 template, 1 prompt",
    ]


async def test_the_snippets_are_json_for_clients(database: Path) -> None:
    served = assemble(read_targets([str(database)]), "shed")
    async with started(served):
        text = await announce(served, "http://127.0.0.1:8000/mcp", ["serve", "/x/tools.db", "--stdio"])
    http, stdio = (json.loads(block) for block in re.findall(r"^\{.*?^\}", text, re.MULTILINE | re.DOTALL))
    assert http == {"mcpServers": {"shed": {"type": "http", "url": "http://127.0.0.1:8000/mcp"}}}
    entry = stdio["mcpServers"]["shed"]
    assert Path(entry["command"]).is_absolute()
    assert entry["args"][-3:] == ["serve", "/x/tools.db", "--stdio"]
    assert "dragoman list http://127.0.0.1:8000/mcp" in text


async def test_what_to_try_is_listed(database: Path) -> None:
    served = assemble(read_targets([str(database)]))
    async with started(served):
        text = await announce(served, "http://127.0.0.1:8000/mcp", [], ["one", "two"])
        assert "tools  database" in await announce_stdio(served)
    assert text.endswith("  one\n  two")


def test_a_program_that_is_not_installed_is_started_as_a_module() -> None:
    entry = stdio_entry(["serve"], interpreter="/nowhere/python")
    assert entry == {"command": "/nowhere/python", "args": ["-m", "dragoman", "serve"]}
