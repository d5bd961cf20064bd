"""Roles: what callers may use, as data, and the decision for one kind and name.

Deny by default: what no role of a caller allows is not there for it, an empty list allows nothing, and what one of its
roles denies no other gives back. Knows features by kind and key, and nothing of servers or wires (P13).
"""

import re
from collections.abc import Callable, Iterable, Mapping
from fnmatch import translate
from typing import Annotated, Literal

from msgspec import Meta, Struct

Kind = Literal["tool", "resource", "prompt"]


_WILD = re.compile(r"[*?]")


class Role(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one role allows. Patterns are names with `*` and `?`; upper and lower case differ."""

    tools: Annotated[tuple[str, ...], Meta(description="patterns of tool names that may be called")] = ()
    resources: Annotated[tuple[str, ...], Meta(description="patterns of URIs and URI templates that may be read")] = ()
    prompts: Annotated[tuple[str, ...], Meta(description="patterns of prompt names that may be used")] = ()
    deny: Annotated[
        tuple[str, ...], Meta(description="patterns of tools, resources and prompts that are not there, whoever allows")
    ] = ()


class Decision(Struct, frozen=True):
    """Whether something may be used, and the line that says so.

    Args:
        allowed: whether it may.
        rule: where it is said, such as `roles.support.deny[0] = "shop_execute"`; for people who ask why.
    """

    allowed: bool
    rule: str


class _Pattern(Struct, frozen=True):
    text: str
    matches: re.Pattern[str]
    rule: str


class Access:
    """What a set of roles may use, compiled once.

    Args:
        roles: every role there is, by name.
        held: the names of those that a caller has; a name that is not known gives nothing.
    """

    def __init__(self, roles: Mapping[str, Role], held: Iterable[str]) -> None:
        self.held = tuple(dict.fromkeys(name for name in held if name in roles))
        self._denied = [one for name in self.held for one in _patterns(name, "deny", roles[name].deny)]
        self._allowed: dict[Kind, list[_Pattern]] = {
            "tool": [one for name in self.held for one in _patterns(name, "tools", roles[name].tools)],
            "resource": [one for name in self.held for one in _patterns(name, "resources", roles[name].resources)],
            "prompt": [one for name in self.held for one in _patterns(name, "prompts", roles[name].prompts)],
        }

    def decide(self, kind: Kind, key: str) -> Decision:
        """Say whether something may be used, and by which line."""
        for pattern in self._denied:
            if pattern.matches.fullmatch(key):
                return Decision(False, pattern.rule)
        for pattern in self._allowed[kind]:
            if pattern.matches.fullmatch(key):
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
        return any(
            pattern.matches.fullmatch(template) or match(_WILD.sub("x", pattern.text)) is not None
            for pattern in self._allowed["resource"]
        )


def _patterns(role: str, member: str, patterns: Iterable[str]) -> list[_Pattern]:
    return [
        _Pattern(pattern, re.compile(translate(pattern)), f'roles.{role}.{member}[{number}] = "{pattern}"')
        for number, pattern in enumerate(patterns)
    ]
