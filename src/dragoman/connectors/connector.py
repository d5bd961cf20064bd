"""A connector: a backend turned into features. The class that every connector, ours and yours, subclasses.

What it says of itself to administrators stands here too: what it shows of its backend, and what should be better.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from msgspec import Struct

from dragoman import UsageError

if TYPE_CHECKING:
    from dragoman import Principal, Server


class Finding(Struct, frozen=True, kw_only=True):
    """Something that whoever runs a server should know, told by `dragoman check`.

    Args:
        level: `note` for what is worth knowing, `warning` for what should be better.
        text: one sentence: what was found, and where.
        remedy: what to do about it, such as lines for the configuration or statements for the database.
    """

    level: Literal["note", "warning"] = "warning"
    text: str
    remedy: str = ""


class Exposed(Struct, frozen=True, kw_only=True):
    """What callers see of one thing of a backend, such as a table; told by `dragoman check`.

    Args:
        name: what it is called.
        kind: what it is, such as `table` or `view`.
        served: whether callers see it at all.
        hidden: its columns, or other parts, that callers don't see.
        masked: its columns that callers see masked, and how.
        rows: the condition that rows must meet to be seen; empty for all of them.
    """

    name: str
    kind: str = "table"
    served: bool = True
    hidden: tuple[str, ...] = ()
    masked: dict[str, str] = {}
    rows: str = ""


class Foreseen(Struct, frozen=True, kw_only=True):
    """One thing that would become of a call; told by `dragoman explain`.

    Args:
        what: its kind, such as `runs`, `masked`, `refused`.
        text: what exactly.
        path: the setting that says so: names and numbers within the connector's settings; of a role's, after `roles`
            and its name.
    """

    what: str
    text: str
    path: tuple[str | int, ...] = ()


class Connector:
    """A backend, attached to a server.

    A subclass adds its features in `attach`; the server calls `start` before the first request and `close` after the
    last one, both of which do nothing unless overridden.

    Args:
        name: what its features are named after; unique within a server.

    `Settings` is the struct of what a connector takes in `dragoman.toml`, None where it is made in code only.
    """

    Settings: ClassVar[type[Struct] | None] = None

    def __init__(self, name: str) -> None:
        self.name = name

    def narrow(self, roles: Mapping[str, Mapping[str, Any]]) -> None:
        """Show callers with some roles less than others; what nobody narrows is unchanged.

        Args:
            roles: by the role's name, what it sees less of, as `[roles.NAME.connectors.CONNECTOR]` says it.

        Raises:
            UsageError: it can't be kept; what was before holds.
        """
        if roles:
            role = next(iter(roles))
            raise UsageError(
                f"role {role!r}: a {type(self).__name__} shows every role the same; use `tools`, `resources`, `prompts`"
                " and `deny` of the role"
            )

    async def foresee(self, tool: str, arguments: Mapping[str, Any], principal: "Principal") -> list[Foreseen]:
        """Say what would become of a call, without doing any of it; for administrators, never for callers.

        Args:
            tool: the name of the tool.
            arguments: what it would be called with.
            principal: who would call.
        """
        del tool, arguments, principal
        return []

    @classmethod
    def from_settings(cls, name: str, settings: Struct) -> Self:
        """Make a connector of its settings.

        Args:
            name: what its features are named after.
            settings: a `Settings` of this class.

        Raises:
            UsageError: the settings cannot work.
        """
        del settings
        raise UsageError(f"connector {name!r}: a {cls.__name__} is made in code only.")

    def attach(self, server: "Server") -> None:
        """Add the connector's features to a server."""
        raise NotImplementedError

    async def start(self) -> None:
        """Get ready to serve, such as to open connections or to build an index."""

    async def health(self) -> str | None:
        """What keeps the backend from answering, as a sentence; None when it is well."""
        return None

    async def exposed(self) -> list[Exposed]:
        """What callers see of the backend, thing by thing; empty where there is nothing to tell."""
        return []

    async def review(self) -> list[Finding]:
        """What whoever runs the server should know, such as a login with more rights than needed."""
        return []

    async def close(self) -> None:
        """Let go of everything that `start` or a call opened."""
