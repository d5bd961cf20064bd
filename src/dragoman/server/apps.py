"""User interfaces that hosts show with the results of tools (MCP Apps): registered, bound to tools, read.

A user interface is a resource like any other, whose contents carry what it wants of the host. A host that does not
know the extension sees a tool with a text result, and no tool that is only for user interfaces.
"""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import UNSET, Raw, structs

from dragoman.errors import InternalFault, UsageError
from dragoman.protocol import apps
from dragoman.protocol.content import ResourceContents
from dragoman.protocol.messages import ReadResourceResult, ResourceInfo
from dragoman.protocol.revisions import Revision
from dragoman.server.context import Context
from dragoman.server.exchange import Exchange
from dragoman.server.features import read_cursor
from dragoman.server.mask import mask
from dragoman.server.options import AppOptions, ToolOptions, refuse_unknown
from dragoman.server.resources import Reader, Resource
from dragoman.server.signature import Signature, read_signature
from dragoman.server.tools import Tool

if TYPE_CHECKING:
    from dragoman.server.server import Server

Html = str | Path | Callable[..., str | Awaitable[str]]


class ViewReader(Reader):
    """Reads a user interface: its page, with what it wants of the host.

    Args:
        signature: the function that gives the page, read.
        home: the server that it is registered on.
        wanted: the `_meta.ui` of its contents; what the function gives itself comes before it.
    """

    __slots__ = ("_wanted",)

    def __init__(self, signature: Signature, home: "Server", wanted: dict[str, Any]) -> None:
        super().__init__(signature, home, apps.MIME_TYPE)
        self._wanted = wanted

    async def read(self, uri: str, variables: Mapping[str, str], exchange: Exchange) -> ReadResourceResult:
        """Read the page.

        Raises:
            InternalFault: the function failed, or gave no HTML; masked.
        """
        result = await super().read(uri, variables, exchange)
        return ReadResourceResult(contents=[self._completed(contents, uri) for contents in result.contents])

    def _completed(self, contents: ResourceContents, uri: str) -> ResourceContents:
        if contents.blob is UNSET and not _is_html(contents.text):
            error = TypeError("what it gave is no HTML: return the text of a page, which begins with '<'")
            raise InternalFault(mask(error, f"app {uri!r}"))
        given = contents.meta if isinstance(contents.meta, dict) else {}
        wanted = {**self._wanted, **given.get("ui", {})}
        meta = {**given, "ui": wanted} if wanted else given
        return structs.replace(contents, uri=uri, mime_type=apps.MIME_TYPE, meta=meta or UNSET)


def add_app(server: "Server", uri: str, html: Html, options: AppOptions) -> Resource:
    """Register a user interface.

    Raises:
        UsageError: the URI is malformed or taken, or an option or the page cannot work.
    """
    refuse_unknown(options, AppOptions)
    apps.check_uri(uri)
    wanted = apps.view_meta(
        uri,
        options.get("csp"),
        options.get("permissions") or (),
        options.get("domain"),
        prefers_border=options.get("prefers_border"),
    )
    meta = _with_ui(f"app '{uri}'", options.get("meta"), wanted)
    signature = read_signature(
        _page(uri, html),
        context_type=Context,
        name=options.get("name") or uri.removeprefix("ui://"),
        description=options.get("description"),
    )
    info = ResourceInfo(
        uri=uri,
        name=signature.name,
        title=options.get("title") or UNSET,
        description=signature.description or UNSET,
        mime_type=apps.MIME_TYPE,
        icons=options.get("icons") or UNSET,
        meta=meta or UNSET,
    )
    resource = Resource(info, signature, server)
    resource.reader = ViewReader(signature, server, wanted)
    server.resources.add(resource)
    server.extensions[apps.EXTENSION] = apps.SETTINGS
    return resource


def bind(server: "Server", name: str, options: ToolOptions) -> dict[str, Any]:
    """The `_meta` of a tool that has a user interface or is for one; the server declares the extension.

    Raises:
        UsageError: an option cannot work, or `_meta` says something of user interfaces already.
    """
    uri = options.get("ui")
    said = apps.tool_meta(name, uri, options.get("visibility"))
    meta = _with_ui(f"tool '{name}'", options.get("meta"), said)
    if uri is not None:
        server.views[name] = uri
    if said:
        server.extensions[apps.EXTENSION] = apps.SETTINGS
    return meta


def page_for_models(server: "Server", revision: Revision, cursor: str | None) -> Raw | None:
    """A page of `tools/list` without the tools that are only for user interfaces; None where there are none."""
    tools = server.tools
    shown = [tool for tool in tools.named.values() if not _is_for_apps(tool)]
    if len(shown) == len(tools.named):
        return None
    offset = 0 if cursor is None else read_cursor(cursor, tools.listing.member)
    end = offset + server.limits.page_size
    entries = [tool.entry(revision) for tool in shown[offset:end]]
    return tools.encode(entries, end if end < len(shown) else None, revision, server.identity)


def _is_for_apps(tool: Tool) -> bool:
    said = tool.info.meta.get("ui") if isinstance(tool.info.meta, dict) else None
    return isinstance(said, dict) and said.get("visibility") == ["app"]


def _with_ui(of: str, meta: dict[str, Any] | None, said: dict[str, Any]) -> dict[str, Any]:
    if meta is not None and "ui" in meta and said:
        raise UsageError(f"{of}: its meta has 'ui' already; say it there or with the options, not both.")
    return {**(meta or {}), **({"ui": said} if said else {})}


def _page(uri: str, html: Html) -> Callable[..., Any]:
    """The function that gives the page."""
    if isinstance(html, str):
        if not _is_html(html):
            raise UsageError(f"app '{uri}': html={html[:40]!r} is no HTML; to serve a file, give its Path.")
        text = html

        async def given() -> str:
            return text

        return given
    if isinstance(html, Path):
        path = html

        def read() -> str:
            return path.read_text("utf-8")

        try:
            page = read()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"app '{uri}': the file '{path}' cannot be read: {error}.") from error
        if not _is_html(page):
            raise UsageError(f"app '{uri}': the file '{path}' has no HTML in it.")
        return read
    if not callable(html):
        raise UsageError(f"app '{uri}': html is {html!r}; give HTML as text, the Path of a file, or a function.")
    return html


def _is_html(text: Any) -> bool:
    return isinstance(text, str) and text.lstrip("\ufeff \t\r\n").startswith("<")
