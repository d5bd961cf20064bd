"""Tools that ask for a role or scope, on servers where nobody signs in: for such callers they are not there."""

from typing import TYPE_CHECKING

from dragoman.auth.principal import Principal

if TYPE_CHECKING:
    from dragoman.auth.gate import Gate
    from dragoman.server.server import Server


def gate_for_rules(server: "Server") -> "Gate | None":
    """A gate that lets everybody in, to what needs neither role nor scope; None where everything is such."""
    if all(tool.rule is None for tool in server.tools.named.values()):
        return None
    from dragoman.auth.gate import Gate, Views

    return Gate(Views(server, None), (), anonymous=())


def seen_by(server: "Server", principal: Principal) -> "Server":
    """What a caller at the other end of a pipe sees, where no roles are configured."""
    if all(tool.rule is None for tool in server.tools.named.values()):
        return server
    from dragoman.auth.gate import Views

    return Views(server, None).of(principal)
