"""Tools that ask for a role or scope, where nobody signs in."""

from dragoman import Server
from dragoman.auth.principal import ANONYMOUS, Principal
from dragoman.auth.rules import gate_for_rules, seen_by


def a_server(**rule: list[str]) -> Server:
    server = Server("s", "1")
    server.add_tool(lambda: "x", name="free", description="Free.")
    server.add_tool(lambda: "x", name="kept", description="Kept.", **rule)  # type: ignore[arg-type]
    return server


async def test_without_rules_there_is_no_gate() -> None:
    server = a_server()
    assert gate_for_rules(server) is None
    assert seen_by(server, ANONYMOUS) is server


async def test_what_asks_for_something_is_not_there() -> None:
    for rule in ({"roles": ["staff"]}, {"scopes": ["write"]}):
        server = a_server(**rule)
        gate = gate_for_rules(server)
        assert gate is not None
        principal, view = await gate.admit({})
        assert principal.is_anonymous
        assert list(view.tools.named) == ["free"]
        assert list(seen_by(server, ANONYMOUS).tools.named) == ["free"]
        able = Principal(subject="anna", roles=("staff",), scopes=("write",))
        assert list(seen_by(server, able).tools.named) == ["free", "kept"]
        await gate.close()
