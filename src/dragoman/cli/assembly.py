"""Targets become one server, and each target's share of it is remembered, so that it can be said what is served."""

import importlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol, cast

from dragoman import __version__
from dragoman.cli.targets import Target, name_from
from dragoman.errors import DragomanError, UsageError
from dragoman.server.features import Features
from dragoman.server.resources import ResourceTemplate
from dragoman.server.server import Server

DEFAULT_NAME: Final = "dragoman"


class KindModule(Protocol):
    """What a module of `kinds` holds."""

    TITLE: str

    def add(self, server: Server, target: Target) -> None:
        """Add a target to a server."""


class PythonKind(KindModule, Protocol):
    """What the module for Python files holds besides."""

    def load(self, target: Target) -> Server:
        """Return the file's server."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one target brought."""

    target: Target
    title: str
    tools: frozenset[str]
    prompts: frozenset[str]
    resources: frozenset[str]
    templates: tuple[ResourceTemplate, ...]

    async def count_resources(self) -> int:
        """How many resources there are now; those of templates that list nothing are not counted."""
        listed = [await one.lister() for one in self.templates if one.lister is not None]
        return len(self.resources) + sum(map(len, listed))


@dataclass(frozen=True, slots=True)
class Served:
    """A server and what it is made of."""

    server: Server
    parts: tuple[Part, ...]


def assemble(targets: Sequence[Target], name: str | None = None) -> Served:
    """Make one server of targets.

    A single Python file is served as itself. Everything else is added to a new server.

    Args:
        targets: at least one.
        name: the new server's name.

    Raises:
        UsageError: a target cannot be served, or two of them clash.
    """
    first = targets[0]
    if len(targets) == 1 and first.kind == "python" and not first.is_named and name is None:
        python = cast("PythonKind", _kind(first))
        server = python.load(first)
        return Served(server, (_part(set(), server, first, python.TITLE),))
    server = Server(DEFAULT_NAME if name is None else _checked(name), __version__)
    parts = []
    for target in targets:
        kind = _kind(target)
        before = _keys(server)
        kind.add(server, target)
        parts.append(_part(before, server, target, kind.TITLE))
    server.instructions = _instructions(server, parts)
    return Served(server, tuple(parts))


@asynccontextmanager
async def started(served: Served) -> AsyncIterator[list[str]]:
    """Start the server; gives what is not well with its connectors, as sentences.

    Raises:
        UsageError: it does not start.
    """
    server = served.server
    try:
        await server.start()
    except DragomanError:
        raise
    except Exception as error:
        message = f"{server.info.name} does not start: {type(error).__name__}: {error}"
        raise UsageError(message) from error
    try:
        yield [problem for one in server.connectors.values() if (problem := await _health(one)) is not None]
    finally:
        await server.close()


async def _health(connector: object) -> str | None:
    health = getattr(connector, "health", None)  # a connector of somebody else's may have none
    return None if health is None else cast("str | None", await health())


def _kind(target: Target) -> KindModule:
    return cast("KindModule", importlib.import_module(f"dragoman.cli.kinds.{target.kind}"))


def _keys(server: Server) -> set[tuple[str, str]]:
    """Every feature there is, by kind and key."""
    kinds: tuple[Features[Any], ...] = (server.tools, server.prompts, server.resources, server.templates)
    return {(kind.listing.noun, key) for kind in kinds for key in kind.named}


def _part(before: set[tuple[str, str]], server: Server, target: Target, title: str) -> Part:
    """What is on the server that was not before."""

    def new(features: Features[Any]) -> frozenset[str]:
        return frozenset(key for key in features.named if (features.listing.noun, key) not in before)

    templates = tuple(server.templates.named[key] for key in sorted(new(server.templates)))
    return Part(target, title, new(server.tools), new(server.prompts), new(server.resources), templates)


def _checked(name: str) -> str:
    if not name.strip() or not name.isprintable():
        raise UsageError("--name is empty or cannot be printed; give the server a name such as 'shop'.")
    return name


def _instructions(server: Server, parts: Sequence[Part]) -> str:
    """What a model should know: what is here, and what Python files say of themselves."""
    lines = [
        f"The {part.title} '{part.target.name}' (read-only): {', '.join(sorted(part.tools))}."
        for part in parts
        if part.target.kind != "python"
    ]
    lines += [mounted.instructions for mounted in server.mounted if mounted.instructions]
    return "\n".join(lines)


def configuration_name(server: Server) -> str:
    """The server's name as a key of a client's configuration."""
    return name_from(server.info.name, "python")
