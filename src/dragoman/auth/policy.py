"""Roles: what callers may use, as data, and the decision for one kind and name.

Deny by default: what no role of a caller allows is not there for it, an empty list allows nothing, and what one of its
roles denies no other gives back. Knows features by kind and key, and nothing of servers or wires (P13).
"""

import re
from collections.abc import Callable, Iterable, Mapping
from fnmatch import translate
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from dragoman.auth.principal import Principal
from dragoman.auth.quota import Quota

Kind = Literal["tool", "resource", "prompt"]

ConnectorOf = Callable[[Kind, str], str | None]
"""The name of the connector that a feature is of; None where it is of none."""


_WILD = re.compile(r"[*?]")


class Role(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one role allows. Patterns are names with `*` and `?`; upper and lower case differ."""

    tools: Annotated[tuple[str, ...], Meta(description="patterns of tool names that may be called")] = ()
    resources: Annotated[tuple[str, ...], Meta(description="patterns of URIs and URI templates that may be read")] = ()
    prompts: Annotated[tuple[str, ...], Meta(description="patterns of prompt names that may be used")] = ()
    connectors: Annotated[
        tuple[str, ...] | dict[str, dict[str, Any]],
        Meta(
            description="patterns of names of connectors, all of whose features may be used; or tables"
            " [roles.NAME.connectors.CONNECTOR] of what the role sees less of, which allow nothing"
        ),
    ] = ()
    deny: Annotated[
        tuple[str, ...], Meta(description="patterns of tools, resources and prompts that are not there, whoever allows")
    ] = ()
    limits: Annotated[Quota | None, Meta(description="how much each caller with this role may use")] = None

    def narrowed(self, connector: str) -> dict[str, Any] | None:
        """What the role sees less of in a connector, as written; None where it sees what the connector serves."""
        return self.connectors.get(connector) if isinstance(self.connectors, dict) else None


class Decision(Struct, frozen=True):
    """Whether something may be used, and the line that says so.

    Args:
        allowed: whether it may.
        rule: where it is said, such as `roles.support.deny[0] = "shop_execute"`; for people who ask why.
    """

    allowed: bool
    rule: str


class ToolRule(Struct, frozen=True):
    """Who may call one tool, as said where it is registered.

    Args:
        roles: of which one is enough; with none it is for every role.
        scopes: of which all are needed.
        when: asked with the caller and the arguments at every call.
    """

    roles: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    when: Callable[[Principal, dict[str, Any]], bool] | None = None

    def is_for(self, roles: Iterable[str]) -> bool:
        """Whether one of a caller's roles is enough."""
        return not self.roles or not self.roles.isdisjoint(roles)

    def allows(self, principal: Principal, arguments: dict[str, Any]) -> bool:
        """Whether a caller may call it with these arguments."""
        if not self.is_for(principal.roles) or not self.scopes.issubset(principal.scopes):
            return False
        return self.when is None or self.when(principal, arguments) is True


class _Pattern(Struct, frozen=True):
    text: str
    matches: re.Pattern[str]
    rule: str


class Access:
    """What a set of roles may use, compiled once.

    Args:
        roles: every role there is, by name; None where there are none, and everything may be used.
        held: the names of those that a caller has; a name that is not known gives nothing.
        scopes: what the caller's credential was given for.
    """

    def __init__(self, roles: Mapping[str, Role] | None, held: Iterable[str], scopes: Iterable[str] = ()) -> None:
        self.names = tuple(held)  # also those that only tools know
        self.scopes = frozenset(scopes)
        self.connector_of: ConnectorOf | None = None  # set by whoever knows
        self._is_whole = roles is None
        roles = roles or {}
        self.held = tuple(dict.fromkeys(name for name in self.names if name in roles))
        self._denied = [one for name in self.held for one in _patterns(name, "deny", roles[name].deny)]
        self._allowed: dict[Kind, list[_Pattern]] = {
            "tool": [one for name in self.held for one in _patterns(name, "tools", roles[name].tools)],
            "resource": [one for name in self.held for one in _patterns(name, "resources", roles[name].resources)],
            "prompt": [one for name in self.held for one in _patterns(name, "prompts", roles[name].prompts)],
        }
        self._connectors = [
            one
            for name in self.held
            if not isinstance(roles[name].connectors, dict)
            for one in _patterns(name, "connectors", roles[name].connectors)
        ]

    def decide(self, kind: Kind, key: str) -> Decision:
        """Say whether something may be used, and by which line."""
        for pattern in self._denied:
            if pattern.matches.fullmatch(key):
                return Decision(False, pattern.rule)
        if self._is_whole:
            return Decision(True, "there are no roles, so everything may be used")
        for pattern in self._allowed[kind]:
            if pattern.matches.fullmatch(key):
                return Decision(True, pattern.rule)
        connector = self.connector_of(kind, key) if self._connectors and self.connector_of is not None else None
        for pattern in self._connectors:
            if connector is not None and pattern.matches.fullmatch(connector):
                return Decision(True, pattern.rule)
        named = ", ".join(self.held)
        return Decision(
            False, f"no role of the caller allows it (roles: {named})" if named else "the caller has no role"
        )

    def allows(self, kind: Kind, key: str) -> bool:
        """Whether something may be used."""
        return self.decide(kind, key).allowed

    def denies(self, key: str) -> bool:
        """Whether a role forbids something by name, whatever allows it."""
        return any(pattern.matches.fullmatch(key) for pattern in self._denied)

    def may_reach(self, template: str, match: Callable[[str], object]) -> bool:
        """Whether a resource of a URI template may be read: the template is allowed, or a URI of it may be.

        A pattern for some of a template's URIs must have the template's own text where that has no variable.

        Args:
            template: the template's text.
            match: tells whether a URI is of the template, None when not.
        """
        if self.denies(template):
            return False
        return self.allows("resource", template) or any(
            pattern.matches.fullmatch(template) or match(_WILD.sub("x", pattern.text)) is not None
            for pattern in self._allowed["resource"]
        )


def _patterns(role: str, member: str, patterns: Iterable[str]) -> list[_Pattern]:
    return [
        _Pattern(pattern, re.compile(translate(pattern)), f'roles.{role}.{member}[{number}] = "{pattern}"')
        for number, pattern in enumerate(patterns)
    ]
