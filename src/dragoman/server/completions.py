"""Suggestions for the arguments of prompts and the variables of resource templates (Completion).

A completer is registered with its prompt or template, by argument. It gets the text so far, the values that other
arguments have already when it takes a second parameter, and the Context when it annotates a parameter with it, and
gives suggestions; an enum or Literal needs none. What it takes and whether it runs in a thread is decided when it is
registered.
"""

import enum
import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sized
from itertools import islice
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Union, get_args, get_origin

from msgspec import UNSET

from dragoman.errors import InternalFault, InvalidParams, UsageError
from dragoman.protocol.messages import CompleteParams, Completion
from dragoman.server.annotations import Choices
from dragoman.server.context import Context
from dragoman.server.encoders import text_of
from dragoman.server.mask import mask_unforeseen

if TYPE_CHECKING:
    from dragoman.server.exchange import Exchange
    from dragoman.server.server import Server
    from dragoman.server.signature import Parameter

Completer = Callable[..., Iterable[str] | Awaitable[Iterable[str]]]
Completers = Mapping[str, Completer]
Suggest = Callable[[str, Mapping[str, str], "Exchange"], Awaitable[Completion]]
Suggesters = Mapping[str, Suggest]

_MOST: Final = 100  # values in an answer (Completion, Data Types)


def bind(where: str, parameters: "Iterable[Parameter]", given: Completers | None, home: "Server") -> Suggesters:
    """The completers of a feature, ready to be asked: those given, and those that its types make.

    Raises:
        UsageError: one is given for an argument that is not there, or takes more than two parameters.
    """
    bound: dict[str, Suggest] = {}
    for parameter in parameters:
        choices = _choices(parameter.annotation)
        if choices:
            bound[parameter.name] = _among(choices)
    names = {parameter.name for parameter in parameters}
    for name, completer in (given or {}).items():
        if name not in names:
            message = (
                f"{where}: there is no argument '{name}' to complete; it has {', '.join(sorted(names)) or 'none'}."
            )
            raise UsageError(message)
        bound[name] = _bound(f"{where}: the completer of '{name}'", completer, home)
    return bound


async def complete(exchange: "Exchange", params: CompleteParams) -> Completion:
    """Suggest values for an argument; nothing where no completer knows any.

    Raises:
        InvalidParams: the prompt, the template or the argument is unknown.
        InternalFault: the completer failed, masked.
    """
    server, ref, argument = exchange.server, params.ref, params.argument
    named: Any = None
    if ref.type == "ref/prompt":
        named = server.prompts.named.get(ref.name if ref.name is not UNSET else "")
    elif ref.uri is not UNSET:
        named = server.templates.named.get(ref.uri) or server.resources.named.get(ref.uri)
    if named is None:
        raise InvalidParams("The completion refers to a prompt or resource template that is not there.")
    if argument.name not in named.arguments:
        known = ", ".join(named.arguments) or "none"
        raise InvalidParams(f"There is no argument '{argument.name[:128]}' to complete; there are: {known}.")
    suggest = named.completers.get(argument.name)
    if suggest is None:
        return Completion(values=[])
    others = {} if params.context is UNSET else params.context.arguments
    try:
        completion: Completion = await suggest(argument.value, others, exchange)
    except BaseException as error:
        raise InternalFault(mask_unforeseen(error, f"the completion of '{argument.name}'")) from error
    return completion


def context_parameter(where: str, function: Callable[..., Any]) -> str | None:
    """The name of the parameter of a lister or completer that gets the Context; None where it has none.

    Raises:
        UsageError: it has several.
    """
    found = [
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.annotation in {Context, Context.__name__}
    ]
    if len(found) > 1:
        raise UsageError(f"{where} has {len(found)} parameters of type Context; keep one.")
    return found[0] if found else None


def _bound(where: str, completer: Completer, home: "Server") -> Suggest:
    try:
        context_name = context_parameter(where, completer)
        takes_two = len(inspect.signature(completer).parameters) - (context_name is not None) > 1
        named: dict[str, Any] = {} if context_name is None else {context_name: None}
        inspect.signature(completer).bind(*("", {})[: 1 + takes_two], **named)
    except (TypeError, ValueError) as error:
        message = f"{where} takes the text so far and, if it likes, the values of the other arguments: {error}."
        raise UsageError(message) from error
    is_async = inspect.iscoroutinefunction(completer)

    def suggested(given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        values = completer(*given, **named)
        return values if inspect.isawaitable(values) else completion_of(values)

    in_thread = None if is_async else home.threads.bind(suggested)

    async def suggest(text: str, others: Mapping[str, str], exchange: "Exchange") -> Completion:
        named = {} if context_name is None else {context_name: Context(exchange, home)}
        given = (text, others) if takes_two else (text,)
        values: Any = completer(*given, **named) if in_thread is None else await in_thread(given, named)
        if inspect.isawaitable(values):
            values = await values
        return values if isinstance(values, Completion) else completion_of(values)

    return suggest


def completion_of(values: Iterable[Any]) -> Completion:
    """The first hundred suggestions; how many there are in all is told where that is known without counting."""
    values = [values] if isinstance(values, str) else values
    first = [text_of(value) for value in islice(values, _MOST + 1)]
    count = len(values) if isinstance(values, Sized) else len(first)
    known = isinstance(values, Sized) or count <= _MOST
    return Completion(values=first[:_MOST], total=count if known else UNSET, has_more=count > _MOST)


def narrowed(suggest: Suggest, takes: Callable[[str], bool]) -> Suggest:
    """The same suggestions without those that `takes` does not agree to; how many there are is not told."""

    async def suggested(text: str, others: Mapping[str, str], exchange: "Exchange") -> Completion:
        completion = await suggest(text, others, exchange)
        return Completion(values=[value for value in completion.values if takes(value)])

    return suggested


def _choices(annotation: Any) -> list[str]:
    """What an enum or a Literal, an optional one too, may be, as texts."""
    origin, members = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return [text_of(value) for value in members if value is not None]
    if origin is Annotated:
        return _choices(members[0])
    if origin in {Union, UnionType}:
        return [choice for member in members for choice in _choices(member)]
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        by_value = Choices.by_value(annotation)
        return [text_of(member.value if by_value else member.name) for member in annotation]
    return []


def _among(choices: list[str]) -> Suggest:
    async def suggest(text: str, _others: Mapping[str, str], _exchange: "Exchange") -> Completion:
        lowered = text.lower()
        return completion_of([choice for choice in choices if choice.lower().startswith(lowered)])

    return suggest
