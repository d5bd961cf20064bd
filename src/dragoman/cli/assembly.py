"""Targets become one server, and each target's share of it is remembered, so that it can be said what is served."""

import importlib
import logging
import os
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from dragoman import __version__
from dragoman.cli.targets import Target, name_from
from dragoman.errors import DragomanError, UsageError
from dragoman.ops.logs import mask_unhandled
from dragoman.secrets import masked
from dragoman.server.exchange import Exchange
from dragoman.server.features import Features
from dragoman.server.resources import ResourceTemplate
from dragoman.server.server import Server
from dragoman.store.secret import kept_secret

if TYPE_CHECKING:
    from dragoman.ops.config import Config

DEFAULT_NAME: Final = "dragoman"
PASSING: Final = "DRAGOMAN_PASSING"
"""The variable by which a supervisor tells its workers that their `DRAGOMAN_SECRET` lasts no longer than it does."""

_log: Final = logging.getLogger("dragoman")


class KindModule(Protocol):
    """What a module of `kinds` holds."""

    TITLE: str

    def add(self, server: Server, target: Target) -> None:
        """Add a target to a server."""


class ConfigurationKind(Protocol):
    """What the module for configurations holds."""

    def read(self, target: Target) -> "Config":
        """Return what the file says."""

    def connect(self, server: Server, config: "Config") -> Iterator[tuple[Target, str]]:
        """Connect what it names, one by one."""


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
        listed = [await one.lister(Exchange()) for one in self.templates if one.lister is not None]
        return len(self.resources) + sum(map(len, listed))


@dataclass(frozen=True, slots=True)
class Served:
    """A server and what it is made of."""

    server: Server
    parts: tuple[Part, ...]
    config: "Config | None" = None


def configuration_of(targets: Sequence[Target]) -> "Config | None":
    """Read the configuration among targets, where there is one.

    Raises:
        UsageError: it cannot work; says where.
    """
    found = next((target for target in targets if target.kind == "configuration"), None)
    return None if found is None else cast("ConfigurationKind", _kind(found)).read(found)


def assemble(targets: Sequence[Target], name: str | None = None, config: "Config | None" = None) -> Served:
    """Make one server of targets.

    A single Python file is served as itself. Everything else is added to a new server.

    Args:
        targets: at least one.
        name: the new server's name.
        config: the configuration among the targets, where it was read already.

    Raises:
        UsageError: a target cannot be served, or two of them clash.
    """
    first = targets[0]
    if len(targets) == 1 and first.kind == "python" and not first.is_named and name is None:
        python = cast("PythonKind", _kind(first))
        server = python.load(first)
        return Served(server, (_part(set(), server, first, python.TITLE),))
    mask_unhandled()
    config = configuration_of(targets) if config is None else config
    server = _server(name, config)
    parts = []
    for target in targets:
        before = _keys(server)
        if target.kind == "configuration" and config is not None:
            for part, title in cast("ConfigurationKind", _kind(target)).connect(server, config):
                parts.append(_part(before, server, part, title))
                before = _keys(server)
            continue
        kind = _kind(target)
        kind.add(server, target)
        parts.append(_part(before, server, target, kind.TITLE))
    if not parts:
        raise UsageError(f"'{first.word}' names nothing to serve; add a section [connectors.NAME] to it.")
    lines = [] if config is None else [config.settings.server.instructions]
    server.describe = lambda seen: "\n".join(filter(None, [*lines, _instructions(seen, parts)]))
    server.instructions = server.describe(server)
    if config is not None:
        with config.placed():
            importlib.import_module("dragoman.ops.narrowing").narrow(server, config.settings)
    return Served(server, tuple(parts), config)


def _server(name: str | None, config: "Config | None") -> Server:
    """A new server, as the configuration has it; the command line's name wins."""
    if config is None:
        return Server(DEFAULT_NAME if name is None else _checked(name), __version__)
    settings = config.settings.server
    with config.placed("server", "secrets"):
        server = Server(
            settings.name if name is None else _checked(name),
            __version__,
            title=settings.title,
            limits=settings.limits,
            secrets=[secret.reveal() for secret in settings.secrets],
        )
    if not server.seal.is_shared or (not settings.secrets and PASSING in os.environ):
        server.seal.keep(_kept)
    return server


def _kept() -> str:
    """The secret of hash masks where the administrator gave none; where none can be kept, one for this process."""
    try:
        return kept_secret()
    except UsageError as error:
        _log.warning("Hash masks will differ after a restart, unless DRAGOMAN_SECRET is set. %s", error)
        return secrets.token_hex(32)


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
        yield [problem for one in server.connectors.values() if (problem := await health_of(one)) is not None]
    finally:
        await server.close()


async def health_of(connector: object) -> str | None:
    """What keeps a connector from answering, as a sentence without secrets; None when it is well."""
    health = getattr(connector, "health", None)  # a connector of somebody else's may have none
    problem = None if health is None else cast("str | None", await health())
    return None if problem is None else masked(problem)


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
    lines = []
    for part in parts:
        tools = sorted(part.tools & server.tools.named.keys())  # of which a caller may see fewer
        if part.target.kind != "python" and (tools or not part.tools):
            lines.append(f"The {part.title} '{part.target.name}'{_rights(server, tools)}: {', '.join(tools)}.")
    lines += [mounted.instructions for mounted in server.mounted if mounted.instructions]
    return "\n".join(lines)


def _rights(server: Server, tools: Sequence[str]) -> str:
    """Whether none of the tools writes, as they say."""
    hints = [server.tools.named[tool].info.annotations for tool in tools]
    return " (read-only)" if all(hint and hint.read_only_hint is True for hint in hints) else ""


def configuration_name(server: Server) -> str:
    """The server's name as a key of a client's configuration."""
    return name_from(server.info.name, "python")
