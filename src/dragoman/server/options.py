"""What may be said of a feature when it is registered, beyond its function.

One place for the words of `Server.tool`, `add_tool` and their like; each is left out where it says nothing.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypedDict

from dragoman.auth.policy import ToolRule
from dragoman.auth.principal import Principal
from dragoman.errors import UsageError
from dragoman.protocol.content import Annotations, Icon
from dragoman.protocol.messages import ToolAnnotations
from dragoman.server.completions import Completers
from dragoman.server.resources import Lister
from dragoman.server.suggest import nearest
from dragoman.server.tools import TaskStart, TaskSupport

if TYPE_CHECKING:
    from dragoman.protocol.apps import Csp, Permission, Visibility


def refuse_unknown(given: Iterable[str], options: Any) -> None:
    """Refuse an option that is mistyped or belongs to another kind of feature.

    Args:
        given: the names.
        options: the class that has the names that may be given.

    Raises:
        UsageError: there is no such option.
    """
    known: frozenset[str] = options.__optional_keys__
    for name in given:
        if name not in known:
            close = nearest(name, sorted(known))
            hint = f"did you mean '{close}'?" if close else f"there are {', '.join(sorted(known))}."
            raise UsageError(f"There is no option '{name}' here; {hint}")


def rule_of(options: "ToolOptions") -> ToolRule | None:
    """Who may call a tool, as its options say; None where they say nothing.

    Raises:
        UsageError: roles or scopes are a text instead of several.
    """
    for word in ("roles", "scopes"):
        if isinstance(options.get(word), str):
            raise UsageError(f"{word}= takes several: write {word}=['{options.get(word)}'].")
    roles, scopes = frozenset(options.get("roles", ())), frozenset(options.get("scopes", ()))
    when = options.get("when")
    return ToolRule(roles, scopes, when) if roles or scopes or when is not None else None


class FeatureOptions(TypedDict, total=False):
    """Options of every feature.

    Args:
        name: its name; the function's by default.
        title: a name for people.
        description: what it is for; the docstring's text by default.
        icons: pictures for user interfaces.
        meta: the listing entry's `_meta`.
    """

    name: str | None
    title: str | None
    description: str | None
    icons: list[Icon] | None
    meta: dict[str, Any] | None


class ToolOptions(FeatureOptions, total=False):
    """Options of a tool: those of every feature and these.

    Args:
        annotations: hints on what it does.
        input_schema: a JSON Schema for the arguments in place of the one that type hints make; the function then takes
            them as one dict.
        task: `optional`: a call that takes long becomes a task; `required`: every call does.
        task_start: `at_once`, or `told`: the function runs within its request, and may ask, until it calls
            `Context.start_task`.
        ui: the URI of the user interface that hosts show with its results; see `Server.add_app`.
        visibility: who may call it: `model`, `app` (the user interfaces of this server), or both, the default.
        roles: only callers with one of these roles see it.
        scopes: only callers whose credential has all of these scopes see it; over HTTP a call that lacks no more than
            a scope says which (`insufficient_scope`).
        when: asked with the caller and the arguments at every call; only True lets the call pass.
    """

    annotations: ToolAnnotations | None
    input_schema: Mapping[str, Any] | None
    task: TaskSupport | None
    task_start: TaskStart
    ui: str | None
    visibility: "Iterable[Visibility] | None"
    roles: Iterable[str]
    scopes: Iterable[str]
    when: Callable[[Principal, dict[str, Any]], bool] | None


class PromptOptions(FeatureOptions, total=False):
    """Options of a prompt: those of every feature and these.

    Args:
        complete: by argument, a function that suggests values for the text so far.
    """

    complete: Completers | None


class ResourceOptions(FeatureOptions, total=False):
    """Options of a resource: those of every feature and these.

    Args:
        mime_type: its type; by default that of what the function returns.
        annotations: who it is for.
    """

    mime_type: str | None
    annotations: Annotations | None


class AppOptions(FeatureOptions, total=False):
    """Options of a user interface: those of every feature and these.

    Args:
        csp: what it may reach; nothing by default.
        permissions: what of the device it asks for; the host may refuse.
        domain: the origin that the host should give it, in the host's own form.
        prefers_border: whether the host should draw a border around it; the host decides by default.
    """

    csp: "Csp | None"
    permissions: "Iterable[Permission]"
    domain: str | None
    prefers_border: bool | None


class TemplateOptions(ResourceOptions, total=False):
    """Options of a resource template: those of a resource and these.

    Args:
        list: names the resources that exist now, as `ResourceInfo`, for `resources/list`.
        complete: by variable, a function that suggests values for the text so far.
    """

    complete: Completers | None

    list: Lister | None
