"""What a caller sees of a server: the same server with fewer features.

A view is made once per set of roles and shares everything but what is listed: its registries hold only what may be
used, so what is not allowed is not found, by any method, on any wire, in any revision, and its name is never proposed
(P13). It follows the server: what is added or removed there is here at once, and clients hear only of changes to
what they see.
"""

import copy
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from dragoman.auth.policy import Access, Kind
from dragoman.server import watch
from dragoman.server.features import Features
from dragoman.server.resources import ResourceTemplate
from dragoman.server.tools import Tool
from dragoman.server.watch import Change, Changes

if TYPE_CHECKING:
    from dragoman.server.server import Server

_KINDS = ("tools", "resources", "templates", "prompts", "skills")

Show = Callable[[Any], Any]
"""What stands in a view for a feature; None where it is not there."""


def view_of(server: "Server", access: Access, wrap: Callable[[Tool], Any] | None = None) -> "Server":
    """Return a server that has only what an access allows.

    Args:
        server: the whole.
        access: who may use what.
        wrap: what stands in the view for a tool, such as one that counts its calls.
    """

    def withheld(name: str) -> frozenset[str]:
        one = server.tools.named.get(name)
        rule = one.rule if one is not None and _may_see(one, access) else None
        return frozenset() if rule is None or rule.scopes <= access.scopes else rule.scopes | access.scopes

    def connector_of(kind: Kind, key: str) -> str | None:
        return server.origins.get((kind, key))

    access.connector_of = connector_of
    view = copy.copy(server)
    view.changes = Changes()
    view.access = access
    view.withheld = withheld
    kinds: tuple[tuple[str, Show, str], ...] = (
        ("tools", partial(_tool, access, wrap), watch.TOOLS),
        ("resources", partial(_plain, access, "resource"), watch.RESOURCES),
        ("templates", partial(_permitted, access), watch.RESOURCES),
        ("prompts", partial(_plain, access, "prompt"), watch.PROMPTS),
        ("skills", partial(_plain, access, "resource"), watch.RESOURCES),
    )
    for name, show, method in kinds:
        shown = _Shown(getattr(server, name), show)
        shown.features.listeners.append(partial(view.changes.post, Change(method)))
        setattr(view, name, shown.features)
    if server.describe is not None:
        view.instructions = server.describe(view)
    server.changes.forwards.append(partial(_forward, view))
    return view


def let_go(server: "Server", view: "Server") -> None:
    """End a view: its subscriptions, and that it follows the server."""
    view.changes.end_all()
    server.changes.forwards[:] = [one for one in server.changes.forwards if getattr(one, "args", None) != (view,)]
    for name in _KINDS:
        source, shown = getattr(server, name), getattr(view, name)
        source.listeners[:] = [
            one for one in source.listeners if getattr(getattr(one, "__self__", None), "features", None) is not shown
        ]


def _forward(view: "Server", change: Change) -> None:
    """Pass on what changed in the server, as far as the view shows it; its listings speak for themselves."""
    relevant = bool(change.task) or (bool(change.uri) and view.has_resource(change.uri))
    if change.method == watch.RESOURCES:  # a template lists other resources now
        relevant = any(one.lister is not None for one in view.templates.named.values())
    if relevant:
        view.changes.post(change)


def _may_see(tool: Tool, access: Access) -> bool:
    return access.allows("tool", tool.key) and (tool.rule is None or tool.rule.is_for(access.names))


def _tool(access: Access, wrap: Callable[[Tool], Any] | None, tool: Tool) -> Any:
    if not _may_see(tool, access) or (tool.rule is not None and not tool.rule.scopes <= access.scopes):
        return None
    return tool if wrap is None else wrap(tool)


def _plain(access: Access, kind: Kind, feature: Any) -> Any:
    return feature if access.allows(kind, feature.key) else None


def _permitted(access: Access, template: ResourceTemplate) -> ResourceTemplate | None:
    """The template as far as its URIs may be read, each judged by itself; None when none may.

    A URI may be read when a pattern allows it or the template as such, and nothing denies it.
    """
    if not access.may_reach(template.key, template.template.match):
        return None
    whole = access.allows("resource", template.key)

    def may_read(uri: str) -> bool:
        return not access.denies(uri) and (whole or access.allows("resource", uri))

    return template.narrowed(may_read)


class _Shown:
    """The features of one kind that may be used.

    Args:
        source: all of them.
        show: what stands for one, or None.
    """

    def __init__(self, source: Features[Any], show: Show) -> None:
        self.features: Features[Any] = source.empty("private")
        self._source = source
        self._show = show
        self._shown: dict[str, tuple[Any, Any]] = {}  # key -> the feature, and what stands for it
        self._update()
        source.listeners.append(self._update)

    def _update(self) -> None:
        before, self._shown = self._shown, {}
        for key, feature in self._source.named.items():
            known = before.get(key)
            shown = known[1] if known is not None and known[0] is feature else self._show(feature)
            self._shown[key] = feature, shown
        named = {key: shown for key, (_, shown) in self._shown.items() if shown is not None}
        if list(named.items()) != list(self.features.named.items()):
            self.features.named = named
            self.features.changed()
