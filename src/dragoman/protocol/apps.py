"""MCP Apps on the wire (extension io.modelcontextprotocol/ui, SEP-1865 of 2026-01-26), in every revision alike.

Here are the words of `_meta.ui` on tools and on user interfaces, and the rules for what an author may put there: it
becomes part of headers that hosts build, so nothing is passed on that was not understood.
"""

import re
from collections.abc import Iterable
from typing import Any, Final, Literal, get_args

import msgspec
from msgspec import Struct, structs

from dragoman.errors import UsageError

EXTENSION: Final = "io.modelcontextprotocol/ui"
MIME_TYPE: Final = "text/html;profile=mcp-app"
SETTINGS: Final[dict[str, Any]] = {"mimeTypes": [MIME_TYPE]}
"""What a server with user interfaces declares under the extension's name, as clients do."""

Permission = Literal["camera", "microphone", "geolocation", "clipboard_write"]
Visibility = Literal["model", "app"]

_PERMISSIONS: Final = {permission: permission for permission in get_args(Permission)} | {
    "clipboard_write": "clipboardWrite"
}
_URI: Final = re.compile(r"ui://[A-Za-z0-9\-._~!$&'()*+,;=:@%]+(?:/[A-Za-z0-9\-._~!$&'()*+,;=:@%]+)*")
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_PORT: Final = r"(?::[0-9]{1,5})?"
_ORIGIN: Final = re.compile(rf"(?:https|wss)://(?:\*\.)?{_LABEL}(?:\.{_LABEL})*{_PORT}")
_LOCAL_ORIGIN: Final = re.compile(rf"(?:http|ws)://(?:localhost|127\.0\.0\.1|\[::1\]){_PORT}")
_DOMAIN: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")


class Csp(Struct, frozen=True, rename="camel", omit_defaults=True, kw_only=True):
    """What a user interface may reach; hosts block everything else (MCP Apps, UI Resource Format).

    Each is a list of origins, such as `https://api.example.com` or `https://*.example.com`.

    Args:
        connect_domains: where it may send requests.
        resource_domains: where scripts, styles, pictures, fonts and media may come from.
        frame_domains: what it may show in frames.
        base_uri_domains: what it may make the base of its relative links.

    Raises:
        UsageError: one of them is no origin.
    """

    connect_domains: list[str] = []
    resource_domains: list[str] = []
    frame_domains: list[str] = []
    base_uri_domains: list[str] = []

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            origins = getattr(self, name)
            if isinstance(origins, str) or not isinstance(origins, Iterable):
                raise UsageError(f"Csp: {name} is {origins!r}; give a list of origins.")
            origins = list(origins)
            for origin in origins:
                if not isinstance(origin, str) or not (_ORIGIN.fullmatch(origin) or _LOCAL_ORIGIN.fullmatch(origin)):
                    raise UsageError(
                        f"Csp: {name} has {origin!r}; write an origin as 'https://api.example.com', without a path "
                        "('http' and 'ws' only of this machine)."
                    )
            structs.force_setattr(self, name, origins)


def check_uri(uri: str) -> None:
    """See that a user interface may have this URI.

    Raises:
        UsageError: it does not begin with `ui://`, or has characters that a URI or a path has not.
    """
    if not _URI.fullmatch(uri):
        raise UsageError(
            f"app '{uri}': write its URI as 'ui://clock/view.html', a name after 'ui://' and no '?' or '#'."
        )


def view_meta(
    uri: str, csp: Csp | None, permissions: Iterable[str], domain: str | None, *, prefers_border: bool | None
) -> dict[str, Any]:
    """The `_meta.ui` of a user interface; empty where nothing is said.

    Raises:
        UsageError: a permission or the domain is none.
    """
    if csp is not None and not isinstance(csp, Csp):
        raise UsageError(f"app '{uri}': csp is {csp!r}; write Csp(connect_domains=[...], resource_domains=[...]).")
    wanted = [permissions] if isinstance(permissions, str) else list(permissions)
    for permission in wanted:
        if permission not in _PERMISSIONS:
            known = ", ".join(_PERMISSIONS)
            raise UsageError(f"app '{uri}': there is no permission {permission!r}; there are {known}.")
    if domain is not None and not _DOMAIN.fullmatch(domain):
        raise UsageError(
            f"app '{uri}': domain {domain!r} is no host name; the host's documentation says what it takes."
        )
    said: dict[str, Any] = {
        "csp": None if csp is None else msgspec.to_builtins(csp),
        "permissions": {_PERMISSIONS[permission]: {} for permission in wanted},
        "domain": domain,
        "prefersBorder": prefers_border,
    }
    return {name: value for name, value in said.items() if value is not None and value != {}}


def tool_meta(tool: str, uri: str | None, visibility: Iterable[str] | None) -> dict[str, Any]:
    """The `_meta.ui` of a tool.

    Raises:
        UsageError: the URI is none of a user interface, or the visibility names nobody or somebody else.
    """
    said: dict[str, Any] = {}
    if uri is not None:
        check_uri(uri)
        said["resourceUri"] = uri
    if visibility is not None:
        seen = [visibility] if isinstance(visibility, str) else list(visibility)
        if not seen or len(set(seen)) < len(seen) or not set(seen) <= set(get_args(Visibility)):
            raise UsageError(f"tool '{tool}': visibility is {seen}; name 'model', 'app' or both, each once.")
        said["visibility"] = seen
    return said


def declared(capabilities: Any) -> bool:
    """Whether a client declared that it shows user interfaces of our type."""
    extensions = capabilities.get("extensions") if isinstance(capabilities, dict) else None
    settings = extensions.get(EXTENSION) if isinstance(extensions, dict) else None
    types = settings.get("mimeTypes") if isinstance(settings, dict) else None
    return isinstance(types, list) and MIME_TYPE in types
