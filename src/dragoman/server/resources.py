"""Resources and resource templates: a URI, or a shape of URIs, bound to a function that reads it."""

import base64
import inspect
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from dragoman.errors import InternalFault, InvalidParams, ResourceNotFound, ToolError, UsageError
from dragoman.protocol.content import ResourceContents
from dragoman.protocol.messages import (
    ListResourcesResult,
    ListResourceTemplatesResult,
    ReadResourceResult,
    ResourceInfo,
    ResourceTemplateInfo,
)
from dragoman.protocol.revisions import Revision
from dragoman.protocol.uri import Narrowed, Template, compile_template, is_uri
from dragoman.server.completions import Completers, Suggesters, bind, context_parameter, narrowed
from dragoman.server.context import Context
from dragoman.server.encoders import json_of, text_of
from dragoman.server.exchange import Exchange
from dragoman.server.features import Listing, entry_of
from dragoman.server.mask import decisive, mask_unforeseen
from dragoman.server.signature import ArgumentsError, Signature

if TYPE_CHECKING:
    from dragoman.server.server import Server

RESOURCES: Final = Listing("resource", ListResourcesResult, "resources")
TEMPLATES: Final = Listing("resource template", ListResourceTemplatesResult, "resource_templates")

_LONGEST_SHOWN: Final = 128  # characters of a URI in a message; escaped, as a stranger chose them

Entries = Iterable[ResourceInfo] | AsyncIterable[ResourceInfo] | Awaitable[Iterable[ResourceInfo]]
Lister = Callable[..., Entries]
"""Names the resources that there are; it gets the Context if it annotates a parameter with it."""

Listed = Callable[[Exchange], Awaitable[list[ResourceInfo]]]


class Reader:
    """A function that reads resources, bound: what resources and templates share."""

    __slots__ = ("_call", "_context_index", "_decode", "_home", "_mime_type")

    def __init__(self, signature: Signature, home: "Server", mime_type: str | UnsetType) -> None:
        self._decode = signature.decode_strings
        self._context_index = signature.context_index
        self._mime_type = mime_type
        self._home = home
        self._call: Callable[..., Awaitable[Any]] = (
            signature.call if signature.is_async else home.threads.bind(signature.call)
        )

    async def read(self, uri: str, variables: Mapping[str, str], exchange: Exchange) -> ReadResourceResult:
        """Read one URI.

        Raises:
            ResourceNotFound: the function says so.
            InvalidParams: a variable does not fit its type, or the function raised ToolError.
            InternalFault: anything else, masked.
        """
        try:
            values = self._decode(variables)
            if self._context_index is not None:
                index = self._context_index
                values = (*values[:index], Context(exchange, self._home), *values[index:])
            value = await self._call(*values)
            return ReadResourceResult(contents=contents_of(value, uri, self._mime_type))
        except ArgumentsError:
            raise ResourceNotFound(uri) from None
        except BaseException as error:  # noqa: BLE001 - what is not for somebody further up is masked
            cause = decisive(error)
            if isinstance(cause, ToolError):
                raise InvalidParams(cause.message, {"uri": uri}) from None
            raise InternalFault(mask_unforeseen(cause, f"resource {uri[:_LONGEST_SHOWN]!r}")) from cause


class Resource:
    """A resource with a fixed URI.

    Raises:
        UsageError: the URI has no scheme or variables, or the function wants arguments.
    """

    __slots__ = ("info", "reader")
    arguments: tuple[str, ...] = ()
    completers: Suggesters = MappingProxyType({})

    def __init__(self, info: ResourceInfo, signature: Signature, home: "Server") -> None:
        if not is_uri(info.uri):
            raise UsageError(f"resource '{info.uri}': begin the URI with a scheme, such as 'config://settings'.")
        if "{" in info.uri:
            message = f"resource '{info.uri}' has a brace: add it with add_resource_template, or write %7B."
            raise UsageError(message)
        if signature.parameters:
            names = ", ".join(parameter.name for parameter in signature.parameters)
            message = f"resource '{info.uri}': its function wants {names}; name them in the URI as {{{names}}}."
            raise UsageError(message)
        self.info = info
        self.reader = Reader(signature, home, info.mime_type)

    @property
    def key(self) -> str:
        """The resource's URI."""
        return self.info.uri

    def moved(self, uri: str) -> "Resource":
        """The same resource under another URI, as a mounted server's resources have."""
        copy = object.__new__(Resource)
        copy.info, copy.reader = msgspec.structs.replace(self.info, uri=uri), self.reader
        return copy

    def entry(self, revision: Revision) -> dict[str, Any]:
        """How a listing of this revision shows it."""
        return entry_of(self.info, revision.entry_fields)


