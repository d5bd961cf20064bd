"""Databases that are down at start, go away in mid-query and come back: others go on, and nothing is restarted.

A real `dragoman serve` has three connectors: a file, PostgreSQL and MariaDB. Each server database is stopped and
started again; what is said of it is a sentence, its neighbours answer meanwhile, and it heals with the next call.
"""

import asyncio
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from dragoman import Client, ToolCallError
from tests.connectors.sql.servers import MariaDB, PostgreSQL, start_mariadb, start_postgresql
from tests.connectors.sql.servers.serving import Serving, serving

HEALED_SECONDS: Final = 20.0
AT_ONCE: Final = {"postgresql": signal.SIGQUIT, "mariadb": signal.SIGKILL}  # what runs is not waited for
AWAY: Final = "the database server can't be reached|the connection to the database broke in the middle"
SLOW: Final = {
    "postgresql": "SELECT count(*) FROM generate_series(1, 1000000000000)",
    "mariadb": "SELECT count(*) FROM steps a, steps b, steps c, steps d, steps e, steps f WHERE a.n <> f.n",
}
CONFIGURATION: Final = """
[connectors.file]
type = "sql"
url = "sqlite:///{file}"
timeout = 20

[connectors.postgresql]
type = "sql"
url = "{postgresql}"
timeout = 20

[connectors.mariadb]
type = "sql"
url = "{mariadb}"
timeout = 20
"""

Servers = dict[str, PostgreSQL | MariaDB]


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """Two servers that these tests may stop."""
    with start_postgresql(None) as postgresql, start_mariadb(None) as mariadb:
        mariadb.execute(
            "CREATE TABLE steps(n integer)",
            "INSERT INTO steps VALUES " + ", ".join(f"({n})" for n in range(300)),
        )
        yield {"postgresql": postgresql, "mariadb": mariadb}


@pytest.fixture(params=["postgresql", "mariadb"])
def name(request: pytest.FixtureRequest) -> str:
    """The database that goes away."""
    return str(request.param)


@pytest.fixture
def text(servers: Servers, shared_data: Path) -> str:
    """The configuration of the server."""
    file = (shared_data / "chinook.sqlite").resolve()
    return CONFIGURATION.format(file=file, **{key: server.url() for key, server in servers.items()})


async def ask(client: Client, name: str, sql: str = "SELECT 1") -> Any:
    """Return the rows of a statement."""
    return (await client.call_tool(f"{name}_query", {"sql": sql})).data["rows"]


async def healed(client: Client, name: str) -> float:
    """Ask until there is an answer, and return how long it took; only true sentences are said meanwhile."""
    begun = time.monotonic()
    while True:
        reply = await client.call_tool(f"{name}_query", {"sql": "SELECT 1"}, raise_on_error=False)
        if not reply.is_error:
            return time.monotonic() - begun
        assert re.match(f"{name}: ({AWAY}|the database server takes no more connections)", reply.text)
        assert time.monotonic() - begun < HEALED_SECONDS
        await asyncio.sleep(0.1)


async def others_go_on(client: Client, name: str) -> None:
    """Every other database answers."""
    for other in {"file", "postgresql", "mariadb"} - {name}:
        assert await ask(client, other) == [[1]]
    assert await ask(client, "file", "SELECT count(*) FROM Artist") == [[275]]


def running(server: Serving) -> None:
    assert server.process.poll() is None


async def test_one_that_is_down_at_start_is_served_when_it_comes(
    name: str, servers: Servers, text: str, tmp_path: Path
) -> None:
    down = servers[name].server
    down.stop()
    is_down = True
    try:
        with serving(text, tmp_path) as server:
            async with Client(server.url) as client:
                assert {f"{name}_query", "file_query"} <= {tool.name for tool in await client.list_tools()}
                for tool, arguments in (
                    ("query", {"sql": "SELECT 1"}),
                    ("describe", {}),
                    ("explain", {"sql": "SELECT 1"}),
                ):
                    with pytest.raises(ToolCallError, match="the database server can't be reached"):
                        await client.call_tool(f"{name}_{tool}", arguments)
                await others_go_on(client, name)
                down.start()  # not in a thread: the program would end with it
                is_down = False
                await healed(client, name)
                await others_go_on(client, name)
                running(server)
            assert "can't be reached" in server.log.read_text()
            assert "Traceback" not in server.log.read_text()
    finally:
        if is_down:
            down.start()


async def test_one_that_dies_in_mid_query_is_told_and_heals(
    name: str, servers: Servers, text: str, tmp_path: Path
) -> None:
    with serving(text, tmp_path) as server:
        async with Client(server.url) as client:
            assert await ask(client, name) == [[1]]
            slow = asyncio.create_task(ask(client, name, SLOW[name]))
            end = time.monotonic() + HEALED_SECONDS
            while not servers[name].running():
                assert not slow.done()
                assert time.monotonic() < end
                await asyncio.sleep(0.05)
            await asyncio.to_thread(servers[name].server.stop, AT_ONCE[name])
            try:
                with pytest.raises(ToolCallError, match=AWAY):
                    await slow
                with pytest.raises(ToolCallError, match=AWAY):
                    await ask(client, name)
                await others_go_on(client, name)
            finally:
                servers[name].server.start()
            await healed(client, name)
            await others_go_on(client, name)
            running(server)
        assert "Traceback" not in server.log.read_text()


async def test_calls_that_run_when_it_dies_are_all_answered(
    name: str, servers: Servers, text: str, tmp_path: Path
) -> None:
    """More calls than connections, a stop in the middle: each is answered, none waits for its time to be over."""
    with serving(text, tmp_path) as server:
        async with Client(server.url) as client:
            calls = [asyncio.create_task(ask(client, name, SLOW[name])) for _ in range(6)]
            end = time.monotonic() + HEALED_SECONDS
            while not servers[name].running():
                assert time.monotonic() < end
                await asyncio.sleep(0.05)
            await asyncio.to_thread(servers[name].server.stop, AT_ONCE[name])
            begun = time.monotonic()
            try:
                answers = await asyncio.gather(*calls, return_exceptions=True)
                assert all(isinstance(each, ToolCallError) for each in answers), answers
                assert time.monotonic() - begun < HEALED_SECONDS / 2
                await others_go_on(client, name)
            finally:
                servers[name].server.start()
            await healed(client, name)
            running(server)
