"""Connectors: what a subclass gets for nothing, and what the server does with one."""

import msgspec
import pytest

from dragoman import Client, Connector, Exposed, Finding, Server, UsageError


class Clock(Connector):
    """A backend with one tool, that writes down what happens to it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.happened: list[str] = []

    def attach(self, server: Server) -> None:
        def now() -> str:
            return "noon"

        server.add_tool(now, name=f"{self.name}_now")

    async def start(self) -> None:
        self.happened.append("start")

    async def close(self) -> None:
        self.happened.append("close")


async def test_a_connector_lives_as_long_as_its_server() -> None:
    clock = Clock("clock")
    server = Server("connected")
    server.connect(clock)
    async with Client(server) as client:
        assert (await client.call_tool("clock_now")).data == "noon"
        assert clock.happened == ["start"]
    assert clock.happened == ["start", "close"]


async def test_a_plain_connector_is_well_and_needs_no_start() -> None:
    plain = Connector("plain")
    await plain.start()
    assert await plain.health() is None
    assert await plain.exposed() == []
    assert await plain.review() == []
    await plain.close()
    with pytest.raises(NotImplementedError):
        plain.attach(Server("connected"))


def test_two_connectors_of_one_name_are_refused() -> None:
    server = Server("connected")
    server.connect(Clock("clock"))
    with pytest.raises(UsageError, match="exists already"):
        server.connect(Clock("clock"))


class Nothing(msgspec.Struct):
    """Settings of a connector that has none."""


def test_a_connector_is_made_of_settings_only_where_it_says_how() -> None:
    with pytest.raises(UsageError, match="connector 'clock': a Clock is made in code only"):
        Clock.from_settings("clock", Nothing())


def test_what_a_connector_tells_administrators_is_json() -> None:
    finding = Finding(text="The login may write.", remedy="REVOKE INSERT")
    assert msgspec.json.encode(finding) == (
        b'{"level":"warning","text":"The login may write.","remedy":"REVOKE INSERT"}'
    )
    table = Exposed(name="Customer", hidden=("Fax",), masked={"Email": "partial"}, rows="Country = 'Canada'")
    assert msgspec.json.decode(msgspec.json.encode(table), type=Exposed) == table
