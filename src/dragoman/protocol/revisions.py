"""THE table: what each protocol revision has. A difference between revisions is a cell here, never an `if` elsewhere.

Shared code takes the `Revision` in force and asks it. What no cell can say is in the era's file: `modern.py` for
2026-07-28 on, `legacy.py` for the revisions that open with `initialize`.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from msgspec import Raw, Struct

from dragoman.errors import Fault, ResourceNotFound
from dragoman.protocol import legacy, modern
from dragoman.protocol.content import AudioContent, EmbeddedResource, ImageContent, ResourceLink, TextContent

Stamp = Callable[[Any, "Revision", Raw], Any]

_LISTINGS: Final = frozenset({"tools/list", "resources/list", "resources/templates/list", "prompts/list"})
_USES: Final = frozenset({"tools/call", "resources/read", "prompts/get"})
_TEXT_IMAGE: Final = frozenset({TextContent, ImageContent, EmbeddedResource})
_TASKS: Final = frozenset({"tasks/get", "tasks/update", "tasks/cancel"})
_SKILLS: Final = frozenset({"skills/list", "skills/get", "resources/directory/read"})  # SEP-2640: in every revision
_LEGACY_TASKS: Final = frozenset({"tasks/get", "tasks/result", "tasks/list", "tasks/cancel"})
_NAMED: Final[Mapping[str, str]] = {
    "tools/call": "name",
    "resources/read": "uri",
    "prompts/get": "name",
    "tasks/get": "task_id",
    "tasks/update": "task_id",
    "tasks/cancel": "task_id",
}
_TOOL_2024: Final = frozenset({"name", "description", "inputSchema"})
_TOOL_2025_03: Final = _TOOL_2024 | {"annotations"}
_TOOL_2025_06: Final = _TOOL_2025_03 | {"title", "outputSchema", "_meta"}
_TOOL_ALL: Final = _TOOL_2025_06 | {"icons"}
_OTHER_2024: Final = frozenset(
    {"name", "description", "uri", "uriTemplate", "mimeType", "size", "annotations", "arguments"}
)
_OTHER_2025_06: Final = _OTHER_2024 | {"title", "_meta"}
_OTHER_ALL: Final = _OTHER_2025_06 | {"icons"}


class Revision(Struct, frozen=True, kw_only=True):
    """One protocol revision.

    Args:
        name: the version string on the wire.
        modern: each request stands alone and carries its own metadata.
        methods: the requests it has.
        notifications: the notifications a client may send.
        resumable: whether an event stream may be taken up again after its connection was lost.
        primed: whether a stream begins with an event that only says where it is.
        batches: whether several messages may come as one array.
        content: the content blocks it knows; others are sent as text that says so.
        tool_fields: what an entry of `tools/list` may show.
        entry_fields: what an entry of the other listings may show.
        structured: what structured content may be: nothing, an object, any JSON value.
        progress_message: whether progress may carry words.
        elicitation_modes: whether an elicitation says its mode.
        not_found: the code for a resource that is not there.
        tasks: how a call becomes a task: not at all, when its request asks, when the server says.
        name_sources: by method, the parameter that `Mcp-Name` mirrors.
        stamp: completes a result the way the era wants it.
    """

    name: str
    modern: bool
    methods: frozenset[str]
    notifications: frozenset[str]
    resumable: bool = False
    primed: bool = False
    batches: bool = False
    content: frozenset[type]
    tool_fields: frozenset[str]
    entry_fields: frozenset[str]
    structured: Literal["none", "object", "any"]
    progress_message: bool = True
    elicitation_modes: bool = False
    not_found: int
    tasks: Literal["none", "requested", "extension"] = "none"
    name_sources: Mapping[str, str] = {}
    stamp: Stamp

    def code_of(self, fault: Fault) -> int:
        """The JSON-RPC code this revision gives a fault."""
        return self.not_found if isinstance(fault, ResourceNotFound) else fault.code


_LEGACY_METHODS: Final = (
    _LISTINGS
    | _USES
    | _SKILLS
    | {
        "initialize",
        "ping",
        "logging/setLevel",
        "completion/complete",
        "resources/subscribe",
        "resources/unsubscribe",
    }
)
_LEGACY_NOTIFICATIONS: Final = frozenset(
    {
        "notifications/initialized",
        "notifications/cancelled",
        "notifications/progress",
        "notifications/roots/list_changed",
    }
)

_ROWS: Final = (
    Revision(
        name="2024-11-05",
        modern=False,
        methods=_LEGACY_METHODS,
        notifications=_LEGACY_NOTIFICATIONS,
        content=_TEXT_IMAGE,
        tool_fields=_TOOL_2024,
        entry_fields=_OTHER_2024,
        structured="none",
        progress_message=False,
        not_found=-32002,
        stamp=legacy.stamp,
    ),
    Revision(
        name="2025-03-26",
        modern=False,
        resumable=True,
        methods=_LEGACY_METHODS,
        notifications=_LEGACY_NOTIFICATIONS,
        batches=True,
        content=_TEXT_IMAGE | {AudioContent},
        tool_fields=_TOOL_2025_03,
        entry_fields=_OTHER_2024,
        structured="none",
        not_found=-32002,
        stamp=legacy.stamp,
    ),
    Revision(
        name="2025-06-18",
        modern=False,
        resumable=True,
        methods=_LEGACY_METHODS,
        notifications=_LEGACY_NOTIFICATIONS,
        content=_TEXT_IMAGE | {AudioContent, ResourceLink},
        tool_fields=_TOOL_2025_06,
        entry_fields=_OTHER_2025_06,
        structured="object",
        not_found=-32002,
        stamp=legacy.stamp,
    ),
    Revision(
        name="2025-11-25",
        modern=False,
        resumable=True,
        primed=True,
        methods=_LEGACY_METHODS | _LEGACY_TASKS,
        notifications=_LEGACY_NOTIFICATIONS,
        content=_TEXT_IMAGE | {AudioContent, ResourceLink},
        elicitation_modes=True,
        tool_fields=_TOOL_ALL | {"execution"},
        entry_fields=_OTHER_ALL,
        structured="object",
        not_found=-32002,
        tasks="requested",
        stamp=legacy.stamp,
    ),
    Revision(
        name="2026-07-28",
        modern=True,
        methods=_LISTINGS
        | _USES
        | {"server/discover", "subscriptions/listen", "completion/complete"}
        | _TASKS
        | _SKILLS,
        notifications=frozenset({"notifications/cancelled"}),
        content=_TEXT_IMAGE | {AudioContent, ResourceLink},
        elicitation_modes=True,
        tool_fields=_TOOL_ALL,
        entry_fields=_OTHER_ALL,
        structured="any",
        not_found=-32602,
        tasks="extension",
        name_sources=_NAMED,
        stamp=modern.stamp,
    ),
)

REVISIONS: Final[Mapping[str, Revision]] = {row.name: row for row in _ROWS}
MODERN: Final[Mapping[str, Revision]] = {row.name: row for row in _ROWS if row.modern}
LEGACY: Final[Mapping[str, Revision]] = {row.name: row for row in _ROWS if not row.modern}
LATEST_MODERN: Final = _ROWS[-1]
LATEST_LEGACY: Final = _ROWS[-2]
WITHOUT_HEADER: Final = REVISIONS["2025-03-26"]
"""The revision assumed of an HTTP request that names none (2025-11-25, Transports, Protocol Version Header)."""
SUPPORTED: Final = [row.name for row in reversed(_ROWS)]
"""Every revision served, newest first."""
