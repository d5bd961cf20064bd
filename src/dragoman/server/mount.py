"""Features that come to a server from elsewhere: of another server, kept up to date, or of a connector.

Either all of them come or none: a name that is taken leaves the server as it was.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from dragoman.auth.policy import Kind
from dragoman.errors import UsageError
from dragoman.server.features import Features

if TYPE_CHECKING:
    from dragoman.server.lifespan import Attachable
    from dragoman.server.server import Server
    from dragoman.server.tools import Tool


_NAMED: Final[dict[str, Kind]] = {"tool": "tool", "prompt": "prompt"}  # the others are found by URIs


def attach(server: "Server", connector: "Attachable") -> None:
    """Let a connector add its features.

    Raises:
        UsageError: the name of one is taken.
    """
    kinds: tuple[Features[Any], ...] = (server.tools, server.resources, server.templates, server.prompts, server.skills)
    before = [set(features.named) for features in kinds]
    try:
        connector.attach(server)
    except BaseException:
        for features, known in zip(kinds, before, strict=True):
            for key in [key for key in features.named if key not in known]:
                features.remove(key)
        raise
    server.connectors[connector.name] = connector
    for features, known in zip(kinds, before, strict=True):
        kind = _NAMED.get(features.listing.noun, "resource")
        server.origins.update({(kind, key): connector.name for key in features.named if key not in known})


def mount(server: "Server", other: "Server", prefix: str) -> None:
    """Show the features of `other` on `server`.

    Raises:
        UsageError: a name is taken, or the server would contain itself.
    """
    if _contains(other, server):
        message = f"{other!r} cannot be mounted on {server!r}: it would contain itself."
        raise UsageError(message)

    def name(text: str) -> str:
        return f"{prefix}_{text}" if prefix else text

    def uri(text: str) -> str:
        scheme, mark, rest = text.partition("://")
        if not prefix:
            return text
        return f"{scheme}://{prefix}/{rest}" if mark else text.replace(":", f":{prefix}/", 1)

    mirrors: list[_Mirror] = [
        _Mirror(other.tools, server.tools, lambda tool: _show_view(tool.renamed(name(tool.key)), uri)),
        _Mirror(other.resources, server.resources, lambda resource: resource.moved(uri(resource.key))),
        _Mirror(other.templates, server.templates, lambda template: template.moved(uri(template.key), uri)),
        _Mirror(other.prompts, server.prompts, lambda prompt: prompt.renamed(name(prompt.key))),
        _Mirror(other.skills, server.skills, lambda skill: skill.moved(uri(skill.key))),
    ]
    for mirror in mirrors:
        mirror.check_all()
    for mirror in mirrors:
        mirror.begin()
    other.changes.forwards.append(
        lambda change: server.changes.post(change._replace(uri=uri(change.uri) if change.uri else ""))
    )
    server.mounted.append(other)


class _Mirror:
    """Shows the features of one kind.

    Args:
        source: where they are.
        target: where they are shown.
        shown: what is shown for a feature.
    """

    def __init__(self, source: Features[Any], target: Features[Any], shown: Callable[[Any], Any]) -> None:
        self._source = source
        self._target = target
        self._shown = shown
        self._present: dict[str, Any] = {}  # key at the source -> what is shown for it

    def check(self, feature: Any) -> None:
        """See that a feature can be shown."""
        self._target.check(self._shown(feature))

    def check_all(self) -> None:
        """See that every feature can be shown."""
        for feature in self._source.named.values():
            self.check(feature)

    def begin(self) -> None:
        """Show every feature, from now on."""
        self._update()
        self._source.checks.append(self.check)
        self._source.listeners.append(self._update)

    def _update(self) -> None:
        source, target = self._source.named, self._target
        for key in [key for key in self._present if key not in source]:
            gone = self._present.pop(key)
            name: str = gone.key
            if target.named.get(name) is gone:  # unless it was removed there already
                target.remove(name)
        for key, feature in source.items():
            if key not in self._present:
                self._present[key] = copy = self._shown(feature)
                target.add(copy)


def _show_view(tool: "Tool", uri: Callable[[str], str]) -> "Tool":
    """Let a tool that was renamed name its user interface by the URI that it has here (MCP Apps)."""
    meta = tool.info.meta
    said = meta.get("ui") if isinstance(meta, dict) else None
    if isinstance(meta, dict) and isinstance(said, dict) and isinstance(said.get("resourceUri"), str):
        tool.info.meta = {**meta, "ui": {**said, "resourceUri": uri(said["resourceUri"])}}
    return tool


def _contains(outer: "Server", inner: "Server") -> bool:
    return outer is inner or any(_contains(mounted, inner) for mounted in outer.mounted)
