"""Suggestions for the arguments of prompts and the variables of resource templates (Completion).

A completer is registered with its prompt or template, by argument. It gets the text so far, and the values that other
arguments have already when it takes a second parameter, and gives suggestions; an enum or Literal needs none.
"""

import enum
import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, get_args, get_origin

from msgspec import UNSET

from dragoman.errors import Fault, InternalFault, InvalidParams, UsageError
from dragoman.protocol.messages import CompleteParams, Completion
from dragoman.server.mask import mask

if TYPE_CHECKING:
    from dragoman.server.exchange import Exchange
    from dragoman.server.signature import Parameter

Completer = Callable[..., Iterable[str] | Awaitable[Iterable[str]]]
Completers = Mapping[str, Completer]

_MOST: Final = 100  # values in an answer (Completion, Data Types)


def bind(where: str, parameters: "Iterable[Parameter]", given: Completers | None) -> dict[str, Completer]:
    """The completers of a feature: those given, and those that its types make.

    Raises:
        UsageError: one is given for an argument that is not there.
    """
    bound: dict[str, Completer] = {}
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
        bound[name] = completer
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
    completer = named.completers.get(argument.name)
    if completer is None:
        return Completion(values=[])
    others = {} if params.context is UNSET else params.context.arguments
    try:
        values = completer(argument.value, others) if _takes_two(completer) else completer(argument.value)
        if inspect.isawaitable(values):
            values = await values
        suggested = [str(value) for value in values]
    except Fault:
        raise
    except Exception as error:
        raise InternalFault(mask(error, f"the completion of '{argument.name}'")) from error
    return Completion(values=suggested[:_MOST], total=len(suggested), has_more=len(suggested) > _MOST)


def _takes_two(completer: Completer) -> bool:
    return len(inspect.signature(completer).parameters) > 1


def _choices(annotation: Any) -> list[str]:
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return [str(member.value) for member in annotation]
    return [str(value) for value in get_args(annotation)] if get_origin(annotation) is Literal else []


def _among(choices: list[str]) -> Completer:
    def complete_choice(text: str) -> list[str]:
        lowered = text.lower()
        return [choice for choice in choices if choice.lower().startswith(lowered)]

    return complete_choice