class ResourceTemplate:
    """A shape of URIs.

    Args:
        info: how listings show it.
        signature: its function, read; its parameters are the template's variables.
        home: the server that it is registered on, whose threads run it when it is synchronous.
        lister: names the resources that exist now, for `resources/list`; None when they are not listed.
        completers: suggest values of variables.

    Raises:
        UsageError: the template cannot be compiled, or its variables are not the function's parameters.
    """

    __slots__ = ("arguments", "completers", "info", "lister", "reader", "template")

    def __init__(
        self,
        info: ResourceTemplateInfo,
        signature: Signature,
        home: "Server",
        lister: Lister | None = None,
        completers: Completers | None = None,
    ) -> None:
        self.template: Template | Narrowed = compile_template(info.uri_template)
        wanted = {parameter.name for parameter in signature.parameters if parameter.required}
        taken = {parameter.name for parameter in signature.parameters}
        if not wanted <= set(self.template.names) <= taken:
            message = (
                f"resource template '{info.uri_template}' has the variables {', '.join(self.template.names)}, "
                f"its function the parameters {', '.join(sorted(taken)) or 'none'}; name them alike."
            )
            raise UsageError(message)
        self.info = info
        self.arguments = self.template.names
        where = f"resource template '{info.uri_template}'"
        self.completers = bind(where, signature.parameters, completers, home)
        self.lister = None if lister is None else _bound(where, lister, home)
        self.reader = Reader(signature, home, info.mime_type)

    @property
    def key(self) -> str:
        """The template's text."""
        return self.info.uri_template

    def moved(self, uri_template: str, move: Callable[[str], str]) -> "ResourceTemplate":
        """The same template under other URIs, as a mounted server's templates have."""
        copy = object.__new__(ResourceTemplate)
        copy.info = msgspec.structs.replace(self.info, uri_template=uri_template)
        copy.template, copy.reader, copy.lister = compile_template(uri_template), self.reader, None
        copy.arguments, copy.completers = self.arguments, self.completers
        if self.lister is not None:
            lister = self.lister

            async def listed(exchange: Exchange) -> list[ResourceInfo]:
                return [msgspec.structs.replace(info, uri=move(info.uri)) for info in await lister(exchange)]

            copy.lister = listed
        return copy

    def narrowed(self, takes: Callable[[str], bool]) -> "ResourceTemplate":
        """The same template for the URIs that `takes` agrees to, and with only those listed."""
        copy = object.__new__(ResourceTemplate)
        copy.info, copy.template, copy.reader, copy.lister = (
            self.info,
            Narrowed(self.template, takes),
            self.reader,
            None,
        )
        copy.arguments, copy.completers = self.arguments, self.completers
        if len(self.arguments) == 1:  # of several variables no value alone says which URIs it stands for
            (name,) = self.arguments

            def may_be(value: str) -> bool:
                return takes(self.template.expand({name: value}))

            copy.completers = {key: narrowed(suggest, may_be) for key, suggest in self.completers.items()}
        if self.lister is not None:
            lister = self.lister

            async def listed(exchange: Exchange) -> list[ResourceInfo]:
                return [info for info in await lister(exchange) if takes(info.uri)]

            copy.lister = listed
        return copy

    def entry(self, revision: Revision) -> dict[str, Any]:
        """How a listing of this revision shows it."""
        return entry_of(self.info, revision.entry_fields)


def _bound(where: str, lister: Lister, home: "Server") -> Listed:
    """A lister, whichever way it was written, as an async function that gives everything it names.

    A synchronous one runs in a thread, to its end.
    """
    context_name = context_parameter(f"{where}: the lister", lister)

    def listed_at_once(given: dict[str, Context]) -> Any:
        entries = lister(**given)
        return list(entries) if isinstance(entries, Iterable) else entries

    is_async = inspect.iscoroutinefunction(lister) or inspect.isasyncgenfunction(lister)
    call: Callable[..., Awaitable[Any]] | None = None if is_async else home.threads.bind(listed_at_once)

    async def listed(exchange: Exchange) -> list[ResourceInfo]:
        given = {} if context_name is None else {context_name: Context(exchange, home)}
        entries: Any = lister(**given) if call is None else await call(given)
        if isinstance(entries, AsyncIterable):
            return [entry async for entry in entries]
        return list(await entries if inspect.isawaitable(entries) else entries)

    return listed


def contents_of(value: Any, uri: str, mime_type: str | UnsetType) -> list[ResourceContents]:
    """Turn what a function returned into resource contents.

    Text stays text, bytes become base64, `ResourceContents` stand as they are, a list that begins with one is several;
    anything else is sent as JSON.

    Raises:
        ReturnError: it has no JSON.
    """
    match value:
        case str():
            return [ResourceContents(uri, "text/plain" if mime_type is UNSET else mime_type, text=text_of(value))]
        case bytes() | bytearray() | memoryview():
            blob = base64.b64encode(value).decode("ascii")
            return [ResourceContents(uri, "application/octet-stream" if mime_type is UNSET else mime_type, blob=blob)]
        case ResourceContents():
            return [value]
        case [ResourceContents(), *_] if isinstance(value, list | tuple):
            return [contents for item in value for contents in contents_of(item, uri, mime_type)]
        case _:
            text = json_of(value).decode()
            return [ResourceContents(uri, "application/json" if mime_type is UNSET else mime_type, text=text)]
