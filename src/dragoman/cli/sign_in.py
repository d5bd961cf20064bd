"""Sign-in on the way from the command line to the endpoint: the gate, its public routes, and what changes them."""

import argparse
import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from msgspec import structs

from dragoman.auth.settings import ApiKeySettings, AuthSettings
from dragoman.cli.assembly import Served
from dragoman.errors import UsageError
from dragoman.ops.narrowing import narrow
from dragoman.ops.reload import Reloading
from dragoman.ops.settings import Settings
from dragoman.ops.sign_in import documents_of, gate_of
from dragoman.transports.http import Endpoint
from dragoman.transports.public import App, Document

if TYPE_CHECKING:
    from dragoman.auth.gate import Gate


def settings_of(served: Served, options: argparse.Namespace) -> Settings:
    """What is served by, with `--keys`."""
    settings = Settings() if served.config is None else served.config.settings
    return with_keys(settings) if options.keys else settings


def with_keys(settings: Settings) -> Settings:
    """The same settings where API keys are accepted, and asked for."""
    auth = settings.auth or AuthSettings()
    keys = auth.api_keys or ApiKeySettings()
    return structs.replace(settings, auth=structs.replace(auth, api_keys=keys))


def install(endpoint: Endpoint, settings: Settings, resource: str | None) -> None:
    """Put the gate and the public routes that settings describe on an endpoint.

    Args:
        endpoint: where.
        settings: the whole configuration.
        resource: the URL of the endpoint as clients know it, where the configuration does not say.

    Raises:
        UsageError: something that is needed is not said; the endpoint is as it was.
    """
    gate, routes = _made(endpoint, settings, resource)
    old = endpoint.routes
    endpoint.gate = gate
    endpoint.routes = {path: app for path, app in old.items() if not isinstance(app, Document)} | routes


def _made(endpoint: Endpoint, settings: Settings, resource: str | None) -> "tuple[Gate | None, dict[str, App]]":
    name = endpoint.server.info.title or endpoint.server.info.name
    documents = documents_of(settings, endpoint.path, resource, name)
    return gate_of(endpoint.server, settings, resource), {path: Document(said) for path, said in documents.items()}


@contextlib.asynccontextmanager
async def following(
    served: Served,
    options: argparse.Namespace,
    endpoint: Endpoint,
    resource: str | None,
    tell: Callable[[Settings], None],
) -> AsyncIterator[None]:
    """While it is served, follow the configuration, where there is one.

    Args:
        served: what is served.
        options: those of the command line.
        endpoint: whose gate changes.
        resource: as for `install`.
        tell: is told of changed settings.
    """
    if served.config is None:
        yield
        return
    config = served.config

    held = config.settings

    async def apply(settings: Settings) -> None:
        nonlocal held
        before = endpoint.gate
        with config.placed():
            try:
                narrow(served.server, settings)
                install(endpoint, with_keys(settings) if options.keys else settings, resource)
            except UsageError:
                narrow(served.server, held)
                raise
        held = settings
        tell(settings)
        if before is not None:
            await before.close()

    reading = asyncio.create_task(Reloading(config, apply).run())
    try:
        yield
    finally:
        reading.cancel()
        await asyncio.wait((reading,))


def refuse_as(options: argparse.Namespace) -> None:
    """Refuse `--as` where callers say themselves who they are.

    Raises:
        UsageError: it was given.
    """
    if options.roles:
        raise UsageError("--as is for --stdio: over HTTP a key or token says who calls, and what it may do.")
