"""Mounting: one server's features shown as another's, and kept so when they change."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dragoman.errors import UsageError
from dragoman.server.features import Features

if TYPE_CHECKING:
    from dragoman.server.server import Server


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

    mirrors = [
        _mirror(other.tools, server.tools, lambda tool: tool.renamed(name(tool.key))),
        _mirror(other.resources, server.resources, lambda resource: resource.moved(uri(resource.key))),
        _mirror(other.templates, server.templates, lambda template: template.moved(uri(template.key), uri)),
        _mirror(other.prompts, server.prompts, lambda prompt: prompt.renamed(name(prompt.key))),
    ]
    for check, _, _ in mirrors:
        check()
    for _, update, listeners in mirrors:
        update()
        listeners.append(update)
    other.changes.forwards.append(
        lambda change: server.changes.post(change._replace(uri=uri(change.uri) if change.uri else ""))
    )
    server.mounted.append(other)


def _mirror(
    source: Features[Any], target: Features[Any], shown: Callable[[Any], Any]
) -> tuple[Callable[[], None], Callable[[], None], list[Callable[[], None]]]:
    """Three steps to mirror one kind: see that no name is taken, bring the target up to date, where to listen."""
    present: dict[str, str] = {}  # key at the source -> key at the target

    def check() -> None:
        for feature in source.named.values():
            key = shown(feature).key
            if key in target.named:
                message = f"{target.listing.noun} '{key}' exists already; mount with another prefix."
                raise UsageError(message)

    def update() -> None:
        for gone in [key for key in present if key not in source.named]:
            target.remove(present.pop(gone))
        for key, feature in source.named.items():
            if key not in present:
                copy = shown(feature)
                target.add(copy)
                present[key] = copy.key

    return check, update, source.listeners


def _contains(outer: "Server", inner: "Server") -> bool:
    return outer is inner or any(_contains(mounted, inner) for mounted in outer.mounted)
